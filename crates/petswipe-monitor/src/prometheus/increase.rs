//! By how much counters grew, from their raw samples.
//!
//! `increase()` of PromQL extrapolates to the edges of its window and gives fractions of requests, and loses what a series
//! has at its first sample. Here the differences of samples are added up, so that windows which meet add up exactly, and
//! a series that appears while its target is scraped counts from zero.
//!
//! Source: "Functions", section `increase()`, Prometheus documentation.

use super::scrapes::{Instance, Span, time};
use super::{NativeSample, Series};

/// What a counter can be: a number, or a histogram.
pub(super) trait Counter: Clone {
    /// The counter at that time.
    fn at(series: &Series, time: i64) -> Option<&Self>;
    /// What is wrong with it, if something is.
    fn problem(&self) -> Option<String>;
    /// Whether nothing was counted yet.
    fn is_zero(&self) -> bool;
    /// Whether it is less than it was before: it began anew.
    fn is_below(&self, before: &Self) -> bool;
    /// Adds what has come since `before`; everything if that is nothing.
    fn add(&self, before: Option<&Self>, sum: &mut Option<Self>);
}

impl Counter for super::Sample {
    fn at(series: &Series, time: i64) -> Option<&Self> {
        let found = series.samples.binary_search_by_key(&time, |sample| sample.at);
        found.ok().map(|index| &series.samples[index])
    }

    fn problem(&self) -> Option<String> {
        let sane = self.value.is_finite() && self.value >= 0.0;
        (!sane).then(|| format!("is {}", self.value))
    }

    fn is_zero(&self) -> bool {
        self.value == 0.0
    }

    fn is_below(&self, before: &Self) -> bool {
        self.value < before.value
    }

    fn add(&self, before: Option<&Self>, sum: &mut Option<Self>) {
        let sum = sum.get_or_insert(Self { at: self.at, value: 0.0 });
        sum.value += self.value - before.map_or(0.0, |before| before.value);
    }
}

/// By how much each of these series of one instance grew. They are one counter in several parts, such as the classes of
/// requests or the buckets of a histogram: when one part begins anew, so do all.
///
/// # Errors
/// Why that is not known.
pub(super) fn increase<C: Counter>(
    family: &[&Series],
    instance: &Instance,
    span: &Span,
    known_before: impl Fn(&Series) -> Option<C>,
) -> Result<Vec<Option<C>>, String> {
    let mut grown: Vec<Option<C>> = vec![None; family.len()];
    let mut before: Vec<Option<C>> = vec![None; family.len()];
    let mut last = instance.base;
    if instance.base.is_none() {
        // A target that was not scraped at the beginning: a new one counts from zero, one that is back does not.
        let known = |series: &&Series| known_before(series).filter(|before| !before.is_zero());
        before = family.iter().map(known).collect();
    }
    let times = instance.base.iter().chain(&instance.times);
    for (index, at) in times.enumerate() {
        let now: Vec<Option<&C>> = family.iter().map(|series| C::at(series, *at)).collect();
        for (series, value) in family.iter().zip(&now) {
            if let Some(problem) = value.and_then(|value| value.problem()) {
                return Err(format!("{series} {problem} at {}", time(*at)));
            }
        }
        if now.iter().all(Option::is_none) {
            continue;
        }
        let is_base = index == 0 && instance.base.is_some();
        if !is_base {
            let pairs = || before.iter().zip(&now);
            let anew = pairs().any(|pair| match pair {
                (Some(before), Some(now)) => now.is_below(before),
                _ => false,
            });
            let part = pairs().position(|(before, now)| before.is_some() && now.is_none());
            if let Some(part) = part.filter(|_| !anew && last.is_some()) {
                return Err(format!(
                    "{} is gone at {} and others of its kind are not: whether they began anew is not known",
                    family[part],
                    time(*at)
                ));
            }
            let blind = last.is_some_and(|last| at - last > span.gap);
            if anew && blind {
                let since = last.map(time).unwrap_or_default();
                return Err(format!(
                    "{} began anew between {since} and {}, while nobody scraped it",
                    family[0],
                    time(*at)
                ));
            }
            let back = last.is_none() && before.iter().any(Option::is_some);
            if back && !anew {
                return Err(format!(
                    "{} is back at {} and was not scraped for a while: since when its count is from is not known",
                    family[0],
                    time(*at)
                ));
            }
            for ((before, now), grown) in before.iter().zip(&now).zip(&mut grown) {
                if let Some(now) = now {
                    now.add(before.as_ref().filter(|_| !anew), grown);
                }
            }
        } else {
            // What is there at the beginning is measured, even if nothing comes.
            for (now, grown) in now.iter().zip(&mut grown) {
                if let Some(now) = now {
                    now.add(Some(now), grown);
                }
            }
        }
        before = now.into_iter().map(|value| value.cloned()).collect();
        last = Some(*at);
    }
    Ok(grown)
}

