//! What acts upon an AWS account: the account itself, errors of its services, and the minimal stack.
//!
//! The configuration is the ambient one of every AWS tool: variables, profiles, roles, endpoints (`AWS_ENDPOINT_URL*`).

mod account;
mod failed;
pub(crate) mod rollout;
pub(crate) mod scaling;
pub mod stack;

pub use account::Account;
pub(crate) use account::within_budget;
