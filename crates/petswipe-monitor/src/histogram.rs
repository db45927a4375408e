//! A mergeable latency histogram with bounded relative error.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Buckets per doubling: 2^SCALE of them.
const SCALE: i32 = 4;

/// Counts of durations in exponentially growing buckets.
///
/// Bucket `i` holds what lies in `(b^i, b^(i+1)]` microseconds with `b = 2^(1/16) ≈ 1.044`, which is scale 4 of an
/// OpenTelemetry exponential histogram and schema 4 of a Prometheus native one, so a quantile is off by at most 4.5 %
/// upwards, never downwards. Merging is exact: the histogram of two parts merged equals the histogram of the whole.
/// Durations are counted in whole microseconds, rounded up. Counts stop at `u64::MAX` instead of overflowing, and so
/// does the sum behind the [`mean`](Self::mean), at 584 000 years.
///
/// Source: OpenTelemetry, *Metrics Data Model*, "ExponentialHistogram".
///
/// ```
/// use petswipe_monitor::Histogram;
/// use std::time::Duration;
/// let mut latency = Histogram::new();
/// for millisecond in 1..=100 {
///     latency.record(Duration::from_millis(millisecond));
/// }
/// let p95 = latency.quantile(0.95).unwrap();
/// assert!(p95 >= Duration::from_millis(95) && p95 < Duration::from_millis(100));
/// assert_eq!(latency.count(), 100);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    #[serde(default, skip_serializing_if = "is_zero")]
    zeros: u64,
    buckets: BTreeMap<i32, u64>,
    sum_micros: u64,
    max_micros: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Histogram {
    /// An empty histogram.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        self.record_many(duration, 1);
    }

    /// Counts the same duration `times` times.
    pub fn record_many(&mut self, duration: Duration, times: u64) {
        if times == 0 {
            return;
        }
        let micros = micros(duration);
        add(
            match micros {
                0 => &mut self.zeros,
                _ => self.buckets.entry(index(micros)).or_default(),
            },
            times,
        );
        self.sum_micros = self.sum_micros.saturating_add(micros.saturating_mul(times));
        self.max_micros = self.max_micros.max(micros);
    }

    /// Adds all counts of `other`.
    pub fn merge(&mut self, other: &Histogram) {
        add(&mut self.zeros, other.zeros);
        for (index, count) in &other.buckets {
            add(self.buckets.entry(*index).or_default(), *count);
        }
        self.sum_micros = self.sum_micros.saturating_add(other.sum_micros);
        self.max_micros = self.max_micros.max(other.max_micros);
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        let counts = self.buckets.values();
        counts.fold(self.zeros, |sum, count| sum.saturating_add(*count))
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// The longest duration counted.
    pub fn max(&self) -> Option<Duration> {
        (!self.is_empty()).then(|| Duration::from_micros(self.max_micros))
    }

    /// The arithmetic mean.
    pub fn mean(&self) -> Option<Duration> {
        self.sum_micros.checked_div(self.count()).map(Duration::from_micros)
    }

    /// The smallest bucket bound that at least a share `q` of the durations do not exceed (nearest rank), or the
    /// maximum if that is smaller. `None` when nothing was counted or `q` is not within 0 to 1.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let count = self.count();
        if count == 0 || !(0.0..=1.0).contains(&q) {
            return None;
        }
        let rank = ((q * count as f64).ceil() as u64).clamp(1, count);
        let mut seen = self.zeros;
        if seen >= rank {
            return Some(Duration::ZERO);
        }
        for (index, bucket) in &self.buckets {
            seen = seen.saturating_add(*bucket);
            if seen >= rank {
                return Some(Duration::from_micros(upper_micros(*index).min(self.max_micros)));
            }
        }
        self.max()
    }

    /// How many durations were certainly longer than `limit`: those in buckets that begin at or above it.
    pub fn count_above(&self, limit: Duration) -> u64 {
        let limit = micros(limit);
        if self.max_micros <= limit {
            return 0;
        }
        let first = if limit == 0 { i32::MIN } else { index(limit) + 1 };
        let above = self.buckets.range(first..);
        above.fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// All durations together, each rounded up to a whole microsecond.
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_micros)
    }

    /// The last bucket bound that is not above `duration`; of less than a microsecond, zero. At such a bound
    /// [`count_above`](Self::count_above) is exact.
    ///
    /// ```
    /// use petswipe_monitor::Histogram;
    /// use std::time::Duration;
    /// let bound = Histogram::bound_within(Duration::from_millis(500));
    /// assert_eq!(bound, Duration::from_micros(480_774));
    /// let mut latency = Histogram::new();
    /// latency.record(bound);
    /// latency.record(bound + Duration::from_micros(1));
    /// assert_eq!(latency.count_above(bound), 1);
    /// ```
    pub fn bound_within(duration: Duration) -> Duration {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let below = BOUNDS.partition_point(|bound| *bound <= micros);
        let bound = below.checked_sub(1).and_then(|index| BOUNDS.get(index));
        Duration::from_micros(bound.copied().unwrap_or_default())
    }

    /// The buckets in rising order: upper bound (included) and count.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        let zeros = (self.zeros > 0).then_some((Duration::ZERO, self.zeros));
        zeros.into_iter().chain(
            self.buckets
                .iter()
                .map(|(index, count)| (Duration::from_micros(upper_micros(*index)), *count)),
        )
    }
}

