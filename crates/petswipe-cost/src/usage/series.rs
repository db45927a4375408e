//! A statistic period by period, with gaps.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Period, Window};

/// A statistic of each period of a window. A period without data is a gap, and never 0.
///
/// ```
/// use petswipe_cost::{Period, Series, Window};
/// let window = Window::days_before("2026-11-28T00:00:00Z".parse().unwrap(), 3);
/// let points = [("2026-11-25T00:00:00Z", 4.0), ("2026-11-27T00:00:00Z", f64::NAN)];
/// let series = Series::new(window, Period::Day, points.map(|(at, value)| (at.parse().unwrap(), value)));
/// assert_eq!((series.known(), series.len(), series.absurd()), (1, 3, 1));
/// assert_eq!(series.maximum(), Some(4.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    window: Window,
    period: Period,
    /// One for each period; NaN is a gap.
    values: Vec<f64>,
    absurd: u32,
    failure: Option<Arc<str>>,
}

impl Series {
    /// The points that lie in the window, in any order. A value that is no number, infinite, below 0 or above 10^18 (an exabyte in a
    /// day) can't be one of a metric that counts or measures: it is left out, as a gap, and counted as [`absurd`](Self::absurd).
    pub fn new(
        window: Window,
        period: Period,
        points: impl IntoIterator<Item = (Timestamp, f64)>,
    ) -> Self {
        let seconds = i64::from(period.seconds());
        let from = window.from.as_second();
        let length = (window.to.as_second() - from).div_euclid(seconds).max(0);
        let mut values = vec![f64::NAN; usize::try_from(length).unwrap_or_default()];
        let mut absurd = 0;
        for (at, value) in points {
            let index = usize::try_from((at.as_second() - from).div_euclid(seconds));
            let Some(slot) = index.ok().and_then(|index| values.get_mut(index)) else { continue };
            if (0.0..=1e18).contains(&value) {
                *slot = value;
            } else {
                absurd += 1;
            }
        }
        Self { window, period, values, absurd, failure: None }
    }

    /// A series of gaps, as it could not be read.
    ///
    /// ```
    /// use petswipe_cost::{Period, Series, Window};
    /// let week = Window::days_before("2026-11-28T12:00:00Z".parse().unwrap(), 7);
    /// let series = Series::unread(week, Period::Day, "CPUUtilization of i-1: InternalError");
    /// assert_eq!((series.known(), series.len()), (0, 7));
    /// assert_eq!(series.failure(), Some("CPUUtilization of i-1: InternalError"));
    /// ```
    pub fn unread(window: Window, period: Period, why: impl Into<Arc<str>>) -> Self {
        Self { failure: Some(why.into()), ..Self::new(window, period, []) }
    }

    /// A series without gaps, which begins with the window.
    pub fn of(window: Window, period: Period, values: impl IntoIterator<Item = f64>) -> Self {
        let step = i64::from(period.seconds());
        let times = (0..)
            .map_while(|n: i64| Timestamp::from_second(window.from.as_second() + n * step).ok());
        Self::new(window, period, times.zip(values))
    }

    /// The window it covers.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The length of its periods.
    pub fn period(&self) -> Period {
        self.period
    }

    /// How many periods the window has.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether the window is shorter than a period.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Period by period; `None` is a gap.
    pub fn periods(&self) -> impl Iterator<Item = Option<f64>> + '_ {
        self.values.iter().map(|value| Some(*value).filter(|value| !value.is_nan()))
    }

    /// The values there are, with the time at which their period begins.
    pub fn points(&self) -> impl Iterator<Item = (Timestamp, f64)> + '_ {
        let step = i64::from(self.period.seconds());
        let from = self.window.from.as_second();
        (0..).zip(self.periods()).filter_map(move |(n, value): (i64, _)| {
            Some((Timestamp::from_second(from + n * step).ok()?, value?))
        })
    }

    /// The values there are.
    pub fn values(&self) -> impl Iterator<Item = f64> + '_ {
        self.periods().flatten()
    }

    /// In how many periods there is a value.
    pub fn known(&self) -> usize {
        self.values().count()
    }

    /// Why it could not be read; `None` for one that was.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// How many values made no sense.
    pub fn absurd(&self) -> u32 {
        self.absurd
    }

    /// The sum of what is known.
    pub fn sum(&self) -> f64 {
        self.values().sum()
    }

    /// The mean of what is known; `None` where nothing is.
    pub fn mean(&self) -> Option<f64> {
        let known = self.known();
        (known > 0).then(|| self.sum() / known as f64)
    }

    /// The greatest value; `None` where nothing is known.
    pub fn maximum(&self) -> Option<f64> {
        self.values().max_by(f64::total_cmp)
    }

    /// The value of the last period that has one.
    pub fn last(&self) -> Option<f64> {
        self.values().last()
    }

    /// The smallest value that at least `share` (0 to 1) of the known ones do not exceed: the nearest-rank percentile. `None`
    /// where nothing is known.
    pub fn percentile(&self, share: f64) -> Option<f64> {
        let mut values: Vec<f64> = self.values().collect();
        values.sort_by(f64::total_cmp);
        let rank = (share.clamp(0.0, 1.0) * values.len() as f64).ceil() as usize;
        values.get(rank.max(1) - 1).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(days: u16) -> Window {
        Window::days_before("2026-11-28T12:00:00Z".parse().unwrap(), days)
    }

    #[test]
    fn a_gap_is_no_zero() {
        let at =
            |day: i64| Timestamp::from_second(window(4).from.as_second() + day * 86_400).unwrap();
        let series =
            Series::new(window(4), Period::Day, [(at(3), 6.0), (at(0), 2.0), (at(4), 9.0)]);
        assert_eq!(series.periods().collect::<Vec<_>>(), [Some(2.0), None, None, Some(6.0)]);
        assert_eq!((series.mean(), series.sum(), series.last()), (Some(4.0), 8.0, Some(6.0)));
        assert_eq!(series.points().collect::<Vec<_>>(), [(at(0), 2.0), (at(3), 6.0)]);
        let nothing = Series::new(window(4), Period::Day, []);
        assert_eq!(
            (nothing.mean(), nothing.maximum(), nothing.percentile(0.9)),
            (None, None, None)
        );
    }

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let series = Series::of(window(5), Period::Day, [1.0, 5.0, 2.0, 4.0, 3.0]);
        let at = |share| series.percentile(share).unwrap();
        assert_eq!([at(0.0), at(0.2), at(0.21), at(0.9), at(1.0)], [1.0, 1.0, 2.0, 5.0, 5.0]);
    }

    #[test]
    fn what_can_not_be_measured_is_a_gap_and_counted() {
        let series = Series::of(window(4), Period::Day, [-1.0, f64::INFINITY, f64::NAN, 7.0]);
        assert_eq!((series.known(), series.absurd(), series.sum()), (1, 3, 7.0));
    }

    #[test]
    fn hours_fall_into_hours() {
        let series = Series::of(window(2), Period::Hour, (0..48).map(f64::from));
        assert_eq!((series.len(), series.known(), series.maximum()), (48, 48, Some(47.0)));
    }
}
