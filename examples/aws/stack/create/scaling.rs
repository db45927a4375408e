//! Between how many tasks a service is scaled, and by what.
//!
//! The idle side stays without tasks although its minimum is 2: a service whose desired count is below the minimum is
//! taken up to it only when an alarm of a policy asks for more ("Automatically scale your Amazon ECS service", Amazon ECS
//! Developer Guide), and without tasks there is nothing to measure.

use aws_sdk_applicationautoscaling::types::{
    MetricType, PolicyType, PredefinedMetricSpecification, ScalableDimension, ServiceNamespace,
    TargetTrackingScalingPolicyConfiguration,
};

use super::Work;
use crate::aws::failed::{Failed, called};
use crate::aws::stack::resource::{Measure, Resource, Side};
use crate::aws::stack::settings::TASKS;

/// Seconds between two steps up, and between two steps down.
const COOLDOWN: (i32, i32) = (60, 300);

impl Work<'_> {
    pub(super) async fn register_scalable_target(&self, side: Side) -> Result<String, Failed> {
        let (scaled, names) = (self.run.names.scaled(side), self.run.names);
        let mut asked = self.run.account.scaling.register_scalable_target();
        asked = asked
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .resource_id(&scaled)
            .min_capacity(*TASKS.start())
            .max_capacity(*TASKS.end());
        for (key, value) in names.tags() {
            asked = asked.tags(key, value);
        }
        called("RegisterScalableTarget", &scaled, asked.send().await)?;
        Ok(scaled)
    }

    pub(super) async fn put_scaling_policy(
        &self,
        side: Side,
        by: Measure,
    ) -> Result<String, Failed> {
        let name = self.run.names.of(Resource::ScalingPolicy(side, by));
        let (metric, percent) = match by {
            Measure::Cpu => (MetricType::EcsServiceAverageCpuUtilization, 70.0),
            Measure::Memory => (MetricType::EcsServiceAverageMemoryUtilization, 80.0),
        };
        let invalid = |why: aws_sdk_applicationautoscaling::error::BuildError| {
            Failed::answer("PutScalingPolicy", &name, &why.to_string())
        };
        let metric = PredefinedMetricSpecification::builder().predefined_metric_type(metric);
        let tracking = TargetTrackingScalingPolicyConfiguration::builder()
            .target_value(percent)
            .predefined_metric_specification(metric.build().map_err(invalid)?)
            .scale_out_cooldown(COOLDOWN.0)
            .scale_in_cooldown(COOLDOWN.1);
        let asked = self.run.account.scaling.put_scaling_policy().policy_name(&name);
        let asked = asked
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .resource_id(self.run.names.scaled(side))
            .policy_type(PolicyType::TargetTrackingScaling)
            .target_tracking_scaling_policy_configuration(tracking.build().map_err(invalid)?);
        let answer = called("PutScalingPolicy", &name, asked.send().await)?;
        Ok(answer.policy_arn().to_owned())
    }
}
