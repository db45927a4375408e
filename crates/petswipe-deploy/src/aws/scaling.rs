//! Application Auto Scaling of ECS services: limits and suspension. `tracking.rs` has the policies.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_applicationautoscaling::Client;
use aws_sdk_applicationautoscaling::types::{
    ScalableDimension, ScalableTarget, ServiceNamespace, SuspendedState,
};
use aws_types::SdkConfig;
use petswipe_aws::{CallError, Statement};

mod tracking;

use super::error::{called, error};
use crate::{Authority, AutoScaling, Environment, Error, ScalingState, SuspendedActivities};

/// The desired count of an ECS service.
const DIMENSION: ScalableDimension = ScalableDimension::EcsServiceDesiredCount;
const NAMESPACE: ServiceNamespace = ServiceNamespace::Ecs;

/// Scales the services of one ECS cluster.
///
/// AWS keeps no fencing numbers. Whenever a scalable target is registered or changed, Application Auto Scaling moves the
/// desired count into its limits, even if the limits are not part of the change (API reference of
/// `RegisterScalableTarget`). So nothing is sent where nothing is to be changed: a service that is suspended already keeps
/// its count.
pub struct AppAutoScaling {
    client: Client,
    cluster: String,
    services: BTreeMap<Environment, String>,
}

impl AppAutoScaling {
    /// The scaling of these services, by environment, in a cluster.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] without a service, or for names that are none of ECS: letters, digits, `-` and `_`.
    pub fn new(
        config: &SdkConfig,
        cluster: impl Into<String>,
        services: BTreeMap<Environment, String>,
    ) -> Result<Self, Error> {
        let cluster = cluster.into();
        if services.is_empty() {
            return Err(Error::invalid("services", "none", "at least one"));
        }
        let names = services.values().map(|name| ("service", name));
        for (field, name) in names.chain([("cluster", &cluster)]) {
            let good = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            if name.is_empty() || name.len() > 255 || !name.chars().all(good) {
                let allowed = "1 to 255 letters, digits, hyphens and underscores";
                return Err(Error::invalid(field, name, allowed));
            }
        }
        Ok(Self { client: Client::new(config), cluster, services })
    }

    /// What [`AutoScaling`] needs here. The condition keeps it to ECS; a single service can't be named, since the ARN of a
    /// scalable target ends in an id that AWS makes up.
    ///
    /// Application Auto Scaling also checks that the caller may call what it will call: `ecs:DescribeServices` and
    /// `ecs:UpdateService` of the services, which [`rollout_dependencies`](super::rollout_dependencies) has.
    ///
    /// Source: "Actions, resources, and condition keys for AWS Application Auto Scaling", Service Authorization Reference.
    pub fn statements() -> Vec<Statement> {
        vec![
            Self::reading(),
            on_ecs("ChangeScaling", &["application-autoscaling:RegisterScalableTarget"]),
        ]
    }

    /// What only reading needs.
    pub(super) fn reading() -> Statement {
        let read = ["application-autoscaling:DescribeScalableTargets"];
        Statement::allow("ReadScaling", read, ["*"])
    }

    fn resource(&self, environment: &Environment) -> Result<String, Error> {
        let service = self.services.get(environment);
        let service = service.ok_or_else(|| Error::NotFound {
            what: format!("a service of cluster {} for environment {environment}", self.cluster),
        })?;
        Ok(format!("service/{}/{service}", self.cluster))
    }

