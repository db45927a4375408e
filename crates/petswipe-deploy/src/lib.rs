//! petswipe-deploy
mod backend;
mod error;
mod hooks;
mod rollout;
mod types;

pub use backend::{AutoScaling, Compute, SmokeResult, SmokeTest, TrafficRouter};
#[cfg(feature = "mock")]
pub use backend::{MockAutoScaling, MockCompute, MockSmokeTest, MockTrafficRouter};
pub use error::{BoxError, Error};
pub use hooks::{HookAnswer, HookCall, HookPlan, HookPoint, Hooks, NoHooks, TimeoutAction};
pub use rollout::*;
pub use types::{
    Authority, Deployment, DeploymentState, Environment, Image, Percent, RevisionId, Route,
    ScalingState, ServiceStatus, Split, TargetHealth, TaskFailure,
};
