//! The example `native` from its flags to its exit code, in process and in virtual time: ECS and the load balancer are
//! scripted, over the SDKs' own wire format, and their tasks run in memory.
//!
//! The scripts are those of the tests of `petswipe-deploy`.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, and its modules are its own"
)]
#![allow(clippy::disallowed_methods)] // A signal arrives in real time.

#[allow(dead_code, reason = "rollouts use the rest")]
#[path = "../../../crates/petswipe-deploy/tests/aws/balancer.rs"]
mod balancer;
#[allow(dead_code, reason = "rollouts use the rest")]
#[path = "../../../crates/petswipe-deploy/tests/aws/cluster.rs"]
mod cluster;
#[allow(dead_code, reason = "the tests of the backend use the rest")]
#[path = "../../../crates/petswipe-deploy/tests/aws/native/deployer.rs"]
mod deployer;

mod refused;
mod stopped;
mod whole;
mod world;
