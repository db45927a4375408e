//! petswipe-local
// This crate is the real world: it serves sockets, measures latency and waits, so it reads the clock.
#![allow(clippy::disallowed_methods)]

pub mod balancer;
pub mod load;
pub mod metrics;
