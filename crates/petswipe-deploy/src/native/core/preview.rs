//! A dry run: what the platform would be told, what is judged when, and what is set back.

use petswipe_monitor::Policy;
use serde::{Deserialize, Serialize};

use super::effect::NativeSurvey;
use super::plan::{Holding, NativePlan};
use crate::native::types::{LambdaHook, PerMille, ServiceConfiguration};
use crate::rollout::Target;
use crate::{Environment, Error, Image, RevisionId};

/// What a plan would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NativePreview {
    /// The service.
    pub service: String,
    /// `native-blue-green`, `native-linear` or `native-canary`.
    pub strategy: String,
    /// The environment whose service is deployed to.
    pub environment: Environment,
    /// The side by which it serves, and goes on serving if the new version is not healthy.
    pub live: Environment,
    /// The side that the new version gets, by whose metrics it is judged.
    pub candidate: Environment,
    /// The revision that serves.
    pub serves: Option<RevisionId>,
    /// Its image.
    pub serves_image: Option<Image>,
    /// What is to serve.
    pub target: Target,
    /// How many tasks are started beside the old ones.
    pub tasks: u32,
    /// The new version's shares of traffic, rising, the last one everything.
    pub steps: Vec<NativeStep>,
    /// What keeps the platform from going on without a verdict.
    pub holding: Holding,
    /// What the new version is judged by.
    pub policies: Vec<Policy>,
    /// CloudWatch alarms on which the platform goes back by itself, beside those that the service has.
    pub alarms: Vec<String>,
    /// Lambda functions that the platform calls meanwhile, beside those that the service has.
    pub hooks: Vec<LambdaHook>,
    /// How the service is deployed now, and again afterwards, whatever the outcome.
    pub set_back: ServiceConfiguration,
}

/// A share of traffic that the new version is given.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NativeStep {
    /// The share, in percent.
    pub percent: f64,
    /// How many minutes after the first share it comes, at the earliest.
    pub after_minutes: u32,
    /// How many minutes the platform holds it.
    pub held_minutes: u32,
}

impl NativePlan {
    /// What this plan would do where a first look found `survey`.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] for a plan that is not valid, or that would be refused in this state, with the reasons.
    pub fn preview(&self, survey: &NativeSurvey) -> Result<NativePreview, Error> {
        self.validate()?;
        let reasons = self.examine(survey);
        if !reasons.is_empty() {
            let reasons = reasons.join("; ");
            return Err(Error::invalid("state of the service", reasons, "see the reasons"));
        }
        let service = &survey.service;
        let mut after_minutes = 0;
        let steps = self.strategy.steps().into_iter().map(|share| {
            let held_minutes = match share {
                PerMille::FULL => self.bake_minutes,
                _ => self.strategy.step_bake_minutes(),
            };
            let step = NativeStep { percent: share.percent(), after_minutes, held_minutes };
            after_minutes += held_minutes;
            step
        });
        let target = match (&self.target, &survey.image) {
            (Target::Image(_), Some(resolved)) => Target::Image(resolved.clone()),
            (target, _) => target.clone(),
        };
        Ok(NativePreview {
            service: self.service.clone(),
            strategy: self.strategy.name().to_owned(),
            environment: self.environment.clone(),
            live: service.live.clone(),
            candidate: self.candidate(&service.live).clone(),
            serves: service.revision.clone(),
            serves_image: service.image.clone(),
            target,
            tasks: service.desired,
            steps: steps.collect(),
            holding: self.holding,
            policies: self.policies.clone(),
            alarms: self.alarms.clone(),
            hooks: self.hooks.clone(),
            set_back: service.configuration.clone(),
        })
    }
}
