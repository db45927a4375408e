//! The source for CloudWatch against a CloudWatch that is scripted in process, over the SDK's own wire format.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, and its modules are its own"
)]

mod cbor;
mod cloudwatch;
mod definitions;
mod definitions_service;
#[cfg(feature = "aws-diagnosis")]
mod diagnosis;
mod faults;
mod questions;
#[cfg(feature = "aws-synthetics")]
mod synthetics;
mod values;
mod world;
