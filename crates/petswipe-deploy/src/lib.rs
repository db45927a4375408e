//! petswipe-deploy
mod backend;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod dry_run;
mod error;
mod hooks;
pub mod memory;
mod performer;
mod report;
mod rollout;
pub mod sim;
mod types;

pub use backend::{AutoScaling, Compute, SmokeResult, SmokeTest, TrafficRouter};
#[cfg(feature = "mock")]
pub use backend::{MockAutoScaling, MockCompute, MockSmokeTest, MockTrafficRouter};
pub use dry_run::{DryRun, PlannedChange, dry_run};
pub use error::{BoxError, Error};
pub use hooks::{HookAnswer, HookCall, HookPlan, HookPoint, Hooks, NoHooks, TimeoutAction};
pub use performer::RolloutPerformer;
pub use report::{
    ActionReport, CheckReport, Report, SideReport, StageReport, StateReport, TrafficPoint,
    TrafficReport,
};
pub use rollout::{
    ApprovalPlan, ApprovalPoint, Before, CapacityPlan, Cause, CauseKind, Direction, Effect, Hold,
    JudgeRequest, Look, Move, Outcome, Output, Plan, Purpose, Seen, SeenSide, SmokePlan, Stage,
    StageRecord, State, Strategy, Survey, SurveyedSide, Target, Which,
};
pub use types::{
    Authority, Deployment, DeploymentState, Environment, Image, Percent, RevisionId, Route,
    ScalingState, ServiceStatus, Split, TargetHealth, TaskFailure,
};
