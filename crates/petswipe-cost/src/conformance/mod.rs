//! Conformance suites: one test per sentence of a trait's contract, for every implementation of it, here or elsewhere.
//!
//! [`spend_source_conformance!`](crate::spend_source_conformance) makes a module of tests, each in a fresh world. The functions
//! behind it are public, for those who need another harness; they panic with what was found when the sentence does not hold.

#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "a conformance test fails by panicking, wherever it is compiled"
)]

pub mod spend;

pub use spend::SpendWorld;

#[cfg(test)]
mod spend_tests;
