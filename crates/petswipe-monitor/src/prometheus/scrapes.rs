//! What was scraped when: the clock by which everything else is read.
//!
//! A window begins with the first scrape at or after its beginning, and ends with the first one at or after its end. So
//! nothing in it is from before its beginning, which is when the weights of traffic change; what is answered between its end
//! and the next scrape counts in it, and in no other.
//!
//! Prometheus stores the success of each scrape as a sample of `up`, with the very time of all samples that the scrape
//! brought. So whether a series had no value, or whether nobody looked, is known exactly.
//!
//! What is wrong with the scrapes of one target is told with it, because it is of importance only to those whose target it
//! is. What a target counted that is gone is measured up to its last scrape, and not from there to its end: [`Gone`] says
//! which time that is, and [`whole`] what is left of a window without it.
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
    /// The edges of all the time that was asked about, where that is more: all samples from a gap before to a gap after are
    /// there.
    pub(super) asked: (i64, i64),
}

/// A target that is not scraped any more, nor tried to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Gone {
    /// Its last two successful scrapes, the last one second, as far as they are known.
    pub(super) last: [Option<i64>; 2],
    /// When it would have been scraped again, had it still been a target: by then it was over.
    pub(super) by: i64,
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
    /// Whether it was never scraped successfully in all the time that was asked about.
    pub(super) silent: bool,
    /// Why it is known only in part.
    pub(super) trouble: Option<String>,
    /// Its last scrape, if all that is wrong is that there was none after it yet: up to there it is known.
    pub(super) late: Option<i64>,
    /// Whether it went before the end.
    pub(super) gone: Option<Gone>,
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
            if sample.at > span.asked.0 - span.gap && sample.at < span.asked.1 + span.gap {
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
        let was_there = scrapes.first().is_some_and(|(at, _)| *at <= from);
        let base = first.filter(|_| was_there);
        let (mut trouble, mut late, mut gone) = (None, None, None);
        if end.is_none() && last.0 <= span.asked.1 - span.gap {
            let mut good = scrapes.iter().rev().filter(|(_, successful)| *successful);
            let mut next = || good.next().map(|(at, _)| *at);
            let (second, first) = (next(), next());
            gone = Some(Gone { last: [first, second], by: last.0 + span.interval });
        } else if end.is_none() && !last.1 {
            trouble = Some(format!("the scrape of {up} failed at {}", time(last.0)));
        } else if end.is_none() {
            trouble = Some(format!("{up} was not scraped again after {}", time(last.0)));
            late = Some(last.0);
        }
        if was_there && base.is_some_and(|base| base >= from + span.gap) {
            let blind = format!("{up} was not scraped shortly after {}", time(from));
            trouble.get_or_insert(blind);
        }
        let end = end.unwrap_or(span.to);
        let inside = scrapes.iter().filter(good).map(|(at, _)| *at);
        let inside = inside.filter(|at| *at <= end && base.is_none_or(|base| *at > base));
        let labels = up.labels.iter().filter(|(name, _)| name != "__name__");
        instances.push(Instance {
            labels: labels.cloned().collect(),
            base,
            times: inside.collect(),
            silent: !scrapes.iter().any(|(_, successful)| *successful),
            trouble,
            late,
            gone,
        });
    }
    if instances.iter().any(|one| one.last(span).is_some()) {
        return Ok(Some(Scraped { from, instances }));
    }
    let trouble = instances.into_iter().find_map(|one| one.trouble);
    Err(trouble.unwrap_or_else(|| format!("nothing was scraped any more at {}", time(span.to))))
}

/// The last part of a span that no hole touches, in whole periods; `None` if there is none. A hole is a time, from and up
/// to, in which something was not measured.
pub(super) fn whole(span: &Span, from: i64, holes: &[(i64, i64)]) -> Option<(i64, i64)> {
    let floor = |at: i64| at.div_euclid(span.resolution).saturating_mul(span.resolution);
    let up = |at: i64| floor(at.saturating_add(span.resolution - 1));
    let holes: Vec<_> = holes.iter().map(|(from, to)| (floor(*from), up(*to))).collect();
    let mut to = span.to;
    while let Some((from, _)) = holes.iter().find(|hole| hole.0 < to && to <= hole.1) {
        to = *from;
    }
    let before = holes.iter().filter(|hole| hole.0 < to).map(|hole| hole.1).max();
    let from = before.map_or(from, |before| before.max(from));
    (from < to).then_some((from, to))
}

/// A time for messages.
pub(super) fn time(at: i64) -> String {
    match jiff::Timestamp::from_millisecond(at) {
        Ok(time) => time.to_string(),
        Err(_) => format!("{at} ms"),
    }
}

/// Ten seconds that are scraped each second, for tests.
#[cfg(test)]
pub(super) const SPAN: Span = Span {
    from: 10_000,
    to: 20_000,
    resolution: 1000,
    interval: 1000,
    gap: 3000,
    asked: (10_000, 20_000),
};

#[cfg(test)]
mod tests {
    use super::super::Sample;
    use super::*;

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
        let told = |ups: &[Series]| match scraped(ups, &SPAN) {
            Err(told) => told,
            // It is told with the target, and with no other.
            Ok(scraped) => {
                let scraped = scraped.unwrap();
                let mut told = scraped.instances.iter().filter_map(|one| one.trouble.clone());
                let first = told.next().unwrap();
                assert_eq!(told.next(), None);
                first
            }
        };
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
        assert_eq!((a.gone, b.gone), (None, None));
        assert_eq!(c.gone, Some(Gone { last: [Some(12_300), Some(13_300)], by: 14_300 }));
    }

    #[test]
    fn a_target_whose_last_scrapes_failed_is_gone_once_nobody_tries_any_more() {
        let dying = good(5000, 13_000).chain([(14_300, 0.0), (15_300, 0.0)]);
        let ups = [up("a", good(5000, 25_000)), up("b", dying)];
        let scraped = scraped(&ups, &SPAN).unwrap().unwrap();
        let b = &scraped.instances[1];
        assert_eq!((&b.trouble, b.silent), (&None, false));
        assert_eq!(b.gone, Some(Gone { last: [Some(12_300), Some(13_300)], by: 16_300 }));
    }

    #[test]
    fn what_no_hole_touches_is_whole() {
        for (holes, left) in [
            (&[][..], Some((10_000, 20_000))),
            (&[(13_300, 14_300)], Some((15_000, 20_000))),
            (&[(18_300, 21_300)], Some((10_000, 18_000))),
            (&[(10_300, 11_300)], Some((12_000, 20_000))),
            (&[(i64::MIN, 11_000)], Some((11_000, 20_000))),
            (&[(10_300, 12_300), (12_900, 14_100), (17_500, 18_500)], Some((19_000, 20_000))),
            (&[(9300, 15_300), (14_000, 21_000)], None),
            (&[(20_000, 21_000), (8000, 10_000)], Some((10_000, 20_000))),
        ] {
            assert_eq!(whole(&SPAN, 10_000, holes), left, "{holes:?}");
        }
    }
}