/// A count that must be whole.
pub(super) fn whole(value: f64, what: &str) -> Result<u64, String> {
    let rounded = value.round();
    let exact = rounded.abs() <= 9_007_199_254_740_992.0;
    if !exact || rounded < 0.0 || (value - rounded).abs() > 1e-6 {
        return Err(format!(
            "{what} grew by {value}, which is no whole number: a counter is needed, not a rate"
        ));
    }
    Ok(rounded as u64)
}

impl Counter for NativeSample {
    fn at(series: &Series, time: i64) -> Option<&Self> {
        let found = series.histograms.binary_search_by_key(&time, |sample| sample.at);
        found.ok().map(|index| &series.histograms[index])
    }

    fn problem(&self) -> Option<String> {
        let bad = |count: f64| !count.is_finite() || count < 0.0;
        let sane = |bucket: &super::NativeBucket| {
            !bad(bucket.count) && bucket.lower < bucket.upper && !bucket.upper.is_nan()
        };
        if bad(self.count) || !self.buckets.iter().all(sane) {
            return Some("has counts that are none".to_owned());
        }
        let ordered = self.buckets.windows(2).all(|pair| pair[0].upper <= pair[1].lower);
        (!ordered).then(|| "has buckets that overlap".to_owned())
    }

    fn is_zero(&self) -> bool {
        self.count == 0.0
    }

    fn is_below(&self, before: &Self) -> bool {
        let bounds = common_bounds(self, before);
        self.count < before.count
            || bounds
                .windows(2)
                .any(|pair| self.within(pair[0], pair[1]) < before.within(pair[0], pair[1]))
    }

    fn add(&self, before: Option<&Self>, sum: &mut Option<Self>) {
        let nothing = Self { at: self.at, count: 0.0, sum: 0.0, buckets: Vec::new() };
        let before = before.unwrap_or(&nothing);
        let bounds = common_bounds(self, before);
        let grown = bounds.windows(2).map(|pair| super::NativeBucket {
            lower: pair[0],
            upper: pair[1],
            count: self.within(pair[0], pair[1]) - before.within(pair[0], pair[1]),
        });
        let held = sum.get_or_insert_with(|| nothing.clone());
        held.count += self.count - before.count;
        held.sum += self.sum - before.sum;
        // Only added up at the end, bucket by bucket, so they need not be in any order.
        held.buckets.extend(grown.filter(|bucket| bucket.count > 0.0));
    }
}

impl NativeSample {
    /// How many lie between two bounds that cut no bucket.
    fn within(&self, lower: f64, upper: f64) -> f64 {
        let inside = |bucket: &&super::NativeBucket| bucket.lower >= lower && bucket.upper <= upper;
        self.buckets.iter().filter(inside).map(|bucket| bucket.count).sum()
    }
}

