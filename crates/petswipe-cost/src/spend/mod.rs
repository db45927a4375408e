//! What was spent: what is reserved and committed.

mod commitments;

pub use commitments::{Commitment, CommitmentKind, Commitments};
