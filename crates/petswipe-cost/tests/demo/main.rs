//! Whole scans of the demo account: what is found is what was planted, whatever goes wrong.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod answers;
mod compared;
mod explained;
mod faults;
mod opinion;
mod priced;
mod scan_cost;
mod world;
