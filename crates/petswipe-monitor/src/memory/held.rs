//! What was put in about one subject, kept so that the sum over a month of minutes costs no more than that over an hour.

use crate::{Errors, Histogram, Observation, Window};

/// The periods of one subject, by rising time.
#[derive(Debug, Default)]
pub(super) struct Held {
    periods: Vec<Observation>,
    /// The counts of all periods up to each, that one included: the sum over a window is one subtraction.
    totals: Vec<Totals>,
    /// Latencies of groups of 16 periods, of groups of 16 such groups, and so on; `None` where one is not known.
    groups: Vec<Vec<Option<Histogram>>>,
}

/// How many of a level make one of the next.
const GROUP: usize = 16;

/// Sums of requests, client errors, server errors and the load balancer's, and whose latency is unknown.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    counts: [Total; 4],
    without_latency: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Total {
    sum: u128,
    unknown: usize,
}

impl Total {
    fn plus(self, count: Option<u64>) -> Self {
        Self {
            sum: self.sum.saturating_add(count.unwrap_or_default().into()),
            unknown: self.unknown + usize::from(count.is_none()),
        }
    }

    /// What was added since `earlier`; `None` if one of it was unknown.
    fn since(self, earlier: Self) -> Option<u64> {
        let sum = self.sum.saturating_sub(earlier.sum);
        (self.unknown == earlier.unknown).then(|| u64::try_from(sum).unwrap_or(u64::MAX))
    }
}

impl Held {
    /// The last period.
    pub(super) fn last(&self) -> Option<&Observation> {
        self.periods.last()
    }

    /// Puts in the next period, which has to be later than all others.
    pub(super) fn push(&mut self, period: Observation) {
        let before = self.totals.last().copied().unwrap_or_default();
        let Errors { client, server, balancer } = period.errors;
        let mut counts = before.counts;
        for (total, count) in counts.iter_mut().zip([period.requests, client, server, balancer]) {
            *total = total.plus(count);
        }
        let without_latency = before.without_latency + usize::from(period.latency.is_none());
        self.totals.push(Totals { counts, without_latency });
        self.periods.push(period);
        self.group();
    }

    /// Makes the groups that are full now.
    fn group(&mut self) {
        let mut size = GROUP;
        let mut level = 0;
        while self.periods.len().is_multiple_of(size) {
            let whole = match level {
                0 => {
                    let last = &self.periods[self.periods.len() - GROUP..];
                    merged(last.iter().map(|period| period.latency.as_ref()))
                }
                _ => {
                    let below = &self.groups[level - 1];
                    merged(below[below.len() - GROUP..].iter().map(Option::as_ref))
                }
            };
            if self.groups.len() == level {
                self.groups.push(Vec::new());
            }
            self.groups[level].push(whole);
            (size, level) = (size.saturating_mul(GROUP), level + 1);
        }
    }

    /// The sum of the periods in `window`, each of that length; `None` unless they fill it.
    pub(super) fn sum(&self, window: Window, length: std::time::Duration) -> Option<Observation> {
        let first = self.periods.partition_point(|period| period.window.from < window.from);
        let end = self.periods.partition_point(|period| period.window.to <= window.to);
        let periods = u32::try_from(end.checked_sub(first)?).ok()?;
        // Whole periods that do not overlap fill it if they are as long together.
        if periods == 0 || length.checked_mul(periods)? != window.length() {
            return None;
        }
        let last = &self.periods[end - 1];
        let before = first.checked_sub(1).map(|index| self.totals[index]).unwrap_or_default();
        let after = self.totals[end - 1];
        let since = |index: usize| after.counts[index].since(before.counts[index]);
        let latency_is_known = after.without_latency == before.without_latency;
        Some(Observation {
            subject: last.subject.clone(),
            window,
            requests: since(0),
            errors: Errors { client: since(1), server: since(2), balancer: since(3) },
            latency: if latency_is_known { self.latency(first, end) } else { None },
            saturation: last.saturation,
            targets: last.targets,
            provenance: last.provenance.clone(),
        })
    }

    /// The latencies of a range of periods, of which all are known: from the largest groups that lie in it.
    fn latency(&self, mut from: usize, to: usize) -> Option<Histogram> {
        let mut sum = Histogram::new();
        while from < to {
            let (mut size, mut part) = (1, self.periods[from].latency.as_ref());
            for (level, groups) in self.groups.iter().enumerate() {
                let larger = GROUP.saturating_pow(u32::try_from(level).ok()?.saturating_add(1));
                if !from.is_multiple_of(larger) || from + larger > to {
                    break;
                }
                (size, part) = (larger, groups[from / larger].as_ref());
            }
            sum.merge(part?);
            from += size;
        }
        Some(sum)
    }
}

fn merged<'a>(parts: impl Iterator<Item = Option<&'a Histogram>>) -> Option<Histogram> {
    let mut sum = Histogram::new();
    for part in parts {
        sum.merge(part?);
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::{Saturation, Subject, Targets};

    const SECOND: Duration = Duration::from_secs(1);

    fn at(second: usize) -> Timestamp {
        Timestamp::from_second(second as i64).unwrap()
    }

    prop_compose! {
        fn period()(
            there in prop::bool::weighted(0.98), requests in prop::option::weighted(0.99, any::<u64>()),
            server in prop::option::weighted(0.99, 0u64..9), millis in prop::option::weighted(0.99, 0u64..2000),
        ) -> Option<Observation> {
            let window = Window { from: at(0), to: at(1) };
            there.then(|| Observation {
                requests,
                errors: Errors { client: None, server, balancer: Some(1) },
                latency: millis.map(|millis| {
                    let mut latency = Histogram::new();
                    latency.record(Duration::from_millis(millis));
                    latency
                }),
                saturation: Saturation { cpu: Some(0.5), memory: None },
                targets: server.map(|n| Targets { healthy: n as u32, unhealthy: 0 }),
                ..Observation::missing(Subject::environment("green"), window)
            })
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_sum_is_what_the_periods_make_one_after_the_other(
            periods in prop::collection::vec(period(), 1..700),
            ranges in prop::collection::vec((0usize..701, 0usize..701), 20),
        ) {
            let mut held = Held::default();
            let mut all = Vec::new();
            for (second, period) in periods.into_iter().enumerate() {
                let window = Window { from: at(second), to: at(second + 1) };
                if let Some(period) = period.map(|period| Observation { window, ..period }) {
                    all.push(period.clone());
                    held.push(period);
                }
            }
            for (a, b) in ranges {
                let window = Window { from: at(a.min(b)), to: at(a.max(b)) };
                let inside = all.iter().filter(|period| window.covers(&period.window)).cloned();
                let plain = inside.reduce(Observation::then).filter(|sum| sum.window == window);
                let sum = held.sum(window, SECOND);
                match (&sum, &plain) {
                    // Over a gap the plain sum is of the window, and no count in it is known.
                    (None, Some(plain)) => {
                        prop_assert_eq!((plain.requests, plain.errors), (None, Errors::default()));
                        prop_assert!(plain.latency.is_none());
                    }
                    _ => prop_assert_eq!(&sum, &plain),
                }
            }
        }
    }
}
