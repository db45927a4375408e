//! The Prometheus source against a real Prometheus, whose binary `PETSWIPE_PROMETHEUS` names: `cargo xtask test` sets it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods)] // A real server takes real time.

mod behaviour;
mod native;
mod shop;
mod world;
