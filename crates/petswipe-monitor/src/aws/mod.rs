//! Sources of metrics, and stores of alarms and dashboards, for Amazon Web Services, behind the feature `aws`.
//!
//! A constructor takes an [`SdkConfig`](aws_types::SdkConfig): credentials, region, endpoints, time-outs and retries are
//! the caller's. An SDK retries throttled and failed calls by itself as that configuration says; what still fails is an
//! [`Error`](crate::Error) that says whether trying again later can help.

mod alarms;
mod cloudwatch;
mod config;
mod dashboards;
mod database;
#[cfg(feature = "aws-diagnosis")]
mod diagnosis;
mod error;
mod fetch;
mod minutes;
mod pages;
mod queries;
#[cfg(feature = "aws-synthetics")]
mod synthetics;
mod tags;
#[cfg(any(feature = "aws-diagnosis", feature = "aws-synthetics"))]
mod time;

pub use alarms::CloudWatchAlarms;
pub use cloudwatch::CloudWatchSource;
pub use config::{CloudWatchMetrics, EcsService, EnvironmentMetrics, Revisions};
pub use dashboards::CloudWatchDashboards;
pub use database::RdsLoad;
#[cfg(feature = "aws-diagnosis")]
pub use diagnosis::{
    AwsPlace, CloudWatchLogs, EcsEvents, ElbTargets, ScalingHistory, diagnosis_policy,
};
#[cfg(feature = "aws-synthetics")]
pub use synthetics::CloudWatchSynthetics;
