//! What comes of a simulation: everything that happened, or the promise that was broken.

use std::fmt;

use jiff::Timestamp;

use crate::EffectId;
use crate::runbook::{EventOf, Recorded, Runbook};

/// Everything that happened in a simulation.
#[derive(Clone, Debug)]
pub struct Trace<R: Runbook> {
    /// The records of the journal.
    pub records: Vec<Recorded<EventOf<R>>>,
    /// The effects that really happened, also those whose record was lost.
    pub performed: Vec<(EffectId, R::Effect)>,
    /// How it ended.
    pub outcome: R::Outcome,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How many drivers it took.
    pub drivers: u32,
    /// What went wrong on the way.
    pub struck: Struck,
}

impl<R: Runbook> PartialEq for Trace<R> {
    fn eq(&self, other: &Self) -> bool {
        self.records == other.records
            && self.performed == other.performed
            && self.outcome == other.outcome
            && (self.began_at, self.ended_at) == (other.began_at, other.ended_at)
            && (self.drivers, self.struck) == (other.drivers, other.struck)
    }
}

/// How often each fault of a [`FaultPlan`](super::FaultPlan) really struck. A suite adds them up over its seeds and
/// asserts that none is zero: faults that never strike prove nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Struck {
    /// Effects that failed and did not happen.
    pub error_before: u32,
    /// Effects that happened, but whose answer was an error.
    pub error_after: u32,
    /// Effects that never answered.
    pub timeout: u32,
    /// Observations that answered what was true earlier.
    pub stale: u32,
    /// Processes that died.
    pub crash: u32,
    /// Aborts that were requested.
    pub abort: u32,
    /// Drivers that froze and woke up again after they had been replaced.
    pub freeze: u32,
}

impl std::ops::AddAssign for Struck {
    fn add_assign(&mut self, other: Self) {
        self.error_before += other.error_before;
        self.error_after += other.error_after;
        self.timeout += other.timeout;
        self.stale += other.stale;
        self.crash += other.crash;
        self.abort += other.abort;
        self.freeze += other.freeze;
    }
}

/// A broken promise, with what is needed to see it again.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// The seed that breaks it.
    pub seed: u64,
    /// What is broken.
    pub promise: String,
    /// The last records before it, newest last.
    pub story: Vec<String>,
}

impl Violation {
    /// A promise that a suite of one's own found broken.
    pub fn new(seed: u64, promise: impl Into<String>) -> Box<Self> {
        Box::new(Self { seed, promise: promise.into(), story: Vec::new() })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {}", self.seed, self.promise)?;
        for line in &self.story {
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Violation {}
