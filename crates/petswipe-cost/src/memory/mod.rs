//! An account and its spend in memory: for tests, for the demo, and for programs that have an inventory from elsewhere.

mod account;
#[cfg(feature = "removal")]
mod removal;
mod spend;

pub use account::MemoryAccount;
pub use spend::MemorySpend;
