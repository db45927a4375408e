//! The contract of a sender of requests, held by that in memory and by that over HTTP at a real server.

mod http;
mod memory;
