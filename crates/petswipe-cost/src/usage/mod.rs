//! What resources are used for: statistics of metrics, by day or by hour.

mod metric;
mod series;

pub use metric::{Metric, StorageClass};
pub use series::Series;

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::{Error, Region};

/// A stretch of time: from its beginning, up to its end and without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

impl Window {
    /// The last whole days before `now`, in UTC. Today is not over, so it is no part of it.
    ///
    /// ```
    /// use petswipe_cost::Window;
    /// let now = "2026-11-28T09:30:00Z".parse().unwrap();
    /// let week = Window::days_before(now, 7);
    /// assert_eq!(week.from.to_string(), "2026-11-21T00:00:00Z");
    /// assert_eq!(week.to.to_string(), "2026-11-28T00:00:00Z");
    /// ```
    pub fn days_before(now: Timestamp, days: u16) -> Self {
        let midnight = now.as_second() - now.as_second().rem_euclid(DAY);
        let second = |second| Timestamp::from_second(second).unwrap_or(now);
        Self { from: second(midnight - i64::from(days) * DAY), to: second(midnight) }
    }

    /// The days of UTC from one up to another and without it.
    ///
    /// ```
    /// use jiff::civil::date;
    /// use petswipe_cost::Window;
    /// let november = Window::of_days(date(2026, 11, 1), date(2026, 12, 1));
    /// assert_eq!(november.from.to_string(), "2026-11-01T00:00:00Z");
    /// assert_eq!(november.days()?, (date(2026, 11, 1), date(2026, 12, 1)));
    /// # Ok::<(), petswipe_cost::Error>(())
    /// ```
    pub fn of_days(from: Date, to: Date) -> Self {
        let midnight = |day: Date| {
            let midnight = TimeZone::UTC.to_ambiguous_timestamp(day.at(0, 0, 0, 0)).unambiguous();
            midnight.unwrap_or(if day > date(1970, 1, 1) { Timestamp::MAX } else { Timestamp::MIN })
        };
        Self { from: midnight(from), to: midnight(to) }
    }

    /// Its first day, and the day after its last.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless it begins and ends at midnight of UTC and has a day.
    pub fn days(self) -> Result<(Date, Date), Error> {
        let is_midnight = |at: Timestamp| at.as_second() % DAY == 0 && at.subsec_nanosecond() == 0;
        if !is_midnight(self.from) || !is_midnight(self.to) || self.from >= self.to {
            let value = format!("{} to {}", self.from, self.to);
            return Err(Error::invalid("window", value, "whole days of UTC, at least one"));
        }
        let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
        Ok((day(self.from), day(self.to)))
    }
}

const DAY: i64 = 86_400;

/// How much of what lies in one period is one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Statistic {
    /// The mean of all samples.
    Average,
    /// The greatest sample.
    Maximum,
    /// The sum of all samples.
    Sum,
}

/// The length of a period. CloudWatch keeps one of an hour for 455 days, and of anything finer for less; a period that is
/// finer than the age allows gets no answer at all. Source: "CloudWatch metrics retention", `GetMetricData`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Period {
    /// A day of UTC.
    Day,
    /// An hour.
    Hour,
}

impl Period {
    /// Its length in seconds.
    pub fn seconds(self) -> u32 {
        match self {
            Self::Day => 86_400,
            Self::Hour => 3_600,
        }
    }
}

/// One statistic of one metric of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Measure {
    /// Where the resource is.
    pub region: Region,
    /// By what the metric knows it: the values of its dimensions.
    pub subject: String,
    /// Which metric.
    pub metric: Metric,
    /// Which statistic.
    pub statistic: Statistic,
    /// By which period.
    pub period: Period,
}

impl Measure {
    /// A statistic of a day.
    pub fn daily(region: &Region, subject: &str, metric: Metric, statistic: Statistic) -> Self {
        let (region, subject) = (region.clone(), subject.to_owned());
        Self { region, subject, metric, statistic, period: Period::Day }
    }

    /// A statistic of an hour.
    pub fn hourly(region: &Region, subject: &str, metric: Metric, statistic: Statistic) -> Self {
        Self { period: Period::Hour, ..Self::daily(region, subject, metric, statistic) }
    }
}

/// A measure, and for how many days back it is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is wanted.
    pub measure: Measure,
    /// For how many whole days before now.
    pub days: u16,
}

/// The answers to questions, by what was asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage(HashMap<Measure, Series>);

impl Usage {
    /// What was measured; `None` where nobody asked, or no answer came.
    pub fn of(&self, measure: &Measure) -> Option<&Series> {
        self.0.get(measure)
    }

    /// Keeps an answer.
    pub fn insert(&mut self, measure: Measure, series: Series) {
        self.0.insert(measure, series);
    }

    /// Takes in what other answers there are.
    pub fn absorb(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many measures were answered.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everything that was measured.
    pub fn iter(&self) -> impl Iterator<Item = (&Measure, &Series)> {
        self.0.iter()
    }
}

impl FromIterator<(Measure, Series)> for Usage {
    fn from_iter<I: IntoIterator<Item = (Measure, Series)>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}
