//! The loop of a service: looks, asks [`plan`] what to do, does it. It decides nothing itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::deployment::percents;
use super::plan::{Limits, Phase, Step, View, plan};
use super::{Service, State};
use crate::balancer::TargetState;

/// How often it looks when nothing calls.
const TICK: Duration = Duration::from_millis(50);
/// How often auto scaling acts.
const SCALING: Duration = Duration::from_secs(1);

impl Service {
    /// Keeps the service as it shall be until [`close`](Self::close).
    pub(crate) async fn supervise(self: Arc<Self>) {
        let mut targets = self.platform.balancer.changes();
        loop {
            tokio::select! {
                () = self.changed.notified() => {}
                Ok(()) = targets.changed() => {}
                () = tokio::time::sleep(TICK) => {}
            }
            if self.state().closing {
                return;
            }
            self.step();
        }
    }

    /// Stops all tasks without draining and starts no more. Returns when all have ended.
    pub(crate) async fn close(&self) {
        self.abandon();
        while !self.state().tasks.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The same without waiting.
    pub(crate) fn abandon(&self) {
        let mut state = self.state();
        state.closing = true;
        state.tasks.values_mut().for_each(|task| drop(task.stop.take()));
        drop(state);
        self.changed.notify_one();
    }

    fn step(self: &Arc<Self>) {
        let targets = self.platform.balancer.targets(&self.group).unwrap_or_default();
        let targets: HashMap<_, _> =
            targets.into_iter().map(|target| (target.id, target.state)).collect();
        let mut state = self.state();
        state.auto_scale();
        let now = Instant::now();
        let mut views = Vec::new();
        let mut reasons = HashMap::new();
        let Some(current) = state.record.as_ref().map(|record| record.revision.clone()) else {
            return;
        };
        for (number, task) in &mut state.tasks {
            if task.is_stopping() {
                continue;
            }
            let target = targets.get(&self.task_name(*number));
            let phase = match (&task.process, target) {
                (Some(_), Some(TargetState::Healthy)) => Phase::Healthy,
                (Some(_), Some(TargetState::Unhealthy { reason })) => {
                    reasons.insert(*number, reason.clone());
                    Phase::Unhealthy
                }
                _ => Phase::Starting,
            };
            task.healthy_since =
                (phase == Phase::Healthy).then(|| task.healthy_since.unwrap_or(now));
            task.was_healthy |= phase == Phase::Healthy;
            views.push(View { id: *number, current: task.revision.id == current.id, phase });
        }
        let step = state.decide(&views);
        for number in step.stop {
            if let Some(reason) = reasons.remove(&number) {
                let reason = format!("failed health checks: {reason}");
                if let Some(task) = state.tasks.remove(&number) {
                    let name = self.task_name(number);
                    state.count_failure(name, &task, reason, self.platform.backoff);
                    state.tasks.insert(number, task);
                }
            }
            if let Some(task) = state.tasks.get_mut(&number) {
                drop(task.stop.take());
            }
        }
        for _ in 0..step.start {
            self.start_task(&mut state, current.clone());
        }
    }
}

impl State {
    /// The next step, with completion, circuit breaker and backoff taken into account.
    fn decide(&mut self, views: &[View]) -> Step {
        let Some(mut record) = self.record.take() else { return Step::default() };
        if record.failed.is_none() && self.is_steady(&record) {
            if !std::mem::replace(&mut record.completed, true) {
                let id = &record.revision.id;
                self.history.tell(format!(
                    "deployment of {id} completed; the service has reached a steady state"
                ));
            }
            self.last_completed = Some(record.revision.clone());
        }
        let before = record.revision.id.clone();
        let failed_before = record.failed.is_some();
        record.trip(self.desired, self.last_completed.as_ref());
        if let Some(reason) = record.failed.as_ref().filter(|_| !failed_before) {
            self.history.tell(format!("deployment failed: {reason}"));
        }
        let turned = record.revision.id != before;
        let (minimum, maximum) = percents(&record.command);
        let stuck = record.stuck;
        self.record = Some(record);
        if turned {
            // The tasks were looked at as those of another revision; look again.
            self.next_start = None;
            return Step::default();
        }
        let mut step = plan(self.desired, Limits::of(self.desired, minimum, maximum), views);
        if stuck || self.next_start.is_some_and(|next| Instant::now() < next) {
            step.start = 0;
        }
        step
    }

    /// Keeps the desired count within its limits, unless that is suspended, or there is nothing to scale.
    fn auto_scale(&mut self) {
        let Some(scaling) = self.scaling.as_ref().filter(|scaling| !scaling.suspended) else {
            return;
        };
        if self.scaled_at.is_some_and(|at| at.elapsed() < SCALING) {
            return;
        }
        if self.desired > 0 {
            self.desired = self.desired.max(scaling.minimum).min(scaling.maximum);
        }
        self.scaled_at = Some(Instant::now());
    }
}