fn add(count: &mut u64, more: u64) {
    *count = count.saturating_add(more);
}

/// Whole microseconds, rounded up, so that no duration counts as shorter than it was.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX)
}

/// The upper bounds of the buckets from -1 to the last that a `u64` of microseconds can need.
static BOUNDS: LazyLock<Vec<u64>> = LazyLock::new(|| (-1..64 << SCALE).map(upper_micros).collect());

/// The bucket of a positive number of microseconds: the first whose upper bound is not below it. It is looked up and
/// not computed with a logarithm, whose rounding would put numbers close to a bound into a bucket that ends below them.
fn index(micros: u64) -> i32 {
    let below = BOUNDS.partition_point(|bound| *bound < micros);
    i32::try_from(below).unwrap_or(i32::MAX) - 1
}

/// The upper bound of a bucket in microseconds, rounded down to a whole one.
fn upper_micros(index: i32) -> u64 {
    (f64::from(index.saturating_add(1)) / f64::from(1 << SCALE)).exp2() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_quantile_is_never_below_the_exact_one_and_at_most_five_percent_above(
            mut micros in prop::collection::vec(1u64..100_000_000, 1..200), q in 0.0f64..=1.0,
        ) {
            let mut histogram = Histogram::new();
            micros.iter().for_each(|m| histogram.record(Duration::from_micros(*m)));
            micros.sort_unstable();
            let rank = ((q * micros.len() as f64).ceil() as usize).clamp(1, micros.len());
            let exact = micros[rank - 1];
            let got = histogram.quantile(q).unwrap().as_micros() as u64;
            prop_assert!(got >= exact, "{got} < {exact}");
            prop_assert!(got as f64 <= exact as f64 * 1.045 + 1.0, "{got} > {exact}");
        }

        #[test]
        fn merging_parts_equals_the_whole(
            a in prop::collection::vec(0u64..10_000_000, 0..50),
            b in prop::collection::vec(0u64..10_000_000, 0..50),
        ) {
            let of = |values: &[u64]| {
                let mut histogram = Histogram::new();
                values.iter().for_each(|m| histogram.record(Duration::from_micros(*m)));
                histogram
            };
            let mut merged = of(&a);
            merged.merge(&of(&b));
            prop_assert_eq!(merged, of(&[a, b].concat()));
        }

        #[test]
        fn a_histogram_survives_json(values in prop::collection::vec(0u64..u64::MAX / 100, 0..50)) {
            let mut histogram = Histogram::new();
            values.iter().for_each(|m| histogram.record(Duration::from_micros(*m)));
            let json = serde_json::to_string(&histogram).unwrap();
            prop_assert_eq!(serde_json::from_str::<Histogram>(&json).unwrap(), histogram);
        }

        #[test]
        fn every_value_lies_in_its_bucket(magnitude in 0u32..64, low in any::<u64>()) {
            let micros = (1 << magnitude) | (low & ((1 << magnitude) - 1));
            let i = index(micros);
            prop_assert!(upper_micros(i - 1) < micros && micros <= upper_micros(i));
            let (lower, upper) = (f64::from(i) / 16.0, f64::from(i + 1) / 16.0);
            prop_assert!((micros as f64) > lower.exp2() * (1.0 - 1e-12));
            prop_assert!((micros as f64) <= upper.exp2() * (1.0 + 1e-12));
        }

        #[test]
        fn no_duration_counts_as_shorter_than_it_was(nanos in 0u64..1 << 40, limit in 0u64..1 << 40) {
            let (duration, limit) = (Duration::from_nanos(nanos), Duration::from_nanos(limit));
            let mut histogram = Histogram::new();
            histogram.record(duration);
            prop_assert!(histogram.quantile(1.0).unwrap() >= duration);
            // Nothing is counted above a limit that it did not exceed.
            prop_assert!(histogram.count_above(limit) == 0 || duration > limit);
            prop_assert_eq!(histogram.count_above(duration), 0);
        }
    }

    #[test]
    fn slow_requests_are_counted_above_a_limit() {
        let mut histogram = Histogram::new();
        histogram.record_many(Duration::from_millis(10), 7);
        histogram.record_many(Duration::from_millis(2000), 3);
        histogram.record_many(Duration::ZERO, 2);
        assert_eq!(histogram.count_above(Duration::from_millis(1000)), 3);
        assert_eq!(histogram.count_above(Duration::from_millis(2000)), 0);
        assert_eq!(histogram.count_above(Duration::ZERO), 10);
        assert_eq!(histogram.count(), 12);
    }

    #[test]
    fn an_empty_histogram_has_no_quantile() {
        assert_eq!(Histogram::new().quantile(0.5), None);
        assert_eq!(Histogram::new().mean(), None);
        assert_eq!(Histogram::new().max(), None);
    }

    #[test]
    fn the_bounds_of_a_bucket_belong_to_it_at_every_magnitude() {
        for i in -1..(64 << SCALE) {
            let bound = upper_micros(i);
            assert!(index(bound) <= i, "{bound} of bucket {i}");
            assert_eq!(upper_micros(index(bound)), bound);
            if bound < u64::MAX {
                assert!(index(bound + 1) > i, "{bound} + 1 of bucket {i}");
            }
        }
        for power in 0..64 {
            assert_eq!(index(1 << power), power * 16 - 1);
        }
        assert_eq!(upper_micros(index(u64::MAX)), u64::MAX);
    }

    #[test]
    fn huge_values_and_counts_stop_at_the_largest() {
        let mut histogram = Histogram::new();
        histogram.record_many(Duration::MAX, u64::MAX);
        histogram.record_many(Duration::ZERO, u64::MAX);
        histogram.record_many(Duration::from_secs(1), 2);
        histogram.merge(&histogram.clone());
        assert_eq!(histogram.count(), u64::MAX);
        assert_eq!(histogram.max(), Some(Duration::from_micros(u64::MAX)));
        assert_eq!(histogram.quantile(0.5), Some(Duration::ZERO));
        assert_eq!(histogram.count_above(Duration::from_secs(1)), u64::MAX);
        assert_eq!(histogram.count_above(Duration::MAX), 0);
        let strange = r#"{"buckets":{"2147483647":1},"sum_micros":1,"max_micros":1}"#;
        let strange: Histogram = serde_json::from_str(strange).unwrap();
        assert_eq!(strange.quantile(0.5), Some(Duration::from_micros(1)));
    }

    #[test]
    fn a_quantile_outside_of_zero_to_one_is_none() {
        let mut histogram = Histogram::new();
        histogram.record(Duration::from_millis(5));
        for q in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(histogram.quantile(q), None, "{q}");
        }
        assert_eq!(histogram.quantile(0.0), Some(Duration::from_millis(5)));
        assert_eq!(histogram.quantile(1.0), Some(Duration::from_millis(5)));
    }
}
