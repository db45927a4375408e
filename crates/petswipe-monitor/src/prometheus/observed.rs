//! From series to an observation, purely.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::increase::{Counter, increase, whole};
use super::queries::{Count, Latency, PrometheusQueries, Selector};
use super::scrapes::{Gone, Instance, Scraped, Span, time, whole as whole_part};
use super::{NativeSample, Sample, Series};
use crate::{Errors, Histogram, Observation, Saturation, Subject, Targets, Window};

/// Targets, each by where it is kept.
type Telling = BTreeSet<*const Instance>;

/// What is known of a subject.
pub(super) struct Known<'a> {
    pub(super) subject: &'a Subject,
    pub(super) queries: &'a PrometheusQueries,
    pub(super) span: Span,
    pub(super) scraped: &'a Scraped,
    /// All series about the subject.
    pub(super) series: &'a [Series],
    /// The same as they were last before that, for targets that were not scraped at the beginning.
    pub(super) earlier: &'a [Series],
    /// For targets that were never scraped in all that time: whether they ever were before, within the memory.
    pub(super) ever: &'a [Series],
}

impl Known<'_> {
    /// The first part of the window that is measured as a whole, on all targets that are the subject's; `None` if there is
    /// none.
    ///
    /// # Errors
    /// What is wrong with the scrapes of one of them.
    pub(super) fn whole(&self) -> Result<Option<(i64, i64)>, String> {
        let odd = |instance: &&Instance| instance.trouble.is_some() || instance.gone.is_some();
        let odd: Vec<_> = self.scraped.instances.iter().filter(odd).collect();
        let mut telling = Telling::new();
        if !odd.is_empty() {
            let selects =
                |series: &&Series| self.queries.selectors().any(|one| one.matches(series));
            let series = self.series.iter().chain(self.earlier).filter(selects);
            telling.extend(series.filter_map(|one| self.instance(one)).map(std::ptr::from_ref));
        }
        let (mut holes, mut late) = (Vec::new(), None);
        for instance in odd.into_iter().filter(|instance| self.concerns(instance, &telling)) {
            match (&instance.trouble, instance.late) {
                (None, _) => {}
                (Some(trouble), None) => return Err(trouble.clone()),
                (Some(trouble), Some(last)) => {
                    holes.push((last, i64::MAX));
                    late.get_or_insert(trouble);
                }
            }
            if let Some(gone) = instance.gone.filter(|gone| !self.was_drained(instance, gone)) {
                holes.push((gone.last[1].unwrap_or(i64::MIN), gone.by));
            }
        }
        match (whole_part(&self.span, self.scraped.from, &holes), late) {
            (None, Some(trouble)) => Err(trouble.clone()),
            (whole, _) => Ok(whole),
        }
    }

    /// Whether a target may be one of the subject's.
    fn concerns(&self, instance: &Instance, telling: &Telling) -> bool {
        let queries = self.queries;
        let revision = queries.revision_label.as_ref().zip(self.subject.revision.as_ref());
        let own = [Some((&queries.environment_label, &self.subject.environment)), revision];
        let mut own = own.into_iter().flatten().map(|(label, wanted)| {
            let found = instance.labels.iter().find(|(name, _)| name == label);
            found.map(|(_, value)| value == wanted)
        });
        if own.clone().any(|is_own| is_own == Some(false)) {
            return false;
        }
        if own.all(|is_own| is_own == Some(true)) {
            return true;
        }
        if telling.contains(&std::ptr::from_ref(instance)) {
            return true;
        }
        // One that is scraped, or was within the memory, and told nothing of the subject, is another's. So is, for all
        // that can be known, one that came and went without ever being scraped.
        let was_scraped = self.ever.iter().any(|ever| {
            instance.has(ever) && ever.samples.iter().any(|sample| sample.value == 1.0)
        });
        instance.silent && instance.gone.is_none() && !was_scraped
    }

    /// Whether a target that is gone had no requests any more between its last two scrapes: then none are lost. Who is taken
    /// from behind a load balancer before it is stopped is so.
    fn was_drained(&self, instance: &Instance, gone: &Gone) -> bool {
        let [before, Some(last)] = gone.last else { return false };
        let counts = |series: &&Series| {
            let own = [&self.queries.client, &self.queries.server, &self.queries.balancer];
            let of = |count: &&Count| matches!(count, Count::Of(one) if one.matches(series));
            self.queries.requests.matches(series) || own.iter().any(of)
        };
        let is_it = |found: &Instance| std::ptr::eq(found, instance);
        let counted = self.series.iter().filter(counts);
        let own = counted.filter(|series| self.instance(series).is_some_and(is_it));
        let mut own = own.map(|series| {
            let at = |time| Sample::at(series, time).map_or(0.0, |sample| sample.value);
            before.map_or(0.0, at) == at(last)
        });
        own.all(|is_same| is_same)
    }

    /// The observation; `None` where there is no series of requests.
    ///
    /// # Errors
    /// Why it is known only in part, or makes no sense.
    pub(super) fn observation(&self, window: Window) -> Result<Option<Observation>, String> {
        self.no_stranger()?;
        let queries = self.queries;
        let requests = self.grown::<Sample>(&queries.requests, &queries.class_labels())?;
        if requests.is_empty() {
            return Ok(None);
        }
        let counting = |(series, _): &(&Series, Sample)| self.instance(series);
        let there: Vec<_> = requests.iter().flatten().filter_map(counting).collect();
        let served = requests.iter().flatten().filter(|(_, grown)| grown.value > 0.0);
        let active: Vec<_> = served.filter_map(counting).collect();
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
        let (healthy, unhealthy) =
            (self.gauge(&queries.healthy, &there)?, self.gauge(&queries.unhealthy, &there)?);
        let targets = match (total(healthy, "healthy")?, total(unhealthy, "unhealthy")?) {
            (Some(healthy), Some(unhealthy)) => Some(Targets { healthy, unhealthy }),
            _ => None,
        };
        let mean = |values: Vec<f64>| {
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        Ok(Some(Observation {
            subject: self.subject.clone(),
            window,
            requests: Some(all),
            errors: Errors {
                client: class(&queries.client)?,
                server: class(&queries.server)?,
                balancer: class(&queries.balancer)?,
            },
            latency: self.latency(&active)?,
            saturation: Saturation {
                cpu: mean(self.gauge(&queries.cpu, &there)?),
                memory: mean(self.gauge(&queries.memory, &there)?),
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

    /// Half of the targets do not stand for all: where some of those that count requests tell a metric, all of them must. Where
    /// none does, it is told by others, such as an exporter.
    fn by_all(metric: &str, counting: &[&Instance], telling: &Telling) -> Result<(), String> {
        let tells = |one: &Instance| telling.contains(&std::ptr::from_ref(one));
        if !counting.iter().any(|one| tells(one)) {
            return Ok(());
        }
        match counting.iter().find(|one| !tells(one)) {
            Some(silent) => {
                let labels = silent.labels.clone();
                let silent = Series { labels, ..Series::default() };
                Err(format!("{metric} is told by others and not by {silent}"))
            }
            None => Ok(()),
        }
    }

    /// The targets that families of series come from.
    fn telling<C>(&self, families: &[Vec<(&Series, C)>]) -> Telling {
        let first = families.iter().filter_map(|family| family.first());
        first.filter_map(|(series, _)| self.instance(series)).map(std::ptr::from_ref).collect()
    }

    /// The latency, which each of the targets that had requests must tell.
    fn latency(&self, active: &[&Instance]) -> Result<Option<Histogram>, String> {
        match &self.queries.latency {
            Latency::Unknown => Ok(None),
            Latency::Classic { buckets, unit, longest } => {
                let grown = self.grown::<Sample>(buckets, &["le"])?;
                Self::by_all(&buckets.metric, active, &self.telling(&grown))?;
                let mut histogram = Histogram::new();
                for family in &grown {
                    classic(family, *unit, *longest, &mut histogram)?;
                }
                Ok((!grown.is_empty()).then_some(histogram))
            }
            Latency::Native { histogram: selector, unit } => {
                let grown = self.grown::<NativeSample>(selector, &[])?;
                Self::by_all(&selector.metric, active, &self.telling(&grown))?;
                let mut histogram = Histogram::new();
                for (series, sample) in grown.iter().flatten() {
                    native(series, sample, *unit, &mut histogram)?;
                }
                Ok((!grown.is_empty()).then_some(histogram))
            }
        }
    }

    /// The values of a gauge at the end, one of each series that is still there.
    fn gauge(
        &self,
        selector: &Option<Selector>,
        counting: &[&Instance],
    ) -> Result<Vec<f64>, String> {
        let Some(selector) = selector else { return Ok(Vec::new()) };
        let (mut values, mut telling) = (Vec::new(), Telling::new());
        for series in self.series.iter().filter(|series| selector.matches(series)) {
            let Some(instance) = self.instance(series) else { continue };
            let last = instance.last(&self.span);
            let Some(sample) = last.and_then(|at| Sample::at(series, at)) else { continue };
            if let Some(problem) = sample.problem() {
                return Err(format!("{series} {problem} at {}", time(sample.at)));
            }
            values.push(sample.value);
            telling.insert(std::ptr::from_ref(instance));
        }
        let there = counting.iter().filter(|one| one.last(&self.span).is_some());
        let there: Vec<_> = there.copied().collect();
        Self::by_all(&selector.metric, &there, &telling)?;
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
