//! The shape of the requests PutMetricAlarm and PutCompositeAlarm, with the names of the API.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::alarm::{Actions, Alarm, Condition};
use super::math::Query;
use super::metric::Metric;
use super::threshold::{ComparisonOperator, LowSamples, MissingData, Threshold};
use crate::Error;

/// A request, with every member that a definition can have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Document {
    alarm_name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    alarm_description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric_name: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    dimensions: Vec<NameValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statistic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extended_statistic: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison_operator: Option<ComparisonOperator>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evaluation_periods: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    datapoints_to_alarm: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    treat_missing_data: Option<MissingData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evaluate_low_sample_count_percentile: Option<LowSamples>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alarm_rule: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    alarm_actions: Vec<String>,
    #[serde(default, rename = "OKActions", skip_serializing_if = "Vec::is_empty")]
    ok_actions: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    insufficient_data_actions: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<KeyValue>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct NameValue {
    name: String,
    value: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct KeyValue {
    key: String,
    value: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Entry {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric_stat: Option<Stat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    return_data: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Stat {
    metric: MetricName,
    period: u64,
    stat: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MetricName {
    namespace: String,
    metric_name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    dimensions: Vec<NameValue>,
}

impl From<Alarm> for Document {
    fn from(alarm: Alarm) -> Self {
        let mut document = Self {
            alarm_name: alarm.name,
            alarm_description: alarm.description,
            alarm_actions: alarm.actions.alarm,
            ok_actions: alarm.actions.ok,
            insufficient_data_actions: alarm.actions.insufficient_data,
            tags: alarm.tags.into_iter().map(|(key, value)| KeyValue { key, value }).collect(),
            ..Self::default()
        };
        match alarm.condition {
            Condition::Metric(measure, threshold) => {
                let statistic = measure.statistic.to_string();
                match measure.statistic {
                    super::Statistic::Extended(_) => document.extended_statistic = Some(statistic),
                    _ => document.statistic = Some(statistic),
                }
                document.namespace = Some(measure.metric.namespace);
                document.metric_name = Some(measure.metric.name);
                document.dimensions = written(measure.metric.dimensions);
                document.period = Some(measure.period.as_secs());
                document.compare(threshold);
            }
            Condition::Math(queries, threshold) => {
                document.metrics = queries.into_iter().map(Entry::from).collect();
                document.compare(threshold);
            }
            Condition::Composite(rule) => document.alarm_rule = Some(rule.to_string()),
        }
        document
    }
}

impl Document {
    fn compare(&mut self, threshold: Threshold) {
        self.comparison_operator = Some(threshold.operator);
        self.threshold = Some(threshold.value);
        self.evaluation_periods = Some(threshold.evaluation_periods);
        self.datapoints_to_alarm = Some(threshold.datapoints);
        self.treat_missing_data = Some(threshold.missing);
        self.evaluate_low_sample_count_percentile = threshold.low_samples;
    }

    fn threshold(&self) -> Result<Threshold, Error> {
        let evaluation_periods = needed("EvaluationPeriods", self.evaluation_periods)?;
        Ok(Threshold {
            operator: needed("ComparisonOperator", self.comparison_operator)?,
            value: needed("Threshold", self.threshold)?,
            evaluation_periods,
            datapoints: self.datapoints_to_alarm.unwrap_or(evaluation_periods),
            missing: self.treat_missing_data.unwrap_or_default(),
            low_samples: self.evaluate_low_sample_count_percentile,
        })
    }

    fn condition(&mut self) -> Result<Condition, Error> {
        let kinds = [
            ("MetricName", self.metric_name.is_some()),
            ("Metrics", !self.metrics.is_empty()),
            ("AlarmRule", self.alarm_rule.is_some()),
        ];
        let kinds: Vec<_> =
            kinds.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect();
        let of_a_metric = self.namespace.is_some()
            || !self.dimensions.is_empty()
            || self.period.is_some()
            || self.statistic.is_some()
            || self.extended_statistic.is_some();
        match kinds[..] {
            ["MetricName"] => {
                let statistic = match (self.statistic.take(), self.extended_statistic.take()) {
                    (Some(one), None) | (None, Some(one)) => one,
                    _ => {
                        let allowed = "Statistic or ExtendedStatistic, and not both";
                        return Err(Error::invalid("statistic", "not said once", allowed));
                    }
                };
                let metric = Metric {
                    namespace: needed("Namespace", self.namespace.take())?,
                    name: needed("MetricName", self.metric_name.take())?,
                    dimensions: read(std::mem::take(&mut self.dimensions)),
                };
                let period = Duration::from_secs(needed("Period", self.period)?);
                Ok(Condition::Metric(metric.every(period, statistic.parse()?), self.threshold()?))
            }
            ["Metrics"] if !of_a_metric => {
                let entries = std::mem::take(&mut self.metrics).into_iter();
                let queries = entries.map(Query::try_from).collect::<Result<_, _>>()?;
                Ok(Condition::Math(queries, self.threshold()?))
            }
            ["AlarmRule"] if !of_a_metric => {
                Ok(Condition::Composite(needed("AlarmRule", self.alarm_rule.take())?.parse()?))
            }
            _ => {
                let given = if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(", ") };
                let allowed = "exactly one of MetricName, Metrics and AlarmRule, and with the last two nothing of a metric";
                Err(Error::invalid("what the alarm watches", given, allowed))
            }
        }
    }
}

impl TryFrom<Document> for Alarm {
    type Error = Error;

    fn try_from(mut document: Document) -> Result<Self, Error> {
        let condition = document.condition()?;
        let mut tags = BTreeMap::new();
        for KeyValue { key, value } in document.tags {
            tags.insert(key, value);
        }
        let alarm = Self {
            name: document.alarm_name,
            description: document.alarm_description,
            condition,
            actions: Actions {
                alarm: document.alarm_actions,
                ok: document.ok_actions,
                insufficient_data: document.insufficient_data_actions,
            },
            tags,
        };
        alarm.checked()
    }
}

impl From<Query> for Entry {
    fn from(query: Query) -> Self {
        match query {
            Query::Metric { id, measure } => Self {
                id,
                metric_stat: Some(Stat {
                    metric: MetricName {
                        namespace: measure.metric.namespace,
                        metric_name: measure.metric.name,
                        dimensions: written(measure.metric.dimensions),
                    },
                    period: measure.period.as_secs(),
                    stat: measure.statistic.to_string(),
                }),
                expression: None,
                label: None,
                return_data: false,
            },
            Query::Expression { id, expression, label, watched } => Self {
                id,
                metric_stat: None,
                expression: Some(expression),
                label,
                return_data: watched,
            },
        }
    }
}

impl TryFrom<Entry> for Query {
    type Error = Error;

    fn try_from(entry: Entry) -> Result<Self, Error> {
        match (entry.metric_stat, entry.expression) {
            (Some(stat), None) if !entry.return_data && entry.label.is_none() => {
                let metric = Metric {
                    namespace: stat.metric.namespace,
                    name: stat.metric.metric_name,
                    dimensions: read(stat.metric.dimensions),
                };
                let period = Duration::from_secs(stat.period);
                Ok(Self::metric(entry.id, metric.every(period, stat.stat.parse()?)))
            }
            (None, Some(expression)) => Ok(Self::Expression {
                id: entry.id,
                expression,
                label: entry.label,
                watched: entry.return_data,
            }),
            _ => {
                let allowed =
                    "a MetricStat that is not returned and has no label, or an Expression";
                Err(Error::invalid("entry of Metrics", entry.id, allowed))
            }
        }
    }
}

fn written(dimensions: Vec<(String, String)>) -> Vec<NameValue> {
    dimensions.into_iter().map(|(name, value)| NameValue { name, value }).collect()
}

fn read(dimensions: Vec<NameValue>) -> Vec<(String, String)> {
    let mut read: Vec<_> =
        dimensions.into_iter().map(|dimension| (dimension.name, dimension.value)).collect();
    read.sort();
    read
}

fn needed<T>(field: &str, value: Option<T>) -> Result<T, Error> {
    value.ok_or_else(|| Error::invalid(field, "missing", "a value"))
}
