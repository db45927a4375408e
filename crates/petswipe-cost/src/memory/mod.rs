//! An account and its spend in memory: for tests, for the demo, and for programs that have an inventory from elsewhere.

mod account;
mod prices;
#[cfg(feature = "removal")]
mod removal;
mod spend;

pub use account::MemoryAccount;
pub use prices::MemoryPrices;
pub use spend::MemorySpend;
