//! Elastic Load Balancing.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::{TargetHealthDescription, TargetHealthStateEnum};
use aws_types::SdkConfig;
use petswipe_aws::CallError;

use super::super::error::called;
use super::AwsPlace;
use crate::Error;
use crate::diagnosis::{Redacted, TargetCondition, TargetHealth, TargetReport};

/// The targets of the target groups of environments.
///
/// Source: "DescribeTargetHealth" and "TargetHealth", Elastic Load Balancing API Reference.
pub struct ElbTargets {
    client: Client,
    place: AwsPlace,
}

impl fmt::Debug for ElbTargets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ElbTargets")
    }
}

impl ElbTargets {
    /// Those there.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for names that AWS would refuse.
    pub fn new(config: &SdkConfig, place: AwsPlace) -> Result<Self, Error> {
        place.check()?;
        Ok(Self { client: Client::new(config), place })
    }
}

#[async_trait]
impl TargetHealth for ElbTargets {
    async fn targets(&self, environment: &str) -> Result<Vec<TargetReport>, Error> {
        let group = &self.place.environment(environment)?.target_group;
        if group.is_empty() {
            return Err(Error::NotFound { what: format!("a target group of {environment}") });
        }
        let asked = self.client.describe_target_health().target_group_arn(group);
        let answer = asked
            .send()
            .await
            .map_err(|error| called(CallError::new("DescribeTargetHealth", group, error)))?;
        Ok(answer.target_health_descriptions().iter().map(report).collect())
    }
}

fn report(found: &TargetHealthDescription) -> TargetReport {
    let health = found.target_health();
    let condition = match health.and_then(|health| health.state()) {
        Some(TargetHealthStateEnum::Healthy) => TargetCondition::Healthy,
        Some(TargetHealthStateEnum::Unhealthy | TargetHealthStateEnum::UnhealthyDraining) => {
            TargetCondition::Unhealthy
        }
        Some(TargetHealthStateEnum::Initial) => TargetCondition::Initial,
        Some(TargetHealthStateEnum::Draining) => TargetCondition::Draining,
        Some(TargetHealthStateEnum::Unused) => TargetCondition::Unused,
        // A state that is not known yet is none to rely upon.
        _ => TargetCondition::Unavailable,
    };
    let target = found.target();
    let id = target.and_then(|target| target.id()).unwrap_or("?");
    let port = target.and_then(|target| target.port());
    TargetReport {
        id: port.map_or_else(|| id.to_owned(), |port| format!("{id}:{port}")),
        condition,
        code: health.and_then(|health| health.reason()).map(|code| code.as_str().to_owned()),
        description: health.and_then(|health| health.description()).map(Redacted::line),
    }
}
