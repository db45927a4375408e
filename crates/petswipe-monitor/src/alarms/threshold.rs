//! When a number is too much, and what its absence means.

use serde::{Deserialize, Serialize};

/// How a number is compared with the threshold; the number is on the left.
///
/// Source: "PutMetricAlarm", ComparisonOperator. Those of anomaly detection are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ComparisonOperator {
    /// More than the threshold is bad.
    GreaterThanThreshold,
    /// The threshold itself is bad already.
    GreaterThanOrEqualToThreshold,
    /// Less than the threshold is bad.
    LessThanThreshold,
    /// The threshold itself is bad already.
    LessThanOrEqualToThreshold,
}

impl ComparisonOperator {
    /// Whether a number breaches a threshold.
    pub fn is_breached(self, number: f64, threshold: f64) -> bool {
        match self {
            Self::GreaterThanThreshold => number > threshold,
            Self::GreaterThanOrEqualToThreshold => number >= threshold,
            Self::LessThanThreshold => number < threshold,
            Self::LessThanOrEqualToThreshold => number <= threshold,
        }
    }

    /// As it is written between two numbers.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::GreaterThanThreshold => ">",
            Self::GreaterThanOrEqualToThreshold => ">=",
            Self::LessThanThreshold => "<",
            Self::LessThanOrEqualToThreshold => "<=",
        }
    }
}

/// What a period without data is taken for.
///
/// Source: "Configuring how CloudWatch alarms treat missing data".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MissingData {
    /// For nothing: without any data the alarm is in `INSUFFICIENT_DATA`. For metrics that are always published.
    #[default]
    Missing,
    /// For good: for counts of what is bad, which are published only when it happens.
    NotBreaching,
    /// For bad: for signs of life.
    Breaching,
    /// The alarm stays as it is.
    Ignore,
}

/// What a percentile of few values does to an alarm.
///
/// Source: "Percentile-based CloudWatch alarms and low data samples".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LowSamples {
    /// It counts like any other.
    Evaluate,
    /// The alarm stays as it is while there are fewer than 10/(1 − p) values, with p as a fraction above one half.
    Ignore,
}

/// A limit, in how many periods of how many it has to be broken, and what periods without data count for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// What is too much.
    pub operator: ComparisonOperator,
    /// The limit, in the unit of the metric.
    pub value: f64,
    /// How many of the newest periods are looked at, the N of "M out of N".
    pub evaluation_periods: u32,
    /// In how many of them the limit has to be broken, the M.
    pub datapoints: u32,
    /// What a period without data counts for.
    pub missing: MissingData,
    /// What few values do, for percentiles.
    pub low_samples: Option<LowSamples>,
}

impl Threshold {
    fn new(operator: ComparisonOperator, value: f64) -> Self {
        Self {
            operator,
            value,
            evaluation_periods: 1,
            datapoints: 1,
            missing: MissingData::default(),
            low_samples: None,
        }
    }

    /// More than `value` in one period.
    pub fn above(value: f64) -> Self {
        Self::new(ComparisonOperator::GreaterThanThreshold, value)
    }

    /// `value` or more in one period.
    pub fn at_least(value: f64) -> Self {
        Self::new(ComparisonOperator::GreaterThanOrEqualToThreshold, value)
    }

    /// Less than `value` in one period.
    pub fn below(value: f64) -> Self {
        Self::new(ComparisonOperator::LessThanThreshold, value)
    }

    /// `value` or less in one period.
    pub fn at_most(value: f64) -> Self {
        Self::new(ComparisonOperator::LessThanOrEqualToThreshold, value)
    }

    /// So many periods in a row.
    #[must_use]
    pub fn in_periods(self, periods: u32) -> Self {
        self.in_some_of(periods, periods)
    }

    /// `datapoints` of the newest `periods`.
    #[must_use]
    pub fn in_some_of(mut self, datapoints: u32, periods: u32) -> Self {
        self.datapoints = datapoints;
        self.evaluation_periods = periods;
        self
    }

    /// What a period without data counts for.
    #[must_use]
    pub fn missing(mut self, missing: MissingData) -> Self {
        self.missing = missing;
        self
    }

    /// What few values do, for percentiles.
    #[must_use]
    pub fn low_samples(mut self, low_samples: LowSamples) -> Self {
        self.low_samples = Some(low_samples);
        self
    }
}
