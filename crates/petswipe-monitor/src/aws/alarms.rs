//! Alarms in CloudWatch.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{
    AlarmType, CompositeAlarm, Dimension, MetricAlarm, MetricDataQuery, MetricStat,
};
use aws_types::SdkConfig;
use petswipe_aws::{CallError, Statement};
use serde_json::{Map, Value, json};

use super::error::called;
use super::{pages, tags};
use crate::alarms::{Alarm, Condition, Measure, Query, Rule, Statistic, Threshold};
use crate::apply::{Definition, DefinitionStore};
use crate::{Error, Owner};

/// The most alarms on a page, and in a deletion. Source: "DescribeAlarms", MaxRecords; "DeleteAlarms".
const MOST: u16 = 100;
/// More pages are a service that goes round in circles.
const MOST_PAGES: usize = 1000;

/// The metric alarms and composite alarms of an account in a region.
///
/// Listing them is DescribeAlarms by prefix, all pages, and ListTagsForResource for each. A definition is checked as an [`Alarm`]
/// once more before it is sent. An alarm whose actions somebody switched off differs, and is brought back with its actions.
/// Alarms on queries of logs are neither seen nor touched.
pub struct CloudWatchAlarms {
    client: Client,
}

impl fmt::Debug for CloudWatchAlarms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudWatchAlarms").finish_non_exhaustive()
    }
}

impl CloudWatchAlarms {
    /// Those of a configuration's account and region.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// What it needs to be allowed for an owner: `partition` such as `aws`, `account` of twelve digits or `*`.
    ///
    /// DescribeAlarms and PutCompositeAlarm have to be allowed on `*`, else there are no composite alarms.
    ///
    /// Source: "Actions, resources, and condition keys for Amazon CloudWatch", "PutCompositeAlarm", "DescribeAlarms".
    pub fn policy(owner: &Owner, partition: &str, region: &str, account: &str) -> Vec<Statement> {
        let arn =
            format!("arn:{partition}:cloudwatch:{region}:{account}:alarm:{}*", owner.prefix());
        vec![
            Statement::allow(
                "SeeAlarmsAndCombineThem",
                ["cloudwatch:DescribeAlarms", "cloudwatch:PutCompositeAlarm"],
                ["*"],
            ),
            Statement::allow(
                "BringAlarms",
                [
                    "cloudwatch:PutMetricAlarm",
                    "cloudwatch:DeleteAlarms",
                    "cloudwatch:ListTagsForResource",
                    "cloudwatch:TagResource",
                ],
                [arn],
            ),
        ]
    }

    async fn described(&self, prefix: &str) -> Result<Vec<Definition>, CallError> {
        pages::all("DescribeAlarms", prefix, MOST_PAGES, |token| async move {
            let page = self
                .client
                .describe_alarms()
                .alarm_name_prefix(prefix)
                .alarm_types(AlarmType::MetricAlarm)
                .alarm_types(AlarmType::CompositeAlarm)
                .max_records(MOST.into())
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| CallError::new("DescribeAlarms", prefix, error))?;
            let metrics = page.metric_alarms().iter().map(metric);
            let found = metrics.chain(page.composite_alarms().iter().map(composite)).collect();
            Ok((found, page.next_token().map(str::to_owned)))
        })
        .await
    }
}

#[async_trait]
impl DefinitionStore for CloudWatchAlarms {
    fn kind(&self) -> &str {
        "alarm"
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Definition>, Error> {
        let mut found = self.described(prefix).await.map_err(called)?;
        for definition in &mut found {
            let Some(arn) = definition.address.as_deref() else {
                let why = CallError::unusable("DescribeAlarms", &definition.name, "it has no ARN");
                return Err(called(why));
            };
            definition.tags = tags::list(&self.client, arn).await.map_err(called)?;
        }
        Ok(found)
    }

    async fn put<'a>(
        &self,
        definition: &Definition,
        held: Option<&'a Definition>,
    ) -> Result<(), Error> {
        let alarm = alarm(definition)?;
        match alarm.condition() {
            Condition::Composite(rule) => self.put_composite(&alarm, rule).await,
            _ => self.put_metric(&alarm).await,
        }
        .map_err(called)?;
        match held {
            Some(held) => tags::bring(&self.client, definition, held).await.map_err(called),
            None => Ok(()),
        }
    }

    async fn delete(&self, doomed: &[Definition]) -> Result<(), Error> {
        let names: Vec<_> = doomed.iter().map(|doomed| doomed.name.clone()).collect();
        let about = names.join(", ");
        let asked = self.client.delete_alarms().set_alarm_names(Some(names)).send().await;
        asked.map_err(|error| called(CallError::new("DeleteAlarms", about, error)))?;
        Ok(())
    }

    fn together(&self) -> usize {
        MOST.into()
    }
}

