//! The database source against real servers, each started by its test and ended with it: what is wrong is really so, and is
//! really found.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods)] // A real server takes real time.

mod found;
mod server;
mod tls;
mod world;

use world::World;

petswipe_monitor::database_activity_conformance!(contract, World::new(20).await);
