//! Whole rollouts by the real driver over the cloud in memory, case by case, and exhaustively where the choices are few.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod approvals;
mod back;
mod budgets;
mod drift;
mod dry_runs;
mod evidence;
mod exhaustive;
mod hooks;
mod refusals;
mod reports;
#[path = "../support/mod.rs"]
mod support;
mod tests_before_traffic;
mod undo;
