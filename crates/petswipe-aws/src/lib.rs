//! What every client of AWS needs once, whichever service it speaks to.
//!
//! - [`CallBudget`] and [`budgeted`]: one token bucket per API action for all clients of a process, and how often each
//!   action was called.
//! - [`Batch`]: several questions in one call.
//! - [`CallError`] and [`Failure`]: what an SDK's errors mean to a caller.
//! - [`Policy`]: IAM policy documents.
//! - `script` (feature `script`): services scripted in process, for tests.
//!
//! ```
//! use petswipe_aws::{Policy, Statement};
//! let scale = Statement::allow("Scale", ["ecs:UpdateService"], ["arn:aws:ecs:*:*:service/shop/*"]);
//! assert!(Policy::new([scale]).actions().contains("ecs:UpdateService"));
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

mod action;
mod batch;
mod budget;
mod failure;
mod policy;
mod s3;
#[cfg(feature = "script")]
pub mod script;

pub use action::action_of;
pub use batch::Batch;
pub use budget::{CallBudget, Rate, budgeted};
pub use failure::{CallError, Failure};
pub use policy::{Policy, Statement};
