//! What was scraped when: the clock by which everything else is read.
//!
//! A window begins with the first scrape at or after its beginning, and ends with the first one at or after its end. So
//! nothing in it is from before its beginning, which is when the weights of traffic change; what is answered between its end
//! and the next scrape counts in it, and in no other.
//!
//! Prometheus stores the success of each scrape as a sample of `up`, with the very time of all samples that the scrape
//! brought. So whether a series had no value, or whether nobody looked, is known exactly.
//!
//! Source: "Jobs and instances", Prometheus documentation.

use super::Series;

/// The time that was asked about, in milliseconds, and what counts as scraped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// Its beginning, on a multiple of the resolution.
    pub(super) from: i64,
    /// Its end, likewise.
    pub(super) to: i64,
    pub(super) resolution: i64,
    /// How often there is a scrape.
    pub(super) interval: i64,
    /// How long after an edge its scrape may be.
    pub(super) gap: i64,
}

/// One target of Prometheus.
#[derive(Debug)]
pub(super) struct Instance {
    /// The labels of its `up`, which all its series have, too.
    pub(super) labels: Vec<(String, String)>,
    /// The scrape that tells how things were at the beginning: the first one from then on. `None` where it was not scraped
    /// before, so that everything is new.
    pub(super) base: Option<i64>,
    /// The successful scrapes after that and up to the end: the first one at or after it.
    pub(super) times: Vec<i64>,
}

/// What was scraped.
#[derive(Debug)]
pub(super) struct Scraped {
    /// From when on, on a multiple of the resolution: later than asked where nothing was scraped before.
    pub(super) from: i64,
    pub(super) instances: Vec<Instance>,
}

impl Instance {
    /// Whether a series comes from it.
    pub(super) fn has(&self, series: &Series) -> bool {
        self.labels.iter().all(|(name, value)| series.label(name) == Some(value))
    }

    /// The scrape that tells how things were at the end, unless it was gone before.
    pub(super) fn last(&self, span: &Span) -> Option<i64> {
        let last = self.times.last().copied().or(self.base);
        last.filter(|at| *at >= span.to)
    }
}

/// Reads the samples of `up`. `None` where nobody scraped anything.
///
/// # Errors
/// Why the time is known only in part.
pub(super) fn scraped(ups: &[Series], span: &Span) -> Result<Option<Scraped>, String> {
    let mut all = Vec::new();
    for up in ups {
        let mut scrapes = Vec::with_capacity(up.samples.len());
        for sample in &up.samples {
            let successful = match sample.value {
                1.0 => true,
                0.0 => false,
                other => {
                    return Err(format!("{up} is {other} at {}, and not 0 or 1", time(sample.at)));
                }
            };
            if sample.at > span.from - span.gap && sample.at < span.to + span.gap {
                scrapes.push((sample.at, successful));
            }
        }
        if !scrapes.is_empty() {
            all.push((up, scrapes));
        }
    }
    let Some(first) =
        all.iter().filter_map(|(_, scrapes)| scrapes.first()).map(|(at, _)| *at).min()
    else {
        return Ok(None);
    };
    if all.iter().flat_map(|(_, scrapes)| scrapes).all(|(at, _)| *at <= span.from) {
        // All of it is from before.
        return Ok(None);
    }
    let mut from = span.from;
    if first > from {
        // Prometheus began in between. Within an interval each target has its turn; from then on all are known.
        let begun = first + span.interval;
        from += (begun - from).div_euclid(span.resolution) * span.resolution;
        from += if from < begun { span.resolution } else { 0 };
        if from >= span.to {
            return Ok(None);
        }
    }
    let mut instances = Vec::new();
    for (up, scrapes) in &all {
        let good = |(at, successful): &&(i64, bool)| *successful && *at >= from;
        let first = scrapes.iter().find(good).map(|(at, _)| *at);
        let end = scrapes.iter().filter(good).map(|(at, _)| *at).find(|at| *at >= span.to);
        let last = scrapes.last().copied().unwrap_or_default();
        if end.is_none() && !last.1 {
            return Err(format!("the scrape of {up} failed at {}", time(last.0)));
        }
        if end.is_none() && last.0 > span.to - span.gap {
            return Err(format!("{up} was not scraped again after {}", time(last.0)));
        }
        let was_there = scrapes.first().is_some_and(|(at, _)| *at <= from);
        let base = first.filter(|_| was_there);
        if was_there && base.is_none_or(|base| base >= from + span.gap) && first.is_some() {
            return Err(format!("{up} was not scraped shortly after {}", time(from)));
        }
        let end = end.unwrap_or(span.to);
        let inside = scrapes.iter().filter(good).map(|(at, _)| *at);
        let inside = inside.filter(|at| *at <= end && base.is_none_or(|base| *at > base));
        let labels = up.labels.iter().filter(|(name, _)| name != "__name__");
        instances.push(Instance {
            labels: labels.cloned().collect(),
            base,
            times: inside.collect(),
        });
    }
    match instances.iter().any(|one| one.last(span).is_some()) {
        true => Ok(Some(Scraped { from, instances })),
        false => Err(format!("nothing was scraped any more at {}", time(span.to))),
    }
}

