//! Sequential statistics: evidence that may be looked at after every tick without inflating false alarms.
//!
//! What is here knows nothing of gates, sources or time. Each of these is an *e-process*: a number that starts at 1 and, as
//! long as the hypothesis holds that nothing is wrong, is at most 1 on average at every moment at which one may stop. By
//! Ville's inequality it then ever reaches `1/α` with probability `α` at most, however often and however long it is looked
//! at (Ramdas, Grünwald, Vovk, Shafer, "Game-theoretic statistics and safe anytime-valid inference", Statistical Science
//! 38(4), 2023). A sum of e-processes with weights that sum to 1 is one again, which is how several are combined.
//!
//! - [`RateRatio`]: is the error rate of one arm higher than that of the other?
//! - [`RateLimit`]: is it higher than what was seen before?
//! - [`Sprt`]: is the error rate of one arm above a limit, or well below it?
//! - [`SampleRatio`]: do the arms get the shares of traffic that were asked for?
//! - [`Band`]: how far may an empirical distribution be from the true one, at all times and everywhere?
//! - [`dispersion()`]: do errors come in bunches, and what is evidence worth then?
//!
//! The counts are fed in ticks. What counts within a tick is its sums only, so that a tick may be cut into parts of the same
//! share of traffic without changing anything.

use serde::{Deserialize, Serialize};

mod band;
mod dispersion;
mod rate_limit;
mod rate_ratio;
mod sample_ratio;
mod sprt;

pub use band::Band;
pub use dispersion::dispersion;
pub use rate_limit::RateLimit;
pub(crate) use rate_limit::divergence;
pub use rate_ratio::{RATIOS, RateRatio};
pub use sample_ratio::SampleRatio;
pub use sprt::{Decided, Sprt};

/// What one arm did in one tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arm {
    /// Requests.
    pub requests: u64,
    /// Those that failed (or were slow), at most as many.
    pub failed: u64,
}

impl Arm {
    /// `failed` of `requests`; `None` when more failed than there were, which no counter that works says.
    pub fn new(requests: u64, failed: u64) -> Option<Self> {
        (failed <= requests).then_some(Self { requests, failed })
    }

    /// The share that failed; `None` without requests.
    pub fn rate(self) -> Option<f64> {
        (self.requests > 0).then(|| self.failed as f64 / self.requests as f64)
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Arm) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            failed: self.failed.saturating_add(other.failed),
        }
    }
}

/// The stake that is put on the `stage`-th beginning, from 0: 0.8 on the first, the rest of 1 on the others, as the
/// reciprocals of squares.
///
/// Evidence of a stage in which all was well counts against what goes wrong in a later one. So that a late fault is found
/// nearly as fast as an early one, a part of the stake is held back for every later stage. The sum of the stakes is at most 1,
/// whatever the number of stages, and with it the false alarms are at most `α`.
pub(crate) fn stake(stage: u32) -> f64 {
    const FIRST: f64 = 0.8;
    match f64::from(stage) {
        0.0 => FIRST,
        later => (1.0 - FIRST) * 6.0 / (std::f64::consts::PI.powi(2) * later * later),
    }
}

/// The logarithm of the sum of two numbers that are given by their logarithms.
pub(crate) fn ln_add(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    match high == f64::NEG_INFINITY {
        true => high,
        false => high + (low - high).exp().ln_1p(),
    }
}

/// Stakes on an alternative, by stages: the logarithm of what they have become.
///
/// Plain minus infinity, for nothing staked yet, is not JSON: that is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Wealth(Option<f64>);

impl Wealth {
    /// Puts `stake` more on it.
    pub(crate) fn put(&mut self, stake: f64) {
        self.0 = Some(ln_add(self.ln(), stake.ln()));
    }

    /// Multiplies what is on it by a likelihood ratio.
    pub(crate) fn multiply(&mut self, log_ratio: f64) {
        // A sum of finite numbers that overflows stays at the largest: it is more than any threshold.
        self.0 = self.0.map(|held| (held + log_ratio).clamp(f64::MIN, f64::MAX));
    }

    /// Its logarithm.
    pub(crate) fn ln(self) -> f64 {
        self.0.unwrap_or(f64::NEG_INFINITY)
    }
}

/// Stakes on each of the [`RATIOS`], and what is held back for the stages to come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bets {
    wealth: [Wealth; RATIOS.len()],
    stages: u32,
    /// What is on the ratios.
    staked: f64,
}

impl Bets {
    /// Puts the stake of one more stage in.
    pub(crate) fn begin_stage(&mut self) {
        let stake = stake(self.stages);
        self.stages = self.stages.saturating_add(1);
        self.staked += stake;
        for wealth in &mut self.wealth {
            wealth.put(stake / RATIOS.len() as f64);
        }
    }

    /// Multiplies the stake on each ratio by its likelihood ratio, which is given by its logarithm.
    pub(crate) fn multiply(&mut self, log_ratio: impl Fn(f64) -> f64) {
        for (wealth, ratio) in self.wealth.iter_mut().zip(RATIOS) {
            wealth.multiply(log_ratio(ratio));
        }
    }

    /// The logarithm of what all stakes together have become.
    pub(crate) fn ln(&self) -> f64 {
        let idle = (1.0 - self.staked).max(0.0).ln();
        let highest = self.wealth.iter().fold(idle, |highest, wealth| highest.max(wealth.ln()));
        if highest == f64::NEG_INFINITY {
            return highest;
        }
        let rest: f64 = self.wealth.iter().map(|wealth| (wealth.ln() - highest).exp()).sum();
        highest + ((idle - highest).exp() + rest).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stakes_of_all_stages_sum_to_one() {
        let sum: f64 = (0..100_000).map(stake).sum();
        assert!(sum < 1.0 && sum > 0.999_99, "{sum}");
    }

    #[test]
    fn sums_of_logarithms_are_logarithms_of_sums() {
        for (a, b) in [(1.0f64, 2.0f64), (1e-300, 1e300), (0.5, 0.5)] {
            assert!((ln_add(a.ln(), b.ln()) - (a + b).ln()).abs() < 1e-12);
        }
        assert_eq!(ln_add(f64::NEG_INFINITY, 3.0), 3.0);
        assert_eq!(ln_add(f64::NEG_INFINITY, f64::NEG_INFINITY), f64::NEG_INFINITY);
    }

    #[test]
    fn a_counter_that_says_more_failed_than_there_were_is_no_arm() {
        assert_eq!(Arm::new(3, 4), None);
        assert_eq!(Arm::new(4, 4).and_then(Arm::rate), Some(1.0));
        assert_eq!(Arm::default().rate(), None);
    }
}
