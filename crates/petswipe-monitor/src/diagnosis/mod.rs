//! What is wrong, how do we know, and what to type next: evidence from all sources at once, and ranked hypotheses.
//!
//! Somebody sees a [`Symptom`]. [`collect`] asks every source of [`Sources`] at the same moment, each with a deadline; one that
//! fails, hangs or refuses is missing with its cause and holds up nobody. [`diagnose`] is pure: from what was
//! [`Collected`] it makes [`Hypothesis`] after hypothesis, the most certain first, each with its evidence and the next
//! command. Nothing here changes the system, and a command that would is labelled.
//!
//! ```
//! use petswipe_monitor::diagnosis::*;
//! use petswipe_monitor::Window;
//! use std::{sync::Arc, time::Duration};
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let at = |second| jiff::Timestamp::from_second(second).unwrap();
//! let cloud = Arc::new(MemoryCloud::new());
//! cloud.add_environment("shop-green");
//! for second in [40, 50] {
//!     cloud.stop_task("shop-green", StoppedTask {
//!         id: format!("task-{second}"),
//!         revision: Some("shop:7".to_owned()),
//!         started_at: None,
//!         stopped_at: at(second),
//!         was_healthy: Some(false),
//!         reason: "Essential container in task exited".into(),
//!         containers: vec![StoppedContainer { name: "app".to_owned(), exit_code: Some(1), reason: None }],
//!     });
//! }
//! let sources = Sources { services: Some(cloud), ..Sources::default() };
//! let scope = Scope::new(["shop-green"], Window::new(at(0), at(60))?, at(60));
//! let seen = collect(&sources, &scope, Deadlines::default()).await;
//! let found = diagnose(&seen, &Limits::default(), &LocalCommands::new("shop", "production"));
//! let first = &found.hypotheses[0];
//! assert_eq!((first.rank, first.cause), (1, Cause::CrashAtStart));
//! assert!(first.evidence[0].text.contains("exit code 1"));
//! assert_eq!(first.next_command.effect, Effect::Reads);
//! # Ok::<(), petswipe_monitor::Error>(()) }).unwrap();
//! ```
//!
//! The rules are in `analyzer/`, one file for each kind of cause; what each rests upon is in its documentation. Log lines and
//! messages are [`Redacted`] before anything looks at them.
//!
//! Sources: the runbooks "High Error Rate", "Database Issues", "Performance Degradation" and the entries "Deployment stuck",
//! "High latency", "Failed health checks" of the DevOps guide of the project.

mod analyzer;
mod backend;
mod collect;
mod commands;
mod database;
mod facts;
mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
mod redact;
mod symptom;

pub use analyzer::{
    Certainty, Diagnosis, Evidence, Hypothesis, Limits, MissingSource, Verdict, diagnose,
};
pub use backend::{
    DatabaseActivity, DatabaseLoad, LogQuery, LogSearch, ScalingActivities, ServiceEvents,
    TargetHealth,
};
#[cfg(feature = "mock")]
pub use backend::{
    MockDatabaseActivity, MockDatabaseLoad, MockLogSearch, MockScalingActivities,
    MockServiceEvents, MockTargetHealth,
};
pub use collect::{Collected, Deadlines, EnvironmentEvidence, Looked, Scope, Sources, collect};
pub use commands::{
    AwsCommands, AwsEnvironment, Command, Commands, Effect, LocalCommands, NextStep, quoted,
};
pub use database::{
    CacheUse, Connections, DatabaseGauges, DatabaseReport, Session, SessionState, StatementUse,
};
pub use facts::{
    DeploymentProgress, DeploymentReport, LogLine, LogLines, RolloutDriver, RolloutReport,
    ScalingActivity, ScalingReport, ServiceEvent, ServiceReport, StoppedContainer, StoppedTask,
    StoppedTasks, TargetCondition, TargetReport, UnfinishedOperation,
};
pub use memory::{MemoryCloud, MemoryDatabase};
pub use redact::Redacted;
pub use symptom::{Cause, Symptom};
