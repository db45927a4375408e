//! The error evidence alone, on data of a given cadence.

use super::{STAGE, STAGES, Since};
use crate::evidence::RateRatio;
use crate::lab::{Next, RolloutPolicy, Second};

/// The guide's stages with nothing but the [`RateRatio`] of errors, at a given `α`: what the statistics can do by themselves.
#[derive(Clone, Debug)]
pub struct RateRatioOnly {
    alpha: f64,
    /// The data come in sums of so many seconds.
    period: u32,
    /// So many seconds late.
    lag: u32,
    since: Since,
    waiting: std::collections::VecDeque<(u32, Second)>,
    evidence: RateRatio,
}

impl RateRatioOnly {
    /// Sums of `period` seconds, known `lag` seconds after they are over; a whole number of periods late.
    pub fn new(alpha: f64, period: u32, lag: u32) -> Self {
        let mut evidence = RateRatio::default();
        evidence.begin_stage();
        let (since, waiting) = Default::default();
        Self { alpha, period: period.max(1), lag, since, waiting, evidence }
    }
}

impl RolloutPolicy for RateRatioOnly {
    fn name(&self) -> String {
        format!("rate-ratio e-process, {} s data, {} s late", self.period, self.lag)
    }

    fn begin(&mut self) -> u8 {
        STAGES[0]
    }

    fn tick(&mut self, elapsed: u32, second: &Second) -> Next {
        self.since.add(second);
        if elapsed.is_multiple_of(self.period) {
            let seen = self.since.take();
            self.waiting.push_back((elapsed + self.lag, seen));
        }
        while let Some((_, seen)) = self.waiting.pop_front_if(|(known, _)| *known <= elapsed) {
            self.evidence.add(seen.candidate, seen.reference, 1.0);
            if self.evidence.value() >= 1.0 / self.alpha {
                return Next::RollBack;
            }
        }
        if elapsed.is_multiple_of(STAGE) {
            self.evidence.begin_stage();
        }
        match STAGES.get((elapsed / STAGE) as usize) {
            Some(weight) => Next::Weight(*weight),
            None => Next::Promote,
        }
    }
}
