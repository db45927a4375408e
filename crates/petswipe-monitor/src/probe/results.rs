//! Runs as metrics.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Check, Pace, Paced, Run};
use crate::{Error, Errors, Histogram, MetricSource, Observation, Subject, Window};

/// What came of the runs of some checks: a source whose subjects are the checks, and text for Prometheus.
///
/// Its periods are as long as the longest interval of the checks, and a run belongs to that in which it began. One without a run
/// is not measured, however well those around it went. A run is one request, which failed as one of the server if it was answered
/// and as one of the balancer if not; its latency is how long all steps took.
pub struct Results {
    period: Duration,
    lag: Duration,
    kept: usize,
    checks: Mutex<BTreeMap<String, Known>>,
}

#[derive(Default)]
struct Known {
    check: Option<Check>,
    periods: BTreeMap<Timestamp, Observation>,
    pace: Pace,
    paced: Option<Paced>,
    last: Option<Run>,
    passed: u64,
    failed: u64,
}

impl Results {
    /// Nothing yet. As much is kept as there is in `keep`.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] without checks, for two of the same name, and for what [`Check::validate`] refuses.
    pub fn new(checks: &[Check], keep: Duration) -> Result<Self, Error> {
        checks.iter().try_for_each(Check::validate)?;
        let known = checks.iter().map(|check| {
            (check.name.as_str(), Known { check: Some(check.clone()), ..Known::default() })
        });
        let known = by_name("check", known)?;
        let longest = |of: fn(&Check) -> Duration| checks.iter().map(of).max();
        let (Some(period), Some(lag)) =
            (longest(|check| check.every), longest(|check| check.timeout))
        else {
            return Err(Error::invalid("checks", "none", "at least one"));
        };
        Ok(Self::known(known, period, lag, keep))
    }

    /// For the canaries of [`Canaries`](super::Canaries), by name: each is expected to run `every` so often, and to be over within
    /// `timeout`. As much is kept as there is in `keep`.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] without names, for one twice, and for an interval of 0.
    pub fn of_canaries(
        names: &[String],
        every: Duration,
        timeout: Duration,
        keep: Duration,
    ) -> Result<Self, Error> {
        if every.is_zero() {
            return Err(Error::invalid("interval of the canaries", "0 s", "a positive time"));
        }
        let known = by_name("canary", names.iter().map(|name| (name.as_str(), Known::default())))?;
        if known.is_empty() {
            return Err(Error::invalid("canaries", "none", "at least one"));
        }
        Ok(Self::known(known, every, timeout, keep))
    }

    fn known(
        known: BTreeMap<String, Known>,
        period: Duration,
        lag: Duration,
        keep: Duration,
    ) -> Self {
        let kept = (keep.as_nanos() / period.as_nanos().max(1)).max(1);
        let kept = usize::try_from(kept).unwrap_or(usize::MAX);
        Self { period, lag, kept, checks: Mutex::new(known) }
    }

    /// Takes a run in, and says how fast it was if its check has a [`Baseline`](super::Baseline). The same run of a canary counts
    /// once.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a run of a check that is not one of these.
    pub fn record(&self, run: &Run) -> Result<Option<Paced>, Error> {
        let mut checks = self.checks();
        let known = checks.get_mut(&run.check).ok_or_else(|| unknown(&run.check))?;
        // Who asks for the last run of a canary gets the same one until there is another.
        let is_canary = known.check.is_none();
        if is_canary && known.last.as_ref().is_some_and(|last| run.started <= last.started) {
            return Ok(None);
        }
        let failed = run.failure();
        match failed {
            Some(_) => known.failed += 1,
            None => known.passed += 1,
        }
        let count = |is: bool| Some(u64::from(is));
        let answered = failed.map(|step| step.status.is_some());
        let mut latency = Histogram::new();
        latency.record(run.took);
        let one = Observation {
            requests: Some(1),
            errors: Errors {
                client: Some(0),
                server: count(answered == Some(true)),
                balancer: count(answered == Some(false)),
            },
            latency: Some(latency),
            ..Observation::missing(Subject::environment(&run.check), self.period_of(run.started))
        };
        let from = one.window.from;
        known.periods.entry(from).and_modify(|sum| sum.add_counts(&one)).or_insert(one);
        while known.periods.len() > self.kept {
            known.periods.pop_first();
        }
        let baseline = known.check.as_ref().and_then(|check| check.baseline);
        let paced = baseline.and_then(|baseline| known.pace.add(&baseline, run));
        known.paced = paced.or(known.paced);
        known.last = Some(run.clone());
        Ok(paced)
    }

    /// How fast each check was so far, by name; those of checks with a baseline. For whoever keeps it between programs.
    pub fn paces(&self) -> BTreeMap<String, Pace> {
        let checks = self.checks();
        let has_baseline =
            |known: &Known| known.check.as_ref().is_some_and(|check| check.baseline.is_some());
        let with = checks.iter().filter(|(_, known)| has_baseline(known));
        with.map(|(name, known)| (name.clone(), known.pace.clone())).collect()
    }

