//! The account and region that are acted upon.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use petswipe_aws::{CallBudget, budgeted};
use petswipe_deploy::aws::Place;

use super::partition;

/// How often a call is tried: the SDK waits longer each time, and slows down as a whole while it is throttled.
const ATTEMPTS: u32 = 4;

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

/// The same for operations that go on for long: with adaptive retries, and within a budget of calls.
pub(crate) async fn within_budget(region: &str) -> (SdkConfig, CallBudget) {
    let retry = RetryConfig::adaptive().with_max_attempts(ATTEMPTS);
    let config = ambient(region).await.into_builder().retry_config(retry).build();
    let budget = CallBudget::default();
    (budgeted(&config, &budget), budget)
}

/// Where the resources of a policy document are.
pub(crate) fn place(region: &str, account: &str) -> Place {
    let (partition, account) = (partition(region).to_owned(), account.to_owned());
    Place { partition, region: region.to_owned(), account }
}

/// The same before a call: nobody knows yet which account it is.
pub(crate) fn place_in_any_account(region: &str) -> Place {
    place(region, "*")
}