impl CloudWatchAlarms {
    async fn put_metric(&self, alarm: &Alarm) -> Result<(), CallError> {
        let mut asked = self
            .client
            .put_metric_alarm()
            .alarm_name(alarm.name())
            .alarm_description(alarm.description())
            .actions_enabled(true)
            .set_alarm_actions(Some(alarm.actions().alarm.clone()))
            .set_ok_actions(Some(alarm.actions().ok.clone()))
            .set_insufficient_data_actions(Some(alarm.actions().insufficient_data.clone()))
            .set_tags(tags::sdk(alarm.tags()));
        let threshold: &Threshold = match alarm.condition() {
            Condition::Metric(measure, threshold) => {
                let statistic = measure.statistic.to_string();
                asked = match measure.statistic {
                    Statistic::Extended(_) => asked.extended_statistic(statistic),
                    _ => asked.statistic(statistic.as_str().into()),
                };
                asked = asked
                    .namespace(&measure.metric.namespace)
                    .metric_name(&measure.metric.name)
                    .set_dimensions(Some(dimensions(measure)))
                    .period(seconds(measure));
                threshold
            }
            Condition::Math(queries, threshold) => {
                asked = asked.set_metrics(Some(queries.iter().map(query).collect()));
                threshold
            }
            Condition::Composite(_) => return Ok(()),
        };
        let whole = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
        asked = asked
            .comparison_operator(text(json!(threshold.operator)).as_str().into())
            .threshold(threshold.value)
            .evaluation_periods(whole(threshold.evaluation_periods))
            .datapoints_to_alarm(whole(threshold.datapoints))
            .treat_missing_data(text(json!(threshold.missing)));
        if let Some(low_samples) = threshold.low_samples {
            asked = asked.evaluate_low_sample_count_percentile(text(json!(low_samples)));
        }
        let put = asked.send().await;
        put.map_err(|error| CallError::new("PutMetricAlarm", alarm.name(), error))?;
        Ok(())
    }

    async fn put_composite(&self, alarm: &Alarm, rule: &Rule) -> Result<(), CallError> {
        let put = self
            .client
            .put_composite_alarm()
            .alarm_name(alarm.name())
            .alarm_description(alarm.description())
            .alarm_rule(rule.to_string())
            .actions_enabled(true)
            .set_alarm_actions(Some(alarm.actions().alarm.clone()))
            .set_ok_actions(Some(alarm.actions().ok.clone()))
            .set_insufficient_data_actions(Some(alarm.actions().insufficient_data.clone()))
            .set_tags(tags::sdk(alarm.tags()))
            .send()
            .await;
        put.map_err(|error| CallError::new("PutCompositeAlarm", alarm.name(), error))?;
        Ok(())
    }
}

/// The alarm that a definition describes.
fn alarm(definition: &Definition) -> Result<Alarm, Error> {
    let mut request = definition.body.clone();
    if let Some(members) = request.as_object_mut() {
        members.insert("AlarmName".to_owned(), json!(definition.name));
        let tags = definition.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value }));
        members.insert("Tags".to_owned(), tags.collect());
    }
    serde_json::from_value(request).map_err(|error| {
        Error::invalid(format!("definition of alarm {}", definition.name), error, "an alarm")
    })
}

fn dimensions(measure: &Measure) -> Vec<Dimension> {
    let dimensions = measure.metric.dimensions.iter();
    dimensions.map(|(name, value)| Dimension::builder().name(name).value(value).build()).collect()
}

fn seconds(measure: &Measure) -> i32 {
    i32::try_from(measure.period.as_secs()).unwrap_or(i32::MAX)
}

fn query(query: &Query) -> MetricDataQuery {
    let entry = MetricDataQuery::builder().id(query.id());
    match query {
        Query::Metric { measure, .. } => {
            let metric = aws_sdk_cloudwatch::types::Metric::builder()
                .namespace(&measure.metric.namespace)
                .metric_name(&measure.metric.name)
                .set_dimensions(Some(dimensions(measure)));
            let stat = MetricStat::builder()
                .metric(metric.build())
                .period(seconds(measure))
                .stat(measure.statistic.to_string());
            entry.metric_stat(stat.build()).return_data(false).build()
        }
        Query::Expression { expression, label, watched, .. } => {
            entry.expression(expression).set_label(label.clone()).return_data(*watched).build()
        }
    }
}

/// Puts in what is there, and is not what it is when nothing is said.
fn insert(body: &mut Map<String, Value>, name: &str, value: Value) {
    let nothing = match &value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(all) => all.is_empty(),
        _ => false,
    };
    if !nothing {
        body.insert(name.to_owned(), value);
    }
}

fn named(dimensions: &[Dimension]) -> Value {
    let mut pairs: Vec<_> =
        dimensions.iter().map(|dimension| (dimension.name(), dimension.value())).collect();
    pairs.sort_unstable();
    pairs.into_iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect()
}

