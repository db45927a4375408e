//! Many metrics in one call, all pages of it, and nothing taken for complete that is not.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{MetricDataResult, StatusCode};
use aws_smithy_types::DateTime;
use petswipe_aws::CallError;

use super::queries::{Measure, PERIOD, Query};
use crate::Window;

/// At most so many queries a call.
///
/// Source: "GetMetricData", Amazon CloudWatch API Reference.
pub(super) const MOST_QUERIES: usize = 500;

/// Fifteen days of minutes of as many queries as there may be fill 108 pages of 100,800 values.
const MOST_PAGES: usize = 200;

/// Values by the second at which their period begins.
pub(super) type Series = BTreeMap<i64, f64>;

/// What is asked about one subject.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// Who, for messages.
    pub(super) about: String,
    /// Whole periods.
    pub(super) window: Window,
    pub(super) queries: Vec<(Measure, Query)>,
}

/// What is known, or why nothing is. One subject's metrics may fail while another's are there.
pub(super) type Answer = Result<BTreeMap<Measure, Series>, CallError>;

/// Answers several questions: one call for each window that they ask about, in which no metric is asked for twice.
pub(super) async fn answer(
    client: &Client,
    questions: Vec<Question>,
) -> Result<Vec<Answer>, CallError> {
    let span = |window: Window| (window.from.as_second(), window.to.as_second());
    let mut spans: BTreeMap<_, BTreeSet<&Query>> = BTreeMap::new();
    for question in &questions {
        let queries = question.queries.iter().map(|(_, query)| query);
        spans.entry(span(question.window)).or_default().extend(queries);
    }
    let mut known = BTreeMap::new();
    for ((from, to), queries) in spans {
        let queries: Vec<_> = queries.into_iter().collect();
        let about = of(&questions);
        let series = fetch(client, &about, from, to, &queries).await?;
        known.insert((from, to), queries.into_iter().zip(series).collect::<BTreeMap<_, _>>());
    }
    let answers = questions.iter().map(|question| {
        let known = &known[&span(question.window)];
        let series = question.queries.iter().map(|(measure, query)| match &known[query] {
            Ok(series) => Ok((*measure, series.clone())),
            Err(why) => Err(unusable(&question.about, format!("{}: {why}", query.metric))),
        });
        series.collect()
    });
    Ok(answers.collect())
}

fn of(questions: &[Question]) -> String {
    let names: BTreeSet<_> = questions.iter().map(|question| question.about.as_str()).collect();
    names.into_iter().collect::<Vec<_>>().join(" and ")
}

fn unusable(about: &str, why: String) -> CallError {
    CallError::unusable("GetMetricData", about, why)
}

/// What came of one query so far.
#[derive(Default)]
struct Received {
    series: Series,
    status: Option<StatusCode>,
    problem: Option<String>,
}

/// The values of each query from second `from` up to and without second `to`.
async fn fetch(
    client: &Client,
    about: &str,
    from: i64,
    to: i64,
    queries: &[&Query],
) -> Result<Vec<Result<Series, String>>, CallError> {
    let mut received: Vec<_> = queries.iter().map(|_| Received::default()).collect();
    let mut token: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let asked = queries.iter().enumerate().map(|(index, query)| query.with_id(index));
        let page = client
            .get_metric_data()
            .set_metric_data_queries(Some(asked.collect()))
            .start_time(DateTime::from_secs(from))
            .end_time(DateTime::from_secs(to))
            .set_next_token(token.clone())
            .send()
            .await
            .map_err(|error| CallError::new("GetMetricData", about, error))?;
        // "If there is a message, as much of the operation as possible is still executed": so a part is missing.
        if let Some(message) = page.messages().first() {
            let (code, value) = (message.code(), message.value());
            let said = format!("{}: {}", code.unwrap_or("?"), value.unwrap_or("?"));
            return Err(unusable(about, said));
        }
        for result in page.metric_data_results() {
            let index = result.id().and_then(|id| id.strip_prefix('q')?.parse::<usize>().ok());
            let Some(received) = index.and_then(|index| received.get_mut(index)) else {
                return Err(unusable(about, format!("it answers {:?}, not asked", result.id())));
            };
            received.add(result, from, to);
        }
        match page.next_token() {
            None => return Ok(received.into_iter().map(Received::whole).collect()),
            Some(next) if token.as_deref() == Some(next) => {
                return Err(unusable(about, "the next page is the same page".to_owned()));
            }
            Some(next) => token = Some(next.to_owned()),
        }
    }
    Err(unusable(about, format!("it has more than {MOST_PAGES} pages")))
}

impl Received {
    /// Takes in what a page says. The order of the values is of no importance.
    fn add(&mut self, result: &MetricDataResult, from: i64, to: i64) {
        self.status = result.status_code().cloned();
        let (times, values) = (result.timestamps(), result.values());
        if let Some(message) = result.messages().first() {
            let said = message.value().or(message.code()).unwrap_or("an empty message");
            self.problem = Some(said.to_owned());
        }
        if times.len() != values.len() {
            self.problem = Some(format!("{} values at {} times", values.len(), times.len()));
            return;
        }
        for (time, value) in times.iter().zip(values) {
            let second = time.secs();
            let is_period = (from..to).contains(&second)
                && (second - from) % i64::from(PERIOD) == 0
                && time.subsec_nanos() == 0;
            if !is_period || !value.is_finite() || *value < 0.0 {
                self.problem = Some(format!("{value} at second {second} of {from} to {to}"));
            }
            if self.series.insert(second, *value).is_some_and(|before| before != *value) {
                self.problem = Some(format!("two values at second {second}"));
            }
        }
    }

    /// The series, if the last page with it says that it is complete.
    fn whole(self) -> Result<Series, String> {
        match (self.problem, self.status) {
            (Some(problem), _) => Err(problem),
            (None, Some(StatusCode::Complete)) => Ok(self.series),
            (None, Some(status)) => Err(status.as_str().to_owned()),
            (None, None) => Err("no answer".to_owned()),
        }
    }
}
