//! The example binaries end to end: real processes, a real load balancer, real signals.
//!
//! Nothing here looks into the binaries. What they print, their exit codes, their journals and the cloud they leave
//! behind is all that is judged.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods)] // Real processes take real time.

mod again;
mod bad_input;
mod budgets;
mod cloud;
#[cfg(feature = "otlp")]
mod collector;
mod diagnosis;
mod drift;
mod faults;
mod going_on;
mod killed;
mod lost;
mod manners;
mod probe;
mod promoted;
mod report;
mod scale;
mod second;
mod signals;
mod support;
#[cfg(feature = "otlp")]
mod telemetry;
mod tool;
