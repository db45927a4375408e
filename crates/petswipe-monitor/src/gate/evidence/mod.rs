//! The evidence policy: the new version against the one beside it, judged at every tick and over all stages, with one
//! stated probability of a false alarm.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::state::State;
use super::ledger::Ledger;
use super::{Carried, Comparison, Gate, Judgement, NoData, Step, Verdict};
use crate::{Error, Window};

mod findings;
mod latency;
mod state;

/// Whether the new version is worse than the one beside it, by evidence that may be looked at after every tick.
///
/// # What is compared
///
/// - The error rates, by a [`RateRatio`](crate::evidence::RateRatio). Of the evidence that counts they have nearly all:
///   failures are rare, while times and the division of the traffic tell something with every request.
/// - [Latency](LatencyEvidence), by requests that are slower than what the reference's quantiles allow.
/// - The [division of the traffic](SampleRatioPolicy), by a [`SampleRatio`](crate::evidence::SampleRatio): where the weights
///   do not hold, nobody knows what is compared with what.
///
/// The three are averaged with weights (0.97, 0.02 and 0.01 of what [`before_share`](Self::before_share) leaves, or what remains of
/// them when one is switched off), and the average reaching `1/α` is a fail: over the whole rollout, however many stages and ticks it has, at most a share `α` of good versions
/// fails. Evidence is carried over all stages; for each stage a part of the stake is held back, so that what goes wrong late
/// is found too.
///
/// A window that could not be compared (a metric of one side was not known yet) is asked for again, for up to
/// [`stale_after`](Self::stale_after). What was served in a stage up to the last look at it, and was not published yet then, counts
/// in the next stage as errors, and for nothing else. A period in which the weights changed is in no evidence.
///
/// # When it passes
///
/// When there is no alarm, something was seen lately, and the candidate has answered at least
/// [`minimum_requests`](Self::minimum_requests) in this step; with
/// [`wait_for_acceptance`](Self::wait_for_acceptance) only when the version is shown to be good. "Shown to be good" is
/// the accept side of Wald's test: either that its error rate is not
/// [`smallest_ratio`](Self::smallest_ratio) times the reference's, or that it is below
/// [`harmless_rate`](Self::harmless_rate), each with a risk of half of `β`, and each by what was seen in this step alone. A
/// judgement says so as [`Judgement::settled`], and a rollout may then go on early; where latency is compared, it is settled only
/// when it is also shown that at no quantile up to the p99 that many times the requests are slow.
///
/// # When nothing serves beside it
///
/// It has nothing to judge, and lets the other gates decide; unless there is a window of the version before it, from before
/// the step. Then it asks whether the error rate is above what that window allows, which is a
/// [weaker comparison](crate::evidence::RateLimit): other traffic looks like another version.
///
/// ```
/// use petswipe_monitor::{EvidencePolicy, Gate};
/// let policy = EvidencePolicy { alpha: 0.001, ..EvidencePolicy::default() }.validated()?;
/// assert_eq!(policy.name(), "evidence");
/// let wrong = EvidencePolicy { alpha: 1.0, ..EvidencePolicy::default() }.validated().unwrap_err();
/// assert_eq!(wrong.to_string(), "alpha is 1; allowed: a probability above 0 and below 1");
/// # Ok::<(), petswipe_monitor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvidencePolicy {
    /// At most this share of good versions fails, over the whole rollout. Above 0 and below 1.
    pub alpha: f64,
    /// At most this share of versions that are bad by [`smallest_ratio`](Self::smallest_ratio) and
    /// [`harmless_rate`](Self::harmless_rate) is taken for good, in one step. Above 0 and below 1.
    pub beta: f64,
    /// The smallest ratio of error rates that matters. Above 1.
    pub smallest_ratio: f64,
    /// An error rate below which nobody minds, whatever the ratio. Above 0 and below 1.
    pub harmless_rate: f64,
    /// How many requests fail together at most because of one cause, at least 1: see
    /// [`dispersion`](crate::evidence::dispersion), which measures it, for what is kept by it and what is not.
    pub dispersion: f64,
    /// With fewer requests of the candidate in the step it is not known; nor with fewer of the reference, or the part of it that
    /// belongs to the reference's weight where that is the smaller one. At least 1.
    pub minimum_requests: u64,
    /// Pass only when the version is shown to be good.
    pub wait_for_acceptance: bool,
    /// How latency is compared; `None`: not at all.
    pub latency: Option<LatencyEvidence>,
    /// Which part of `alpha` is kept for the comparison with the time before a step, for steps in which nothing serves beside
    /// it. 0 to less than 1.
    pub before_share: f64,
    /// How the division of the traffic is checked; `None`: not at all.
    pub sample_ratio: Option<SampleRatioPolicy>,
    /// What missing or too little data means.
    pub no_data: NoData,
    /// When the last closed period ended longer ago than this, something is missing. It has to be longer than the metrics'
    /// resolution and lag together.
    pub stale_after: Duration,
}

/// How latency is compared: requests slower than what the reference's quantiles allow are counted as errors are, at each of
/// these quantiles, and the evidence of all quantiles is averaged.
///
/// The reference's quantiles are those of the first ticks in which it served [enough](EvidencePolicy::minimum_requests) together;
/// these are not counted themselves, so what is counted does not depend on what set the threshold. Until something is compared,
/// latency is missing, which means what [`EvidencePolicy::no_data`] says: for a source without latencies, set
/// [`EvidencePolicy::latency`] to `None`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyEvidence {
    /// The quantiles, each above 0 and below 1, rising.
    pub quantiles: Vec<f64>,
    /// How many times as long as the reference the candidate may take, at least 1. Taken up to the next bound of a
    /// [`Histogram`](crate::Histogram)'s bucket.
    pub tolerance: f64,
    /// By how much longer the candidate may take in any case: of a reference that answers within two milliseconds, five are no
    /// reason to go back. What counts is the longer of the two.
    #[serde(default)]
    pub slack: Duration,
    /// Compare the whole distributions as well, by [bands](crate::evidence::Band) around both. They are carried in the journal, a
    /// few kilobytes a judgement.
    pub bands: bool,
}

