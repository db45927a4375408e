//! What the policy carries: everything that was counted so far.

use serde::{Deserialize, Serialize};

use super::latency::Slow;
use super::{Carried, Comparison, EvidencePolicy, Step};
use crate::Observation;
use crate::evidence::{Arm, Decided, RateLimit, RateRatio, SampleRatio, Sprt, stake};
use crate::gate::ledger::{Ledger, Unknown, When};

/// Everything that was counted so far. That of the step begins anew with each step, the evidence does not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// Which windows are counted.
    #[serde(flatten)]
    pub(super) ledger: Ledger,
    /// The share of the candidate that is asked for in it, of the traffic of both; `None` where nothing serves beside it.
    weight: Option<f64>,
    /// What was counted in it.
    pub(super) candidate: Arm,
    pub(super) reference: Arm,
    ratio: Sprt,
    rate: Sprt,
    pub(super) errors: RateRatio,
    /// What was counted in it of the step before, of both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) late: Option<[Arm; 2]>,
    /// Against the time before the step, where nothing serves beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<Before>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) slow: Option<Slow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) share: Option<SampleRatio>,
    /// How the last tick could be compared.
    pub(super) last: Last,
}

/// The comparison with what the version before did before the step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Before {
    /// How many windows there were so far.
    windows: u32,
    pub(super) seen: Arm,
    /// What its error rate is not above.
    pub(super) limit: f64,
    pub(super) evidence: RateLimit,
}

/// How the last tick could be compared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Last {
    /// There was none yet.
    #[default]
    Nothing,
    /// With what served at the same time.
    Beside,
    /// With what served before.
    Before,
    /// With nothing, because nothing served beside it.
    Alone,
    /// It could not be counted.
    Doubt(String),
}

impl State {
    pub(super) fn read(carried: &Carried) -> Result<Self, serde_json::Error> {
        match carried.0.is_null() {
            true => Ok(Self::default()),
            false => Self::deserialize(&carried.0),
        }
    }

    /// The state as JSON. All of it is finite numbers, so this can't fail; if it did, what was carried so far is kept.
    pub(super) fn carried(&self, so_far: &Carried) -> Carried {
        serde_json::to_value(self).map_or_else(|_| so_far.clone(), Carried)
    }

    /// Takes what was seen in, and begins a new step, if `step` is one.
    pub(super) fn take(&mut self, policy: &EvidencePolicy, step: &Step, seen: &[Comparison]) {
        let mut ledger = std::mem::take(&mut self.ledger);
        if ledger.enter(step) {
            self.enter(policy, step);
        }
        let newest = ledger.take(step, policy.stale_after, seen, |seen, when| match when {
            When::Now => self.count(policy, step, seen),
            When::Before => self.count_before(policy, seen),
        });
        if let Some(newest) = newest {
            self.last = newest.unwrap_or_else(Last::Doubt);
        }
        self.ledger = ledger;
    }

    fn enter(&mut self, policy: &EvidencePolicy, step: &Step) {
        let before = self.weight;
        let (own, other) = (f64::from(step.weight), f64::from(step.reference_weight));
        self.weight = (other > 0.0).then(|| own / (own + other));
        (self.candidate, self.reference) = (Arm::default(), Arm::default());
        (self.ratio, self.rate) = (Sprt::default(), Sprt::default());
        self.late = None;
        self.last = Last::Nothing;
        self.errors.begin_stage();
        if let Some(latency) = &policy.latency {
            self.slow.get_or_insert_default().begin_stage(latency);
        }
        if policy.sample_ratio.is_some() {
            let share = self.share.get_or_insert_default();
            match before {
                Some(weight) => {
                    share.next_stage(weight, policy.tolerance(weight), policy.dispersion)
                }
                None => share.begin_stage(),
            }
        }
        if let Some(before) = &mut self.before {
            before.evidence.begin_stage();
        }
    }

