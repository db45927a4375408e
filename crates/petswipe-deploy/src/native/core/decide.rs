//! What to do next. Pure: it reads the state and changes nothing.

use jiff::Timestamp;
use petswipe_runbook::{Decision, Step};

use super::effect::NativeEffect;
use super::plan::NativePlan;
use super::state::{NativeState, Phase};
use crate::native::types::{NativeDeployment, PerMille};
use crate::rollout::{JudgeRequest, Outcome, ServedBefore, Target};

type Next = Decision<NativeEffect, Outcome>;

impl NativePlan {
    pub(in crate::native) fn next(&self, state: &NativeState, now: Timestamp) -> Next {
        if let Some(outcome) = &state.ended {
            return Decision::Finish(outcome.clone());
        }
        if let Some(why) = &state.suspended {
            return Decision::Suspend { why: why.clone() };
        }
        if !state.in_flight.is_empty() {
            return Decision::WaitForEvent;
        }
        if let Some(retry) = state.retry_at.filter(|retry| *retry > now) {
            return Decision::WaitUntil(retry);
        }
        if state.phase == Phase::Watch
            && let Some(due) = self.look_due(state).filter(|due| *due > now)
        {
            return Decision::WaitUntil(due);
        }
        match self.effect(state, now) {
            Some(effect) if effect.is_change() => {
                Decision::Perform(vec![Step::change(effect, self.call_timeout)])
            }
            Some(effect) => Decision::Perform(vec![Step::observation(effect, self.call_timeout)]),
            None => Decision::Suspend { why: "what has to be known is not known".to_owned() },
        }
    }

    /// When the next look is due; `None` for at once.
    fn look_due(&self, state: &NativeState) -> Option<Timestamp> {
        let last = state.last_look?;
        Some(last.saturating_add(self.check_interval).unwrap_or(Timestamp::MAX))
    }

    /// The effect of the present phase; `None` if something is missing for it.
    fn effect(&self, state: &NativeState, now: Timestamp) -> Option<NativeEffect> {
        let environment = self.environment.clone();
        let before = state.before.as_ref();
        Some(match &state.phase {
            Phase::Survey => {
                let image = match &self.target {
                    Target::Image(image) => Some(image.clone()),
                    Target::Revision(_) => None,
                };
                NativeEffect::Survey { environment, image }
            }
            Phase::Find | Phase::Settle => NativeEffect::Survey { environment, image: None },
            Phase::Register => {
                let survey = before?;
                let Target::Image(image) = &self.target else { return None };
                let from = survey.service.revision.clone()?;
                let image = survey.image.as_ref().unwrap_or(image).clone();
                NativeEffect::Register { from, image }
            }
            Phase::Begin => NativeEffect::Begin {
                environment,
                deployment: NativeDeployment {
                    revision: state.revision.clone()?,
                    strategy: self.strategy,
                    bake_minutes: self.bake_minutes,
                    hooks: self.hooks.clone(),
                    pause_minutes: self.pause_minutes(),
                    alarms: self.alarms.clone(),
                    after: before?.service.newest.clone(),
                },
            },
            Phase::Watch => NativeEffect::Look {
                environment,
                deployment: state.deployment.clone()?,
                judge: self.judge_request(state, now),
            },
            Phase::Proceed { hook } => NativeEffect::Proceed {
                environment,
                deployment: state.deployment.clone()?,
                hook: hook.clone(),
                weight: state.weight,
            },
            Phase::Stop => {
                NativeEffect::Stop { environment, deployment: state.deployment.clone()? }
            }
            Phase::Restore => NativeEffect::Restore {
                environment,
                configuration: before?.service.configuration.clone(),
            },
        })
    }

    /// What is judged: the side that the new version took over, since it is known to have its share.
    fn judge_request(&self, state: &NativeState, now: Timestamp) -> Option<JudgeRequest> {
        let started = state.exposed_since.filter(|_| !state.is_back())?;
        let live = &state.before.as_ref()?.service.live;
        Some(JudgeRequest {
            candidate: self.candidate(live).clone(),
            revision: None,
            reference: (state.weight < PerMille::FULL).then(|| live.clone()),
            reference_weight: state.weight.whole().rest(),
            before: (state.weight == PerMille::FULL)
                .then(|| ServedBefore::until(live.clone(), started)),
            started,
            judged_until: state.judged_until.unwrap_or(started),
            now,
            weight: state.weight.whole(),
            carried: state.carried.clone(),
        })
    }
}
