//! Exports of every kind, small and whole, damaged, mixed, and larger than the memory they may take.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, also where it is helped")]

mod amortized;
mod bad;
mod kinds;
mod large;
mod printed;
mod write;
