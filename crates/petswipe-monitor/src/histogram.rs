//! A mergeable latency histogram with bounded relative error.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Buckets per doubling: 2^SCALE of them.
const SCALE: i32 = 4;

/// Counts of durations in exponentially growing buckets.
///
/// Bucket `i` holds what lies in `(b^i, b^(i+1)]` microseconds with `b = 2^(1/16) ≈ 1.044`, which is scale 4 of an
/// OpenTelemetry exponential histogram and schema 4 of a Prometheus native one, so a quantile is off by at most 4.5 %
/// upwards, never downwards. Merging is exact: the histogram of two parts merged equals the histogram of the whole.
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
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        match micros {
            0 => self.zeros += times,
            _ => *self.buckets.entry(index(micros)).or_default() += times,
        }
        self.sum_micros = self.sum_micros.saturating_add(micros.saturating_mul(times));
        self.max_micros = self.max_micros.max(micros);
    }

    /// Adds all counts of `other`.
    pub fn merge(&mut self, other: &Histogram) {
        self.zeros += other.zeros;
        for (index, count) in &other.buckets {
            *self.buckets.entry(*index).or_default() += count;
        }
        self.sum_micros = self.sum_micros.saturating_add(other.sum_micros);
        self.max_micros = self.max_micros.max(other.max_micros);
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.zeros + self.buckets.values().sum::<u64>()
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
            seen += bucket;
            if seen >= rank {
                return Some(Duration::from_micros(upper_micros(*index).min(self.max_micros)));
            }
        }
        self.max()
    }

    /// How many durations were certainly longer than `limit`: those in buckets that begin at or above it.
    pub fn count_above(&self, limit: Duration) -> u64 {
        let limit = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
        if self.max_micros <= limit {
            return 0;
        }
        let first = if limit == 0 { i32::MIN } else { index(limit) + 1 };
        self.buckets.range(first..).map(|(_, count)| count).sum()
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

/// The bucket of a positive number of microseconds: `ceil(log_b(micros)) - 1`.
fn index(micros: u64) -> i32 {
    let exact = (micros as f64).log2() * f64::from(1 << SCALE);
    // Powers of two are bucket bounds; `log2` is exact for them, so no value slips into the next bucket.
    exact.ceil() as i32 - 1
}

/// The upper bound of a bucket in microseconds, rounded down to a whole one.
fn upper_micros(index: i32) -> u64 {
    (f64::from(index + 1) / f64::from(1 << SCALE)).exp2() as u64
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
        fn every_value_lies_in_its_bucket(micros in 1u64..1 << 50) {
            let i = index(micros);
            let (lower, upper) = (f64::from(i) / 16.0, f64::from(i + 1) / 16.0);
            prop_assert!((micros as f64) > lower.exp2() * (1.0 - 1e-12));
            prop_assert!((micros as f64) <= upper.exp2() * (1.0 + 1e-12));
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
}
