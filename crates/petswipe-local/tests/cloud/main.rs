//! The cloud with real processes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods)] // Real processes take real time.

mod api;
mod app;
mod contracts;
mod deployments;
mod diagnosis;
mod end_to_end;
mod leases;
mod metrics;
mod processes;
mod rollouts;
mod scaling;
mod support;
