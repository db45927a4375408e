//! What is known about latency: slow requests as evidence, and bands around the distributions.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{EvidencePolicy, LatencyEvidence};
use crate::evidence::{Arm, Band, Decided, RateRatio, Sprt, stake};
use crate::{Histogram, Observation};

/// Slow requests at each quantile, and the distributions of the present step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Slow {
    stages: u32,
    /// What the reference did until there was enough of it to set the thresholds.
    #[serde(default, skip_serializing_if = "Histogram::is_empty")]
    first: Histogram,
    /// The quantiles of the reference in the ticks that set them.
    thresholds: Vec<Duration>,
    tests: Vec<RateRatio>,
    /// Whether as many times the requests are slow as matters, in the present step: as many times as of the reference, and as
    /// many times as its quantile allows.
    #[serde(default)]
    accepts: Vec<[Sprt; 2]>,
    #[serde(default, skip_serializing_if = "Histogram::is_empty")]
    candidate: Histogram,
    #[serde(default, skip_serializing_if = "Histogram::is_empty")]
    reference: Histogram,
    /// The requests of the candidate that were compared.
    pub(super) requests: u64,
    /// Those of the present step.
    #[serde(default)]
    pub(super) in_step: u64,
    /// Whether the last tick told of no latencies.
    #[serde(default)]
    pub(super) absent: bool,
}

/// Slow requests above higher quantiles are too few to show in one step that there are not more of them.
const HIGHEST_SHOWN: f64 = 0.99;

/// How far apart the distributions are where they differ most, and how far they may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    pub(super) found: f64,
    pub(super) allowed: f64,
    pub(super) at: Duration,
}

impl Slow {
    pub(super) fn begin_stage(&mut self, policy: &LatencyEvidence) {
        self.tests.resize_with(policy.quantiles.len(), RateRatio::default);
        self.stages = self.stages.saturating_add(1);
        self.tests.iter_mut().for_each(RateRatio::begin_stage);
        self.accepts = vec![Default::default(); policy.quantiles.len()];
        self.in_step = 0;
        // With other weights the two see other hours of the day: only what was seen at the same weights is compared as a whole.
        (self.candidate, self.reference) = (Histogram::new(), Histogram::new());
    }

    /// Takes what both did at the same time. Without latencies of both there is nothing to take.
    pub(super) fn take(
        &mut self,
        policy: &EvidencePolicy,
        latency: &LatencyEvidence,
        [candidate, reference]: [&Observation; 2],
    ) {
        let (Some(candidate), Some(reference)) = (&candidate.latency, &reference.latency) else {
            self.absent = true;
            return;
        };
        self.absent = false;
        if self.thresholds.is_empty() {
            self.first.merge(reference);
            if self.first.count() >= policy.minimum_requests {
                let first = std::mem::take(&mut self.first);
                let of = |quantile: &f64| first.quantile(*quantile).unwrap_or_default();
                self.thresholds = latency.quantiles.iter().map(of).collect();
            }
            return;
        }
        let (own_count, other_count) = (candidate.count(), reference.count());
        self.requests = self.requests.saturating_add(own_count);
        self.in_step = self.in_step.saturating_add(own_count);
        // A state that was written before this was known has none.
        self.accepts.resize_with(latency.quantiles.len(), Default::default);
        let tests = self.tests.iter_mut().zip(&mut self.accepts);
        let at = self.thresholds.iter().zip(&latency.quantiles);
        for ((test, [ratio, rate]), (threshold, quantile)) in tests.zip(at) {
            let limit = latency.allowed(*threshold);
            let own = Arm { requests: own_count, failed: candidate.count_above(limit) };
            let other = Arm { requests: other_count, failed: reference.count_above(*threshold) };
            test.add(own, other, policy.dispersion);
            ratio.add_ratio(own, other, policy.smallest_ratio, policy.dispersion);
            let allowed = 1.0 - quantile;
            let bad = (allowed * policy.smallest_ratio).min(f64::midpoint(allowed, 1.0));
            rate.add_rate(own, allowed, bad, policy.dispersion);
        }
        if latency.bands {
            self.candidate.merge(candidate);
            self.reference.merge(reference);
        }
    }

    /// Whether it is shown for this step that not as many times the requests are slow as matters, at any quantile that so few
    /// requests can show it for.
    pub(super) fn is_accepted(&self, policy: &EvidencePolicy, latency: &LatencyEvidence) -> bool {
        let half = policy.beta / 2.0;
        let good = |test: &Sprt| test.decided(policy.alpha, half) == Some(Decided::Good);
        let mut shown = latency.quantiles.iter().zip(&self.accepts);
        self.in_step >= policy.minimum_requests
            && self.accepts.len() == latency.quantiles.len()
            && shown.all(|(quantile, tests)| *quantile > HIGHEST_SHOWN || tests.iter().any(good))
    }

    /// The evidence: the mean of that of all quantiles.
    pub(super) fn value(&self) -> f64 {
        let sum: f64 = self.tests.iter().map(RateRatio::value).sum();
        sum / self.tests.len().max(1) as f64
    }

    /// The quantile with the most evidence, and the threshold of the reference at it.
    pub(super) fn worst(&self, policy: &LatencyEvidence) -> Option<(f64, Duration)> {
        let all = policy.quantiles.iter().zip(&self.thresholds).zip(&self.tests);
        let all = all.map(|((quantile, threshold), test)| (test.ln(), *quantile, *threshold));
        let worst = all.max_by(|(a, ..), (b, ..)| a.total_cmp(b));
        worst.map(|(_, quantile, threshold)| (quantile, threshold))
    }

    /// Where the candidate is slower than the reference by most, in the present step. `alpha` is for all steps together.
    pub(super) fn gap(&self, policy: &LatencyEvidence, alpha: f64, dispersion: f64) -> Option<Gap> {
        let (candidate, reference) = (self.candidate.count(), self.reference.count());
        if candidate == 0 || reference == 0 {
            return None;
        }
        let half = alpha * stake(self.stages.saturating_sub(1)) / 2.0;
        let width = |requests| Band::half_width(independent(requests, dispersion), half);
        let allowed = width(candidate) + width(reference);
        let above = |seen: &Histogram, limit| seen.count_above(limit) as f64 / seen.count() as f64;
        let gaps = self.reference.buckets().map(|(at, _)| {
            let slower = above(&self.candidate, policy.allowed(at));
            Gap { found: slower - above(&self.reference, at), allowed, at }
        });
        gaps.max_by(|a, b| a.found.total_cmp(&b.found))
    }
}

/// How many independent requests so many are worth.
fn independent(requests: u64, dispersion: f64) -> u64 {
    (requests as f64 / dispersion) as u64
}
