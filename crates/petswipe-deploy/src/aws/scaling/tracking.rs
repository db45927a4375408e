//! Target tracking policies of ECS services.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_applicationautoscaling::types::{
    MetricType, PolicyType, PredefinedMetricSpecification, ScalingPolicy,
    TargetTrackingScalingPolicyConfiguration,
};
use petswipe_aws::{CallError, Statement};

use super::{AppAutoScaling, DIMENSION, NAMESPACE, on_ecs};
use crate::aws::error::{called, error};
use crate::scaling::{
    Limits, OtherPolicy, TargetTracking, TrackedMetric, Tracking, TrackingPolicy,
};
use crate::{Authority, Environment, Error, ScalingState};

impl AppAutoScaling {
    /// What [`TargetTracking`] needs here. The alarms of the policies are made with the caller's permissions too:
    /// [`scale_tracking_dependencies`](crate::aws::scale_tracking_dependencies).
    pub fn tracking_statements() -> Vec<Statement> {
        let read = ["DescribeScalableTargets", "DescribeScalingPolicies"];
        let change = [
            "application-autoscaling:DeleteScalingPolicy",
            "application-autoscaling:DeregisterScalableTarget",
            "application-autoscaling:PutScalingPolicy",
            "application-autoscaling:RegisterScalableTarget",
        ];
        let read = read.map(|action| format!("application-autoscaling:{action}"));
        vec![Statement::allow("ReadTracking", read, ["*"]), on_ecs("ChangeTracking", &change)]
    }

    async fn policies(&self, resource: &str) -> Result<Vec<ScalingPolicy>, Error> {
        let asked = self.client.describe_scaling_policies();
        let asked = asked.service_namespace(NAMESPACE).scalable_dimension(DIMENSION);
        let mut pages = asked.resource_id(resource).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| error("DescribeScalingPolicies", resource, e))?;
            let policies = page.scaling_policies.unwrap_or_default();
            found.extend(policies.into_iter().filter(|policy| policy.resource_id() == resource));
        }
        found.sort_by(|one, two| one.policy_name.cmp(&two.policy_name));
        Ok(found)
    }

    async fn read(&self, resource: &str) -> Result<Option<Tracking>, Error> {
        let Some(scaling) = self.state(resource).await? else { return Ok(None) };
        let mut tracking = Tracking { scaling, policies: Vec::new(), others: Vec::new() };
        for policy in self.policies(resource).await? {
            match tracked(&policy) {
                Some(policy) => tracking.policies.push(policy),
                None => {
                    let kind = described(&policy);
                    tracking.others.push(OtherPolicy { name: policy.policy_name, kind });
                }
            }
        }
        Ok(Some(tracking))
    }
}

#[async_trait]
impl TargetTracking for AppAutoScaling {
    async fn tracking(&self, environment: &Environment) -> Result<Option<Tracking>, Error> {
        self.read(&self.resource(environment)?).await
    }

    async fn register(
        &self,
        _authority: &Authority,
        environment: &Environment,
        limits: Limits,
    ) -> Result<(), Error> {
        limits.validate()?;
        let resource = self.resource(environment)?;
        let Limits { minimum, maximum } = limits;
        let wanted = match self.state(&resource).await? {
            Some(now) if Limits::from(&now) == limits => return Ok(()),
            Some(now) => ScalingState { minimum, maximum, ..now },
            None => ScalingState::active(minimum, maximum),
        };
        self.change(&resource, Some((minimum, maximum)), None, &wanted).await
    }

    async fn deregister(
        &self,
        _authority: &Authority,
        environment: &Environment,
    ) -> Result<(), Error> {
        let resource = self.resource(environment)?;
        if self.state(&resource).await?.is_none() {
            return Ok(());
        }
        // The policies go with it: API reference of DeregisterScalableTarget.
        let deregister = self.client.deregister_scalable_target();
        let deregister = deregister.service_namespace(NAMESPACE).scalable_dimension(DIMENSION);
        let done = deregister.resource_id(&resource).send().await;
        done.map_err(|e| error("DeregisterScalableTarget", &resource, e))?;
        Ok(())
    }

