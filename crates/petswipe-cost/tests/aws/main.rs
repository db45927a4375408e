//! The sources for AWS against services that are scripted in process, over the SDKs' own wire formats.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, and its modules are its own"
)]

mod account;
mod balancers;
mod buckets;
mod cloudwatch;
mod containers;
mod costs;
mod databases;
mod ec2;
mod elb;
mod faults;
mod kinds;
mod logs;
mod pages;
#[cfg(feature = "removal")]
mod removal;
mod s3;
mod scan;
mod spend;
mod usage;
mod world;