/// A time for messages.
pub(super) fn time(at: i64) -> String {
    match jiff::Timestamp::from_millisecond(at) {
        Ok(time) => time.to_string(),
        Err(_) => format!("{at} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Sample;
    use super::*;

    const SPAN: Span =
        Span { from: 10_000, to: 20_000, resolution: 1000, interval: 1000, gap: 3000 };

    fn up(instance: &str, scrapes: impl IntoIterator<Item = (i64, f64)>) -> Series {
        let labels = [("__name__", "up"), ("instance", instance), ("job", "shop")];
        Series {
            labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            samples: scrapes.into_iter().map(|(at, value)| Sample { at, value }).collect(),
            ..Series::default()
        }
    }

    fn good(from: i64, to: i64) -> impl Iterator<Item = (i64, f64)> {
        (from..=to).step_by(1000).map(|at| (at + 300, 1.0))
    }

    #[test]
    fn the_first_scrape_at_or_after_each_edge_counts() {
        let late = scraped(&[up("a", good(5000, 25_000))], &SPAN).unwrap().unwrap();
        let a = &late.instances[0];
        assert_eq!((late.from, a.base), (10_000, Some(10_300)), "nothing is from before");
        assert_eq!((a.times[0], a.times.len(), a.last(&SPAN)), (11_300, 10, Some(20_300)));
        let exact = [(9000, 1.0), (10_000, 1.0), (20_000, 1.0), (21_000, 1.0)];
        let exact = scraped(&[up("a", exact)], &SPAN).unwrap().unwrap();
        let a = &exact.instances[0];
        assert_eq!((a.base, a.last(&SPAN)), (Some(10_000), Some(20_000)));
    }

    #[test]
    fn what_nobody_scraped_is_not_known() {
        assert!(scraped(&[], &SPAN).unwrap().is_none());
        assert!(scraped(&[up("a", good(1000, 9000))], &SPAN).unwrap().is_none());
        assert!(scraped(&[up("a", good(19_000, 25_000))], &SPAN).unwrap().is_none());
    }

    #[test]
    fn the_time_before_prometheus_began_is_cut_off() {
        let ups =
            [up("a", good(12_000, 25_000)), up("b", [(13_100, 1.0), (14_500, 1.0), (20_100, 1.0)])];
        let late = scraped(&ups, &SPAN).unwrap().unwrap();
        assert_eq!(
            late.from, 14_000,
            "an interval after the first scrape each target has had its turn"
        );
        assert_eq!(late.instances[0].base, Some(14_300));
        assert_eq!(late.instances[1].base, Some(14_500));
    }

    #[test]
    fn edges_without_a_scrape_are_told() {
        let told = |ups: &[Series]| scraped(ups, &SPAN).unwrap_err();
        let ends = told(&[up("a", good(5000, 16_000))]);
        assert!(ends.contains("nothing was scraped any more at 1970-01-01T00:00:20Z"), "{ends}");
        let silent = told(&[up("a", good(5000, 25_000)), up("b", good(5000, 18_000))]);
        assert!(silent.contains("was not scraped again after 1970-01-01T00:00:18.3Z"), "{silent}");
        let failed = good(5000, 19_000).chain([(20_300, 0.0)]);
        let failed = told(&[up("a", good(5000, 25_000)), up("b", failed)]);
        assert!(failed.contains("the scrape of up{instance=\"b\""), "{failed}");
        for odd in [f64::NAN, 0.5, f64::INFINITY] {
            assert!(told(&[up("a", [(9000, 1.0), (15_000, odd)])]).contains("not 0 or 1"));
        }
        let blind = told(&[up("a", [(9000, 1.0), (14_000, 1.0), (20_000, 1.0)])]);
        assert!(blind.contains("was not scraped shortly after"), "{blind}");
    }

    #[test]
    fn a_scrape_that_failed_in_between_or_at_an_edge_is_made_good_by_the_next() {
        let failed = good(5000, 9000).chain([(10_300, 0.0)]).chain(good(11_000, 19_000));
        let failed = failed.chain([(20_300, 0.0), (21_300, 1.0)]);
        let scraped = scraped(&[up("a", failed)], &SPAN).unwrap().unwrap();
        assert_eq!(scraped.instances[0].base, Some(11_300));
        assert_eq!(scraped.instances[0].last(&SPAN), Some(21_300));
    }

    #[test]
    fn a_target_may_come_later_and_go_earlier() {
        let ups = [
            up("a", good(5000, 25_000)),
            up("b", good(15_000, 25_000)),
            up("c", good(5000, 13_000)),
        ];
        let scraped = scraped(&ups, &SPAN).unwrap().unwrap();
        let [a, b, c] = &scraped.instances[..] else { panic!("{scraped:?}") };
        assert!(a.base.is_some() && b.base.is_none() && c.base.is_some());
        assert_eq!([a, b, c].map(|one| one.last(&SPAN)), [Some(20_300), Some(20_300), None]);
    }
}
