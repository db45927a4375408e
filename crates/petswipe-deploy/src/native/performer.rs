//! The shell around the real world: performs the effects of a native deployment. No decisions here.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join;
use petswipe_monitor::{Gate, MetricSource};
use petswipe_runbook::{EffectContext, Failure, Performer};

use super::backend::NativeDeployments;
use super::core::NativePlan;
use super::core::{NativeEffect, NativeOutput, NativeSeen, NativeSurvey};
use super::types::DeploymentId;
use crate::performer::{failure, judge, noted};
use crate::rollout::{JudgeRequest, Target};
use crate::{Authority, Compute, Environment, Error, Image};

/// Everything a native deployment acts through.
#[derive(Clone)]
pub struct NativePerformer {
    /// Knows images and registers revisions.
    pub compute: Arc<dyn Compute>,
    /// Carries deployments out.
    pub native: Arc<dyn NativeDeployments>,
    /// Knows what the versions did.
    pub metrics: Arc<dyn MetricSource>,
    /// Judges it.
    pub gate: Arc<dyn Gate>,
}

impl NativePerformer {
    /// What a deployment would find if it began now. Reads only.
    ///
    /// # Errors
    /// What could not be read or does not exist.
    pub async fn first_look(&self, plan: &NativePlan) -> Result<NativeSurvey, Error> {
        let image = match &plan.target {
            Target::Image(image) => Some(image),
            Target::Revision(_) => None,
        };
        self.survey(&plan.environment, image).await
    }

    async fn survey(
        &self,
        environment: &Environment,
        image: Option<&Image>,
    ) -> Result<NativeSurvey, Error> {
        let image = match image {
            Some(image) => Some(self.compute.resolve(image).await?),
            None => None,
        };
        Ok(NativeSurvey { service: self.native.service(environment).await?, image })
    }

    async fn look(
        &self,
        environment: &Environment,
        id: &DeploymentId,
        request: Option<&JudgeRequest>,
    ) -> NativeSeen {
        let judgement = async {
            match request {
                Some(request) => Some(judge(&*self.metrics, &*self.gate, request).await),
                None => None,
            }
        };
        let status = self.native.deployment(environment, id);
        let (status, judgement) = join(status, judgement).await;
        let mut seen = NativeSeen { judgement, ..NativeSeen::default() };
        seen.status = noted(status, &mut seen.problems);
        seen
    }
}

#[async_trait]
impl Performer<NativePlan> for NativePerformer {
    async fn perform(
        &self,
        context: &EffectContext,
        effect: &NativeEffect,
    ) -> Result<NativeOutput, Failure> {
        let authority = Authority { operation: context.operation.clone(), fence: context.fence };
        let done = match effect {
            NativeEffect::Survey { environment, image } => {
                let survey = self.survey(environment, image.as_ref()).await;
                return survey.map(NativeOutput::Surveyed).map_err(failure);
            }
            NativeEffect::Register { from, image } => {
                let registered = self.compute.register(&authority, from, image).await;
                return registered.map(NativeOutput::Registered).map_err(failure);
            }
            NativeEffect::Begin { environment, deployment } => {
                let begun = self.native.begin(&authority, environment, deployment).await;
                return begun.map(NativeOutput::Begun).map_err(failure);
            }
            NativeEffect::Look { environment, deployment, judge } => {
                let seen = self.look(environment, deployment, judge.as_ref()).await;
                return Ok(NativeOutput::Seen(Box::new(seen)));
            }
            NativeEffect::Proceed { environment, deployment, hook, .. } => {
                self.native.proceed(&authority, environment, deployment, hook).await
            }
            NativeEffect::Stop { environment, deployment } => {
                self.native.stop(&authority, environment, deployment).await
            }
            NativeEffect::Restore { environment, configuration } => {
                self.native.restore(&authority, environment, configuration).await
            }
        };
        done.map(|()| NativeOutput::Done).map_err(failure)
    }
}
