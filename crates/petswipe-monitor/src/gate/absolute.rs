//! The absolute policy: limits on what the new version does, with minimum samples.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Carried, Comparison, Finding, FindingResult, Gate, Judgement, Step, Verdict, about, covered,
    is_false, recent, whole,
};
use crate::evidence::divergence;
use crate::{Error, Histogram, Observation, Subject, Window};

/// What a metric without data, or with too little, means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoData {
    /// It can't be said: inconclusive. The rollout waits, up to its deadline, and then goes back.
    #[default]
    Hold,
    /// It is a fail.
    Fail,
    /// It does not matter. At least one other metric must hold, or the verdict is inconclusive all the same.
    Ignore,
}

/// The most that a share of the requests may take. A quantile is taken from a [`Histogram`], so that one less than
/// 4.5 % below the limit may already count as above it, and one above it never counts as below; but where a limit has to be broken
/// [for certain](AbsolutePolicy::by_chance), the other way round: one less than 4.5 % above it may count as below.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyLimit {
    /// Which share, above 0 and at most 1: 0.99 for the p99.
    pub quantile: f64,
    /// The most it may take.
    pub limit: Duration,
}

/// Limits on error rate, latency quantiles, saturation and unhealthy targets.
///
/// It looks at the last [`lookback`](Self::lookback) of the step, never further back than the step's start; where so little is
/// asked for that this can't have enough requests, at all of the step ([`reaches_back`](Self::reaches_back)). The defaults
/// are the guide's: 5 % errors and 1000 ms; they judge latency by its p99 and count 5xx of the load balancer as well
/// as of the application. A value on the limit holds. A policy with a field that [`validated`](Self::validated) refuses
/// judges nothing: it is always inconclusive.
///
/// ```
/// use petswipe_monitor::{AbsolutePolicy, Gate};
/// let policy = AbsolutePolicy { error_rate: 0.01, ..AbsolutePolicy::default() }.validated()?;
/// assert_eq!(policy.name(), "absolute");
/// let wrong = AbsolutePolicy { error_rate: 1.5, ..AbsolutePolicy::default() }.validated().unwrap_err();
/// assert_eq!(wrong.to_string(), "error rate is 1.5; allowed: a share from 0 to 1");
/// # Ok::<(), petswipe_monitor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AbsolutePolicy {
    /// The most failed requests (5xx of application and load balancer), as a share of all, 0 to 1.
    pub error_rate: f64,
    /// The most requests answered 4xx, as a share of all; `None` for no limit.
    pub client_error_rate: Option<f64>,
    /// The most time that shares of the requests may take.
    pub latency: Vec<LatencyLimit>,
    /// The most CPU use, as a share; `None` for no limit.
    pub cpu: Option<f64>,
    /// The most memory use, as a share; `None` for no limit.
    pub memory: Option<f64>,
    /// The most unhealthy targets; `None` for no limit.
    pub unhealthy_targets: Option<u32>,
    /// With fewer requests than this, error rate and latency have too little data. At least 1.
    pub minimum_requests: u64,
    /// How unlikely a share of failed or slow requests has to be, for a version that is exactly on the limit, before the limit
    /// counts as broken (Chernoff's bound for the binomial). Above the limit and not unlikely enough is not known, which holds
    /// or goes back in the end, but not at once: of 50 requests, 3 that failed are no proof of more than 5 %. It takes the requests
    /// as independent of each other. `None`: every value above a limit breaks it. Above 0 and below 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_chance: Option<f64>,
    /// What missing or too little data means.
    pub no_data: NoData,
    /// The same for single metrics, by the name that their findings carry, such as `p99 latency` or `cpu use`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub no_data_by_metric: BTreeMap<String, NoData>,
    /// How far back to look within the step. It takes the source's lag and twice its resolution to be sure that there
    /// is a whole published period in it.
    pub lookback: Duration,
    /// Whether all of the step counts where the [`lookback`](Self::lookback) has fewer than
    /// [`minimum_requests`](Self::minimum_requests), but some, and at the pace of the step can't have more. Where requests stopped
    /// coming it is still too little data. It asks for all of the step only after a judgement by too few requests.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reaches_back: bool,
}

impl Default for AbsolutePolicy {
    fn default() -> Self {
        Self {
            error_rate: 0.05,
            client_error_rate: Some(0.25),
            latency: vec![LatencyLimit { quantile: 0.99, limit: Duration::from_millis(1000) }],
            cpu: None,
            memory: None,
            unhealthy_targets: None,
            minimum_requests: 50,
            by_chance: None,
            no_data: NoData::Hold,
            no_data_by_metric: BTreeMap::new(),
            lookback: Duration::from_secs(60),
            reaches_back: false,
        }
    }
}

