//! From series to an observation, purely.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::increase::{Counter, increase, whole};
use super::queries::{Count, Latency, PrometheusQueries, Selector};
use super::scrapes::{Instance, Scraped, Span, time};
use super::{NativeSample, Sample, Series};
use crate::{Errors, Histogram, Observation, Saturation, Subject, Targets, Window};

/// What is known of a subject.
pub(super) struct Known<'a> {
    pub(super) queries: &'a PrometheusQueries,
    pub(super) span: Span,
    pub(super) scraped: &'a Scraped,
    /// All series about the subject.
    pub(super) series: &'a [Series],
    /// The same as they were last before that, for targets that were not scraped at the beginning.
    pub(super) earlier: &'a [Series],
}

impl Known<'_> {
    /// The observation; `None` where there is no series of requests.
    ///
    /// # Errors
    /// Why it is known only in part, or makes no sense.
    pub(super) fn observation(
        &self,
        subject: &Subject,
        window: Window,
    ) -> Result<Option<Observation>, String> {
        self.no_stranger()?;
        let queries = self.queries;
        let requests = self.grown::<Sample>(&queries.requests, &queries.class_labels())?;
        if requests.is_empty() {
            return Ok(None);
        }
        self.told_apart(requests.iter().flatten().map(|(series, _)| *series))?;
        let counted = |wanted: &dyn Fn(&Series) -> bool, what: &str| {
            let grown = requests.iter().flatten().filter(|(series, _)| wanted(series));
            whole(grown.map(|(_, grown)| grown.value).sum(), what)
        };
        let all = counted(&|_| true, &queries.requests.metric)?;
        let class = |count: &Count| match count {
            Count::Unknown => Ok(None),
            Count::Never => Ok(Some(0)),
            Count::Among(matchers) => {
                let among = |series: &Series| matchers.iter().all(|one| one.matches(series));
                counted(&among, &queries.requests.metric).map(Some)
            }
            Count::Of(selector) => {
                let grown = self.grown::<Sample>(selector, &[])?;
                let sum = grown.iter().flatten().map(|(_, grown)| grown.value).sum();
                let known = !grown.is_empty();
                whole(sum, &selector.metric).map(|sum| known.then_some(sum))
            }
        };
        let (healthy, unhealthy) = (self.gauge(&queries.healthy)?, self.gauge(&queries.unhealthy)?);
        let targets = match (total(healthy, "healthy")?, total(unhealthy, "unhealthy")?) {
            (Some(healthy), Some(unhealthy)) => Some(Targets { healthy, unhealthy }),
            _ => None,
        };
        let mean = |values: Vec<f64>| {
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        Ok(Some(Observation {
            subject: subject.clone(),
            window,
            requests: Some(all),
            errors: Errors {
                client: class(&queries.client)?,
                server: class(&queries.server)?,
                balancer: class(&queries.balancer)?,
            },
            latency: self.latency()?,
            saturation: Saturation {
                cpu: mean(self.gauge(&queries.cpu)?),
                memory: mean(self.gauge(&queries.memory)?),
            },
            targets,
            provenance: None,
        }))
    }

    /// All series of requests must have the labels by which their kinds are told apart: where the label has another name, there
    /// would be no failures whatever happens.
    fn told_apart<'a>(
        &self,
        requests: impl Iterator<Item = &'a Series> + Clone,
    ) -> Result<(), String> {
        for (field, matcher) in self.queries.kinds().filter(|(_, matcher)| matcher.needs_label()) {
            let label = matcher.label();
            let has = |series: &Series| series.label(label).is_some_and(|value| !value.is_empty());
            if let Some(lacking) = requests.clone().find(|series| !has(series)) {
                let labels = requests.flat_map(|series| &series.labels);
                let labels: BTreeSet<_> = labels.map(|(name, _)| name.as_str()).collect();
                let labels: Vec<_> =
                    labels.into_iter().filter(|name| *name != "__name__").collect();
                return Err(format!(
                    "{lacking} has no label {label}, by which PrometheusQueries::{field} tells requests apart; \
                     the labels of requests are: {}",
                    labels.join(", ")
                ));
            }
        }
        Ok(())
    }

    /// Everything must come from a target whose scrapes are known, at the times of its scrapes: else half of what there
    /// is would be taken for all.
    fn no_stranger(&self) -> Result<(), String> {
        let queries = self.queries;
        for series in self.series {
            if !queries.selectors().any(|selector| selector.matches(series)) {
                continue;
            }
            let samples = series.samples.iter().map(|sample| sample.at);
            let samples = samples.chain(series.histograms.iter().map(|sample| sample.at));
            let mut samples =
                samples.filter(|at| *at >= self.scraped.from && *at <= self.span.to).peekable();
            if samples.peek().is_none() {
                continue;
            }
            let Some(instance) = self.instance(series) else {
                let scrapes = &queries.scrapes.metric;
                return Err(format!("{series} comes from a target of which no {scrapes} is known"));
            };
            let first = instance.base.or(instance.times.first().copied()).unwrap_or(i64::MAX);
            let mut after = samples.filter(|at| *at >= first);
            let known =
                |at: &i64| Some(*at) == instance.base || instance.times.binary_search(at).is_ok();
            if let Some(at) = after.find(|at| !known(at)) {
                return Err(format!(
                    "{series} has a sample at {}, when its target was not scraped: times of its own can't be read",
                    time(at)
                ));
            }
        }
        Ok(())
    }

    /// The target that a series comes from: the one with the most labels in common.
    fn instance(&self, series: &Series) -> Option<&Instance> {
        let fitting = self.scraped.instances.iter().filter(|instance| instance.has(series));
        fitting.max_by_key(|instance| instance.labels.len())
    }

    /// By how much the series of a selector grew, family by family: those that differ only in the labels `apart`.
    fn grown<C: Counter>(
        &self,
        selector: &Selector,
        apart: &[&str],
    ) -> Result<Vec<Vec<(&Series, C)>>, String> {
        let mut families: BTreeMap<Vec<(&str, &str)>, Vec<&Series>> = BTreeMap::new();
        for series in self.series.iter().filter(|series| selector.matches(series)) {
            let labels = series.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let key = labels.filter(|(name, _)| !apart.contains(name)).collect();
            families.entry(key).or_default().push(series);
        }
        let mut all = Vec::new();
        for family in families.values() {
            let Some(instance) = family.first().and_then(|series| self.instance(series)) else {
                continue;
            };
            let grown = increase(family, instance, &self.span, |series| self.earlier(series))?;
            let grown = family.iter().zip(grown);
            let grown: Vec<_> =
                grown.filter_map(|(series, grown)| Some((*series, grown?))).collect();
            if !grown.is_empty() {
                all.push(grown);
            }
        }
        Ok(all)
    }

    /// What a series was before the time that was asked about, unless it was nothing.
    fn earlier<C: Counter>(&self, series: &Series) -> Option<C> {
        let same = |one: &&Series| one.labels == series.labels;
        let held = self.earlier.iter().find(same)?;
        let last = held.samples.last().map(|sample| sample.at);
        let last = last.max(held.histograms.last().map(|sample| sample.at))?;
        C::at(held, last).cloned()
    }

    fn latency(&self) -> Result<Option<Histogram>, String> {
        match &self.queries.latency {
            Latency::Unknown => Ok(None),
            Latency::Classic { buckets, unit, longest } => {
                let grown = self.grown::<Sample>(buckets, &["le"])?;
                let mut histogram = Histogram::new();
                for family in &grown {
                    classic(family, *unit, *longest, &mut histogram)?;
                }
                Ok((!grown.is_empty()).then_some(histogram))
            }
            Latency::Native { histogram: selector, unit } => {
                let grown = self.grown::<NativeSample>(selector, &[])?;
                let mut histogram = Histogram::new();
                for (series, sample) in grown.iter().flatten() {
                    native(series, sample, *unit, &mut histogram)?;
                }
                Ok((!grown.is_empty()).then_some(histogram))
            }
        }
    }

    /// The values of a gauge at the end, one of each series that is still there.
    fn gauge(&self, selector: &Option<Selector>) -> Result<Vec<f64>, String> {
        let Some(selector) = selector else { return Ok(Vec::new()) };
        let mut values = Vec::new();
        for series in self.series.iter().filter(|series| selector.matches(series)) {
            let last = self.instance(series).and_then(|instance| instance.last(&self.span));
            let Some(sample) = last.and_then(|at| Sample::at(series, at)) else { continue };
            if let Some(problem) = sample.problem() {
                return Err(format!("{series} {problem} at {}", time(sample.at)));
            }
            values.push(sample.value);
        }
        Ok(values)
    }
}