    async fn put(
        &self,
        _authority: &Authority,
        environment: &Environment,
        policy: &TrackingPolicy,
    ) -> Result<(), Error> {
        policy.validate()?;
        let resource = self.resource(environment)?;
        if self.state(&resource).await?.is_none() {
            return Err(Error::NotFound { what: format!("auto scaling of {resource}") });
        }
        let what = format!("policy {} of {resource}", policy.name);
        let put = self.client.put_scaling_policy().policy_name(&policy.name);
        let put = put.service_namespace(NAMESPACE).scalable_dimension(DIMENSION);
        let put = put.resource_id(&resource).policy_type(PolicyType::TargetTrackingScaling);
        let put = put.target_tracking_scaling_policy_configuration(configuration(policy)?);
        put.send().await.map_err(|e| error("PutScalingPolicy", &what, e))?;
        let kept = self.policies(&resource).await?;
        if kept.iter().filter_map(tracked).any(|kept| kept == *policy) {
            return Ok(());
        }
        let why = "it was answered, and then not read back as it was put";
        Err(called(CallError::unusable("PutScalingPolicy", what, why)))
    }

    async fn delete(
        &self,
        _authority: &Authority,
        environment: &Environment,
        policy: &str,
    ) -> Result<(), Error> {
        let resource = self.resource(environment)?;
        if self.policies(&resource).await?.iter().all(|kept| kept.policy_name() != policy) {
            return Ok(());
        }
        let delete = self.client.delete_scaling_policy().policy_name(policy);
        let delete = delete.service_namespace(NAMESPACE).scalable_dimension(DIMENSION);
        let what = format!("policy {policy} of {resource}");
        let done = delete.resource_id(&resource).send().await;
        done.map_err(|e| error("DeleteScalingPolicy", &what, e))?;
        Ok(())
    }
}

fn configuration(
    policy: &TrackingPolicy,
) -> Result<TargetTrackingScalingPolicyConfiguration, Error> {
    let metric = match policy.metric {
        TrackedMetric::Cpu => MetricType::EcsServiceAverageCpuUtilization,
        TrackedMetric::Memory => MetricType::EcsServiceAverageMemoryUtilization,
    };
    let wrong = |e| Error::backend("building a policy", e);
    let metric = PredefinedMetricSpecification::builder().predefined_metric_type(metric);
    // `validate` keeps it far below what an i32 holds.
    let seconds = |time: Duration| i32::try_from(time.as_secs()).unwrap_or(i32::MAX);
    TargetTrackingScalingPolicyConfiguration::builder()
        .target_value(policy.target_percent)
        .predefined_metric_specification(metric.build().map_err(wrong)?)
        .set_scale_out_cooldown(policy.scale_out_cooldown.map(seconds))
        .set_scale_in_cooldown(policy.scale_in_cooldown.map(seconds))
        .disable_scale_in(policy.scale_in_disabled)
        .build()
        .map_err(wrong)
}

/// A policy that could be put again exactly; `None` for any other.
fn tracked(policy: &ScalingPolicy) -> Option<TrackingPolicy> {
    if *policy.policy_type() != PolicyType::TargetTrackingScaling {
        return None;
    }
    let held = policy.target_tracking_scaling_policy_configuration()?;
    let specified = held.predefined_metric_specification()?;
    let metric = match specified.predefined_metric_type() {
        MetricType::EcsServiceAverageCpuUtilization => TrackedMetric::Cpu,
        MetricType::EcsServiceAverageMemoryUtilization => TrackedMetric::Memory,
        _ => return None,
    };
    if specified.resource_label().is_some() || held.customized_metric_specification().is_some() {
        return None;
    }
    let span = |seconds: Option<i32>| match seconds {
        None => Some(None),
        Some(seconds) => Some(Some(Duration::from_secs(u64::try_from(seconds).ok()?))),
    };
    Some(TrackingPolicy {
        name: policy.policy_name().to_owned(),
        metric,
        target_percent: held.target_value(),
        scale_out_cooldown: span(held.scale_out_cooldown())?,
        scale_in_cooldown: span(held.scale_in_cooldown())?,
        scale_in_disabled: held.disable_scale_in().unwrap_or(false),
    })
}

fn described(policy: &ScalingPolicy) -> String {
    let held = policy.target_tracking_scaling_policy_configuration();
    let metric = held.and_then(|held| held.predefined_metric_specification());
    match metric.map(PredefinedMetricSpecification::predefined_metric_type) {
        Some(metric) => format!("{} of {}", policy.policy_type(), metric.as_str()),
        None => policy.policy_type().to_string(),
    }
}
