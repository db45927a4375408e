//! CloudWatch, with metrics that are looked up and not computed: the test says what each period has.

use std::collections::BTreeMap;

use aws_smithy_cbor::Encoder;
use aws_smithy_types::DateTime;
use petswipe_aws::script::{Answer, Call, Refusal};
use serde_json::Value;

#[derive(Default)]
pub struct CloudWatch {
    /// By namespace, name and dimensions, such as `AWS/EBS VolumeReadOps VolumeId=vol-1 Sum 86400`: values by second.
    pub values: BTreeMap<String, BTreeMap<i64, f64>>,
    /// At most so many values a page.
    pub page: Option<usize>,
    /// What is said of a metric instead of `Complete`.
    pub status: Option<(String, String)>,
    /// A message about a whole answer.
    pub message: Option<String>,
    /// The next token is refused, once.
    pub expiring: bool,
    /// The second page is said to lead to itself.
    pub circles: bool,
}

fn refuse(why: &str) -> Refusal {
    Refusal::new("ValidationError", why)
}

fn name(metric: &Value, statistic: &str, period: i64) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let dimensions = metric["Dimensions"].as_array().cloned().unwrap_or_default();
    let dimensions: String =
        dimensions.iter().map(|d| format!(" {}={}", text(&d["Name"]), text(&d["Value"]))).collect();
    let (namespace, name) = (text(&metric["Namespace"]), text(&metric["MetricName"]));
    format!("{namespace} {name}{dimensions} {statistic} {period}")
}

impl CloudWatch {
    pub fn put(&mut self, name: &str, second: i64, value: f64) {
        self.values.entry(name.to_owned()).or_default().insert(second, value);
    }

    fn series(&self, name: &str, from: i64, to: i64) -> Vec<(i64, f64)> {
        let all = self.values.get(name).into_iter().flatten();
        all.map(|(at, value)| (*at, *value)).filter(|(at, _)| (from..to).contains(at)).collect()
    }
}

pub fn answer(cloudwatch: &mut CloudWatch, call: &Call) -> Result<Answer, Refusal> {
    let asked = call.cbor();
    let (from, to) = (asked["StartTime"].as_i64(), asked["EndTime"].as_i64());
    let (Some(from), Some(to)) = (from, to) else { return Err(refuse("no times")) };
    if from >= to {
        return Err(refuse("The parameter StartTime must be less than EndTime"));
    }
    match call.operation() {
        "GetMetricData" => metric_data(cloudwatch, &asked, from, to),
        "GetMetricStatistics" => metric_statistics(cloudwatch, &asked, from, to),
        _ => Err("UnknownOperationException".into()),
    }
}

fn metric_data(
    cloudwatch: &mut CloudWatch,
    asked: &Value,
    from: i64,
    to: i64,
) -> Result<Answer, Refusal> {
    let queries = asked["MetricDataQueries"].as_array().cloned().unwrap_or_default();
    if queries.is_empty() || queries.len() > 500 {
        return Err(refuse("The collection MetricDataQueries must have 1 to 500 members"));
    }
    let mut names: Vec<_> = Vec::new();
    for query in &queries {
        let stat = &query["MetricStat"];
        let period = stat["Period"].as_i64().unwrap_or_default();
        names.push(name(&stat["Metric"], stat["Stat"].as_str().unwrap_or_default(), period));
    }
    let mut once = names.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), names.len(), "a metric is asked for twice");
    let page = cloudwatch.page.unwrap_or(100_800);
    let token = asked["NextToken"].as_str();
    if token.is_some() && std::mem::take(&mut cloudwatch.expiring) {
        return Err(refuse("The token has expired"));
    }
    let begin: usize = token.map_or(Ok(0), |token| token["after-".len()..].parse()).unwrap();
    let end = begin + page;
    let mut encoder = Encoder::new(Vec::new());
    encoder.begin_map().str("MetricDataResults").begin_array();
    let (mut position, mut parts) = (0, Vec::new());
    for (query, name) in queries.iter().zip(&names) {
        let points = cloudwatch.series(name, from, to);
        let (first, last) = (position, position + points.len());
        position = last;
        if last < begin || first > end || (last == begin && begin > 0 && first < last) {
            continue;
        }
        let here = points[begin.max(first) - first..end.min(last) - first].to_vec();
        let said = cloudwatch.status.as_ref().filter(|(of, _)| name.contains(of.as_str()));
        let status = match said {
            Some((_, status)) => status.as_str(),
            None if last > end => "PartialData",
            None => "Complete",
        };
        parts.push((query["Id"].as_str().unwrap().to_owned(), here, status.to_owned()));
    }
    // The results come in any order.
    for (id, points, status) in parts.into_iter().rev() {
        encoder.begin_map().str("Id").str(&id).str("StatusCode").str(&status);
        encoder.str("Timestamps").array(points.len());
        for (second, _) in points.iter().rev() {
            encoder.timestamp(&DateTime::from_secs(*second));
        }
        encoder.str("Values").array(points.len());
        for (_, value) in points.iter().rev() {
            encoder.double(*value);
        }
        encoder.end();
    }
    encoder.end();
    if let Some(message) = &cloudwatch.message {
        encoder.str("Messages").array(1).map(2);
        encoder.str("Code").str("Note").str("Value").str(message);
    }
    if position > end {
        let next = if cloudwatch.circles { page } else { end };
        encoder.str("NextToken").str(&format!("after-{next}"));
    }
    encoder.end();
    Ok(Answer::Cbor(encoder.into_writer()))
}

fn metric_statistics(
    cloudwatch: &CloudWatch,
    asked: &Value,
    from: i64,
    to: i64,
) -> Result<Answer, Refusal> {
    let period = asked["Period"].as_i64().unwrap_or_default();
    let statistics = asked["Statistics"].as_array().cloned().unwrap_or_default();
    let statistics: Vec<_> = statistics.iter().filter_map(Value::as_str).collect();
    let values = (to - from) / period * i64::try_from(statistics.len()).unwrap();
    if values > 1440 {
        return Err(Refusal::new("InvalidParameterCombination", "more than 1440 datapoints"));
    }
    let mut points: BTreeMap<i64, Vec<(&str, f64)>> = BTreeMap::new();
    for statistic in &statistics {
        for (second, value) in cloudwatch.series(&name(asked, statistic, period), from, to) {
            points.entry(second).or_default().push((statistic, value));
        }
    }
    let mut encoder = Encoder::new(Vec::new());
    encoder.begin_map().str("Label").str("x").str("Datapoints").array(points.len());
    for (second, values) in points.iter().rev() {
        encoder.begin_map().str("Timestamp").timestamp(&DateTime::from_secs(*second));
        for (statistic, value) in values {
            encoder.str(statistic).double(*value);
        }
        encoder.end();
    }
    encoder.end();
    Ok(Answer::Cbor(encoder.into_writer()))
}
