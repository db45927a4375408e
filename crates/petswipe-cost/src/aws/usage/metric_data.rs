//! Many metrics in one call, all pages of it, and nothing taken for complete that is not.
//!
//! Source: "GetMetricData", Amazon CloudWatch API Reference: at most 500 queries a call, at most 100,800 values a page.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{
    Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode,
};
use aws_smithy_types::DateTime;
use futures_util::stream::{self, StreamExt};
use petswipe_aws::CallError;

use super::answers::{Answers, gathered};
use super::{AT_ONCE, Points, dimensions, seconds, statistic, whole};
use crate::aws::pages::{self, Asked};
use crate::aws::values::time;
use crate::{Measure, Region, Window};

const ACTION: &str = "cloudwatch:GetMetricData";

const MOST_QUERIES: usize = 500;

/// The values of each measure. None is there twice.
///
/// Measures with other whole periods are other calls: where a call begins is where its longest periods begin.
pub(super) async fn points<'a>(
    client: &Client,
    region: &Region,
    measures: &[&'a Measure],
    window: Window,
) -> Result<Answers<'a>, CallError> {
    let mut spans: BTreeMap<(i64, i64), Vec<&'a Measure>> = BTreeMap::new();
    for measure in measures {
        if let Some(span) = whole(window, measure.period) {
            spans.entry(span).or_default().push(measure);
        }
    }
    let mut calls = Vec::new();
    for (span, measures) in &spans {
        calls.extend(
            measures.chunks(MOST_QUERIES).map(|some| async move {
                (some.to_vec(), fetch(client, region, some, *span).await)
            }),
        );
    }
    gathered(stream::iter(calls).buffered(AT_ONCE)).await
}

/// The values of up to 500 measures from one second up to and without another.
async fn fetch<'a>(
    client: &Client,
    region: &Region,
    measures: &[&'a Measure],
    (from, to): (i64, i64),
) -> Result<Vec<(&'a Measure, Result<Points, String>)>, CallError> {
    let asked = Asked { action: ACTION, about: region.as_str() };
    let queries = measures.iter().enumerate().map(|(index, measure)| query(index, measure));
    let request = client
        .get_metric_data()
        .set_metric_data_queries(Some(queries.collect()))
        .start_time(DateTime::from_secs(from))
        .end_time(DateTime::from_secs(to))
        .scan_by(ScanBy::TimestampAscending);
    let results = pages::all(asked, |token: Option<String>| {
        let request = request.clone().set_next_token(token);
        async move {
            let page = request.send().await;
            let page = page.map_err(|error| CallError::new(asked.action, asked.about, error))?;
            // "If there is a message, as much of the operation as possible is still executed": so a part is missing.
            if let Some(message) = page.messages().first() {
                let (code, value) = (message.code(), message.value());
                let said = format!("{}: {}", code.unwrap_or("?"), value.unwrap_or("?"));
                return Err(asked.unusable(said));
            }
            let next = page.next_token.filter(|token| !token.is_empty());
            Ok((page.metric_data_results.unwrap_or_default(), next))
        }
    });
    let mut received: Vec<Received> = measures.iter().map(|_| Received::default()).collect();
    for result in results.await? {
        let index = result.id().and_then(|id| id.strip_prefix('q')?.parse::<usize>().ok());
        let Some(received) = index.and_then(|index| received.get_mut(index)) else {
            return Err(asked.unusable(format!("it answers {:?}, not asked", result.id())));
        };
        received.add(&result);
    }
    let whole = received.into_iter().zip(measures).map(|(received, measure)| {
        let points = received.whole().map_err(|why| {
            let metric = measure.metric.name().1;
            format!("{ACTION}: {metric} of {}: {why}", measure.subject)
        });
        (*measure, points)
    });
    Ok(whole.collect())
}

/// Ids begin with a small letter, so a number alone is none.
fn query(index: usize, measure: &Measure) -> MetricDataQuery {
    let (namespace, name) = measure.metric.name();
    let metric = Metric::builder()
        .namespace(namespace)
        .metric_name(name)
        .set_dimensions(Some(dimensions(measure)))
        .build();
    let stat = MetricStat::builder()
        .metric(metric)
        .period(seconds(measure.period))
        .stat(statistic(measure).as_str())
        .build();
    MetricDataQuery::builder().id(format!("q{index}")).metric_stat(stat).build()
}

/// What came of one measure so far.
#[derive(Default)]
struct Received {
    points: Points,
    status: Option<StatusCode>,
    problem: Option<String>,
}

impl Received {
    /// Takes in what a page says.
    fn add(&mut self, result: &MetricDataResult) {
        self.status = result.status_code().cloned();
        if let Some(message) = result.messages().first() {
            let said = message.value().or(message.code()).unwrap_or("an empty message");
            self.problem = Some(said.to_owned());
        }
        let (times, values) = (result.timestamps(), result.values());
        if times.len() != values.len() {
            self.problem = Some(format!("{} values at {} times", values.len(), times.len()));
            return;
        }
        let points =
            times.iter().zip(values).filter_map(|(at, value)| Some((time(Some(at))?, *value)));
        self.points.extend(points);
    }

    /// The values, if the last page with them says that they are complete.
    fn whole(self) -> Result<Points, String> {
        match (self.problem, self.status) {
            (Some(problem), _) => Err(problem),
            (None, Some(StatusCode::Complete)) => Ok(self.points),
            (None, Some(status)) => Err(status.as_str().to_owned()),
            (None, None) => Err("no answer".to_owned()),
        }
    }
}