    /// Goes on from how fast a check was before.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a check that is not one of these.
    pub fn go_on(&self, check: &str, pace: Pace) -> Result<(), Error> {
        let mut checks = self.checks();
        checks.get_mut(check).ok_or_else(|| unknown(check))?.pace = pace;
        Ok(())
    }

    /// The last run of each check that ran, by name.
    pub fn last(&self) -> Vec<Run> {
        self.checks().values().filter_map(|known| known.last.clone()).collect()
    }

    /// All of it in the text format of Prometheus, with the names that its blackbox exporter made usual.
    ///
    /// Source: "Exposition formats", Prometheus documentation.
    pub fn prometheus_text(&self) -> String {
        let checks = self.checks();
        let mut text = String::new();
        let mut family =
            |name: &str,
             kind: &str,
             help: &str,
             value: &dyn Fn(&Known) -> Vec<(&'static str, f64)>| {
                // Writing into a text never fails.
                let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
                for (check, known) in checks.iter() {
                    for (labels, value) in value(known) {
                        let _ = writeln!(text, "{name}{{check=\"{check}\"{labels}}} {value}");
                    }
                }
            };
        let of_last = |known: &Known, value: fn(&Run) -> f64| {
            known.last.iter().map(|run| ("", value(run))).collect()
        };
        family("petswipe_probe_success", "gauge", "Whether the last run passed.", &|known| {
            of_last(known, |run| if run.failure().is_none() { 1.0 } else { 0.0 })
        });
        family(
            "petswipe_probe_duration_seconds",
            "gauge",
            "How long the last run took.",
            &|known| of_last(known, |run| run.took.as_secs_f64()),
        );
        let help = "When the last run began.";
        family("petswipe_probe_last_run_timestamp_seconds", "gauge", help, &|known| {
            of_last(known, |run| run.started.as_millisecond() as f64 / 1000.0)
        });
        let help = "Whether it became slower than its baseline.";
        family("petswipe_probe_slow", "gauge", help, &|known| {
            let slow = |paced: &Paced| matches!(paced, Paced::Slow { .. });
            known.paced.iter().map(|paced| ("", if slow(paced) { 1.0 } else { 0.0 })).collect()
        });
        family("petswipe_probe_runs_total", "counter", "Runs by their result.", &|known| {
            let (passed, failed) = (known.passed as f64, known.failed as f64);
            vec![(",result=\"passed\"", passed), (",result=\"failed\"", failed)]
        });
        text
    }

    fn checks(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn period_of(&self, at: Timestamp) -> Window {
        let length = self.period.as_nanos().max(1) as i128;
        let from = at.as_nanosecond().div_euclid(length) * length;
        let time = |nanos| Timestamp::from_nanosecond(nanos).unwrap_or(at);
        Window { from: time(from), to: time(from + length) }
    }
}

/// All of one kind by their names, each of which is there once.
fn by_name<'a>(
    kind: &str,
    all: impl Iterator<Item = (&'a str, Known)>,
) -> Result<BTreeMap<String, Known>, Error> {
    let mut known = BTreeMap::new();
    for (name, one) in all {
        if known.insert(name.to_owned(), one).is_some() {
            let (field, found) = (format!("name of the {kind}"), format!("`{name}`, twice"));
            return Err(Error::invalid(field, found, format!("one for each {kind}")));
        }
    }
    Ok(known)
}

fn unknown(check: &str) -> Error {
    Error::NotFound { what: format!("a check named `{check}`") }
}

#[async_trait]
impl MetricSource for Results {
    async fn observe(
        &self,
        subject: &Subject,
        window: Window,
        now: Timestamp,
    ) -> Result<Observation, Error> {
        let closed = window.closed(self.period, self.lag, now);
        let checks = self.checks();
        let known = checks.get(&subject.environment).filter(|_| subject.revision.is_none());
        let known = known.ok_or_else(|| unknown(&subject.to_string()))?;
        // A range that ends before it begins is none of a map.
        let inside = known.periods.range(closed.from..closed.to.max(closed.from));
        let sum = inside.map(|(_, seen)| seen.clone()).reduce(Observation::then);
        let sum = sum.filter(|sum| sum.window == closed);
        Ok(sum.unwrap_or_else(|| Observation::missing(subject.clone(), closed)))
    }

    fn resolution(&self) -> Duration {
        self.period
    }

    fn lag(&self) -> Duration {
        self.lag
    }

    fn name(&self) -> String {
        "synthetic checks".to_owned()
    }
}

impl fmt::Debug for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Results")
            .field("period", &self.period)
            .field("lag", &self.lag)
            .finish_non_exhaustive()
    }
}
