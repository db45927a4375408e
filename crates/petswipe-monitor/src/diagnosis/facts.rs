//! What sources tell: log lines, targets, services, stopped tasks, auto scaling. Plain data; the database's is in
//! [`database`](super::database).

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Command, Looked, Redacted};

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When it was written.
    pub at: Timestamp,
    /// Who wrote it: a task, or a log stream.
    pub stream: String,
    /// What it says, without secrets.
    pub text: Redacted,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLines {
    /// In the order of their time.
    pub lines: Vec<LogLine>,
    /// Whether these are all there are.
    pub complete: bool,
}

/// How a target is, in the words of Elastic Load Balancing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TargetCondition {
    /// It passes its checks.
    Healthy,
    /// It fails them.
    Unhealthy,
    /// It is being registered, or its first checks are under way.
    Initial,
    /// It is being let go.
    Draining,
    /// Nothing sends traffic to its group.
    Unused,
    /// It can't be checked.
    Unavailable,
}

/// A registered target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetReport {
    /// Its name: an address, an instance, a task.
    pub id: String,
    /// How it is.
    pub condition: TargetCondition,
    /// Why, as a code such as `Target.ResponseCodeMismatch`, where it says so.
    pub code: Option<String>,
    /// The same in words.
    pub description: Option<Redacted>,
}

/// How far a deployment is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeploymentProgress {
    /// Tasks are being replaced.
    InProgress,
    /// All desired tasks run it.
    Completed,
    /// It was given up, with the reason.
    Failed(Redacted),
}

/// A deployment of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentReport {
    /// What it deploys: a task definition, a revision.
    pub revision: String,
    /// When it began.
    pub started_at: Timestamp,
    /// How far it is.
    pub progress: DeploymentProgress,
    /// Tasks that shall run.
    pub desired: u32,
    /// Tasks that run.
    pub running: u32,
    /// Tasks that failed to run since it began, where that is counted.
    pub failed_tasks: Option<u32>,
}

/// Something that the platform says happened to a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceEvent {
    /// When.
    pub at: Timestamp,
    /// What, in the words of the platform.
    pub message: Redacted,
}

/// A service as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceReport {
    /// Tasks that shall run.
    pub desired: u32,
    /// Tasks that run.
    pub running: u32,
    /// Its deployments, the newest first.
    pub deployments: Vec<DeploymentReport>,
    /// What happened, the newest first.
    pub events: Vec<ServiceEvent>,
}

impl ServiceReport {
    /// The newest deployment.
    pub fn newest(&self) -> Option<&DeploymentReport> {
        self.deployments.first()
    }
}

/// A task that runs no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppedTask {
    /// Its name.
    pub id: String,
    /// What it ran.
    pub revision: Option<String>,
    /// When it began to run; `None` if it never did.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub stopped_at: Timestamp,
    /// Whether it was ever in service, where the platform knows.
    pub was_healthy: Option<bool>,
    /// Why it ended, in the words of the platform.
    pub reason: Redacted,
    /// How its containers ended.
    pub containers: Vec<StoppedContainer>,
}

impl StoppedTask {
    /// How long it ran.
    pub fn ran_for(&self) -> Option<Duration> {
        Duration::try_from(self.stopped_at.duration_since(self.started_at?)).ok()
    }
}

/// Tasks that run no more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppedTasks {
    /// The newest first.
    pub tasks: Vec<StoppedTask>,
    /// So many more there are that were not looked at; they may be newer.
    pub left_out: usize,
}

impl From<Vec<StoppedTask>> for StoppedTasks {
    fn from(tasks: Vec<StoppedTask>) -> Self {
        Self { tasks, left_out: 0 }
    }
}

/// A container of a task that runs no more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppedContainer {
    /// Its name.
    pub name: String,
    /// What it exited with; 128 and the number of the signal if one ended it.
    pub exit_code: Option<i32>,
    /// Why, where the platform says so.
    pub reason: Option<Redacted>,
}

/// How auto scaling of a service is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScalingReport {
    /// The fewest tasks.
    pub minimum: u32,
    /// The most tasks.
    pub maximum: u32,
    /// Whether scaling out is suspended.
    pub suspended: bool,
    /// What it did, the newest first.
    pub activities: Vec<ScalingActivity>,
}

/// Something that auto scaling did, or tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScalingActivity {
    /// When it began.
    pub at: Timestamp,
    /// Whether it failed.
    pub failed: bool,
    /// What it was, and why it did not work.
    pub text: Redacted,
}

/// How traffic is divided, and which operation has begun to change that and has not ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolloutReport {
    /// Percent of the traffic by environment.
    pub weights: BTreeMap<String, u32>,
    /// Who holds the lease of the service now; `None` within where nobody does.
    pub driver: Looked<Option<RolloutDriver>>,
    /// The newest operation, if its journal has no end.
    pub unfinished: Option<UnfinishedOperation>,
    /// What goes on with that operation; without one, how to find out which it was.
    pub next: Command,
    /// What has to be known of that command before it is typed.
    pub hint: String,
}

/// Whoever holds the lease of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutDriver {
    /// Its operation.
    pub operation: String,
    /// How it calls itself.
    pub holder: Redacted,
    /// Until when it holds the lease unless it renews it. A process that is gone does not.
    pub until: Timestamp,
}

/// An operation that has begun and not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnfinishedOperation {
    /// Its name.
    pub name: String,
    /// Where its journal is.
    pub journal: String,
    /// When it began.
    pub began_at: Timestamp,
    /// When something was last written down.
    pub last_record_at: Timestamp,
}
