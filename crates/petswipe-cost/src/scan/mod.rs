//! A look at a whole account: one listing of everything that analyzers need, the fewest questions about its use, and what could
//! not be looked at.

mod look;
mod missing;
mod priced;
mod spent;

pub use look::{Scan, Scanner};
pub use missing::{NotAnalysed, Why};
