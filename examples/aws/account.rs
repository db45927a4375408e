//! The account and region that are acted upon.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use petswipe_aws::{CallBudget, budgeted};
use petswipe_deploy::aws::Place;
use petswipe_monitor::diagnosis::Redacted;
use petswipe_monitor::explain;

use super::partition;
use crate::Exit;

/// How often a call is tried: the SDK waits longer each time, and slows down as a whole while it is throttled.
const ATTEMPTS: u32 = 4;
/// How long credentials are waited for: a machine without any asks for those of an instance first.
const SIGN_IN: Duration = Duration::from_secs(20);

/// Clients of the services that a stack is made of.
pub struct Account {
    pub(super) ecs: aws_sdk_ecs::Client,
    pub(super) balancing: aws_sdk_elasticloadbalancingv2::Client,
    pub(super) scaling: aws_sdk_applicationautoscaling::Client,
    pub(super) watching: aws_sdk_cloudwatch::Client,
}

impl Account {
    /// The ambient account, in that region.
    ///
    /// # Errors
    /// Exit code 2 without credentials.
    pub async fn open(region: &str) -> Result<Self, Exit> {
        let config = ambient(region).await;
        signed_in(&config).await?;
        Ok(Self::new(&config))
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
///
/// # Errors
/// As [`signed_in`].
pub(crate) async fn within_budget(region: &str) -> Result<(SdkConfig, CallBudget), Exit> {
    let retry = RetryConfig::adaptive().with_max_attempts(ATTEMPTS);
    let config = ambient(region).await.into_builder().retry_config(retry).build();
    signed_in(&config).await?;
    let budget = CallBudget::default();
    Ok((budgeted(&config, &budget), budget))
}

/// Whether there are credentials at all, so that this is said once and not by every call.
///
/// # Errors
/// Exit code 2 without any, with what the SDK says about it.
async fn signed_in(config: &SdkConfig) -> Result<(), Exit> {
    let why = match config.credentials_provider() {
        None => "the configuration names no source of them".to_owned(),
        Some(provider) => {
            match tokio::time::timeout(SIGN_IN, provider.provide_credentials()).await {
                Ok(Ok(_)) => return Ok(()),
                // The SDK lists at length every place in which there are none.
                Ok(Err(CredentialsError::CredentialsNotLoaded(_))) => {
                    "none were found in the environment, in a profile, or by a role of this machine"
                        .to_owned()
                }
                Ok(Err(error)) => Redacted::line(explain(&error)).to_string(),
                Err(_) => format!("none were provided within {SIGN_IN:?}"),
            }
        }
    };
    Err(Exit::usage(format!(
        "no AWS credentials: {why}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE to a profile that is signed \
         in (aws sso login), or run where a role is attached. Nothing was called"
    )))
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
