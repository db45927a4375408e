//! petswipe-runbook
mod error;
mod id;
pub mod journal;
pub mod lease;

pub use error::{Cause, Error};
pub use id::{EffectId, Fence, OperationId};
