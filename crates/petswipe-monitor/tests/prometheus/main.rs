//! The Prometheus source against scripted answers: what a real server says only on bad days, and what it is asked.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods)] // A server's Date is that of the wall clock.

mod answers;
mod scripted;
mod targets;
