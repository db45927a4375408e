//! Looking for the scalable targets and their policies.

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};

use super::{Held, Survey};
use crate::aws::failed::{Failed, called};
use crate::aws::stack::Run;
use crate::aws::stack::resource::{Measure, Resource, Side};

impl Survey {
    /// Looks at Application Auto Scaling. What scales a service is whose the service is: it is a setting of it, and goes
    /// with it.
    pub(super) async fn look_for_scaling(&mut self, run: &Run<'_>) -> Result<(), Failed> {
        let client = &run.account.scaling;
        let scaled = Side::ALL.map(|side| run.names.scaled(side));
        let asked = client
            .describe_scalable_targets()
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .set_resource_ids(Some(scaled.to_vec()));
        let answer = called("DescribeScalableTargets", run.names.base(), asked.send().await)?;
        for (side, scaled) in Side::ALL.into_iter().zip(&scaled) {
            if !answer.scalable_targets().iter().any(|target| target.resource_id() == scaled) {
                continue;
            }
            let foreign = match self.held.get(&Resource::Service(side)) {
                Some(Held::Ours { .. } | Held::Leaving) => None,
                Some(Held::Foreign { .. }) => Some("its service is not this stack's"),
                None => Some("its service is not there"),
            };
            let foreign = foreign.map(str::to_owned);
            self.held.insert(Resource::ScalableTarget(side), Held::of(scaled, foreign.clone()));
            self.look_for_policies(run, side, scaled, foreign).await?;
        }
        Ok(())
    }

    async fn look_for_policies(
        &mut self,
        run: &Run<'_>,
        side: Side,
        scaled: &str,
        foreign: Option<String>,
    ) -> Result<(), Failed> {
        let asked = run.account.scaling.describe_scaling_policies();
        let asked = asked.service_namespace(ServiceNamespace::Ecs).resource_id(scaled);
        let mut pages = asked.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = called("DescribeScalingPolicies", scaled, page)?;
            for by in [Measure::Cpu, Measure::Memory] {
                let part = Resource::ScalingPolicy(side, by);
                let name = run.names.of(part);
                let mut policies = page.scaling_policies().iter();
                if let Some(policy) = policies.find(|policy| policy.policy_name() == name) {
                    self.held.insert(part, Held::of(policy.policy_arn(), foreign.clone()));
                }
            }
        }
        Ok(())
    }
}
