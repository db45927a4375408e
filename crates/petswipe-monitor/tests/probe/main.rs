//! The contract of a sender of requests, held by that in memory and by that over HTTP at a real server.
#![allow(clippy::unwrap_used)]

mod http;
mod memory;