/// Carried from a judgement by too few requests.
const TOO_FEW: &str = "too few";

/// Shares are shown in percent.
const SHARE: f64 = 100.0;

impl AbsolutePolicy {
    /// The default limits, which have to be broken for certain: by what a version on the limit does once in ten thousand times.
    /// So it takes fewer requests to look, 20, and with little traffic all of the step is looked at.
    pub fn for_certain() -> Self {
        let by_chance = Some(1e-4);
        Self { by_chance, minimum_requests: 20, reaches_back: true, ..Self::default() }
    }

    /// Checks every limit.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the field, its value and what is allowed.
    pub fn validated(self) -> Result<Self, Error> {
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<(), Error> {
        let share = |field: &str, value: f64| {
            if (0.0..=1.0).contains(&value) {
                return Ok(());
            }
            Err(Error::invalid(field, value, "a share from 0 to 1"))
        };
        share("error rate", self.error_rate)?;
        share("client error rate", self.client_error_rate.unwrap_or(0.0))?;
        for (field, limit) in [("cpu limit", self.cpu), ("memory limit", self.memory)] {
            if let Some(limit) = limit
                && !((limit * SHARE).is_finite() && limit > 0.0)
            {
                return Err(Error::invalid(field, limit, "a positive share, 0.85 for 85 %"));
            }
        }
        for LatencyLimit { quantile, limit } in &self.latency {
            if !(*quantile > 0.0 && *quantile <= 1.0) {
                return Err(Error::invalid("latency quantile", quantile, "above 0 and at most 1"));
            }
            if limit.is_zero() {
                return Err(Error::invalid("latency limit", "0", "a positive time"));
            }
        }
        if self.minimum_requests == 0 {
            return Err(Error::invalid("minimum requests", 0, "at least 1"));
        }
        if self.lookback.is_zero() {
            return Err(Error::invalid("lookback", "0", "a positive time"));
        }
        if let Some(chance) = self.by_chance
            && !(chance > 0.0 && chance < 1.0)
        {
            return Err(Error::invalid("by chance", chance, "a probability above 0, below 1"));
        }
        if self.no_data_by_metric.is_empty() {
            return Ok(());
        }
        let metrics = self.metrics();
        match self.no_data_by_metric.keys().find(|name| !metrics.contains(name)) {
            Some(unknown) => {
                Err(Error::invalid("metric of a no-data policy", unknown, metrics.join(", ")))
            }
            None => Ok(()),
        }
    }

    /// The names of the metrics that are judged.
    fn metrics(&self) -> Vec<String> {
        let nothing = Observation::missing(Subject::environment(""), Window::empty(Timestamp::MIN));
        self.findings(&nothing).into_iter().map(|finding| finding.metric.into_owned()).collect()
    }

    fn finding(
        &self,
        (metric, unit, scale): (impl Into<Cow<'static, str>>, &'static str, f64),
        value: Option<f64>,
        limit: f64,
        samples: u64,
        enough: bool,
    ) -> Finding {
        let metric = metric.into();
        // A value that is no number, or below zero, is no data; it never holds.
        let value = value.filter(|value| (value * scale).is_finite() && *value >= 0.0);
        let result = match value {
            Some(value) if enough && value > limit => FindingResult::Broken,
            Some(_) if enough => FindingResult::Holds,
            _ => match self.no_data_by_metric.get(&*metric).unwrap_or(&self.no_data) {
                NoData::Hold => FindingResult::Missing,
                NoData::Fail => FindingResult::Broken,
                NoData::Ignore => FindingResult::Ignored,
            },
        };
        Finding {
            metric,
            value: value.map(|value| value * scale),
            limit: limit * scale,
            unit: unit.into(),
            samples,
            result,
            detail: String::new(),
        }
    }

    /// A limit that is broken by so few requests that it may be by chance is not known. `share` is that of the requests that are
    /// beyond it for certain, `limit` the share that may be.
    fn doubted(&self, mut finding: Finding, share: Option<f64>, limit: f64) -> Finding {
        let (Some(chance), Some(share)) = (self.by_chance, share) else { return finding };
        if finding.result != FindingResult::Broken || finding.samples < self.minimum_requests {
            return finding;
        }
        if share <= limit {
            finding.result = FindingResult::Holds;
            finding.detail = "above the limit by less than the width of a bucket".to_owned();
            return finding;
        }
        let evidence = finding.samples as f64 * divergence(share.min(1.0), limit);
        if evidence < -chance.ln() {
            finding.result = FindingResult::Missing;
            finding.detail = "above the limit, and that may be by chance".to_owned();
        }
        finding
    }

    /// What is judged: the newest part of the step, or all of it.
    fn looked_at<'a>(&self, step: &Step, seen: &'a [Comparison]) -> Option<&'a Observation> {
        let newest = about(recent(step, self.lookback), seen.first()?.whole())?;
        let whole = seen.get(1).and_then(|seen| about(whole(step), seen.whole()));
        let is_slow = |whole: &&Observation| {
            let times = newest.window.length().as_secs_f64() / whole.window.length().as_secs_f64();
            whole.requests.is_some_and(|all| all as f64 * times < self.minimum_requests as f64)
        };
        let few = newest.requests.is_some_and(|requests| requests > 0) && self.is_too_few(newest);
        Some(whole.filter(is_slow).filter(|_| few).unwrap_or(newest))
    }

    fn is_too_few(&self, seen: &Observation) -> bool {
        seen.requests.is_some_and(|requests| requests < self.minimum_requests)
    }

    fn findings(&self, seen: &Observation) -> Vec<Finding> {
        let requests = seen.requests.unwrap_or(0);
        let enough = requests >= self.minimum_requests;
        // Where one kind of failure is unknown, the other may be too much already.
        let at_least = seen.error_rate_at_least();
        let at_least = at_least.filter(|rate| *rate > self.error_rate);
        let rate = seen.error_rate().or(at_least);
        let errors =
            self.finding(("error rate", "%", SHARE), rate, self.error_rate, requests, enough);
        let mut findings = vec![self.doubted(errors, rate, self.error_rate)];
        if let Some(limit) = self.client_error_rate {
            let metric = ("client error rate", "%", SHARE);
            let rate = seen.client_error_rate();
            let finding = self.finding(metric, rate, limit, requests, enough);
            findings.push(self.doubted(finding, rate, limit));
        }
        for LatencyLimit { quantile, limit } in &self.latency {
            let histogram = seen.latency.as_ref();
            let samples = histogram.map_or(0, Histogram::count);
            let value = histogram.and_then(|histogram| histogram.quantile(*quantile));
            let finding = self.finding(
                (format!("{} latency", percentile(*quantile)), "ms", 1000.0),
                value.map(|value| value.as_secs_f64()),
                limit.as_secs_f64(),
                samples,
                samples >= self.minimum_requests,
            );
            let slow = histogram.map(|histogram| histogram.count_above(*limit) as f64);
            let slow = slow.filter(|_| samples > 0).map(|slow| slow / samples as f64);
            findings.push(self.doubted(finding, slow, 1.0 - quantile));
        }
        let saturation = [
            ("cpu use", seen.saturation.cpu, self.cpu),
            ("memory use", seen.saturation.memory, self.memory),
        ];
        for (metric, value, limit) in saturation {
            if let Some(limit) = limit {
                findings.push(self.finding((metric, "%", SHARE), value, limit, 1, true));
            }
        }
        if let Some(limit) = self.unhealthy_targets {
            let all = seen
                .targets
                .map_or(0, |targets| u64::from(targets.healthy) + u64::from(targets.unhealthy));
            let unhealthy = seen.targets.map(|targets| f64::from(targets.unhealthy));
            let metric = ("unhealthy targets", "targets", 1.0);
            findings.push(self.finding(metric, unhealthy, f64::from(limit), all, all > 0));
        }
        findings
    }
}

