//! CloudWatch as far as GetMetricData goes, in virtual time: minutes are published late, what is zero is not published at
//! all, the newest value comes first, and an answer has pages.
//!
//! What it refuses and where it rounds is in "GetMetricData", "MetricDataQuery" and "MetricStat" of the Amazon CloudWatch API
//! Reference; its statistics are those of "CloudWatch statistics definitions".

use std::collections::{BTreeMap, BTreeSet};

use petswipe_aws::script::{Answer, Call, Refusal, Service};
use serde_json::Value;

use crate::cbor::{Part, decode, metric_data};

/// Namespace, name and dimensions, such as `AWS/ECS CPUUtilization ClusterName=shop ServiceName=green`.
pub type Name = String;

pub struct CloudWatch {
    /// The present second.
    pub now: i64,
    /// How many seconds after its end a minute can be read.
    pub delay: i64,
    /// How many values fit on a page.
    pub page: usize,
    /// Whether a count of nothing in a range is a value.
    pub counts_nothing: bool,
    /// What is said of one metric instead of `Complete`, and with which message.
    pub status: Option<(String, String, Option<String>)>,
    /// A message about the whole answer.
    pub message: Option<String>,
    /// Values of metrics by minute, and how often each was measured.
    values: BTreeMap<Name, BTreeMap<i64, Vec<(f64, u64)>>>,
}

fn refuse(why: &str) -> Refusal {
    Refusal::new("ValidationError", why)
}

impl CloudWatch {
    pub fn new(now: i64) -> Self {
        Self {
            now,
            delay: 45,
            page: 100_800,
            counts_nothing: false,
            status: None,
            message: None,
            values: BTreeMap::new(),
        }
    }

    /// Measures a value so many times, in the minute of `second`.
    pub fn put(&mut self, name: &str, second: i64, value: f64, times: u64) {
        if times > 0 {
            let minutes = self.values.entry(name.to_owned()).or_default();
            minutes.entry(second.div_euclid(60) * 60).or_default().push((value, times));
        }
    }

    fn series(&self, query: &Value, from: i64, to: i64) -> Result<Vec<(i64, f64)>, Refusal> {
        let stat = &query["MetricStat"];
        let period = stat["Period"].as_i64().unwrap_or(0);
        if period < 60 || period % 60 != 0 {
            return Err(refuse("Period must be a multiple of 60"));
        }
        assert_eq!(period, 60, "only minutes are scripted");
        if from < self.now - 15 * 86_400 {
            return Ok(Vec::new());
        }
        let statistic = stat["Stat"].as_str().unwrap_or_default();
        let none = BTreeMap::new();
        let minutes = self.values.get(&name(stat)).unwrap_or(&none);
        let mut points = Vec::new();
        for (minute, values) in minutes.range(from.div_euclid(60) * 60..to).rev() {
            if minute + 60 + self.delay <= self.now
                && let Some(value) = statistic_of(statistic, values)?
                && (value > 0.0 || !statistic.starts_with("TC") || self.counts_nothing)
            {
                points.push((*minute, value));
            }
        }
        Ok(points)
    }
}

/// The metric of a query, as [`Name`].
pub fn name(stat: &Value) -> Name {
    let metric = &stat["Metric"];
    let mut name = format!(
        "{} {}",
        metric["Namespace"].as_str().unwrap(),
        metric["MetricName"].as_str().unwrap()
    );
    let dimensions = metric["Dimensions"].as_array().unwrap();
    let mut dimensions: Vec<_> = dimensions
        .iter()
        .map(|d| format!(" {}={}", d["Name"].as_str().unwrap(), d["Value"].as_str().unwrap()))
        .collect();
    dimensions.sort_unstable();
    name.extend(dimensions);
    name
}