impl LatencyEvidence {
    /// How long the candidate may take where the reference takes so long.
    fn allowed(&self, reference: Duration) -> Duration {
        let times = Duration::try_from_secs_f64(reference.as_secs_f64() * self.tolerance);
        times.unwrap_or(Duration::MAX).max(reference.saturating_add(self.slack))
    }
}

impl Default for LatencyEvidence {
    fn default() -> Self {
        Self {
            quantiles: vec![0.5, 0.9, 0.95, 0.99, 0.999],
            tolerance: 1.25,
            slack: Duration::from_millis(10),
            bands: false,
        }
    }
}

/// How the division of the traffic is checked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleRatioPolicy {
    /// How far the share of the candidate may be from its weight, as a part of the weight (or of what remains of 1, if that is
    /// less). 0 to 1.
    pub tolerance: f64,
}

impl Default for SampleRatioPolicy {
    fn default() -> Self {
        Self { tolerance: 0.2 }
    }
}

impl Default for EvidencePolicy {
    fn default() -> Self {
        Self {
            alpha: 0.01,
            beta: 0.05,
            smallest_ratio: 3.0,
            harmless_rate: 0.01,
            dispersion: 1.0,
            minimum_requests: 20,
            wait_for_acceptance: false,
            before_share: 0.02,
            latency: Some(LatencyEvidence::default()),
            sample_ratio: Some(SampleRatioPolicy::default()),
            no_data: NoData::Hold,
            stale_after: Duration::from_secs(300),
        }
    }
}

impl EvidencePolicy {
    /// The default, but about errors alone: for numbers that don't say how long requests took, nor which share of them each
    /// version was meant to have.
    pub fn of_errors() -> Self {
        Self { latency: None, sample_ratio: None, ..Self::default() }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the field, its value and what is allowed.
    pub fn validated(self) -> Result<Self, Error> {
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<(), Error> {
        let inside = |value: f64| value > 0.0 && value < 1.0;
        for (field, value) in [("alpha", self.alpha), ("beta", self.beta)] {
            if !inside(value) {
                return Err(Error::invalid(field, value, "a probability above 0 and below 1"));
            }
        }
        if !(self.smallest_ratio.is_finite() && self.smallest_ratio > 1.0) {
            return Err(Error::invalid("smallest ratio", self.smallest_ratio, "a number above 1"));
        }
        if !inside(self.harmless_rate) {
            return Err(Error::invalid("harmless rate", self.harmless_rate, "above 0, below 1"));
        }
        if !(self.dispersion.is_finite() && self.dispersion >= 1.0) {
            return Err(Error::invalid("dispersion", self.dispersion, "a number of at least 1"));
        }
        if !(0.0..1.0).contains(&self.before_share) {
            return Err(Error::invalid("before share", self.before_share, "0 to less than 1"));
        }
        if self.minimum_requests == 0 {
            return Err(Error::invalid("minimum requests", 0, "at least 1"));
        }
        if self.stale_after.is_zero() {
            return Err(Error::invalid("stale after", "0", "a positive time"));
        }
        if let Some(latency) = &self.latency {
            let rising = latency.quantiles.windows(2).all(|pair| pair[0] < pair[1]);
            let all_inside = latency.quantiles.iter().all(|quantile| inside(*quantile));
            if latency.quantiles.is_empty() || !rising || !all_inside {
                let found = format!("{:?}", latency.quantiles);
                return Err(Error::invalid("latency quantiles", found, "rising, above 0, below 1"));
            }
            if !(latency.tolerance.is_finite() && latency.tolerance >= 1.0) {
                let found = latency.tolerance;
                return Err(Error::invalid("latency tolerance", found, "a number of at least 1"));
            }
        }
        if let Some(share) = &self.sample_ratio
            && !(0.0..=1.0).contains(&share.tolerance)
        {
            let found = share.tolerance;
            return Err(Error::invalid("sample ratio tolerance", found, "a share from 0 to 1"));
        }
        Ok(())
    }
}

impl Gate for EvidencePolicy {
    fn name(&self) -> String {
        "evidence".to_owned()
    }

    fn windows(&self, step: &Step, carried: &Carried) -> Vec<Window> {
        Ledger::windows(carried, step)
    }

    fn judge(&self, step: &Step, seen: &[Comparison], carried: &Carried) -> Judgement {
        let nothing = Window::empty(step.started);
        if let Err(error) = self.check() {
            let verdict = Verdict::unusable(&error);
            return Judgement::new(verdict, carried.clone(), nothing);
        }
        let mut state = match State::read(carried) {
            Ok(state) => state,
            Err(error) => {
                let why = format!("the evidence so far can't be read: {error}");
                let missing = vec!["all metrics".to_owned()];
                let verdict = Verdict::Inconclusive { why, missing, evidence: Vec::new() };
                return Judgement::new(verdict, carried.clone(), nothing);
            }
        };
        state.take(self, step, seen);
        let (verdict, settled) = state.verdict(self, step);
        let judgement = Judgement::new(verdict, state.carried(carried), state.ledger.covered(step));
        Judgement { settled, ..judgement }
    }
}
