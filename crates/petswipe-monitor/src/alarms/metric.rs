//! Which metric, and which number is made of it in each period.

use std::time::Duration;

use super::Statistic;

/// A metric: its namespace, its name, and the dimensions that it was published with, all of them.
///
/// CloudWatch does not aggregate over dimensions: a metric with one dimension less is another metric, and most often one
/// without data.
///
/// Source: "CloudWatch concepts", Dimensions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Metric {
    /// Such as `AWS/ApplicationELB`.
    pub namespace: String,
    /// Such as `RequestCount`.
    pub name: String,
    /// Names and values, in the order of their names.
    pub dimensions: Vec<(String, String)>,
}

impl Metric {
    /// A metric without dimensions.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into(), dimensions: Vec::new() }
    }

    /// The same with one more dimension. Dimensions are kept in the order of their names: it means nothing to CloudWatch.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.dimensions.push((name.into(), value.into()));
        self.dimensions.sort();
        self
    }

    /// One number of it for each period.
    pub fn every(self, period: Duration, statistic: Statistic) -> Measure {
        Measure { metric: self, period, statistic }
    }
}

/// A metric with what is made of it: one number for each period. The API calls it `MetricStat`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Measure {
    /// What is measured.
    pub metric: Metric,
    /// The length of a period: 10, 20 or 30 s for metrics of high resolution, else a multiple of a minute.
    pub period: Duration,
    /// What is made of the values of a period.
    pub statistic: Statistic,
}
