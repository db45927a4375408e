//! What was scraped when: the clock by which everything else is read.
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
    /// How old a sample may be at an edge.
    pub(super) gap: i64,
}

/// One target of Prometheus.
#[derive(Debug)]
pub(super) struct Instance {
    /// The labels of its `up`, which all its series have, too.
    pub(super) labels: Vec<(String, String)>,
    /// The scrape that tells how things were at the beginning. `None` where it was not scraped yet.
    pub(super) base: Option<i64>,
    /// The successful scrapes after that and up to the end.
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

    /// Its last scrape, unless it was gone before the end.
    pub(super) fn last(&self, span: &Span) -> Option<i64> {
        let last = self.times.last().copied().or(self.base);
        last.filter(|at| *at > span.to - span.gap)
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
            if sample.at > span.from - span.gap && sample.at <= span.to {
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
        let before = scrapes.partition_point(|(at, _)| *at <= from);
        let base = scrapes[..before].iter().rev().find(|(at, good)| *good && *at > from - span.gap);
        if let Some((at, false)) = scrapes.last() {
            return Err(format!("the scrape of {up} failed at {}", time(*at)));
        }
        let inside = scrapes[before..].iter().filter(|(_, good)| *good);
        let labels = up.labels.iter().filter(|(name, _)| name != "__name__");
        instances.push(Instance {
            labels: labels.cloned().collect(),
            base: base.map(|(at, _)| *at),
            times: inside.map(|(at, _)| *at).collect(),
        });
    }
    let newest = instances.iter().filter_map(|one| one.times.last().copied().or(one.base)).max();
    match newest {
        Some(at) if at <= span.to - span.gap => {
            Err(format!("nothing was scraped from {} to {}", time(at), time(span.to)))
        }
        _ if instances.iter().all(|one| one.base.is_none()) => {
            Err(format!("nothing was scraped shortly before {}", time(from)))
        }
        _ => Ok(Some(Scraped { from, instances })),
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
    fn the_scrape_at_or_before_each_edge_counts() {
        let scraped = scraped(&[up("a", good(5000, 25_000))], &SPAN).unwrap().unwrap();
        let a = &scraped.instances[0];
        assert_eq!((scraped.from, a.base), (10_000, Some(9300)));
        assert_eq!((a.times[0], a.last(&SPAN)), (10_300, Some(19_300)));
        let exact = [(10_000, 1.0), (20_000, 1.0)];
        let exact = super::scraped(&[up("a", exact)], &SPAN).unwrap().unwrap();
        assert_eq!(
            (exact.instances[0].base, exact.instances[0].last(&SPAN)),
            (Some(10_000), Some(20_000))
        );
    }

    #[test]
    fn what_nobody_scraped_is_not_known() {
        assert!(scraped(&[], &SPAN).unwrap().is_none());
        assert!(scraped(&[up("a", good(1000, 6000))], &SPAN).unwrap().is_none());
        assert!(scraped(&[up("a", good(19_000, 25_000))], &SPAN).unwrap().is_none());
    }

    #[test]
    fn the_time_before_prometheus_began_is_cut_off() {
        let late = scraped(
            &[up("a", good(12_000, 25_000)), up("b", [(13_100, 1.0), (19_900, 1.0)])],
            &SPAN,
        );
        let late = late.unwrap().unwrap();
        assert_eq!(
            late.from, 14_000,
            "an interval after the first scrape each target has had its turn"
        );
        assert_eq!(late.instances[0].base, Some(13_300));
        assert_eq!(late.instances[1].base, Some(13_100));
    }

    #[test]
    fn edges_without_a_scrape_are_told() {
        let told = |ups: &[Series]| scraped(ups, &SPAN).unwrap_err();
        let ends = told(&[up("a", good(5000, 16_000))]);
        assert!(ends.contains("nothing was scraped from 1970-01-01T00:00:16.3Z"), "{ends}");
        let failed = good(5000, 18_000).chain([(19_300, 0.0)]);
        let failed = told(&[up("a", good(5000, 25_000)), up("b", failed)]);
        assert!(failed.contains("the scrape of up{instance=\"b\""), "{failed}");
        for odd in [f64::NAN, 0.5, f64::INFINITY] {
            assert!(told(&[up("a", [(9000, 1.0), (15_000, odd)])]).contains("not 0 or 1"));
        }
        let down = told(&[up("a", [(9000, 0.0), (9500, 0.0), (19_000, 1.0)])]);
        assert!(down.contains("nothing was scraped shortly before"), "{down}");
    }

    #[test]
    fn a_scrape_that_failed_in_between_or_at_the_first_edge_is_made_good_by_the_next() {
        let failed =
            good(5000, 8000).chain([(9300, 0.0), (12_300, 0.0)]).chain(good(13_000, 20_000));
        let scraped = scraped(&[up("a", failed)], &SPAN).unwrap().unwrap();
        assert_eq!(scraped.instances[0].base, Some(8300));
        assert_eq!(scraped.instances[0].times[0], 13_300);
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
        assert_eq!([a, b, c].map(|one| one.last(&SPAN)), [Some(19_300), Some(19_300), None]);
    }
}
