//! Native deployments on a platform in memory.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, and its modules are its own"
)]

mod lag;
#[cfg(feature = "mock")]
mod mock;
mod moments;
mod plans;
mod simulation;
