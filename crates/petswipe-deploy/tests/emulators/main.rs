//! The AWS backends against servers that stand in for AWS. `PETSWIPE_MOTO` is the address of moto; without it these
//! tests fail, because a test that was not run proves nothing.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, and its modules are its own"
)]

#[cfg(feature = "aws-rds")]
mod databases;
mod moto;
mod scaling;
mod tracking;
