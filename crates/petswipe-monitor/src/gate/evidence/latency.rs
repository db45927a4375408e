//! What is known about latency: slow requests as evidence, and bands around the distributions.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::LatencyEvidence;
use crate::evidence::{Arm, Band, RateRatio, stake};
use crate::{Histogram, Observation};

/// Slow requests at each quantile, and the distributions of the present step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Slow {
    stages: u32,
    /// The quantiles of the reference in the tick that set them.
    thresholds: Vec<Duration>,
    tests: Vec<RateRatio>,
    #[serde(default, skip_serializing_if = "Histogram::is_empty")]
    candidate: Histogram,
    #[serde(default, skip_serializing_if = "Histogram::is_empty")]
    reference: Histogram,
    /// The requests of the candidate that were compared.
    pub(super) requests: u64,
}

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
        // With other weights the two see other hours of the day: only what was seen at the same weights is compared as a whole.
        (self.candidate, self.reference) = (Histogram::new(), Histogram::new());
    }

    /// Takes what both did at the same time. Without latencies of both there is nothing to take.
    pub(super) fn take(
        &mut self,
        policy: &LatencyEvidence,
        minimum: u64,
        dispersion: f64,
        [candidate, reference]: [&Observation; 2],
    ) {
        let (Some(candidate), Some(reference)) = (&candidate.latency, &reference.latency) else {
            return;
        };
        if self.thresholds.is_empty() {
            if reference.count() >= minimum {
                let of = |quantile: &f64| reference.quantile(*quantile).unwrap_or_default();
                self.thresholds = policy.quantiles.iter().map(of).collect();
            }
            return;
        }
        self.requests = self.requests.saturating_add(candidate.count());
        for (test, threshold) in self.tests.iter_mut().zip(&self.thresholds) {
            let slow = |seen: &Histogram, times| Arm {
                requests: seen.count(),
                failed: seen.count_above(threshold.mul_f64(times)),
            };
            test.add(slow(candidate, policy.tolerance), slow(reference, 1.0), dispersion);
        }
        if policy.bands {
            self.candidate.merge(candidate);
            self.reference.merge(reference);
        }
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
    pub(super) fn gap(&self, policy: &LatencyEvidence, alpha: f64) -> Option<Gap> {
        let (candidate, reference) = (self.candidate.count(), self.reference.count());
        if candidate == 0 || reference == 0 {
            return None;
        }
        let half = alpha * stake(self.stages.saturating_sub(1)) / 2.0;
        let allowed = Band::half_width(candidate, half) + Band::half_width(reference, half);
        let above = |seen: &Histogram, limit| seen.count_above(limit) as f64 / seen.count() as f64;
        let gaps = self.reference.buckets().map(|(at, _)| {
            let slower = above(&self.candidate, at.mul_f64(policy.tolerance));
            Gap { found: slower - above(&self.reference, at), allowed, at }
        });
        gaps.max_by(|a, b| a.found.total_cmp(&b.found))
    }
}
