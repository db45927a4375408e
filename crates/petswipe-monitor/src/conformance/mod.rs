//! Conformance suites: one test per sentence of a trait's contract, for every implementation of it, here or elsewhere.
//!
//! [`metric_source_conformance!`](crate::metric_source_conformance), [`gate_conformance!`](crate::gate_conformance) and
//! [`definition_store_conformance!`](crate::definition_store_conformance) make a module of tests, each in a fresh world or on a fresh gate. The functions behind them are public, for those
//! who need another harness; they panic with what was found when the sentence does not hold.

#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "a conformance test fails by panicking, wherever it is compiled"
)]

pub mod canaries;
pub mod definitions;
pub mod diagnosis;
pub mod gate;
pub mod source;
pub mod web;

pub use source::MetricWorld;

/// Expands to a module with one test per listed function. Use the macros that list them.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    (async $module:ident, $world:expr, [$($sentence:ident),* $(,)?]) => {
        mod $module {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[::tokio::test]
                async fn $sentence() {
                    let world = $world;
                    $crate::conformance::source::$sentence(&world).await;
                }
            )*
        }
    };
    ($module:ident, $gate:expr, [$($sentence:ident),* $(,)?]) => {
        mod $module {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[test]
                fn $sentence() {
                    let gate = $gate;
                    $crate::conformance::gate::$sentence(&gate);
                }
            )*
        }
    };
}

#[cfg(test)]
mod diagnosis_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wrong;
