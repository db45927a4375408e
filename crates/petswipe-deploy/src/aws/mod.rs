//! The backends for Amazon Web Services, behind the feature `aws`: one file per service. They convert, call, convert back
//! and map errors; whatever is decided is decided elsewhere.
//!
//! Constructors take an [`SdkConfig`](aws_types::SdkConfig): credentials, region, endpoints, time-outs and retries are the
//! caller's. An SDK retries throttled and failed calls by itself as that configuration says; what still fails is an
//! [`Error`](crate::Error) that says whether trying again later can help.

mod alb;
mod ecs;
mod error;
mod native;
#[cfg(feature = "aws-iam")]
mod permissions;
mod policy;
mod preflight;
#[cfg(feature = "aws-rds")]
mod rds;
mod scaling;

pub use alb::{AlbFound, AlbRouter, AlbRouting, ProductionRule};
pub use ecs::{EcsCompute, EcsServices, ImagePolicy};
pub use native::EcsNative;
#[cfg(feature = "aws-iam")]
pub use permissions::AwsPermissions;
#[cfg(feature = "aws-rds")]
pub use policy::scale_database_policy;
pub use policy::{
    Place, native_dependencies, native_policy, rollout_dependencies, rollout_policy,
    scale_service_policy, scale_tracking_dependencies, scale_tracking_policy, service_linked_role,
};
pub use preflight::AwsPreflight;
#[cfg(feature = "aws-rds")]
pub use rds::RdsInstances;
pub use scaling::AppAutoScaling;
