//! One metric a call, within the free tier.
//!
//! Source: "GetMetricStatistics", Amazon CloudWatch API Reference: at most 1,440 values a call, no pages.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::Datapoint;
use aws_smithy_types::DateTime;
use futures_util::stream::{self, StreamExt};
use petswipe_aws::CallError;

use super::answers::{Answers, gathered};
use super::{AT_ONCE, Points, dimensions, seconds, statistic, whole};
use crate::aws::values::time;
use crate::{Measure, Metric, Period, Region, Statistic, Window};

const ACTION: &str = "cloudwatch:GetMetricStatistics";

/// So many periods a call, of all statistics together.
const MOST: i64 = 1440;

/// The measures that one call answers: they differ by their statistic alone.
type Together<'a> = Vec<&'a Measure>;

/// The values of each measure. None is there twice.
pub(super) async fn points<'a>(
    client: &Client,
    region: &Region,
    measures: &[&'a Measure],
    window: Window,
) -> Result<Answers<'a>, CallError> {
    let mut together: BTreeMap<(Metric, Period, &str), Together<'a>> = BTreeMap::new();
    for measure in measures {
        let key = (measure.metric, measure.period, measure.subject.as_str());
        together.entry(key).or_default().push(measure);
    }
    let mut calls = Vec::new();
    for measures in together.values() {
        let Some(first) = measures.first() else { continue };
        let Some((from, to)) = whole(window, first.period) else { continue };
        let periods = MOST / i64::try_from(measures.len()).unwrap_or(MOST).max(1);
        let step = periods.max(1) * i64::from(first.period.seconds());
        let mut begin = from;
        while begin < to {
            let end = to.min(begin + step);
            calls.push(async move {
                (measures.clone(), fetch(client, region, measures, begin, end).await)
            });
            begin = end;
        }
    }
    gathered(stream::iter(calls).buffered(AT_ONCE)).await
}

async fn fetch<'a>(
    client: &Client,
    region: &Region,
    measures: &[&'a Measure],
    from: i64,
    to: i64,
) -> Result<Vec<(&'a Measure, Result<Points, String>)>, CallError> {
    let Some(first) = measures.first() else { return Ok(Vec::new()) };
    let (namespace, name) = first.metric.name();
    let answer = client
        .get_metric_statistics()
        .namespace(namespace)
        .metric_name(name)
        .set_dimensions(Some(dimensions(first)))
        .start_time(DateTime::from_secs(from))
        .end_time(DateTime::from_secs(to))
        .period(seconds(first.period))
        .set_statistics(Some(measures.iter().copied().map(statistic).collect()))
        .send()
        .await
        .map_err(|error| {
            let about = format!("{name} of {} in {region}", first.subject);
            CallError::new(ACTION, about, error)
        })?;
    let of = |measure: &'a Measure| {
        let all = answer.datapoints().iter();
        let points = all.filter_map(|one| Some((time(one.timestamp())?, value(one, measure)?)));
        (measure, Ok(points.collect()))
    };
    Ok(measures.iter().copied().map(of).collect())
}

fn value(one: &Datapoint, measure: &Measure) -> Option<f64> {
    match measure.statistic {
        Statistic::Average => one.average(),
        Statistic::Maximum => one.maximum(),
        Statistic::Sum => one.sum(),
    }
}
