//! What is drawn: counts and latencies in even buckets of time, limits and phases. In seconds since the start.

use jiff::Timestamp;
use petswipe_deploy::{Report, TrafficPoint};
use petswipe_monitor::Finding;

use super::facts::{Facts, Shares};
use super::text;

/// So many buckets at most: about one per three pixels of the widest chart.
const BUCKETS: f64 = 240.0;

/// What users saw of one version in one bucket.
#[derive(Clone, Copy, Default)]
pub(super) struct Bucket {
    pub(super) requests: u64,
    pub(super) failed: u64,
    /// Mean of the medians of its seconds by requests, in milliseconds.
    pub(super) p50: Option<f64>,
    /// Of its worst second, in milliseconds.
    pub(super) p99: Option<f64>,
}

/// Traffic in even buckets.
pub(super) struct Traffic {
    /// When the first bucket begins.
    pub(super) from: f64,
    /// How long each is: whole seconds.
    pub(super) step: f64,
    /// By version, in the order of [`Facts::versions`]; `None` where it got no requests.
    pub(super) versions: Vec<Vec<Option<Bucket>>>,
}

/// A part of the time with a name.
pub(super) struct Phase {
    pub(super) from: f64,
    pub(super) to: f64,
    /// From long to short: the longest that fits is shown.
    pub(super) labels: Vec<String>,
    /// `stage`, or what is before and after them.
    pub(super) is_stage: bool,
}

/// Value and limit of one metric as the checks saw them: `(seconds, value, limit)`.
pub(super) struct Measured {
    pub(super) metric: String,
    pub(super) points: Vec<(f64, Option<f64>, f64)>,
}

/// Seconds since the rollout began.
pub(super) fn seconds(report: &Report, at: Timestamp) -> f64 {
    at.duration_since(report.started_at).as_secs_f64()
}

/// First and last moment that is drawn.
pub(super) fn extent(report: &Report) -> (f64, f64) {
    let points = report.traffic.iter().flat_map(|traffic| &traffic.series);
    let times = points.map(|point| seconds(report, point.at));
    let (low, high) = times.fold((0.0_f64, seconds(report, report.finished_at)), |(a, b), time| {
        (a.min(time), b.max(time + 1.0))
    });
    // A counted second that the start is in began before it; that is no reason to begin the axis earlier.
    let low = if low > -1.0 { 0.0 } else { low };
    (low, if high > low { high } else { low + 1.0 })
}

impl Traffic {
    /// `None` without a series.
    pub(super) fn of(facts: &Facts<'_>) -> Option<Self> {
        let report = facts.report;
        let series = &report.traffic.as_ref()?.series;
        let time = |point: &TrafficPoint| seconds(report, point.at);
        let from = series.iter().map(time).min_by(f64::total_cmp)?;
        let to = series.iter().map(time).max_by(f64::total_cmp)? + 1.0;
        let steps = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
        let wanted = (to - from) / BUCKETS;
        let step = steps.into_iter().find(|step| *step >= wanted).unwrap_or(wanted.ceil());
        let count = ((to - from) / step).ceil() as usize;
        let mut versions = vec![vec![None; count]; facts.versions.len()];
        for point in series {
            let version = facts.versions.iter().position(|name| *name == point.version);
            let index = ((time(point) - from) / step + 1e-6) as usize;
            let Some(slot) = version.and_then(|version| versions[version].get_mut(index)) else {
                continue;
            };
            slot.get_or_insert_with(Bucket::default).add(point);
        }
        Some(Self { from, step, versions })
    }

    /// Begin and end of a bucket.
    pub(super) fn span(&self, index: usize) -> (f64, f64) {
        let from = self.from + self.step * index as f64;
        (from, from + self.step)
    }

    pub(super) fn len(&self) -> usize {
        self.versions.first().map_or(0, Vec::len)
    }

    pub(super) fn bucket(&self, version: usize, index: usize) -> Bucket {
        let row = self.versions.get(version);
        row.and_then(|row| row.get(index).copied().flatten()).unwrap_or_default()
    }
}

impl Bucket {
    fn add(&mut self, point: &TrafficPoint) {
        let known = |value: f64| (value.is_finite() && value > 0.0).then_some(value);
        if let Some(p50) = known(point.p50_ms) {
            let (old, new) = (self.requests as f64, point.requests.max(1) as f64);
            self.p50 = Some(self.p50.map_or(p50, |p| (p * old + p50 * new) / (old + new)));
        }
        if let Some(p99) = known(point.p99_ms) {
            self.p99 = Some(self.p99.map_or(p99, |worst| worst.max(p99)));
        }
        self.requests += point.requests;
        self.failed += point.failed;
    }

    /// In percent.
    pub(super) fn error_rate(&self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.failed as f64 * 100.0 / self.requests as f64 }
    }
}

/// Who had which share from when to when.
pub(super) fn shares<'a>(facts: &'a Facts<'_>, end: f64) -> Vec<(f64, f64, &'a Shares)> {
    let starts = facts.weights.iter().map(|(at, shares)| (seconds(facts.report, *at), shares));
    let starts: Vec<_> = starts.collect();
    let ends = starts.iter().skip(1).map(|(at, _)| *at).chain([end]);
    starts.iter().zip(ends).map(|((from, shares), to)| (*from, to.max(*from), *shares)).collect()
}

/// The stages, and what was before and after them.
pub(super) fn phases(report: &Report) -> Vec<Phase> {
    let end = seconds(report, report.finished_at);
    let mut phases = Vec::new();
    for stage in &report.stages {
        let to = stage.ended_at.map_or(end, |ended| seconds(report, ended));
        let (name, weight) = (text::short(&stage.name, 24), stage.weight.to_string());
        let short = if name.starts_with("stage ") { weight.clone() } else { name.clone() };
        let tight = weight.replace(' ', "");
        let labels = vec![format!("{name} · {weight}"), short, weight, tight];
        let from = seconds(report, stage.started_at);
        phases.push(Phase { from, to, labels, is_stage: true });
    }
    let around = |from: f64, to: f64, labels: &[&str]| Phase {
        from,
        to,
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        is_stage: false,
    };
    let (Some(first), Some(last)) = (phases.first(), phases.last()) else {
        return vec![around(0.0, end, &["no stage was begun"])];
    };
    let after = match report.outcome.as_str() {
        "promoted" => around(last.to, end, &["clean up"]),
        "rolled-back" | "aborted" => around(last.to, end, &["way back", "back"]),
        _ => around(last.to, end, &[]),
    };
    let rolling: &[&str] = &["replace tasks", "replace"];
    let before = if report.strategy == "rolling" { rolling } else { &["prepare"] };
    let before = around(0.0, first.from, before);
    phases.insert(0, before);
    phases.push(after);
    phases
}

/// What the checks measured, by metric in order of appearance, for those findings that are `wanted`.
pub(super) fn measured(report: &Report, wanted: impl Fn(&Finding) -> bool) -> Vec<Measured> {
    let mut metrics = Vec::<Measured>::new();
    for check in &report.checks {
        let at = seconds(report, check.at);
        for finding in check.evidence.iter().filter(|f| wanted(f) && f.limit.is_finite()) {
            let value = finding.value.filter(|value| value.is_finite());
            let known = metrics.iter().position(|known| known.metric == finding.metric);
            let index = known.unwrap_or_else(|| {
                metrics.push(Measured { metric: finding.metric.to_string(), points: Vec::new() });
                metrics.len() - 1
            });
            metrics[index].points.push((at, value, finding.limit));
        }
    }
    metrics
}
