//! The sources for Amazon Web Services, behind the features `aws`, `aws-ec2` and `aws-rds`.
//!
//! A constructor takes an [`SdkConfig`]: credentials, region, endpoints, time-outs and retries are the caller's; clients for the
//! other regions are made of it. An SDK retries throttled and failed calls by itself as that configuration says; [`adaptive`]
//! makes it patient. What still fails is an [`Error`](crate::Error) that says what can be done about it. Whoever wants to know, or
//! to limit, how many calls are made, wraps the configuration with `petswipe_aws::budgeted`.
//!
//! The sources change nothing: all their calls are reads, and [`policy`] has their actions. With the feature `removal` there is
//! `AwsRemover` beside them, which acts upon findings; `removal_policy` has its actions.

mod classic;
#[cfg(feature = "aws-ec2")]
mod ec2;
mod ecs;
mod elb;
mod error;
mod identity;
mod inventory;
mod logs;
mod pages;
mod partly;
mod places;
mod policy;
#[cfg(feature = "aws-rds")]
mod rds;
#[cfg(feature = "removal")]
mod removal;
mod s3;
mod spend;
mod tagging;
mod usage;
mod values;

pub use inventory::AwsInventory;
pub use policy::policy;
#[cfg(feature = "removal")]
pub use policy::removal_policy;
#[cfg(feature = "removal")]
pub use removal::{AwsRemover, SNAPSHOT_OF_TAG, SNAPSHOT_TOKEN_TAG};
pub use spend::AwsSpend;
pub use usage::{AwsUsage, Metering};

use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;

/// So often a call is tried with [`adaptive`].
const ATTEMPTS: u32 = 8;

/// The same configuration with adaptive retries, eight attempts each, if the caller has chosen no retries: a scan makes many calls
/// of a kind, and it is better that it waits than that it stops.
///
/// A configuration of `aws-config` always says something; what says no more than the default of the SDKs, three attempts in
/// standard mode, counts as no choice.
///
/// Source: "Retry behavior", AWS SDKs and Tools Reference Guide.
pub fn adaptive(config: &SdkConfig) -> SdkConfig {
    match config.retry_config() {
        Some(chosen) if *chosen != RetryConfig::standard() => config.clone(),
        _ => {
            let patient = RetryConfig::adaptive().with_max_attempts(ATTEMPTS);
            config.to_builder().retry_config(patient).build()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_types::retry::RetryMode;

    #[test]
    fn retries_are_adaptive_unless_the_caller_chose_others() {
        let with = |retry: Option<RetryConfig>| {
            let mut config = SdkConfig::builder();
            config.set_retry_config(retry);
            adaptive(&config.build()).retry_config().cloned().unwrap()
        };
        for undecided in [None, Some(RetryConfig::standard())] {
            let patient = with(undecided);
            assert_eq!((patient.mode(), patient.max_attempts()), (RetryMode::Adaptive, ATTEMPTS));
        }
        for chosen in [RetryConfig::disabled(), RetryConfig::standard().with_max_attempts(5)] {
            assert_eq!(with(Some(chosen.clone())), chosen);
        }
    }
}
