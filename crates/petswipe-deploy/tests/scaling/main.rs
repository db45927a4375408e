//! Scaling operations: what is refused, what an undo puts back, and simulations in which everything goes wrong.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, and its modules are its own"
)]

mod plans;
mod refusals;
mod simulation;
