//! A cloud and a database in memory, which know what was put in: for tests, simulations and documentation.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    DatabaseActivity, DatabaseGauges, DatabaseLoad, DatabaseReport, LogLine, LogLines, LogQuery,
    LogSearch, ScalingActivities, ScalingReport, ServiceEvents, ServiceReport, StoppedTask,
    StoppedTasks, TargetHealth, TargetReport,
};
use crate::{Error, Window};

#[derive(Debug, Default)]
struct World {
    logs: Vec<LogLine>,
    targets: Vec<TargetReport>,
    service: ServiceReport,
    stopped: Vec<StoppedTask>,
    scaling: Option<ScalingReport>,
}

/// Environments with their logs, targets, services and auto scaling.
#[derive(Debug, Default)]
pub struct MemoryCloud(Mutex<BTreeMap<String, World>>);

impl MemoryCloud {
    /// One without environments.
    pub fn new() -> Self {
        Self::default()
    }

    fn worlds(&self) -> MutexGuard<'_, BTreeMap<String, World>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, environment: &str, change: impl FnOnce(&mut World)) {
        change(self.worlds().entry(environment.to_owned()).or_default());
    }

    fn look<T>(&self, environment: &str, look: impl FnOnce(&World) -> T) -> Result<T, Error> {
        let what = || Error::NotFound { what: format!("environment {environment}") };
        self.worlds().get(environment).map(look).ok_or_else(what)
    }

    /// Adds an environment, in which nothing has happened yet.
    pub fn add_environment(&self, environment: &str) {
        self.change(environment, |_| {});
    }

    /// Writes a line.
    pub fn log(&self, environment: &str, line: LogLine) {
        self.change(environment, |world| {
            let after = world.logs.partition_point(|known| known.at <= line.at);
            world.logs.insert(after, line);
        });
    }

    /// Sets the registered targets.
    pub fn set_targets(&self, environment: &str, targets: Vec<TargetReport>) {
        self.change(environment, |world| world.targets = targets);
    }

    /// Sets what the service is. Its lists are put in order.
    pub fn set_service(&self, environment: &str, mut service: ServiceReport) {
        service.deployments.sort_by_key(|deployment| std::cmp::Reverse(deployment.started_at));
        service.events.sort_by_key(|event| std::cmp::Reverse(event.at));
        self.change(environment, |world| world.service = service);
    }

    /// Adds a stopped task.
    pub fn stop_task(&self, environment: &str, task: StoppedTask) {
        self.change(environment, |world| {
            world.stopped.push(task);
            world.stopped.sort_by_key(|task| std::cmp::Reverse(task.stopped_at));
        });
    }

    /// Sets what auto scaling is. Its activities are put in order.
    pub fn set_scaling(&self, environment: &str, mut scaling: ScalingReport) {
        scaling.activities.sort_by_key(|activity| std::cmp::Reverse(activity.at));
        self.change(environment, |world| world.scaling = Some(scaling));
    }
}

#[async_trait]
impl LogSearch for MemoryCloud {
    async fn search(&self, query: &LogQuery) -> Result<LogLines, Error> {
        self.look(&query.environment, |world| {
            let wanted = |line: &&LogLine| query.wants(line.at, line.text.as_str());
            let mut lines: Vec<_> = world.logs.iter().filter(wanted).cloned().collect();
            let complete = lines.len() <= query.most;
            lines.truncate(query.most);
            LogLines { lines, complete }
        })
    }
}

#[async_trait]
impl TargetHealth for MemoryCloud {
    async fn targets(&self, environment: &str) -> Result<Vec<TargetReport>, Error> {
        self.look(environment, |world| world.targets.clone())
    }
}

#[async_trait]
impl ServiceEvents for MemoryCloud {
    async fn service(&self, environment: &str) -> Result<ServiceReport, Error> {
        self.look(environment, |world| world.service.clone())
    }

    async fn stopped_tasks(&self, environment: &str) -> Result<StoppedTasks, Error> {
        self.look(environment, |world| world.stopped.clone().into())
    }
}

#[async_trait]
impl ScalingActivities for MemoryCloud {
    async fn scaling(&self, environment: &str) -> Result<Option<ScalingReport>, Error> {
        self.look(environment, |world| world.scaling.clone())
    }
}

/// A database that tells what it was told to.
#[derive(Debug, Default)]
pub struct MemoryDatabase {
    report: Mutex<DatabaseReport>,
    gauges: Mutex<Vec<(Timestamp, DatabaseGauges)>>,
}

impl MemoryDatabase {
    /// One in which nothing happens.
    pub fn new() -> Self {
        Self::default()
    }

    /// What it tells from now on.
    pub fn tell(&self, report: DatabaseReport) {
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = report;
    }

    /// A measurement.
    pub fn measure(&self, at: Timestamp, gauges: DatabaseGauges) {
        let mut all = self.gauges.lock().unwrap_or_else(PoisonError::into_inner);
        let after = all.partition_point(|(known, _)| *known <= at);
        all.insert(after, (at, gauges));
    }
}

#[async_trait]
impl DatabaseActivity for MemoryDatabase {
    async fn activity(&self) -> Result<DatabaseReport, Error> {
        Ok(self.report.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

#[async_trait]
impl DatabaseLoad for MemoryDatabase {
    async fn gauges(&self, window: Window, now: Timestamp) -> Result<DatabaseGauges, Error> {
        let all = self.gauges.lock().unwrap_or_else(PoisonError::into_inner);
        let inside = |at: Timestamp| window.from <= at && at < window.to && at <= now;
        let mut newest = DatabaseGauges::default();
        for (_, seen) in all.iter().filter(|(at, _)| inside(*at)) {
            newest.instance.clone_from(&seen.instance);
            newest.cpu = seen.cpu.or(newest.cpu);
            newest.free_storage = seen.free_storage.or(newest.free_storage);
            newest.free_memory = seen.free_memory.or(newest.free_memory);
            newest.connections = seen.connections.or(newest.connections);
        }
        Ok(newest)
    }
}
