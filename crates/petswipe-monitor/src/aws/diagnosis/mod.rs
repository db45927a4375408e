//! The sources of a diagnosis on AWS, one file per service: each converts, calls within bounds, and converts back.

mod logs;
mod place;
mod scaling;
mod services;
mod targets;

use aws_smithy_types::DateTime;
use jiff::Timestamp;

pub use logs::CloudWatchLogs;
pub use place::{AwsPlace, diagnosis_policy};
pub use scaling::ScalingHistory;
pub use services::EcsEvents;
pub use targets::ElbTargets;

fn time(at: Option<&DateTime>) -> Option<Timestamp> {
    Timestamp::from_nanosecond(at?.as_nanos()).ok()
}