/// The bounds of both that lie in the middle of no bucket of either. Prometheus halves the resolution of a histogram that
/// grows too large, so the bounds of a coarser one are among those of a finer one.
fn common_bounds(one: &NativeSample, other: &NativeSample) -> Vec<f64> {
    let buckets = || one.buckets.iter().chain(&other.buckets);
    let mut bounds: Vec<_> = buckets().flat_map(|bucket| [bucket.lower, bucket.upper]).collect();
    bounds.sort_unstable_by(f64::total_cmp);
    bounds.dedup();
    bounds.retain(|bound| buckets().all(|bucket| *bound <= bucket.lower || *bound >= bucket.upper));
    bounds
}

#[cfg(test)]
mod tests {
    use super::super::scrapes::SPAN;
    use super::super::{NativeBucket, Sample};
    use super::*;

    fn instance(base: Option<i64>, times: &[i64]) -> Instance {
        let times = times.to_vec();
        Instance {
            labels: Vec::new(),
            base,
            times,
            silent: false,
            trouble: None,
            late: None,
            gone: None,
        }
    }

    fn series(class: &str, samples: &[(i64, f64)]) -> Series {
        let samples = samples.iter().map(|(at, value)| Sample { at: *at, value: *value });
        Series {
            labels: vec![("class".to_owned(), class.to_owned())],
            samples: samples.collect(),
            ..Series::default()
        }
    }

    fn grown(family: &[Series], instance: &Instance) -> Result<Vec<Option<f64>>, String> {
        let family: Vec<_> = family.iter().collect();
        let grown = increase::<Sample>(&family, instance, &SPAN, |_| None)?;
        Ok(grown.into_iter().map(|grown| Some(grown?.value)).collect())
    }

    #[test]
    fn differences_are_added_up_over_a_counter_that_begins_anew() {
        let times = instance(Some(9000), &[12_000, 14_000, 16_000, 18_000]);
        let counter = series(
            "ok",
            &[(9000, 100.0), (12_000, 110.0), (14_000, 4.0), (16_000, 4.0), (18_000, 9.0)],
        );
        assert_eq!(grown(&[counter], &times), Ok(vec![Some(19.0)]));
    }

    #[test]
    fn when_one_part_begins_anew_so_do_all() {
        let times = instance(Some(9000), &[12_000]);
        let family = [
            series("ok", &[(9000, 100.0), (12_000, 20.0)]),
            series("failed", &[(9000, 5.0), (12_000, 7.0)]),
        ];
        assert_eq!(grown(&family, &times), Ok(vec![Some(20.0), Some(7.0)]));
        let gone =
            [series("ok", &[(9000, 100.0), (12_000, 20.0)]), series("failed", &[(9000, 5.0)])];
        assert_eq!(grown(&gone, &times), Ok(vec![Some(20.0), Some(0.0)]));
        let odd = [series("ok", &[(9000, 1.0), (12_000, 20.0)]), series("failed", &[(9000, 5.0)])];
        let odd = grown(&odd, &times).unwrap_err();
        assert!(odd.contains("is gone at"), "{odd}");
    }

    #[test]
    fn what_appears_while_its_target_is_scraped_counts_from_zero() {
        let times = instance(Some(9000), &[12_000, 14_000]);
        let family = [
            series("ok", &[(9000, 50.0), (12_000, 60.0), (14_000, 60.0)]),
            series("failed", &[(14_000, 3.0)]),
        ];
        assert_eq!(grown(&family, &times), Ok(vec![Some(10.0), Some(3.0)]));
        let fresh = [series("ok", &[(12_000, 7.0), (14_000, 9.0)])];
        assert_eq!(grown(&fresh, &times), Ok(vec![Some(9.0)]), "a new revision");
        assert_eq!(grown(&fresh, &instance(None, &[12_000, 14_000])), Ok(vec![Some(9.0)]));
    }

    #[test]
    fn a_target_that_is_back_does_not_count_from_zero() {
        let times = instance(None, &[12_000, 14_000]);
        let held = series("ok", &[(12_000, 70.0), (14_000, 90.0)]);
        let with = |before: f64| {
            let known = |_: &Series| Some(Sample { at: 1, value: before });
            increase::<Sample>(&[&held], &times, &SPAN, known)
        };
        assert!(with(60.0).unwrap_err().contains("is back at"));
        assert_eq!(with(100.0).unwrap()[0].map(|grown| grown.value), Some(90.0), "it began anew");
        assert_eq!(with(0.0).unwrap()[0].map(|grown| grown.value), Some(90.0));
    }