    /// Counts one window.
    fn count(
        &mut self,
        policy: &EvidencePolicy,
        step: &Step,
        seen: &Comparison,
    ) -> Result<Last, Unknown> {
        let candidate = &seen.candidate;
        let own = arm(candidate)?;
        // Beside it something serves, or nothing does: an answer that is missing is not the same as nobody to ask.
        let last = match &seen.reference {
            Some(reference) if reference.window == candidate.window => {
                let other = arm(reference)?;
                self.beside(policy, [candidate, reference], [own, other]);
                Last::Beside
            }
            Some(_) if step.reference_weight > 0 => {
                return Err(unknown("the two were not seen at the same time"));
            }
            None if step.reference_weight > 0 => {
                return Err(unknown("what serves beside it was not seen"));
            }
            Some(reference) if policy.before_share > 0.0 && reference.window.to <= step.started => {
                // Not to know what was before is no worse than having nothing to compare with.
                match arm(reference).ok().and_then(|seen| self.limit(policy, seen)) {
                    Some(before) => {
                        before.evidence.add(own, before.limit, policy.dispersion);
                        Last::Before
                    }
                    None => Last::Alone,
                }
            }
            _ => Last::Alone,
        };
        self.candidate = self.candidate.plus(own);
        let harmless = policy.harmless_rate;
        self.rate.add_rate(own, harmless / 10.0, harmless, policy.dispersion);
        Ok(last)
    }

    /// Counts one window of a step before: the errors alone. Which share was asked for in it and what was slow in it is of that
    /// step.
    fn count_before(
        &mut self,
        policy: &EvidencePolicy,
        seen: &Comparison,
    ) -> Result<Last, Unknown> {
        let own = arm(&seen.candidate)?;
        let beside = seen.reference.as_ref();
        let beside = beside.filter(|beside| beside.window == seen.candidate.window);
        let other = beside.ok_or_else(|| unknown("the two were not seen at the same time"))?;
        let other = arm(other)?;
        self.errors.add(own, other, policy.dispersion);
        let [candidate, reference] = self.late.unwrap_or_default();
        self.late = Some([candidate.plus(own), reference.plus(other)]);
        Ok(Last::Beside)
    }

    fn beside(
        &mut self,
        policy: &EvidencePolicy,
        [candidate, reference]: [&Observation; 2],
        [own, other]: [Arm; 2],
    ) {
        self.reference = self.reference.plus(other);
        self.errors.add(own, other, policy.dispersion);
        self.ratio.add_ratio(own, other, policy.smallest_ratio, policy.dispersion);
        if let (Some(latency), Some(slow)) = (&policy.latency, &mut self.slow) {
            let seen = [candidate, reference];
            slow.take(policy, latency, seen);
        }
        if let Some(share) = &mut self.share {
            share.add(own.requests, other.requests);
        }
    }

    /// The comparison with what was seen before; `None` when nothing was.
    fn limit(&mut self, policy: &EvidencePolicy, seen: Arm) -> Option<&mut Before> {
        let windows = self.before.as_ref().map_or(0, |before| before.windows);
        if self.before.as_ref().is_none_or(|before| before.seen != seen) {
            // Each window may mislead; all together by no more than half of what this comparison may.
            let alpha = policy.alpha * policy.before_share / 2.0 * stake(windows);
            let limit = RateLimit::upper_bound(seen, alpha, policy.dispersion)?;
            let evidence = self.before.take().map(|before| before.evidence);
            let evidence = evidence.unwrap_or_else(|| {
                let mut evidence = RateLimit::default();
                evidence.begin_stage();
                evidence
            });
            self.before =
                Some(Before { windows: windows.saturating_add(1), seen, limit, evidence });
        }
        self.before.as_mut()
    }

    /// Whether the candidate's error rate is shown to be good in this step.
    pub(super) fn is_accepted(&self, policy: &EvidencePolicy) -> bool {
        let half = policy.beta / 2.0;
        let tests = [self.ratio, self.rate];
        tests.iter().any(|test| test.decided(policy.alpha, half) == Some(Decided::Good))
    }

    /// The candidate's share that is asked for, of the traffic of both.
    pub(super) fn weight(&self) -> Option<f64> {
        self.weight
    }
}

fn unknown(why: impl Into<String>) -> Unknown {
    Unknown { why: why.into(), bad: 0 }
}

/// Requests and failures, where both are known and go together.
fn arm(seen: &Observation) -> Result<Arm, Unknown> {
    let subject = &seen.subject;
    let requests =
        seen.requests.ok_or_else(|| unknown(format!("the requests of {subject} are not known")))?;
    let failed = seen.errors.failed();
    let failed = failed.ok_or_else(|| unknown(format!("the errors of {subject} are not known")))?;
    Arm::new(requests, failed)
        .ok_or_else(|| unknown(format!("{subject} has {failed} errors in {requests} requests")))
}
