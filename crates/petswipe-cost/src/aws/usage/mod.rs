//! What resources of AWS are used for: metrics of Amazon CloudWatch.

mod answers;
mod metric_data;
mod metric_statistics;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_cloudwatch::types::Dimension;
use aws_types::SdkConfig;
use jiff::Timestamp;

use super::identity::Identity;
use super::places::Places;
use crate::{Error, Measure, Period, Region, Series, UsageSource, Window};

/// So many calls at once.
const AT_ONCE: usize = 4;

/// By which operation metrics are asked for: the one is quick, the other costs nothing up to a million calls a month.
///
/// Source: "Amazon CloudWatch Pricing": GetMetricData is billed by metric, 0.01 USD for 1,000 in us-east-1; GetMetricStatistics
/// is in the free tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Metering {
    /// `GetMetricData`: 500 metrics a call.
    #[default]
    MetricData,
    /// `GetMetricStatistics`: a call for each metric of each resource, in which all its statistics are, and for each 1,440 values
    /// of them.
    MetricStatistics,
}

/// Asks CloudWatch, in any region.
///
/// Only whole periods within a window are asked for: those of a day begin at midnight in UTC, those of an hour with the hour. No
/// metric is asked for twice in a call of [`statistics`](UsageSource::statistics). Metrics of which CloudWatch says that their values
/// are not complete, or whose call failed where others did not, are [`Series::unread`].
///
/// CloudWatch has periods of an hour for 455 days; of what is older there is nothing but gaps. Source: "Metrics retention",
/// Amazon CloudWatch User Guide.
pub struct AwsUsage {
    places: Places,
    identity: Identity,
    metering: Metering,
}

impl fmt::Debug for AwsUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsUsage").field("metering", &self.metering).finish_non_exhaustive()
    }
}

impl AwsUsage {
    /// The account that the credentials belong to.
    pub fn new(config: &SdkConfig, metering: Metering) -> Self {
        Self { places: Places::new(config), identity: Identity::new(config), metering }
    }
}

/// Values and when their periods begin.
type Points = Vec<(Timestamp, f64)>;

#[async_trait]
impl UsageSource for AwsUsage {
    async fn statistics(
        &self,
        region: &Region,
        measures: &[Measure],
        window: Window,
    ) -> Result<Vec<Series>, Error> {
        let mut each: Vec<&Measure> = measures.iter().collect();
        each.sort_unstable();
        each.dedup();
        each.retain(|measure| whole(window, measure.period).is_some());
        let place = self.places.of(region);
        let client = place.cloudwatch();
        let answer = match self.metering {
            Metering::MetricData => metric_data::points(client, region, &each, window).await,
            Metering::MetricStatistics => {
                metric_statistics::points(client, region, &each, window).await
            }
        };
        let answers = match answer {
            Ok(answers) => answers,
            Err(error) => return Err(self.identity.meaning(error, region).await),
        };
        let series = measures.iter().map(|measure| {
            let points = match answers.get(measure) {
                Some(Err(why)) => return Series::unread(window, measure.period, Arc::clone(why)),
                Some(Ok(points)) => points.as_slice(),
                None => &[],
            };
            let points = points.iter().copied();
            let inside = points.filter(|(at, _)| window.from <= *at && *at < window.to);
            Series::new(window, measure.period, inside)
        });
        Ok(series.collect())
    }
}

/// The seconds of the whole periods within a window, the end excluded; `None` where there is none.
fn whole(window: Window, period: Period) -> Option<(i64, i64)> {
    let length = i64::from(period.seconds());
    let begin = window.from.as_second() + i64::from(window.from.subsec_nanosecond() > 0);
    let from = begin.div_euclid(length) + i64::from(begin.rem_euclid(length) > 0);
    let to = window.to.as_second().div_euclid(length);
    (from < to).then_some((from * length, to * length))
}

fn dimensions(measure: &Measure) -> Vec<Dimension> {
    let all = measure.metric.dimensions(&measure.subject).into_iter();
    all.map(|(name, value)| Dimension::builder().name(name).value(value).build()).collect()
}

fn statistic(measure: &Measure) -> aws_sdk_cloudwatch::types::Statistic {
    match measure.statistic {
        crate::Statistic::Average => aws_sdk_cloudwatch::types::Statistic::Average,
        crate::Statistic::Maximum => aws_sdk_cloudwatch::types::Statistic::Maximum,
        crate::Statistic::Sum => aws_sdk_cloudwatch::types::Statistic::Sum,
    }
}

fn seconds(period: Period) -> i32 {
    i32::try_from(period.seconds()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_periods_are_asked_for() {
        let window =
            |from: &str, to: &str| Window { from: from.parse().unwrap(), to: to.parse().unwrap() };
        let day = window("2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z");
        let midnight = day.from.as_second();
        assert_eq!(whole(day, Period::Day), Some((midnight, midnight + 86_400)));
        assert_eq!(whole(day, Period::Hour), Some((midnight, midnight + 86_400)));
        let ragged = window("2026-11-27T00:00:00.5Z", "2026-11-28T02:59:59Z");
        assert_eq!(whole(ragged, Period::Day), None);
        assert_eq!(whole(ragged, Period::Hour), Some((midnight + 3600, midnight + 86_400 + 7200)));
        assert_eq!(
            whole(window("2026-11-28T00:00:00Z", "2026-11-27T00:00:00Z"), Period::Hour),
            None
        );
    }
}
