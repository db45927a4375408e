//! What acts upon an AWS account: the account itself, errors of its services, and the minimal stack.
//!
//! The configuration is the ambient one of every AWS tool: variables, profiles, roles, endpoints (`AWS_ENDPOINT_URL*`).

mod account;
pub(crate) mod diagnosis;
mod failed;
pub mod leases;
pub(crate) mod rollout;
mod routing;
pub(crate) mod scaling;
pub mod stack;

pub use account::Account;
pub(crate) use account::{place, place_in_any_account, within_budget};

/// The partition that a region belongs to.
fn partition(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}
