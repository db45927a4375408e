//! Whether costs rise or fall, and how fast.

use serde::{Deserialize, Serialize};

use super::Daily;
use super::statistics::median;

/// Days in a month, on average, by which a slope is put into words.
const DAYS_PER_MONTH: f64 = 365.25 / 12.0;

/// Fewer days than this show no trend: two of each weekday.
pub const TREND_DAYS: usize = 14;

/// How fast costs rise or fall.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// By how much a day's cost changes in a month, in the currency per day. Above 0 it rises.
    pub per_month: f64,
    /// Where that change lies in 95 of 100 cases, if days err independently of each other: from.
    pub low: f64,
    /// And to.
    pub high: f64,
    /// The change in percent of the median day; `None` where that is not above 0.
    pub percent_per_month: Option<f64>,
    /// On how many days it rests.
    pub days: usize,
}

impl Trend {
    /// Whether the interval leaves out 0, so that it can be told whether costs rise or fall.
    pub fn is_clear(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// The trend of daily costs; `None` with fewer than [`TREND_DAYS`] days.
///
/// It is the median of the slopes between all pairs of days that are whole weeks apart, so that weekends cancel out and single
/// expensive days hardly count. Sources: Sen, "Estimates of the regression coefficient based on Kendall's tau", JASA 63 (1968),
/// also for the interval; within seasons, here weekdays: Hirsch, Slack and Smith, "Techniques of trend analysis for monthly water
/// quality data", Water Resources Research 18 (1982).
///
/// ```
/// use jiff::civil::date;
/// use petswipe_cost::{Daily, trend};
/// // A dollar more each day, and nothing on weekends.
/// let days = (0..28).map(|day| if day % 7 < 5 { 100.0 + f64::from(day) } else { 0.0 });
/// let trend = trend(&Daily::new(date(2026, 11, 2), days.collect())).unwrap();
/// assert!((trend.per_month - 30.4375).abs() < 1e-9);
/// assert!(trend.is_clear());
/// ```
pub fn trend(daily: &Daily) -> Option<Trend> {
    let slope = slope(daily.values())?;
    let level = median(daily.values().iter().copied()).filter(|level| *level > 0.0);
    let per_month = slope.per_day * DAYS_PER_MONTH;
    Some(Trend {
        per_month,
        low: slope.low * DAYS_PER_MONTH,
        high: slope.high * DAYS_PER_MONTH,
        percent_per_month: level.map(|level| 100.0 * per_month / level),
        days: daily.len(),
    })
}

/// A slope in currency per day and day, with its interval at 95 %.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slope {
    pub(super) per_day: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// See [`trend`].
pub(super) fn slope(values: &[f64]) -> Option<Slope> {
    if values.len() < TREND_DAYS {
        return None;
    }
    let mut slopes = Vec::new();
    for (index, later) in values.iter().enumerate() {
        for weeks in 1..=index / 7 {
            let days = 7 * weeks;
            slopes.push((later - values[index - days]) / days as f64);
        }
    }
    slopes.sort_by(f64::total_cmp);
    let per_day = median(slopes.iter().copied())?;
    // The variance of Kendall's score is the sum of those of the weekdays; ranks of slopes that far from the middle bound it.
    let variance: f64 = (0..7).map(|weekday| score_variance(count(values.len(), weekday))).sum();
    let reach = 1.959_964 * variance.sqrt();
    let middle = slopes.len() as f64;
    let rank = |at: f64| slopes[(at.max(0.0) as usize).min(slopes.len() - 1)];
    let low = rank(((middle - reach) / 2.0).floor() - 1.0);
    let high = rank(((middle + reach) / 2.0).ceil());
    Some(Slope { per_day, low, high })
}

/// How many of so many days have the weekday that the first has after so many.
fn count(days: usize, weekday: usize) -> f64 {
    (days.saturating_sub(weekday)).div_ceil(7) as f64
}

/// Of Kendall's score over `n` values. Source: Kendall, "Rank Correlation Methods" (1975), for no ties.
fn score_variance(n: f64) -> f64 {
    n * (n - 1.0) * (2.0 * n + 5.0) / 18.0
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::simulation::{Noise, Series};
    use super::*;

    #[test]
    fn thirteen_days_show_no_trend_and_fourteen_do() {
        let daily = |days| Daily::new(date(2026, 11, 2), vec![5.0; days]);
        assert_eq!(trend(&daily(13)), None);
        let flat = trend(&daily(14)).unwrap();
        assert_eq!((flat.per_month, flat.percent_per_month, flat.days), (0.0, Some(0.0), 14));
        assert!(!flat.is_clear());
    }

    #[test]
    fn monthly_fees_and_an_expensive_day_are_no_trend() {
        let mut values = vec![100.0; 90];
        for fee in [0, 30, 61] {
            values[fee] += 500.0;
        }
        values[88] = 9_000.0;
        let trend = trend(&Daily::new(date(2026, 8, 1), values)).unwrap();
        assert_eq!(trend.per_month, 0.0);
    }

    #[test]
    fn costs_that_are_nothing_have_no_percentage() {
        let trend = trend(&Daily::new(date(2026, 8, 1), vec![0.0; 60])).unwrap();
        assert_eq!(trend.percent_per_month, None);
    }

    #[test]
    fn the_interval_covers_the_true_slope_as_often_as_it_says() {
        let runs = 600;
        let mut covered = 0;
        for seed in 0..runs {
            let growth = 4.0;
            let noise = Noise::Normal;
            let series = Series { noise, growth, weekend: 1.0, ..Series::default() };
            let trend = trend(&series.daily(90, seed)).unwrap();
            covered += u32::from((trend.low..=trend.high).contains(&series.slope_per_month()));
        }
        let share = f64::from(covered) / runs as f64;
        assert!((0.92..=0.985).contains(&share), "{share}");
    }
}
