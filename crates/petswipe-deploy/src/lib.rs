//! Canary, blue-green and rolling deployments as one pure, simulated, resumable core.
//!
//! A [`Plan`] says what shall happen. It is a [`Runbook`](petswipe_runbook::Runbook): a
//! [`Driver`](petswipe_runbook::Driver) carries it out through a [`RolloutPerformer`], which speaks to a cloud through
//! the traits [`Compute`], [`TrafficRouter`], [`AutoScaling`] and [`SmokeTest`], reads metrics and asks a gate. Every step
//! is journaled before it is made, so another driver can go on whenever one dies.
//!
//! # A good version, and a bad one
//!
//! On a cloud in memory, in virtual time:
//!
//! ```
//! use petswipe_deploy::memory::{Behaviour, MemoryCloud};
//! use petswipe_deploy::{Environment, Image, Outcome, Percent, Plan, RolloutPerformer, Target};
//! use petswipe_runbook::journal::MemoryJournal;
//! use petswipe_runbook::sim::SimClock;
//! use petswipe_runbook::{Driver, Journaled, OperationId};
//! use std::sync::Arc;
//!
//! let clock = Arc::new(SimClock::new(jiff::Timestamp::UNIX_EPOCH));
//! let [blue, green] = [Environment::new("shop-blue")?, Environment::new("shop-green")?];
//! let sides = [blue.clone(), green.clone()];
//! let cloud = Arc::new(MemoryCloud::new(clock.clone(), &sides, Image::new("shop:v1")?, 4)?);
//!
//! let roll_out = |image: &str, behaviour: Behaviour| {
//!     let image = Image::new(image)?;
//!     cloud.add_image(image.clone(), behaviour);
//!     let plan = Plan::canary("shop", sides.clone(), Target::Image(image.clone()));
//!     let performer = Arc::new(RolloutPerformer::new(cloud.clone(), Arc::new(plan.gate())));
//!     let log = Arc::new(Journaled(Arc::new(MemoryJournal::new())));
//!     let driver = Driver::with_clock(log, performer, clock.clone());
//!     let operation = OperationId::new(format!("canary-{}", image.as_str().replace(':', "-")))?;
//!     let ended = clock.run(driver.start(operation, plan)).expect("it ends")?;
//!     Ok::<_, Box<dyn std::error::Error>>(ended.outcome)
//! };
//!
//! // A good version goes through 5, 10, 25, 50 and 100 % to the idle side.
//! let outcome = roll_out("shop:v2", Behaviour::default())?;
//! assert!(matches!(outcome, Outcome::Promoted { environment, .. } if environment == green));
//! assert_eq!(cloud.split().share(&green), Percent::FULL);
//!
//! // The next one fails every fifth request: the first check at 5 % finds it, and everything is as before.
//! let before = cloud.configuration();
//! let outcome = roll_out("shop:v3", Behaviour { error_rate: 0.2, ..Behaviour::default() })?;
//! assert!(outcome.to_string().starts_with("rolled back: not healthy at 5 %: error rate 20"));
//! assert_eq!(cloud.configuration(), before);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The promises
//!
//! Whatever fails meanwhile; the README of this crate has them in full, and [`sim`] checks them against the world itself:
//!
//! 1. Traffic goes only where enough healthy tasks are.
//! 2. What is live is read and never assumed, and what somebody else set is never overwritten.
//! 3. The old side keeps its capacity until the bake has passed.
//! 4. A way back exists before each step forward, and it begins with one router call.
//! 5. After a rollback everything is as it was.
//! 6. Without evidence nothing is promoted.
//! 7. Nothing is found healthy by data older than the step.
//! 8. There is one operation per service, and its fence goes along with every command.
//! 9. Every wait has a deadline, every retry a bound, every rollout an end.
//! 10. A resumed rollout repeats nothing, skips nothing, and goes no further because of the restart.
//!
//! # What is not here
//!
//! Any cloud but the one in memory, statistics (those are the gate's), and waiting (that is the driver's). A backend of
//! one's own is held to the contracts by the suites behind the feature `conformance`.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "aws")]
pub mod aws;
mod backend;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod dry_run;
mod error;
mod hooks;
#[cfg(feature = "http")]
pub mod http;
pub mod memory;
pub mod native;
mod performer;
mod preflight;
mod report;
mod rollout;
pub mod scaling;
pub mod sim;
mod telemetry;
mod types;

pub use backend::{AutoScaling, Compute, SmokeResult, SmokeTest, TrafficRouter};
#[cfg(feature = "mock")]
pub use backend::{MockAutoScaling, MockCompute, MockSmokeTest, MockTrafficRouter};
pub use dry_run::{DryRun, PlannedChange, dry_run};
pub use error::{BoxError, Error};
#[cfg(feature = "mock")]
pub use hooks::MockHooks;
pub use hooks::{AlwaysContinue, HookAnswer, HookCall, HookPlan, HookPoint, Hooks, TimeoutAction};
pub use performer::RolloutPerformer;
#[cfg(feature = "mock")]
pub use preflight::MockPreflight;
pub use preflight::{Concern, Objection, Preflight};
pub use report::{
    ActionReport, BudgetReport, CheckReport, Report, SideReport, StageReport, StateReport,
    TrafficPoint, TrafficReport,
};
pub use rollout::{
    ApprovalPlan, ApprovalPoint, Before, CapacityPlan, Cause, CauseKind, Direction, Effect, Hold,
    JudgeRequest, Look, Move, Outcome, Output, Plan, Purpose, Seen, SeenSide, ServedBefore,
    SmokePlan, Stage, StageRecord, State, Strategy, Survey, SurveyedSide, Target, Which,
};
pub use telemetry::ROLLOUT_INSTRUMENTS;
pub use types::{
    Authority, Deployment, DeploymentState, Environment, GivesUp, Image, Percent, Replacement,
    RevisionId, Route, ScalingState, ServiceStatus, Split, SuspendedActivities, TargetHealth,
    TaskFailure,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
