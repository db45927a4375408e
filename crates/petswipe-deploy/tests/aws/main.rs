//! The AWS backends against services that are scripted in process, over the SDKs' own wire format.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, and its modules are its own"
)]

mod alarms;
mod alb;
mod balancer;
mod cluster;
mod course;
#[cfg(feature = "aws-rds")]
mod databases;
mod ecs;
mod native;
#[cfg(feature = "aws-iam")]
mod permissions;
mod policy;
mod preflight;
mod rollouts;
mod scaler;
mod scaling;
mod tracking;
mod world;
