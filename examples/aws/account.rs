//! The account and region that are acted upon.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};

/// Clients of the services that a stack is made of.
pub struct Account {
    pub(super) ecs: aws_sdk_ecs::Client,
    pub(super) balancing: aws_sdk_elasticloadbalancingv2::Client,
    pub(super) scaling: aws_sdk_applicationautoscaling::Client,
    pub(super) watching: aws_sdk_cloudwatch::Client,
}

impl Account {
    /// The ambient account, in that region.
    pub async fn open(region: &str) -> Self {
        Self::new(&ambient(region).await)
    }

    /// The account of a configuration.
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            ecs: aws_sdk_ecs::Client::new(config),
            balancing: aws_sdk_elasticloadbalancingv2::Client::new(config),
            scaling: aws_sdk_applicationautoscaling::Client::new(config),
            watching: aws_sdk_cloudwatch::Client::new(config),
        }
    }
}

/// The ambient configuration, in that region. How often a call is tried is its affair too (`AWS_MAX_ATTEMPTS`).
pub(super) async fn ambient(region: &str) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_secs(30))
        .operation_timeout(Duration::from_secs(120));
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .timeout_config(timeouts.build())
        .load()
        .await
}
