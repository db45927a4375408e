//! Acting on findings: an ordered plan that people review, and a runbook that carries it out.
//!
//! A [`RemovalPlan`] has those findings of a report that an [`Action`](crate::Action) can act upon, the safest first. It is a
//! [`Runbook`](petswipe_runbook::Runbook), so every step is journaled before it is made, and a dead process can be followed by another
//! one. Each finding is checked again right before anything is done about it; what deletes data makes a snapshot first, and then looks
//! once more.

mod backend;
mod core;
mod look;
mod performer;
mod plan;
mod recheck;

#[cfg(feature = "mock")]
pub use backend::MockRemover;
pub use backend::Remover;
pub use core::{Answer, Effect, Outcome, State, StepState};
pub use performer::RemovalPerformer;
pub use plan::{ByHand, Removal, RemovalOptions, RemovalPlan};
pub use recheck::{Checked, Rechecker};
