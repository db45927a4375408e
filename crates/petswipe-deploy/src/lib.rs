//! petswipe-deploy
mod backend;
mod error;
mod types;

pub use backend::{AutoScaling, Compute, SmokeResult, SmokeTest, TrafficRouter};
#[cfg(feature = "mock")]
pub use backend::{MockAutoScaling, MockCompute, MockSmokeTest, MockTrafficRouter};
pub use error::{Cause, Error};
pub use types::{
    Authority, Deployment, DeploymentState, Environment, Image, Percent, RevisionId, Route,
    ScalingState, ServiceStatus, Split, TargetHealth, TaskFailure,
};
