//! Many metrics in one call, all pages of it, and nothing taken for complete that is not.
//!
//! Source: "GetMetricData", Amazon CloudWatch API Reference: at most 500 queries a call, at most 100,800 values a page.

use std::collections::{HashMap, HashSet};

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{
    Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode,
};
use aws_smithy_types::DateTime;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use petswipe_aws::CallError;

use super::{AT_ONCE, Points, dimensions, seconds, statistic, unusable, whole};
use crate::aws::values::time;
use crate::{Measure, Region, Window};

const ACTION: &str = "cloudwatch:GetMetricData";

const MOST_QUERIES: usize = 500;

/// So many pages fill 500 metrics of 455 days of hours.
const MOST_PAGES: usize = 100;

/// The values of each measure. None is there twice.
pub(super) async fn points<'a>(
    client: &Client,
    region: &Region,
    measures: &[&'a Measure],
    window: Window,
) -> Result<HashMap<&'a Measure, Points>, CallError> {
    let calls: Vec<_> =
        measures.chunks(MOST_QUERIES).map(|some| fetch(client, region, some, window)).collect();
    let parts: Vec<Vec<Points>> = stream::iter(calls).buffered(AT_ONCE).try_collect().await?;
    Ok(measures.iter().copied().zip(parts.into_iter().flatten()).collect())
}

/// The values of up to 500 measures, in their order.
async fn fetch(
    client: &Client,
    region: &Region,
    measures: &[&Measure],
    window: Window,
) -> Result<Vec<Points>, CallError> {
    let spans = measures.iter().filter_map(|measure| whole(window, measure.period));
    let (from, to) = spans
        .reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
        .ok_or_else(|| unusable(ACTION, region, "nothing is asked"))?;
    let request = client
        .get_metric_data()
        .set_metric_data_queries(Some(
            measures.iter().enumerate().map(|(index, measure)| query(index, measure)).collect(),
        ))
        .start_time(DateTime::from_secs(from))
        .end_time(DateTime::from_secs(to))
        .scan_by(ScanBy::TimestampAscending);
    let mut received: Vec<Received> = measures.iter().map(|_| Received::default()).collect();
    let mut seen: HashSet<String> = HashSet::new();
    let mut token: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let page = request.clone().set_next_token(token.clone()).send().await;
        let page = page.map_err(|error| CallError::new(ACTION, region.as_str(), error))?;
        // "If there is a message, as much of the operation as possible is still executed": so a part is missing.
        if let Some(message) = page.messages().first() {
            let (code, value) = (message.code(), message.value());
            let said = format!("{}: {}", code.unwrap_or("?"), value.unwrap_or("?"));
            return Err(unusable(ACTION, region, said));
        }
        for result in page.metric_data_results() {
            let index = result.id().and_then(|id| id.strip_prefix('q')?.parse::<usize>().ok());
            let Some(received) = index.and_then(|index| received.get_mut(index)) else {
                let said = format!("it answers {:?}, not asked", result.id());
                return Err(unusable(ACTION, region, said));
            };
            received.add(result);
        }
        let Some(next) = page.next_token().filter(|next| !next.is_empty()) else {
            let whole = received.into_iter().zip(measures).map(|(received, measure)| {
                received.whole().map_err(|why| {
                    let metric = measure.metric.name().1;
                    unusable(ACTION, region, format!("{metric} of {}: {why}", measure.subject))
                })
            });
            return whole.collect();
        };
        if !seen.insert(next.to_owned()) {
            return Err(unusable(ACTION, region, "its pages go round in circles"));
        }
        token = Some(next.to_owned());
    }
    Err(unusable(ACTION, region, format!("it has more than {MOST_PAGES} pages")))
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
