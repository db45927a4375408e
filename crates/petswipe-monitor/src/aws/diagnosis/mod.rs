//! The sources of a diagnosis on AWS, one file per service: each converts, calls within bounds, and converts back.

mod logs;
mod place;
mod scaling;
mod services;
mod targets;

use super::time::time;

pub use logs::CloudWatchLogs;
pub use place::{AwsPlace, diagnosis_policy};
pub use scaling::ScalingHistory;
pub use services::EcsEvents;
pub use targets::ElbTargets;
