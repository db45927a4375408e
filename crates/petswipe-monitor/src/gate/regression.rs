//! A plain comparison of latency with the version that serves beside the new one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::absolute::recent;
use super::{Carried, Comparison, Finding, FindingResult, Gate, Judgement, Step, covered, verdict};
use crate::{Error, Histogram, Window};

/// Fails when a latency quantile of the new version is both `ratio` times and `slack` above that of the version beside it.
///
/// It is no statistical test: it is for gross regressions that stay below every absolute limit, such as an answer that
/// took 2 ms and takes 800. The median is the default because a few slow requests of either side do not move it.
/// Where there is nothing to compare with (at 100 %, or too few requests on either side) it says so in its evidence
/// and leaves the verdict to the other policies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyRegression {
    /// Which quantile, above 0 and at most 1.
    pub quantile: f64,
    /// How many times slower it may be, above 1.
    pub ratio: f64,
    /// How much slower it may be whatever the ratio.
    pub slack: Duration,
    /// How many requests either side needs, at least 1.
    pub minimum_requests: u64,
    /// How far back to look within the step.
    pub lookback: Duration,
}

impl Default for LatencyRegression {
    fn default() -> Self {
        Self {
            quantile: 0.5,
            ratio: 3.0,
            slack: Duration::from_millis(100),
            minimum_requests: 20,
            lookback: Duration::from_secs(60),
        }
    }
}

impl LatencyRegression {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the field, its value and what is allowed.
    pub fn validated(self) -> Result<Self, Error> {
        if !(self.quantile > 0.0 && self.quantile <= 1.0) {
            return Err(Error::invalid("regression quantile", self.quantile, "above 0, at most 1"));
        }
        if !(self.ratio.is_finite() && self.ratio > 1.0) {
            return Err(Error::invalid("regression ratio", self.ratio, "a number above 1"));
        }
        if self.minimum_requests == 0 {
            return Err(Error::invalid("minimum requests", 0, "at least 1"));
        }
        if self.lookback.is_zero() {
            return Err(Error::invalid("lookback", "0", "a positive time"));
        }
        Ok(self)
    }

    fn of(&self, histogram: Option<&Histogram>) -> Option<Duration> {
        let histogram = histogram.filter(|held| held.count() >= self.minimum_requests)?;
        histogram.quantile(self.quantile)
    }
}

impl Gate for LatencyRegression {
    fn name(&self) -> String {
        "latency regression".to_owned()
    }

    fn windows(&self, step: &Step) -> Vec<Window> {
        vec![recent(step, self.lookback)]
    }

    fn judge(&self, step: &Step, seen: &[Comparison], carried: &Carried) -> Judgement {
        let finding = seen.first().map(|seen| {
            let candidate = seen.candidate.latency.as_ref();
            let reference = seen.reference.as_ref().and_then(|seen| seen.latency.as_ref());
            let (value, beside) = (self.of(candidate), self.of(reference));
            let limit = beside.map(|beside| beside.mul_f64(self.ratio).max(beside + self.slack));
            let result = match (value, limit) {
                (Some(value), Some(limit)) if value > limit => FindingResult::Broken,
                (Some(_), Some(_)) => FindingResult::Holds,
                _ => FindingResult::Ignored,
            };
            let millis = |time: Duration| time.as_secs_f64() * 1000.0;
            Finding {
                metric: format!("p{} latency beside the live version", self.quantile * 100.0),
                value: value.map(millis),
                limit: limit.map_or(millis(self.slack), millis),
                unit: "ms".to_owned(),
                samples: candidate.map_or(0, Histogram::count),
                result,
            }
        });
        Judgement {
            verdict: verdict(finding.into_iter().collect()),
            carried: carried.clone(),
            covered: covered(step, seen),
        }
    }
}