    #[test]
    fn what_is_not_there_is_not_zero_and_what_does_not_move_is() {
        let times = instance(Some(9000), &[12_000]);
        assert_eq!(grown(&[series("ok", &[])], &times), Ok(vec![None]));
        assert_eq!(
            grown(&[series("ok", &[(9000, 5.0), (12_000, 5.0)])], &times),
            Ok(vec![Some(0.0)])
        );
        assert_eq!(grown(&[series("ok", &[(9000, 5.0)])], &times), Ok(vec![Some(0.0)]), "it ended");
    }

    #[test]
    fn a_count_is_whole_and_finite() {
        let times = instance(Some(9000), &[12_000]);
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
            let odd = grown(&[series("ok", &[(9000, 1.0), (12_000, odd)])], &times).unwrap_err();
            assert!(odd.contains(" is ") && odd.contains("00:00:12Z"), "{odd}");
        }
        assert_eq!(whole(7.0000001, "x"), Ok(7));
        for odd in [0.5, -1.0, 1e17, f64::NAN, f64::INFINITY] {
            assert!(whole(odd, "x").is_err(), "{odd}");
        }
    }

    #[test]
    fn a_new_beginning_is_not_taken_for_granted_while_nobody_looked() {
        let times = instance(Some(9000), &[12_000, 18_000]);
        let grows = series("ok", &[(9000, 1.0), (12_000, 5.0), (18_000, 30.0)]);
        assert_eq!(grown(&[grows], &times), Ok(vec![Some(29.0)]), "the counter knows");
        let anew = series("ok", &[(9000, 1.0), (12_000, 5.0), (18_000, 3.0)]);
        assert!(grown(&[anew], &times).unwrap_err().contains("while nobody scraped it"));
    }

    fn native(at: i64, buckets: &[(f64, f64, f64)]) -> NativeSample {
        let buckets: Vec<_> = buckets
            .iter()
            .map(|(lower, upper, count)| NativeBucket {
                lower: *lower,
                upper: *upper,
                count: *count,
            })
            .collect();
        let count = buckets.iter().map(|bucket| bucket.count).sum();
        NativeSample { at, count, sum: 0.0, buckets }
    }

    fn native_grown(histograms: Vec<NativeSample>) -> NativeSample {
        let held = Series { histograms, ..Series::default() };
        let times = instance(Some(9000), &[12_000]);
        let grown = increase::<NativeSample>(&[&held], &times, &SPAN, |_| None);
        grown.unwrap().remove(0).unwrap()
    }

    #[test]
    fn a_native_histogram_grows_bucket_by_bucket_and_over_a_change_of_resolution() {
        let before = native(9000, &[(0.5, 0.7, 2.0), (0.7, 1.0, 3.0)]);
        let after = native(12_000, &[(0.5, 0.7, 2.0), (0.7, 1.0, 7.0), (1.0, 1.4, 1.0)]);
        let grown = native_grown(vec![before.clone(), after]);
        let counts: Vec<_> = grown.buckets.iter().map(|b| (b.upper, b.count)).collect();
        assert_eq!((grown.count, counts), (5.0, vec![(1.0, 4.0), (1.4, 1.0)]));
        let coarser = native(12_000, &[(0.5, 1.0, 9.0)]);
        let grown = native_grown(vec![before.clone(), coarser]);
        assert_eq!((grown.count, grown.buckets[0].upper, grown.buckets[0].count), (4.0, 1.0, 4.0));
        let anew = native(12_000, &[(0.5, 0.7, 1.0), (0.7, 1.0, 9.0)]);
        assert_eq!(native_grown(vec![before, anew]).count, 10.0, "one bucket shrank");
    }
}
