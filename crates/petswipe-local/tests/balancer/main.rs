//! The balancer on real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods)] // Real sockets take real time.

mod clients;
mod configuration;
mod draining;
mod failures;
mod health;
mod metrics;
mod protocol;
mod routing;
mod support;
