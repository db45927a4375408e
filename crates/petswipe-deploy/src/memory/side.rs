//! One environment's service: tasks that boot, serve, crash and are replaced.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Behaviour, Deployment, DeploymentState, Environment, Replacement, RevisionId, ScalingState,
    TaskFailure,
};

/// ECS gives up after half the desired count of failed tasks, at least 3.
///
/// Source: Amazon ECS Developer Guide, "How the Amazon ECS deployment circuit breaker detects failures".
fn breaker_threshold(desired: u32) -> usize {
    (desired.div_ceil(2)).clamp(3, 200) as usize
}

/// The first wait before a crashed task is replaced; each further one is as much longer, up to the limit.
const BACKOFF: Duration = Duration::from_secs(2);
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
struct Task {
    revision: RevisionId,
    started: Timestamp,
    /// When it passes its first health check, if ever.
    healthy_from: Option<Timestamp>,
    dies_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub(super) struct Side {
    pub(super) revision: RevisionId,
    completed: RevisionId,
    pub(super) desired: u32,
    tasks: Vec<Task>,
    /// Tasks that are started later, because earlier ones crashed.
    waiting: Vec<Timestamp>,
    /// How many tasks there is room for.
    most: u32,
    pub(super) deployment: DeploymentState,
    pub(super) replacement: Replacement,
    /// Whether anybody is told how tasks are replaced.
    pub(super) tells_replacement: bool,
    pub(super) failures: Vec<TaskFailure>,
    pub(super) scaling: Option<ScalingState>,
}

impl Side {
    /// A service that runs healthy tasks for a long time already.
    pub(super) fn running(revision: RevisionId, count: u32, now: Timestamp) -> Self {
        let task = Task {
            revision: revision.clone(),
            started: now,
            healthy_from: Some(now),
            dies_at: None,
        };
        Self {
            completed: revision.clone(),
            revision,
            desired: count,
            tasks: vec![task; count as usize],
            waiting: Vec::new(),
            most: u32::MAX,
            deployment: DeploymentState::Completed,
            replacement: Replacement {
                minimum_healthy_percent: Some(100),
                maximum_percent: Some(200),
                ..Replacement::default()
            },
            tells_replacement: true,
            failures: Vec::new(),
            scaling: None,
        }
    }

    pub(super) fn deploy(&mut self, deployment: &Deployment) {
        self.desired = deployment.desired;
        self.replacement = deployment.replacement(&self.replacement);
        if self.revision == deployment.revision {
            return;
        }
        self.revision = deployment.revision.clone();
        self.deployment = DeploymentState::InProgress;
        self.failures.clear();
        self.waiting.clear();
    }

    /// There is room for so many tasks only.
    pub(super) fn limit(&mut self, most: Option<u32>) {
        self.most = most.unwrap_or(u32::MAX);
        self.tasks.truncate(self.most as usize);
    }

    pub(super) fn healthy(&self, now: Timestamp) -> u32 {
        self.tasks.iter().filter(|task| task.is_healthy(now)).count() as u32
    }

    pub(super) fn registered(&self) -> u32 {
        self.tasks.len() as u32
    }

    pub(super) fn running_now(&self) -> u32 {
        self.tasks.iter().filter(|task| task.revision == self.revision).count() as u32
    }

    /// Deaths, replacements, the end of a deployment: everything until `now`.
    pub(super) fn settle(
        &mut self,
        environment: &Environment,
        behaviour: Behaviour,
        now: Timestamp,
    ) {
        if let Some(scaling) = self.scaling.as_ref().filter(|scaling| !scaling.suspended)
            && self.desired > 0
        {
            self.desired =
                self.desired.clamp(scaling.minimum, scaling.maximum.max(scaling.minimum));
        }
        loop {
            self.bury(environment, now);
            let breaker = self.replacement.circuit_breaker;
            if breaker.enabled
                && breaker.goes_back
                && self.deployment == DeploymentState::InProgress
                && self.failures.len() >= breaker_threshold(self.desired)
            {
                let reason = format!("{} tasks failed to start", self.failures.len());
                self.deployment = DeploymentState::Failed { reason };
                self.revision = self.completed.clone();
                self.waiting.clear();
                self.tasks.retain(|task| task.revision == self.revision);
            }
            if !self.start(behaviour, now) {
                break;
            }
        }
        self.stop_surplus(now);
        let fresh = |task: &&Task| task.revision == self.revision && task.is_healthy(now);
        let ready = self.tasks.iter().filter(fresh).count() >= self.desired as usize;
        if ready {
            self.tasks.retain(|task| task.revision == self.revision);
            if self.deployment == DeploymentState::InProgress {
                self.deployment = DeploymentState::Completed;
                self.completed = self.revision.clone();
            }
        }
    }

    /// Stops tasks of the revision beyond the desired count, unhealthy and young ones first.
    fn stop_surplus(&mut self, now: Timestamp) {
        let mut surplus = self.running_now().saturating_sub(self.desired);
        if surplus == 0 {
            return;
        }
        for healthy in [false, true] {
            for index in (0..self.tasks.len()).rev() {
                let task = &self.tasks[index];
                let matches = task.revision == self.revision && task.is_healthy(now) == healthy;
                if surplus > 0 && matches {
                    self.tasks.remove(index);
                    surplus -= 1;
                }
            }
        }
    }

    /// Takes away the dead, and plans who follows them.
    fn bury(&mut self, environment: &Environment, now: Timestamp) {
        let mut dead = Vec::new();
        self.tasks.retain(|task| {
            let dies = task.dies_at.filter(|at| *at <= now);
            if let Some(at) = dies
                && task.revision == self.revision
            {
                dead.push(at);
            }
            dies.is_none()
        });
        dead.sort_unstable();
        for at in dead {
            let reason = format!("task of {environment} exited with code 1");
            self.failures.push(TaskFailure { at, reason });
            let wait = BACKOFF.saturating_mul(self.failures.len() as u32).min(LONGEST_BACKOFF);
            self.waiting.push(at.saturating_add(wait).unwrap_or(Timestamp::MAX));
        }
    }

    /// Starts what is missing and may start by `now`. False when nothing was started.
    fn start(&mut self, behaviour: Behaviour, now: Timestamp) -> bool {
        self.waiting.truncate(self.desired as usize);
        let due = self.waiting.iter().filter(|at| **at <= now).copied().collect::<Vec<_>>();
        self.waiting.retain(|at| *at > now);
        let mine = self.running_now() as usize + self.waiting.len();
        let room = (self.most as usize).saturating_sub(self.tasks.len());
        let missing = (self.desired as usize).saturating_sub(mine).min(room);
        for index in 0..missing {
            let started = due.get(index).copied().unwrap_or(now);
            let after = |wait: Duration| started.saturating_add(wait).unwrap_or(Timestamp::MAX);
            self.tasks.push(Task {
                revision: self.revision.clone(),
                started,
                healthy_from: behaviour.healthy.then(|| after(behaviour.boot)),
                dies_at: behaviour.crash_after.map(after),
            });
        }
        missing > 0
    }
}

impl Task {
    fn is_healthy(&self, now: Timestamp) -> bool {
        self.started <= now && self.healthy_from.is_some_and(|from| from <= now)
    }
}