fn statistic_of(statistic: &str, values: &[(f64, u64)]) -> Result<Option<f64>, Refusal> {
    let count = |values: &[(f64, u64)]| values.iter().map(|(_, times)| *times as f64).sum::<f64>();
    let sum: f64 = values.iter().map(|(value, times)| value * *times as f64).sum();
    let each = values.iter().map(|(value, _)| *value);
    Ok(Some(match statistic {
        "Sum" => sum,
        "SampleCount" => count(values),
        "Average" => sum / count(values),
        "Minimum" => each.fold(f64::INFINITY, f64::min),
        "Maximum" => each.fold(f64::NEG_INFINITY, f64::max),
        // "Values between 0.005 (exclusive) and 0.030 (inclusive)."
        _ => {
            let range = statistic.strip_prefix("TC(").and_then(|rest| rest.strip_suffix(')'));
            let (low, high) = range.and_then(|range| range.split_once(':')).ok_or_else(unknown)?;
            let low = if low.is_empty() { f64::NEG_INFINITY } else { bound(low)? };
            let high = bound(high)?;
            let inside = values.iter().filter(|(value, _)| *value > low && *value <= high);
            count(&inside.copied().collect::<Vec<_>>())
        }
    }))
}

fn unknown() -> Refusal {
    refuse("The statistic is not valid")
}

/// "Numbers between 0 and 100, up to 10 decimal places."
fn bound(text: &str) -> Result<f64, Refusal> {
    let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let value: f64 = text.parse().map_err(|_| unknown())?;
    if decimals > 10 || !(0.0..=100.0).contains(&value) {
        return Err(unknown());
    }
    Ok(value)
}

impl Service for CloudWatch {
    fn answer(&mut self, call: &Call) -> Result<Answer, Refusal> {
        if call.operation() != "GetMetricData" {
            return Err("UnknownOperationException".into());
        }
        let asked = decode(&call.body);
        let queries = asked["MetricDataQueries"].as_array().ok_or_else(|| refuse("no queries"))?;
        let (from, to) = (asked["StartTime"].as_i64(), asked["EndTime"].as_i64());
        let (Some(from), Some(to)) = (from, to) else { return Err(refuse("no times")) };
        if from >= to {
            return Err(refuse("The parameter StartTime must be less than EndTime"));
        }
        if queries.is_empty() || queries.len() > 500 {
            return Err(refuse("The collection MetricDataQueries must have 1 to 500 members"));
        }
        let ids: BTreeSet<_> = queries.iter().filter_map(|query| query["Id"].as_str()).collect();
        let is_id = |id: &&str| {
            id.starts_with(|c: char| c.is_ascii_lowercase())
                && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if ids.len() < queries.len() || !ids.iter().all(is_id) {
            return Err(refuse("The ids of queries must be unique and begin with a small letter"));
        }
        // A token is how many values were on the pages before.
        let token = asked["NextToken"].as_str().map_or("0", |token| &token["after-".len()..]);
        let begin: usize = token.parse().map_err(|_| refuse("NextToken"))?;
        let end = begin + self.page;
        let (mut parts, mut position) = (Vec::new(), 0);
        for query in queries {
            let points = self.series(query, from, to)?;
            let (first, last) = (position, position + points.len());
            position = last;
            if last < begin || first > end || (last == begin && begin > 0 && first < last) {
                continue;
            }
            let here = &points[begin.max(first) - first..end.min(last) - first];
            let mut part = Part {
                id: query["Id"].as_str().unwrap_or_default().to_owned(),
                points: here.to_vec(),
                status: if last > end { "PartialData" } else { "Complete" }.to_owned(),
                message: None,
            };
            if let Some((metric, status, message)) = &self.status
                && name(&query["MetricStat"]).contains(metric.as_str())
            {
                part = Part { status: status.clone(), message: message.clone(), ..part };
            }
            parts.push(part);
        }
        let next = (position > end).then(|| format!("after-{end}"));
        Ok(Answer::Cbor(metric_data(&parts, next.as_deref(), self.message.as_deref())))
    }
}
