//! Amazon ECS.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{
    Deployment, DeploymentRolloutState, DesiredStatus, HealthStatus, Service, Task, TaskStopCode,
};
use aws_types::SdkConfig;
use petswipe_aws::CallError;

use super::super::error::called;
use super::{AwsPlace, time};
use crate::Error;
use crate::diagnosis::{
    DeploymentProgress, DeploymentReport, Redacted, ServiceEvent, ServiceEvents, ServiceReport,
    StoppedContainer, StoppedTask, StoppedTasks,
};

/// `DescribeTasks` takes at most so many, and no more stopped ones are looked at: the newest are not known to be first.
const MOST_TASKS: usize = 100;
/// So many of these are looked at.
const MOST_CHUNKS: usize = 3;

/// The services of environments, their events, and their tasks that stopped, which ECS remembers for about an hour. Of more than
/// 300 of these some are left out, which may be newer, because they are listed in no order; how many is told.
///
/// Sources: "DescribeServices", "ListTasks", "DescribeTasks", Amazon ECS API Reference; "Stopped tasks error codes".
pub struct EcsEvents {
    client: Client,
    place: AwsPlace,
}

impl fmt::Debug for EcsEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EcsEvents")
    }
}

impl EcsEvents {
    /// Those there.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for names that AWS would refuse.
    pub fn new(config: &SdkConfig, place: AwsPlace) -> Result<Self, Error> {
        place.check()?;
        Ok(Self { client: Client::new(config), place })
    }
}

fn count(tasks: i32) -> u32 {
    u32::try_from(tasks).unwrap_or_default()
}

#[async_trait]
impl ServiceEvents for EcsEvents {
    async fn service(&self, environment: &str) -> Result<ServiceReport, Error> {
        let name = &self.place.environment(environment)?.service;
        let asked = self.client.describe_services().cluster(&self.place.cluster).services(name);
        let answer = asked
            .send()
            .await
            .map_err(|error| called(CallError::new("DescribeServices", name, error)))?;
        let mine = |service: &&Service| service.service_name() == Some(name);
        let found = answer.services().iter().find(mine);
        match found.filter(|service| service.status() != Some("INACTIVE")) {
            Some(service) => Ok(report(service)),
            None => {
                let cluster = &self.place.cluster;
                Err(Error::NotFound { what: format!("service {name} of cluster {cluster}") })
            }
        }
    }

    async fn stopped_tasks(&self, environment: &str) -> Result<StoppedTasks, Error> {
        let name = &self.place.environment(environment)?.service;
        let cluster = &self.place.cluster;
        let list = self.client.list_tasks().cluster(cluster).service_name(name);
        let mut pages = list.desired_status(DesiredStatus::Stopped).into_paginator().send();
        let mut arns: Vec<String> = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| called(CallError::new("ListTasks", name, error)))?;
            arns.extend(page.task_arns().iter().cloned());
        }
        let (mut stopped, mut gone) = (Vec::new(), 0);
        for some in arns.chunks(MOST_TASKS).take(MOST_CHUNKS) {
            let asked = self.client.describe_tasks().cluster(cluster);
            let answer = asked
                .set_tasks(Some(some.to_vec()))
                .send()
                .await
                .map_err(|error| called(CallError::new("DescribeTasks", name, error)))?;
            // Forgotten since they were listed.
            gone += answer.failures().len();
            stopped.extend(answer.tasks().iter().filter_map(stopped_task));
        }
        stopped.sort_by_key(|task| std::cmp::Reverse(task.stopped_at));
        let left_out = arns.len().saturating_sub(stopped.len() + gone);
        Ok(StoppedTasks { tasks: stopped, left_out })
    }
}

fn report(service: &Service) -> ServiceReport {
    let mut deployments: Vec<_> = service.deployments().iter().filter_map(deployment).collect();
    deployments.sort_by_key(|one| std::cmp::Reverse(one.started_at));
    let event = |event: &aws_sdk_ecs::types::ServiceEvent| {
        Some(ServiceEvent {
            at: time(event.created_at())?,
            message: Redacted::line(event.message()?),
        })
    };
    let mut events: Vec<_> = service.events().iter().filter_map(event).collect();
    events.sort_by_key(|one| std::cmp::Reverse(one.at));
    ServiceReport {
        desired: count(service.desired_count()),
        running: count(service.running_count()),
        deployments,
        events,
    }
}

fn deployment(found: &Deployment) -> Option<DeploymentReport> {
    let reason = || Redacted::line(found.rollout_state_reason().unwrap_or("no reason given"));
    let progress = match found.rollout_state() {
        Some(DeploymentRolloutState::Completed) => DeploymentProgress::Completed,
        Some(DeploymentRolloutState::Failed) => DeploymentProgress::Failed(reason()),
        _ => DeploymentProgress::InProgress,
    };
    let definition = found.task_definition()?;
    Some(DeploymentReport {
        // `family:revision`, as commands take it.
        revision: definition.rsplit('/').next().unwrap_or(definition).to_owned(),
        started_at: time(found.created_at())?,
        progress,
        desired: count(found.desired_count()),
        running: count(found.running_count()),
        failed_tasks: Some(count(found.failed_tasks())),
    })
}

fn stopped_task(task: &Task) -> Option<StoppedTask> {
    let arn = task.task_arn()?;
    let definition = task.task_definition_arn();
    let code = task.stop_code().map_or("", TaskStopCode::as_str);
    let reason = task.stopped_reason().unwrap_or(code);
    // By hand, or with the machine: the code says so where the reason may be anybody's words.
    let on_purpose = ["UserInitiated", "SpotInterruption", "TerminationNotice"].contains(&code);
    let reason = match on_purpose {
        true => format!("{code}: {reason}"),
        false => reason.to_owned(),
    };
    let containers = task.containers().iter().map(|container| StoppedContainer {
        name: container.name().unwrap_or("?").to_owned(),
        exit_code: container.exit_code(),
        reason: container.reason().map(Redacted::line),
    });
    Some(StoppedTask {
        id: arn.rsplit('/').next().unwrap_or(arn).to_owned(),
        revision: definition.map(|arn| arn.rsplit('/').next().unwrap_or(arn).to_owned()),
        started_at: time(task.started_at()),
        stopped_at: [task.stopped_at(), task.stopping_at(), task.execution_stopped_at()]
            .into_iter()
            .find_map(time)?,
        was_healthy: match task.health_status() {
            Some(HealthStatus::Healthy) => Some(true),
            // Unknown is what it is without a health check of the container, and after its end.
            _ => None,
        },
        reason: Redacted::line(reason),
        containers: containers.collect(),
    })
}
