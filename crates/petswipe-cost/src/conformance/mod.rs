//! Conformance suites: one test per sentence of a trait's contract, for every implementation of it, here or elsewhere.
//!
//! [`account_conformance!`](crate::account_conformance) and its like make a module of tests, each in a fresh world. The functions behind it are
//! public, for those who need another harness; they panic with what was found when the sentence does not hold.

#![allow(clippy::panic, reason = "a conformance test fails by panicking, wherever it is compiled")]

pub mod account;
#[cfg(feature = "removal")]
pub mod removal;

#[cfg(test)]
mod tests;