/// What is there, in the shape of the request that makes it.
fn metric(alarm: &MetricAlarm) -> Definition {
    let mut body = Map::new();
    for (name, value) in [
        ("AlarmDescription", json!(alarm.alarm_description())),
        ("Namespace", json!(alarm.namespace())),
        ("MetricName", json!(alarm.metric_name())),
        ("Dimensions", named(alarm.dimensions())),
        ("Period", json!(alarm.period())),
        ("Statistic", json!(alarm.statistic().map(|statistic| statistic.as_str()))),
        ("ExtendedStatistic", json!(alarm.extended_statistic())),
        ("Metrics", alarm.metrics().iter().map(entry).collect()),
        ("ComparisonOperator", json!(alarm.comparison_operator().map(|one| one.as_str()))),
        ("Threshold", json!(alarm.threshold())),
        ("EvaluationPeriods", json!(alarm.evaluation_periods())),
        // Where nothing is said, it is all periods, and missing data are missing.
        ("DatapointsToAlarm", json!(alarm.datapoints_to_alarm().or(alarm.evaluation_periods()))),
        ("TreatMissingData", json!(alarm.treat_missing_data().unwrap_or("missing"))),
        ("EvaluateLowSampleCountPercentile", json!(alarm.evaluate_low_sample_count_percentile())),
        ("Unit", json!(alarm.unit().map(|unit| unit.as_str()))),
        ("ThresholdMetricId", json!(alarm.threshold_metric_id())),
        ("AlarmActions", json!(alarm.alarm_actions())),
        ("OKActions", json!(alarm.ok_actions())),
        ("InsufficientDataActions", json!(alarm.insufficient_data_actions())),
    ] {
        insert(&mut body, name, value);
    }
    // What no definition of ours has: a Put of ours takes it away.
    for (name, is_there) in [
        ("EvaluationWindow", alarm.evaluation_window().is_some()),
        ("WarmUpConfiguration", alarm.warm_up_configuration().is_some()),
        ("EvaluationCriteria", alarm.evaluation_criteria().is_some()),
        ("ActionConfiguration", alarm.action_configuration().is_some()),
    ] {
        if is_there {
            body.insert(name.to_owned(), json!("set"));
        }
    }
    found(alarm.alarm_name(), alarm.alarm_arn(), alarm.actions_enabled(), body)
}

fn composite(alarm: &CompositeAlarm) -> Definition {
    let mut body = Map::new();
    for (name, value) in [
        ("AlarmDescription", json!(alarm.alarm_description())),
        ("AlarmRule", json!(alarm.alarm_rule())),
        ("AlarmActions", json!(alarm.alarm_actions())),
        ("OKActions", json!(alarm.ok_actions())),
        ("InsufficientDataActions", json!(alarm.insufficient_data_actions())),
        ("ActionsSuppressor", json!(alarm.actions_suppressor())),
    ] {
        insert(&mut body, name, value);
    }
    if alarm.action_configuration().is_some() {
        body.insert("ActionConfiguration".to_owned(), json!("set"));
    }
    let mut definition =
        found(alarm.alarm_name(), alarm.alarm_arn(), alarm.actions_enabled(), body);
    let rule = alarm.alarm_rule().and_then(|rule| rule.parse::<Rule>().ok());
    let names = rule.as_ref().map(Rule::alarms).unwrap_or_default();
    // A rule may name alarms by their ARN.
    let name = |name: &str| name.rsplit_once(":alarm:").map_or(name, |(_, name)| name).to_owned();
    definition.depends_on = names.into_iter().map(name).collect();
    definition
}

fn found(
    name: Option<&str>,
    arn: Option<&str>,
    actions_enabled: Option<bool>,
    mut body: Map<String, Value>,
) -> Definition {
    if actions_enabled == Some(false) {
        body.insert("ActionsEnabled".to_owned(), json!(false));
    }
    let mut definition = Definition::new(name.unwrap_or_default(), Value::Object(body));
    definition.address = arn.map(str::to_owned);
    definition
}

fn entry(query: &MetricDataQuery) -> Value {
    let mut entry = Map::new();
    insert(&mut entry, "Id", json!(query.id()));
    if let Some(stat) = query.metric_stat() {
        let mut metric = Map::new();
        if let Some(named_metric) = stat.metric() {
            insert(&mut metric, "Namespace", json!(named_metric.namespace()));
            insert(&mut metric, "MetricName", json!(named_metric.metric_name()));
            insert(&mut metric, "Dimensions", named(named_metric.dimensions()));
        }
        let mut members = Map::new();
        insert(&mut members, "Metric", Value::Object(metric));
        insert(&mut members, "Period", json!(stat.period()));
        insert(&mut members, "Stat", json!(stat.stat()));
        insert(&mut members, "Unit", json!(stat.unit().map(|unit| unit.as_str())));
        entry.insert("MetricStat".to_owned(), Value::Object(members));
    }
    insert(&mut entry, "Expression", json!(query.expression()));
    insert(&mut entry, "Label", json!(query.label()));
    insert(&mut entry, "AccountId", json!(query.account_id()));
    entry.insert("ReturnData".to_owned(), json!(query.return_data().unwrap_or(true)));
    Value::Object(entry)
}
