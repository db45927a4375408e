//! Conformance suites: one test per sentence of a trait's contract, for every implementation of it, here or elsewhere.
//!
//! [`account_conformance!`](crate::account_conformance) and its like make a module of tests, each in a fresh world. The functions
//! behind them are public, for those who need another harness; they panic with what was found when the sentence does not hold.

#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "a conformance test fails by panicking, wherever it is compiled"
)]

pub mod account;
pub mod prices;
#[cfg(feature = "removal")]
pub mod removal;
pub mod spend;

pub use account::AccountWorld;
pub use prices::PriceWorld;
#[cfg(feature = "removal")]
pub use removal::RemovalWorld;
pub use spend::SpendWorld;

#[cfg(test)]
mod price_tests;
#[cfg(test)]
mod spend_tests;
#[cfg(test)]
mod tests;
