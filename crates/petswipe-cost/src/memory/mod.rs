//! An account in memory: for tests, for the demo, and for programs that have an inventory from elsewhere.

mod account;
#[cfg(feature = "removal")]
mod removal;

pub use account::MemoryAccount;
