//! A service keeps the desired number of tasks of one revision running behind one target group, as Amazon ECS does.

mod breaker;
mod deployment;
mod history;
mod life;
mod plan;
mod supervise;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use petswipe_deploy::{
    Deployment, DeploymentState, Environment, Error, ScalingState, ServiceStatus, TaskFailure,
};
use petswipe_runbook::OperationId;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, oneshot};

use crate::balancer::Balancer;
use crate::registry::Revision;
use crate::task::{Launcher, Process};
pub use breaker::Backoff;
use deployment::Record;
pub(crate) use deployment::percents;
use history::History;
pub(crate) use history::Log;

/// After so many failures in a row the service says that it is in trouble.
const TROUBLE: u32 = 3;

/// What all services of a cloud share.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) launcher: Launcher,
    pub(crate) balancer: Balancer,
    pub(crate) stop_timeout: Duration,
    pub(crate) backoff: Backoff,
}

/// The service of one environment.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) environment: Environment,
    /// The last part of the environment's name, such as `blue`.
    pub(crate) short: String,
    pub(crate) group: String,
    platform: Arc<Platform>,
    state: Mutex<State>,
    log: Log,
    /// Something happened that may need a decision.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    desired: u32,
    record: Option<Record>,
    /// What ran completely the last time something did: the circuit breaker goes back there.
    last_completed: Option<Arc<Revision>>,
    tasks: BTreeMap<u64, Task>,
    next_task: u64,
    /// Failures in a row, counted in rounds.
    row: u32,
    last_failure: Option<Instant>,
    next_start: Option<Instant>,
    scaling: Option<ScalingState>,
    scaled_at: Option<Instant>,
    history: History,
    /// Nothing starts any more; tasks end without draining.
    closing: bool,
}

#[derive(Debug)]
struct Task {
    revision: Arc<Revision>,
    started: Instant,
    started_at: Timestamp,
    healthy_since: Option<Instant>,
    /// Whether it ever was.
    was_healthy: bool,
    /// Since it listens and is registered.
    process: Option<Arc<Process>>,
    /// Taken when it shall stop.
    stop: Option<oneshot::Sender<()>>,
}

impl Task {
    fn is_stopping(&self) -> bool {
        self.stop.is_none()
    }
}

/// A task as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskStatus {
    /// Its name, such as `blue-3`; the same as its target's.
    pub id: String,
    /// Where it runs.
    pub environment: Environment,
    /// What it runs.
    pub revision: petswipe_deploy::RevisionId,
    /// How it is.
    pub state: TaskState,
    /// Its process, which leads a process group of the same number; `None` while it starts.
    pub pid: Option<i32>,
    /// Since when it exists.
    pub started_at: Timestamp,
}

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Its process does not listen yet.
    Starting,
    /// It listens, and its target is registered.
    Running,
    /// It is being drained and stopped.
    Stopping,
}