    /// The scalable target of that very resource, if there is one.
    async fn target(&self, resource: &str) -> Result<Option<ScalableTarget>, Error> {
        let asked = self.client.describe_scalable_targets();
        let asked = asked.service_namespace(NAMESPACE).scalable_dimension(DIMENSION);
        let mut pages = asked.resource_ids(resource).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| error("DescribeScalableTargets", resource, e))?;
            let mine = |target: &ScalableTarget| {
                target.resource_id() == resource && *target.scalable_dimension() == DIMENSION
            };
            found.extend(page.scalable_targets.unwrap_or_default().into_iter().filter(mine));
        }
        match found.len() {
            0 | 1 => Ok(found.pop()),
            several => {
                let why = format!("{several} scalable targets of one dimension");
                Err(called(CallError::unusable("DescribeScalableTargets", resource, why)))
            }
        }
    }

    async fn state(&self, resource: &str) -> Result<Option<ScalingState>, Error> {
        let target = self.target(resource).await?;
        target.map(|target| state_of(resource, &target)).transpose()
    }

    /// Sends only what changes, and reads it back: an answer alone proves nothing.
    async fn change(
        &self,
        resource: &str,
        limits: Option<(u32, u32)>,
        suspended: Option<SuspendedActivities>,
        wanted: &ScalingState,
    ) -> Result<(), Error> {
        let register = self.client.register_scalable_target();
        let mut register = register.service_namespace(NAMESPACE).scalable_dimension(DIMENSION);
        register = register.resource_id(resource);
        if let Some((minimum, maximum)) = limits {
            register = register.min_capacity(capacity("minimum", minimum)?);
            register = register.max_capacity(capacity("maximum", maximum)?);
        }
        if let Some(activities) = suspended {
            let state = SuspendedState::builder()
                .dynamic_scaling_in_suspended(activities.scale_in)
                .dynamic_scaling_out_suspended(activities.scale_out)
                .scheduled_scaling_suspended(activities.scheduled);
            register = register.suspended_state(state.build());
        }
        register.send().await.map_err(|e| error("RegisterScalableTarget", resource, e))?;
        match self.state(resource).await? {
            Some(now) if is_as(&now, wanted) => Ok(()),
            now => {
                let why = format!("it was answered, and then read back as {now:?}");
                Err(called(CallError::unusable("RegisterScalableTarget", resource, why)))
            }
        }
    }
}

#[async_trait]
impl AutoScaling for AppAutoScaling {
    async fn scaling(&self, environment: &Environment) -> Result<Option<ScalingState>, Error> {
        self.state(&self.resource(environment)?).await
    }

    async fn suspend(
        &self,
        _authority: &Authority,
        environment: &Environment,
    ) -> Result<(), Error> {
        let resource = self.resource(environment)?;
        match self.state(&resource).await? {
            Some(now) if !now.suspended => {
                let all = SuspendedActivities::ALL;
                let wanted = now.with(all);
                self.change(&resource, None, Some(all), &wanted).await
            }
            _ => Ok(()),
        }
    }

    async fn restore(
        &self,
        _authority: &Authority,
        environment: &Environment,
        state: &ScalingState,
    ) -> Result<(), Error> {
        if state.minimum > state.maximum {
            let allowed = format!("at most the maximum, {}", state.maximum);
            return Err(Error::invalid("minimum", state.minimum, allowed));
        }
        let resource = self.resource(environment)?;
        match self.state(&resource).await? {
            // Without it there would be nothing to restore: registering it anew would be a configuration of our own.
            None => Err(Error::NotFound { what: format!("auto scaling of {resource}") }),
            Some(now) if is_as(&now, state) => Ok(()),
            Some(_) => {
                let limits = Some((state.minimum, state.maximum));
                self.change(&resource, limits, Some(state.activities()), state).await
            }
        }
    }
}

fn on_ecs(sid: &str, actions: &[&str]) -> Statement {
    let resources = ["arn:*:application-autoscaling:*:*:scalable-target/*"];
    Statement::allow(sid, actions.iter().copied(), resources).when(
        "StringEquals",
        "application-autoscaling:service-namespace",
        ["ecs"],
    )
}

/// Whether two states say the same, however they are written.
fn is_as(now: &ScalingState, wanted: &ScalingState) -> bool {
    let of = |state: &ScalingState| (state.minimum, state.maximum, state.activities());
    of(now) == of(wanted)
}

fn capacity(field: &str, value: u32) -> Result<i32, Error> {
    i32::try_from(value).map_err(|_| Error::invalid(field, value, "0 to 2147483647"))
}

fn state_of(resource: &str, target: &ScalableTarget) -> Result<ScalingState, Error> {
    let count = |capacity: i32| {
        u32::try_from(capacity).map_err(|_| {
            let why = format!("a capacity of {capacity}");
            called(CallError::unusable("DescribeScalableTargets", resource, why))
        })
    };
    let limits = ScalingState::active(count(target.min_capacity())?, count(target.max_capacity())?);
    let suspended = target.suspended_state();
    let flag =
        |read: fn(&SuspendedState) -> Option<bool>| suspended.and_then(read).unwrap_or(false);
    Ok(limits.with(SuspendedActivities {
        scale_in: flag(SuspendedState::dynamic_scaling_in_suspended),
        scale_out: flag(SuspendedState::dynamic_scaling_out_suspended),
        scheduled: flag(SuspendedState::scheduled_scaling_suspended),
    }))
}
