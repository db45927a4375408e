//! Application Auto Scaling.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_applicationautoscaling::Client;
use aws_sdk_applicationautoscaling::types::{
    ScalableDimension, ScalingActivity as Activity, ScalingActivityStatusCode, ServiceNamespace,
};
use aws_types::SdkConfig;
use petswipe_aws::CallError;

use super::super::error::called;
use super::{AwsPlace, time};
use crate::Error;
use crate::diagnosis::{Redacted, ScalingActivities, ScalingActivity, ScalingReport};

/// So many of the newest activities are read, in one call.
const ACTIVITIES: i32 = 50;

/// What auto scaling of the services of environments does.
///
/// Sources: "DescribeScalableTargets" and "DescribeScalingActivities", Application Auto Scaling API Reference: "activities
/// from the previous six weeks".
pub struct ScalingHistory {
    client: Client,
    place: AwsPlace,
}

impl fmt::Debug for ScalingHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScalingHistory")
    }
}

impl ScalingHistory {
    /// That there.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for names that AWS would refuse.
    pub fn new(config: &SdkConfig, place: AwsPlace) -> Result<Self, Error> {
        place.check()?;
        Ok(Self { client: Client::new(config), place })
    }
}

#[async_trait]
impl ScalingActivities for ScalingHistory {
    async fn scaling(&self, environment: &str) -> Result<Option<ScalingReport>, Error> {
        let service = &self.place.environment(environment)?.service;
        let resource = format!("service/{}/{service}", self.place.cluster);
        let answer = self
            .client
            .describe_scalable_targets()
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .resource_ids(&resource)
            .send()
            .await
            .map_err(|error| called(CallError::new("DescribeScalableTargets", &resource, error)))?;
        let mut targets = answer.scalable_targets().iter();
        let Some(target) = targets.find(|target| target.resource_id() == resource) else {
            return Ok(None);
        };
        let answer = self
            .client
            .describe_scaling_activities()
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .resource_id(&resource)
            .max_results(ACTIVITIES)
            .send()
            .await
            .map_err(|error| {
                called(CallError::new("DescribeScalingActivities", &resource, error))
            })?;
        let mut activities: Vec<_> =
            answer.scaling_activities().iter().filter_map(activity).collect();
        activities.sort_by_key(|one| std::cmp::Reverse(one.at));
        let limit = |capacity: i32| u32::try_from(capacity).unwrap_or_default();
        let suspended = target.suspended_state();
        Ok(Some(ScalingReport {
            minimum: limit(target.min_capacity()),
            maximum: limit(target.max_capacity()),
            suspended: suspended
                .and_then(|state| state.dynamic_scaling_out_suspended())
                .unwrap_or(false),
            activities,
        }))
    }
}

fn activity(found: &Activity) -> Option<ScalingActivity> {
    let failed = matches!(
        found.status_code(),
        ScalingActivityStatusCode::Failed | ScalingActivityStatusCode::Unfulfilled
    );
    let said = [Some(found.description()), found.status_message()];
    let text = said.into_iter().flatten().collect::<Vec<_>>().join(": ");
    Some(ScalingActivity {
        at: time(Some(found.start_time()))?,
        failed,
        text: Redacted::line(text),
    })
}
