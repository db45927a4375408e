//! Why tasks stopped, and why others were not started.
//!
//! Sources: Amazon ECS Developer Guide, "Amazon ECS stopped tasks error messages" and "Amazon ECS service event messages";
//! API Reference, Task (startedBy, stopCode, stoppedReason).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_sdk_ecs::types::{Deployment as EcsDeployment, DesiredStatus, Service, Task, TaskStopCode};
use aws_smithy_types::DateTime;
use jiff::Timestamp;

use super::EcsCompute;
use super::describe::{is_failed, went_back_to};
use crate::aws::error::error;
use crate::{Error, TaskFailure};

/// `DescribeTasks` takes at most so many.
const MOST_TASKS: usize = 100;

/// Tasks that were read once after they had stopped: nothing about them changes any more.
#[derive(Default)]
pub(super) struct Stopped(Mutex<HashMap<String, Seen>>);

#[derive(Clone)]
struct Seen {
    deployment: String,
    failure: Option<TaskFailure>,
}

impl Stopped {
    fn known(&self) -> MutexGuard<'_, HashMap<String, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EcsCompute {
    /// Tasks of the newest deployment that failed, or of the one that ECS gave up before it, oldest first. ECS remembers
    /// a stopped task for about an hour.
    pub(in crate::aws) async fn failures(
        &self,
        service: &Service,
        newest: &EcsDeployment,
    ) -> Result<Vec<TaskFailure>, Error> {
        if service.desired_count() == 0 && newest.failed_tasks() == 0 {
            return Ok(Vec::new());
        }
        let name = service.service_name().unwrap_or_default();
        let went_back = went_back_to(service, newest);
        let all = service.deployments().iter();
        let counted: Vec<_> = all
            .filter(|deployment| {
                deployment.id() == newest.id() || went_back && is_failed(deployment)
            })
            .filter_map(EcsDeployment::id)
            .collect();
        let mut failures = Vec::new();
        for task in self.stopped_tasks(name).await? {
            if counted.contains(&task.deployment.as_str()) {
                failures.extend(task.failure);
            }
        }
        let since = newest.created_at().and_then(timestamp);
        failures.extend(service.events().iter().filter_map(|event| {
            let at = event.created_at().and_then(timestamp)?;
            let reason = not_started(event.message()?)?;
            (Some(at) >= since).then(|| TaskFailure { at, reason: reason.to_owned() })
        }));
        failures.sort_by_key(|failure| failure.at);
        Ok(failures)
    }

    async fn stopped_tasks(&self, name: &str) -> Result<Vec<Seen>, Error> {
        let what = format!("stopped tasks of {}", self.described(name));
        let list = self
            .client
            .list_tasks()
            .cluster(&self.services.cluster)
            .service_name(name)
            .desired_status(DesiredStatus::Stopped);
        let mut arns = Vec::new();
        let mut pages = list.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| error("ListTasks", &what, e))?;
            arns.extend(page.task_arns().iter().cloned());
        }
        let unknown: Vec<_> = {
            let mut known = self.stopped.known();
            // What ECS has forgotten of this service is asked for no more; that of others is not in this list.
            if known.len() > 100 * MOST_TASKS {
                known.clear();
            }
            arns.iter().filter(|arn| !known.contains_key(*arn)).cloned().collect()
        };
        let mut found = Vec::new();
        for some in unknown.chunks(MOST_TASKS) {
            let describe = self.client.describe_tasks().cluster(&self.services.cluster);
            let answer = describe.set_tasks(Some(some.to_vec())).send().await;
            let answer = answer.map_err(|e| error("DescribeTasks", &what, e))?;
            for task in answer.tasks() {
                let Some(arn) = task.task_arn() else { continue };
                let deployment = task.started_by().unwrap_or_default().to_owned();
                let seen = Seen { deployment, failure: failure_of(task) };
                if task.last_status() == Some("STOPPED") {
                    self.stopped.known().insert(arn.to_owned(), seen);
                } else {
                    // It is about to stop: exit codes and reasons may still come.
                    found.push(seen);
                }
            }
        }
        let known = self.stopped.known();
        found.extend(arns.iter().filter_map(|arn| known.get(arn).cloned()));
        Ok(found)
    }
}

/// Why a task stopped, unless it was asked to, or its machine was taken away.
fn failure_of(task: &Task) -> Option<TaskFailure> {
    let stopped = task.stopped_reason().unwrap_or_default();
    let asked = match task.stop_code() {
        Some(
            TaskStopCode::UserInitiated
            | TaskStopCode::SpotInterruption
            | TaskStopCode::TerminationNotice,
        ) => true,
        // Scaled in, or replaced by a newer deployment.
        _ => stopped.starts_with("Scaling activity initiated by"),
    };
    if asked {
        return None;
    }
    let at =
        [task.stopped_at(), task.stopping_at(), task.execution_stopped_at(), task.created_at()];
    let at = at.into_iter().flatten().find_map(timestamp)?;
    let mut parts: Vec<String> = Vec::new();
    if !stopped.is_empty() {
        parts.push(stopped.to_owned());
    }
    for container in task.containers() {
        let name = container.name().unwrap_or("?");
        match (container.exit_code(), container.reason()) {
            (Some(0), None) | (None, None) => {}
            (Some(code), None) => parts.push(format!("container {name} exited with {code}")),
            (None, Some(why)) => parts.push(format!("container {name}: {why}")),
            (Some(code), Some(why)) => {
                parts.push(format!("container {name} exited with {code}: {why}"));
            }
        }
    }
    if parts.is_empty() {
        let code = task.stop_code().map_or("no reason given", TaskStopCode::as_str);
        parts.push(code.to_owned());
    }
    Some(TaskFailure { at, reason: parts.join("; ") })
}

/// A message about a task that could not even be started.
fn not_started(message: &str) -> Option<&str> {
    let known = [
        "was unable to place a task",
        "unable to consistently start tasks successfully",
        "failed to launch a task",
        "is unable to assume",
        "was unable to start a task",
    ];
    known.iter().any(|part| message.contains(part)).then_some(message)
}

pub(in crate::aws) fn timestamp(time: &DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}
