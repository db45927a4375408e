//! The examples that act upon AWS, as real binaries against a service that is scripted in this process, behind a real port.
//!
//! What no emulator serves is here: tags of dashboards and alarms on calculations of CloudWatch, and CloudWatch Synthetics. The
//! scripts are those of the tests of `petswipe-monitor`.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, and its modules are its own"
)]
#![allow(clippy::disallowed_methods)] // Real programs take real time.

#[allow(dead_code, reason = "the tests of the stores use the rest")]
#[path = "../../../crates/petswipe-monitor/tests/aws/definitions_service.rs"]
mod definitions_service;
#[allow(dead_code, reason = "the tests on emulators use the rest")]
#[path = "../emulators/fixture/program.rs"]
mod program;

mod canaries;
mod credentials;
mod server;
mod watching;