impl Gate for AbsolutePolicy {
    fn name(&self) -> String {
        "absolute".to_owned()
    }

    fn windows(&self, step: &Step, carried: &Carried) -> Vec<Window> {
        let newest = recent(step, self.lookback);
        let whole = Some(whole(step)).filter(|whole| carried.0 == TOO_FEW && *whole != newest);
        std::iter::once(newest).chain(whole).collect()
    }

    fn judge(&self, step: &Step, seen: &[Comparison], carried: &Carried) -> Judgement {
        let verdict = match (self.check(), self.looked_at(step, seen)) {
            (Err(error), _) => Verdict::unusable(&error),
            (Ok(()), Some(seen)) => Verdict::of(self.findings(seen)),
            (Ok(()), None) => {
                let window = recent(step, self.lookback);
                let nothing = Observation::missing(Subject::environment(""), window);
                Verdict::of(self.findings(&nothing))
            }
        };
        let settled = verdict.is_pass();
        let newest = seen.first().map(Comparison::whole);
        let carried = match newest.is_some_and(|newest| self.is_too_few(newest)) {
            _ if !self.reaches_back => carried.clone(),
            true => Carried(Value::from(TOO_FEW)),
            false => Carried::default(),
        };
        Judgement { settled, ..Judgement::new(verdict, carried, covered(step, seen)) }
    }
}

/// A quantile as it is spoken of: 0.99 is `p99`, 0.999 is `p99.9`.
pub(super) fn percentile(quantile: f64) -> String {
    // What the product of two floats adds behind the sixth digit was not written by anybody.
    format!("p{}", (quantile * 1e8).round() / 1e6)
}
