//! The balancer on real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods)] // Real sockets take real time.

mod routing;
mod support;
