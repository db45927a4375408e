//! Did a check become slow?

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Run;
use crate::Error;

/// When a check counts as slow: so many runs in a row take longer than the slowest of those before, and by a factor.
///
/// Of `n + k` runs that are alike, the last `k` are all slower than the `n` before with the probability `1/C(n+k, k)` (every
/// order of them is as likely as any other), whatever the distribution of their times. The defaults, 12 and 3, make that 1 in
/// 455, and the factor makes it rarer. Runs above the limit do not become part of what they are compared with, so that a service
/// that got slower stays slow until somebody [resets](Pace::reset) the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Baseline {
    /// With how many runs before it is compared, at least 3. Until there are so many nothing is slow.
    pub runs: u32,
    /// How many in a row have to be slower, at least 1.
    pub slow_runs: u32,
    /// By what factor, at least 1.
    pub tolerance: f64,
}

impl Default for Baseline {
    fn default() -> Self {
        Self { runs: 12, slow_runs: 3, tolerance: 1.25 }
    }
}

impl Baseline {
    pub(super) fn validate(&self, check: &str) -> Result<(), Error> {
        let of = |field: &str| format!("{field} of the baseline of the check {check}");
        if !(3..=1_000).contains(&self.runs) {
            return Err(Error::invalid(of("runs"), self.runs, "3 to 1000"));
        }
        if !(1..=100).contains(&self.slow_runs) {
            return Err(Error::invalid(of("slow runs"), self.slow_runs, "1 to 100"));
        }
        if !(self.tolerance.is_finite() && self.tolerance >= 1.0) {
            return Err(Error::invalid(of("tolerance"), self.tolerance, "a number of at least 1"));
        }
        Ok(())
    }
}

/// How fast a check was so far. A serde value, so that it survives whoever runs the checks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// The times of the last runs that were not slow, the oldest first.
    before: Vec<Duration>,
    /// How many slower ones came since.
    slow: u32,
}

/// How fast a run was, compared with those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Paced {
    /// There were not enough runs to compare it with.
    Learning,
    /// It is not slow.
    AsBefore {
        /// The longest that is not.
        limit: Duration,
    },
    /// It is slower, but not yet as many in a row as it takes.
    Slower {
        /// The longest that is not.
        limit: Duration,
        /// How many in a row were.
        in_a_row: u32,
    },
    /// The check became slow.
    Slow {
        /// The longest that is not.
        limit: Duration,
        /// How many in a row were.
        in_a_row: u32,
    },
}

impl Pace {
    /// Takes a run in. One that failed says nothing about time: `None`.
    pub fn add(&mut self, baseline: &Baseline, run: &Run) -> Option<Paced> {
        if run.failure().is_some() {
            return None;
        }
        let needed = baseline.runs as usize;
        let limit = self.before.iter().max().filter(|_| self.before.len() >= needed);
        let limit = limit.map(|slowest| slowest.mul_f64(baseline.tolerance));
        if let Some(limit) = limit.filter(|limit| run.took > *limit) {
            self.slow = self.slow.saturating_add(1);
            let in_a_row = self.slow;
            return Some(match in_a_row >= baseline.slow_runs {
                true => Paced::Slow { limit, in_a_row },
                false => Paced::Slower { limit, in_a_row },
            });
        }
        self.slow = 0;
        self.before.push(run.took);
        let surplus = self.before.len().saturating_sub(needed);
        self.before.drain(..surplus);
        Some(limit.map_or(Paced::Learning, |limit| Paced::AsBefore { limit }))
    }

    /// Forgets everything: from now on the service is as fast as it is.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}
