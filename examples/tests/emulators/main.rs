//! The examples that act upon AWS, as real binaries against two emulators of it: moto and ministack.
//!
//! `cargo xtask test` starts both and says where they are; so does `cargo xtask emulators -- cargo test …`. Every test has
//! names of its own, and on ministack an account of its own. What the emulators lack an [`agent::Agent`] plays.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, and its modules are its own"
)]
#![allow(clippy::disallowed_methods)] // Real servers take real time.

mod agent;
mod fixture;

mod costed;
mod counted;
mod created;
mod custodian;
mod destroyed;
mod diagnosed;
mod flags;
mod leases;
mod native;
mod permitted;
mod played;
mod refused;
mod rollouts;
mod scaled;
mod weather;
