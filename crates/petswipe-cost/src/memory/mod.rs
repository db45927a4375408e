//! Sources in memory, for tests, dry runs and documentation.

mod spend;

pub use spend::MemorySpend;