fn total(values: Vec<f64>, what: &str) -> Result<Option<u32>, String> {
    if values.is_empty() {
        return Ok(None);
    }
    let sum: f64 = values.iter().sum();
    match sum.fract() == 0.0 && sum <= f64::from(u32::MAX) {
        true => Ok(Some(sum as u32)),
        false => Err(format!("the number of {what} targets is {sum}")),
    }
}

/// Puts the buckets of one classic histogram into ours, each request at the upper end of its bucket: no quantile is too low.
fn classic(
    family: &[(&Series, Sample)],
    unit: Duration,
    longest: Duration,
    into: &mut Histogram,
) -> Result<(), String> {
    let mut buckets = Vec::with_capacity(family.len());
    for (series, grown) in family {
        let bound = series.label("le").and_then(|text| text.parse::<f64>().ok());
        let bound = bound.filter(|bound| !bound.is_nan());
        let bound = bound.ok_or_else(|| format!("{series} has no bound le that is a number"))?;
        buckets.push((bound, whole(grown.value, &series.to_string())?));
    }
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    if buckets.last().is_none_or(|(bound, _)| *bound != f64::INFINITY) {
        return Err(format!("{} and the other buckets lack le=\"+Inf\"", family[0].0));
    }
    let mut below = 0;
    for (bound, within) in buckets {
        let count = within.checked_sub(below);
        let count = count.ok_or_else(|| {
            format!("the buckets of {} contradict each other at le={bound}", family[0].0)
        })?;
        below = within;
        let upper = if bound == f64::INFINITY { longest } else { length(bound, unit)? };
        into.record_many(upper, count);
    }
    Ok(())
}

/// The same for a native histogram.
fn native(
    series: &Series,
    grown: &NativeSample,
    unit: Duration,
    into: &mut Histogram,
) -> Result<(), String> {
    let all = whole(grown.count, &series.to_string())?;
    let mut counted = 0;
    for bucket in &grown.buckets {
        let count = whole(bucket.count, &series.to_string())?;
        into.record_many(length(bucket.upper, unit)?, count);
        counted += count;
    }
    // Observations of NaN are in the count and in no bucket.
    match counted == all {
        true => Ok(()),
        false => Err(format!("the buckets of {series} hold {counted} of {all} requests")),
    }
}

fn length(bound: f64, unit: Duration) -> Result<Duration, String> {
    let length = Duration::try_from_secs_f64(bound * unit.as_secs_f64());
    length.map_err(|_| format!("{bound} is no bound of a latency"))
}
