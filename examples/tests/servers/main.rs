//! Rollouts that a real Prometheus gates: it scrapes a local cloud, and is all that the gate of the canary knows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods)] // Real processes take real time.

#[allow(dead_code, reason = "the tests of the examples use the rest")]
#[path = "../e2e/cloud.rs"]
mod cloud;
mod gated;
mod guarded;
mod prometheus;
#[allow(dead_code, reason = "the tests of the examples use the rest")]
#[path = "../e2e/report.rs"]
mod report;
#[allow(dead_code, reason = "the tests of the examples use the rest")]
#[path = "../e2e/support.rs"]
mod support;
#[allow(dead_code, reason = "the tests of the examples use the rest")]
#[path = "../e2e/tool.rs"]
mod tool;
