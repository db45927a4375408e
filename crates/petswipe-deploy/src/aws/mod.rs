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
mod scaling;

pub use alb::{AlbFound, AlbRouter, AlbRouting, ProductionRule};
pub use ecs::{EcsCompute, EcsServices, ImagePolicy};
pub use native::EcsNative;
pub use scaling::AppAutoScaling;
