//! A plain comparison of latency with the version that serves beside the new one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::absolute::percentile;
use super::{
    Carried, Comparison, Finding, FindingResult, Gate, Judgement, Step, Verdict, about, covered,
    recent,
};
use crate::{Error, Histogram, Observation, Window};

/// Fails when a latency quantile of the new version is both `ratio` times and `slack` above that of the version beside it.
///
/// It is no statistical test: it is for gross regressions that stay below every absolute limit, such as an answer that
/// took 2 ms and takes 800. The median is the default because a few slow requests of either side do not move it.
/// Where there is nothing to compare with (at 100 %, with too few requests on either side, or when the two were not
/// seen in the same window) it says so in its evidence and leaves the verdict to the other policies, with
/// [`All`](super::All); alone it is inconclusive then.
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
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<(), Error> {
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
        Ok(())
    }

    fn finding(&self, window: Window, seen: Option<&Comparison>) -> Finding {
        let candidate = seen.and_then(|seen| about(window, &seen.candidate));
        let reference = seen.and_then(|seen| seen.reference.as_ref());
        // Only what was seen at the same time can be compared.
        let reference = reference.filter(|seen| candidate.is_some_and(|c| c.window == seen.window));
        let (value, beside) = (self.of(candidate), self.of(reference));
        let limit = beside.map(|beside| {
            let times = Duration::try_from_secs_f64(beside.as_secs_f64() * self.ratio);
            let times = times.unwrap_or(Duration::MAX);
            times.max(beside.saturating_add(self.slack))
        });
        let result = match (value, limit) {
            (Some(value), Some(limit)) if value > limit => FindingResult::Broken,
            (Some(_), Some(_)) => FindingResult::Holds,
            _ => FindingResult::Ignored,
        };
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        let quantile = percentile(self.quantile);
        Finding {
            metric: format!("{quantile} latency beside the live version").into(),
            value: value.map(millis),
            limit: millis(limit.unwrap_or(self.slack)),
            unit: "ms".into(),
            samples: count(candidate),
            result,
            detail: String::new(),
        }
    }

    fn of(&self, seen: Option<&Observation>) -> Option<Duration> {
        let latency = seen?.latency.as_ref()?;
        let enough = latency.count() >= self.minimum_requests;
        enough.then(|| latency.quantile(self.quantile))?
    }
}

fn count(seen: Option<&Observation>) -> u64 {
    let latency = seen.and_then(|seen| seen.latency.as_ref());
    latency.map_or(0, Histogram::count)
}

impl Gate for LatencyRegression {
    fn name(&self) -> String {
        "latency regression".to_owned()
    }

    fn windows(&self, step: &Step, _: &Carried) -> Vec<Window> {
        vec![recent(step, self.lookback)]
    }

    fn judge(&self, step: &Step, seen: &[Comparison], carried: &Carried) -> Judgement {
        let verdict = match self.check() {
            Ok(()) => Verdict::of(vec![self.finding(recent(step, self.lookback), seen.first())]),
            Err(error) => Verdict::unusable(&error),
        };
        let settled = verdict.is_pass();
        Judgement { settled, ..Judgement::new(verdict, carried.clone(), covered(step, seen)) }
    }
}
