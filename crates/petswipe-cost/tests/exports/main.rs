//! Exports of every kind, small and whole, damaged, mixed, and larger than the memory they may take.

mod bad;
mod kinds;
mod large;
mod printed;
mod write;
