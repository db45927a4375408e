//! What analyzers say of single resources, and what holds for any.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod commands;
mod money;
mod promises;
mod unpriced;
mod verdicts;
mod world;