impl Service {
    pub(crate) fn new(
        environment: Environment,
        short: &str,
        group: String,
        platform: Arc<Platform>,
        scaling: Option<ScalingState>,
    ) -> Arc<Self> {
        let state = State { scaling, ..State::default() };
        Arc::new(Self {
            environment,
            short: short.to_owned(),
            group,
            platform,
            state: Mutex::new(state),
            log: Log::default(),
            changed: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the service run `revision` as `command` says. Does nothing if it is told so already.
    pub(crate) fn deploy(
        &self,
        operation: Option<&OperationId>,
        revision: Arc<Revision>,
        command: Deployment,
    ) {
        let mut state = self.state();
        let steady =
            state.record.as_ref().is_some_and(|r| r.failed.is_none() && state.is_steady(r));
        state.desired = command.desired;
        let replaced = state.record.as_ref().map(|record| history::report(&state, record));
        let state = &mut *state;
        match &mut state.record {
            Some(record) if record.is_repeated_by(operation, &command) => record.command = command,
            before => {
                if let Some(complete) = before.take_if(|_| steady) {
                    state.last_completed = Some(complete.revision);
                }
                if let Some(replaced) = replaced {
                    state.history.replace(replaced);
                }
                let (id, desired) = (&revision.id, command.desired);
                state.history.tell(format!("deployment of {id} on {desired} tasks began"));
                state.record = Some(Record::new(operation, revision, command));
                state.row = 0;
                state.next_start = None;
            }
        }
        self.changed.notify_one();
    }

    /// Sets how many tasks shall run.
    pub(crate) fn scale(&self, desired: u32) {
        self.state().desired = desired;
        self.changed.notify_one();
    }

    pub(crate) fn scaling(&self) -> Option<ScalingState> {
        self.state().scaling.clone()
    }

    /// Stops scaling, where there is any.
    pub(crate) fn suspend_scaling(&self) {
        if let Some(scaling) = &mut self.state().scaling {
            scaling.suspended = true;
            scaling.partly = None;
        }
    }

    /// Sets scaling, where there is any.
    pub(crate) fn restore_scaling(&self, restored: &ScalingState) -> Result<(), Error> {
        if restored.minimum > restored.maximum {
            let allowed = format!("at most the maximum, {}", restored.maximum);
            return Err(Error::invalid("state.minimum", restored.minimum, allowed));
        }
        match &mut self.state().scaling {
            Some(scaling) => {
                *scaling = restored.clone();
                Ok(())
            }
            None => {
                let what = format!("auto scaling of {}", self.environment);
                Err(Error::NotFound { what })
            }
        }
    }

    pub(crate) fn status(&self) -> ServiceStatus {
        let state = self.state();
        let record = state.record.as_ref();
        let running = |record: &Record| {
            let runs = |task: &&Task| {
                task.process.is_some()
                    && !task.is_stopping()
                    && task.revision.id == record.revision.id
            };
            state.tasks.values().filter(runs).count()
        };
        let deployment = match record {
            Some(Record { failed: Some(reason), .. }) => {
                DeploymentState::Failed { reason: reason.clone() }
            }
            Some(record) if !record.completed => DeploymentState::InProgress,
            _ => DeploymentState::Completed,
        };
        ServiceStatus {
            environment: self.environment.clone(),
            revision: record.map(|record| record.revision.id.clone()),
            image: record.map(|record| record.revision.image.clone()),
            desired: state.desired,
            running: record.map_or(0, |record| running(record) as u32),
            deployment,
            failures: record
                .map_or_else(Vec::new, |record| record.failures.iter().cloned().collect()),
            replacement: None,
            observed_at: Timestamp::now(),
        }
    }

    pub(crate) fn tasks(&self) -> Vec<TaskStatus> {
        let status = |(number, task): (&u64, &Task)| TaskStatus {
            id: self.task_name(*number),
            environment: self.environment.clone(),
            revision: task.revision.id.clone(),
            state: match (&task.stop, &task.process) {
                (None, _) => TaskState::Stopping,
                (Some(_), Some(_)) => TaskState::Running,
                (Some(_), None) => TaskState::Starting,
            },
            pid: task.process.as_ref().map(|process| process.group()),
            started_at: task.started_at,
        };
        self.state().tasks.iter().map(status).collect()
    }

    /// Kills a task, as if it had crashed. `false` when there is no such running task.
    pub(crate) fn kill(&self, name: &str) -> bool {
        let state = self.state();
        let found = state.tasks.iter().find(|(number, _)| self.task_name(**number) == name);
        let process = found.and_then(|(_, task)| task.process.clone());
        drop(state);
        process.inspect(|process| process.kill()).is_some()
    }

    fn task_name(&self, number: u64) -> String {
        format!("{}-{number}", self.short)
    }

    fn failed(&self, number: u64, reason: String) {
        let mut state = self.state();
        let Some(task) = state.tasks.remove(&number) else { return };
        state.count_failure(self.task_name(number), &task, reason, self.platform.backoff);
        drop(state);
        self.changed.notify_one();
    }
}

impl State {
    /// Counts a failed task for the backoff and, if it ran the newest deployment's revision, for that.
    fn count_failure(&mut self, name: String, task: &Task, reason: String, backoff: Backoff) {
        if self.closing {
            return;
        }
        self.history.tell(format!("task {name} of {} stopped: {reason}", task.revision.id));
        self.history.stopped(name, task, &reason);
        let now = Instant::now();
        if self.next_start.is_some_and(|next| now > next + 2 * backoff.limit) {
            self.row = 0;
        }
        // Tasks that fail together are one round: only the failure of a replacement makes the row longer.
        if self.last_failure.is_none_or(|last| self.row == 0 || task.started >= last) {
            self.row += 1;
        }
        if self.row == TROUBLE && self.last_failure.is_some_and(|last| task.started >= last) {
            self.history.tell("the service is unable to consistently start tasks successfully");
        }
        self.last_failure = Some(now);
        self.next_start = Some(now + backoff.after(self.row));
        if let Some(record) = &mut self.record
            && record.revision.id == task.revision.id
        {
            record.count_failure(TaskFailure { at: Timestamp::now(), reason });
        }
    }

    /// Whether exactly the desired tasks run, healthy, and none of another revision is left, draining ones included.
    fn is_steady(&self, record: &Record) -> bool {
        let current = |task: &Task| task.revision.id == record.revision.id;
        let healthy = |task: &Task| !task.is_stopping() && task.healthy_since.is_some();
        let live = self.tasks.values().filter(|task| !task.is_stopping()).count();
        live == self.desired as usize
            && self
                .tasks
                .values()
                .all(|task| current(task) && (task.is_stopping() || healthy(task)))
    }
}
