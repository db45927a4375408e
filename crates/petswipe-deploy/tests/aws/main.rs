//! The AWS backends against services that are scripted in process, over the SDKs' own wire format.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, and its modules are its own"
)]

mod alb;
mod balancer;
mod cluster;
mod ecs;
mod native;
mod rollouts;
mod scaler;
mod scaling;
mod world;
