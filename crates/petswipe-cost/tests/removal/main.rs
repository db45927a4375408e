//! Plans of removals: what is in them, and that they are carried out safely whatever goes wrong.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod driven;
mod endings;
mod judged;
mod planned;
mod simulated;
mod world;
