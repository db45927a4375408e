//! The examination of an account before a rollout.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{AlarmType, StateValue};
use aws_types::SdkConfig;

use super::error::error;
use super::{AlbRouter, EcsCompute};
use crate::{Error, Objection, Preflight};

/// `DescribeAlarms` takes at most so many names. Source: Amazon CloudWatch API Reference, DescribeAlarms.
const MOST_ALARMS: usize = 100;

/// Examines services, rules, target groups and alarms. Reads only.
pub struct AwsPreflight {
    compute: Arc<EcsCompute>,
    router: Arc<AlbRouter>,
    alarms: Client,
    prefix: Option<String>,
}

impl AwsPreflight {
    /// An examination of what these two act upon. No alarm whose name begins with `alarm_prefix` may fire, and in any case
    /// none of those that stop an ECS deployment: ECS does not look at an alarm that fires when a deployment begins.
    ///
    /// Source: Amazon ECS Developer Guide, "How CloudWatch alarms detect Amazon ECS deployment failures".
    pub fn new(
        config: &SdkConfig,
        compute: Arc<EcsCompute>,
        router: Arc<AlbRouter>,
        alarm_prefix: Option<String>,
    ) -> Self {
        Self { compute, router, alarms: Client::new(config), prefix: alarm_prefix }
    }

    /// Alarms by name: each must be there and not fire.
    async fn named_alarms(&self, names: &[String]) -> Result<Vec<Objection>, Error> {
        let mut objections = Vec::new();
        for some in names.chunks(MOST_ALARMS) {
            let what = format!("alarms {}", some.join(", "));
            let describe = self
                .alarms
                .describe_alarms()
                .set_alarm_names(Some(some.to_vec()))
                .alarm_types(AlarmType::MetricAlarm)
                .alarm_types(AlarmType::CompositeAlarm);
            let answer = describe.send().await.map_err(|e| error("DescribeAlarms", &what, e))?;
            let metric = answer
                .metric_alarms()
                .iter()
                .map(|alarm| (alarm.alarm_name(), alarm.state_value()));
            let composite = answer
                .composite_alarms()
                .iter()
                .map(|alarm| (alarm.alarm_name(), alarm.state_value()));
            let found: Vec<_> = metric.chain(composite).collect();
            for name in some {
                match found.iter().find(|(found, _)| *found == Some(name)) {
                    None => objections.push(Objection::new(format!("alarm {name} was not found"))),
                    Some((_, Some(StateValue::Alarm))) => objections.push(firing(name)),
                    Some(_) => {}
                }
            }
        }
        Ok(objections)
    }

    /// Alarms that fire and begin with the prefix.
    async fn prefixed_alarms(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let what = format!("alarms whose names begin with {prefix}");
        let describe = self
            .alarms
            .describe_alarms()
            .alarm_name_prefix(prefix)
            .state_value(StateValue::Alarm)
            .alarm_types(AlarmType::MetricAlarm)
            .alarm_types(AlarmType::CompositeAlarm);
        let mut pages = describe.into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| error("DescribeAlarms", &what, e))?;
            let metric = page.metric_alarms().iter().filter_map(|alarm| alarm.alarm_name());
            let composite = page.composite_alarms().iter().filter_map(|alarm| alarm.alarm_name());
            names.extend(metric.chain(composite).map(str::to_owned));
        }
        Ok(names)
    }
}

fn firing(name: &str) -> Objection {
    Objection::new(format!(
        "alarm {name} is in state ALARM already; allowed: OK or INSUFFICIENT_DATA"
    ))
}

#[async_trait]
impl Preflight for AwsPreflight {
    async fn objections(&self) -> Result<Vec<Objection>, Error> {
        let examined = self.compute.examine().await?;
        let mut objections = examined.objections;
        objections.extend(self.router.examine(&examined.wirings).await?);
        let mut names = examined.alarms;
        if let Some(prefix) = &self.prefix {
            let fire = self.prefixed_alarms(prefix).await?;
            names.retain(|name| !fire.contains(name));
            objections.extend(fire.iter().map(|name| firing(name)));
        }
        objections.extend(self.named_alarms(&names).await?);
        Ok(objections)
    }
}
