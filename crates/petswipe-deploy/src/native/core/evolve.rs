//! Taking facts into the state. Pure: time is a parameter, and nothing is asked of anybody.

use jiff::Timestamp;
use petswipe_runbook::{Event, EventOf, Failure, FailureKind, Retry, Underway};

use super::effect::{NativeEffect, NativeOutput, NativeSurvey};
use super::plan::NativePlan;
use super::state::{NativeState, Phase};
use crate::native::types::{LifecycleStage, PerMille};
use crate::rollout::{Cause, CauseKind, Direction, Outcome, Target};

mod watch;

/// On the way back nothing may be left undone for a short fault, so it is tried this many times as often.
const PATIENCE_BACK: u32 = 4;

impl NativePlan {
    pub(in crate::native) fn take(
        &self,
        state: &mut NativeState,
        event: &EventOf<Self>,
        at: Timestamp,
    ) {
        if let Some((settled, result)) = state.in_flight.observe(event, at)
            && state.ended.is_none()
        {
            self.settled(state, &settled, result, at);
        }
        match event {
            Event::Intended { effect, .. } => match effect {
                // From the moment it is intended, a change may have happened.
                NativeEffect::Begin { .. } => {
                    state.begun = true;
                    state.begun_at = at;
                }
                NativeEffect::Proceed { hook, weight, .. } => {
                    state.counts_from = at;
                    state.allowed_from = Some(*weight);
                    let stage = state.last_status.as_ref().and_then(|status| status.stage);
                    if stage == Some(LifecycleStage::PreProductionTrafficShift) {
                        state.shifting = Some((hook.clone(), *weight));
                    }
                }
                NativeEffect::Look { .. } => state.last_look = Some(at),
                _ => {}
            },
            Event::AbortRequested { by, reason } => {
                state.aborted.get_or_insert_with(|| (by.clone(), reason.clone()));
                self.turn_back(state, CauseKind::Abort, format!("{by}: {reason}"), at);
            }
            Event::Resumed { .. } => self.resumed(state, at),
            _ => {}
        }
    }

    /// Another driver goes on. It looks before it lets anything go on.
    fn resumed(&self, state: &mut NativeState, at: Timestamp) {
        if state.suspended.take().is_some() {
            (state.turned_at, state.counts_from, state.restores) = (at, at, 0);
        }
        state.last_look = None;
        let phase = match &state.phase {
            Phase::Proceed { .. } => Phase::Watch,
            phase => phase.clone(),
        };
        state.enter(phase);
    }

    fn settled(
        &self,
        state: &mut NativeState,
        settled: &Underway<NativeEffect>,
        result: Result<&NativeOutput, &Failure>,
        at: Timestamp,
    ) {
        let Underway { began, effect, .. } = settled;
        if matches!(effect, NativeEffect::Look { .. }) {
            return self.looked(state, settled, result, at);
        }
        let output = match result {
            Ok(output) => output,
            Err(failure) => return self.failed(state, effect, failure, at),
        };
        let phase = state.phase.clone();
        match (effect, output, phase) {
            (_, NativeOutput::Surveyed(survey), Phase::Survey) => {
                self.surveyed(state, survey, *began, at);
            }
            (_, NativeOutput::Surveyed(survey), Phase::Find) => {
                self.found(state, survey, *began, at);
            }
            (_, NativeOutput::Surveyed(survey), Phase::Settle) => {
                self.settle(state, survey, *began, at);
            }
            (_, NativeOutput::Registered(revision), _) => {
                state.revision = Some(revision.clone());
                if state.phase == Phase::Register {
                    state.enter(Phase::Begin);
                }
            }
            (_, NativeOutput::Begun(id), _) => {
                state.deployment = Some(id.clone());
                let next = if state.is_back() { Phase::Stop } else { Phase::Watch };
                if matches!(state.phase, Phase::Begin | Phase::Find) {
                    state.enter(next);
                }
            }
            (NativeEffect::Proceed { .. }, NativeOutput::Done, Phase::Proceed { .. })
            | (NativeEffect::Stop { .. }, NativeOutput::Done, Phase::Stop) => {
                state.enter(Phase::Watch);
            }
            (NativeEffect::Restore { .. }, NativeOutput::Done, Phase::Restore) => {
                state.enter(Phase::Settle);
            }
            _ => {}
        }
    }

    /// The first look: the facts everything else rests upon, or the reasons not to begin.
    fn surveyed(
        &self,
        state: &mut NativeState,
        survey: &NativeSurvey,
        began: Timestamp,
        at: Timestamp,
    ) {
        if survey.service.observed_at < began {
            let why = "the first look answered what was true earlier".to_owned();
            return self.try_again(state, why, at);
        }
        let reasons = self.examine(survey);
        if !reasons.is_empty() {
            state.ended = Some(Outcome::Refused { reasons });
            return;
        }
        state.last_survey = Some(survey.clone());
        state.before = Some(survey.clone());
        state.direction = Direction::Forward;
        match &self.target {
            Target::Image(_) => state.enter(Phase::Register),
            Target::Revision(revision) => {
                state.revision = Some(revision.clone());
                state.enter(Phase::Begin);
            }
        }
    }

    /// Whether the deployment was begun, of which nobody heard: then it is the newest one.
    fn found(
        &self,
        state: &mut NativeState,
        survey: &NativeSurvey,
        began: Timestamp,
        at: Timestamp,
    ) {
        let service = &survey.service;
        let before = state.before.as_ref().map(|before| &before.service.newest);
        if service.observed_at < began {
            let why = "the look answered what was true earlier".to_owned();
            self.try_again(state, why, at);
        } else if before == Some(&service.newest) {
            // A command shows this driver's fence, after which none of the one before is obeyed.
            state.enter(Phase::Restore);
        } else if service.newest_revision == state.revision {
            state.deployment.clone_from(&service.newest);
            state.enter(Phase::Stop);
        } else {
            let what = format!("somebody else deployed to {}", self.environment);
            self.leave(state, what);
        }
    }

    /// Whether everything is as it should be at the end.
    fn settle(
        &self,
        state: &mut NativeState,
        survey: &NativeSurvey,
        began: Timestamp,
        at: Timestamp,
    ) {
        let Some(before) = state.before.clone() else { return };
        let (service, was) = (&survey.service, &before.service);
        if service.observed_at < began {
            let why = "the last look answered what was true earlier".to_owned();
            return self.try_again(state, why, at);
        }
        state.last_survey = Some(survey.clone());
        if service.newest != state.deployment && service.newest != was.newest {
            if state.is_back()
                && state.deployment.is_none()
                && service.newest_revision == state.revision
            {
                state.deployment.clone_from(&service.newest);
                return state.enter(Phase::Stop);
            }
            let what = format!("somebody else deployed to {}", self.environment);
            return self.leave(state, what);
        }
        if service.configuration != was.configuration {
            if state.restores >= self.retry.attempts {
                let why = "the configuration does not stay as it is set back".to_owned();
                return self.give_up(state, why, at);
            }
            state.restores += 1;
            return state.enter(Phase::Restore);
        }
        if matches!(state.direction, Direction::Stopping { .. }) {
            state.ended = Some(self.outcome(state));
            return;
        }
        let back = state.is_back();
        let wanted = if back { &was.revision } else { &state.revision };
        let side = if back { &was.live } else { self.candidate(&was.live) };
        if service.revision != *wanted || service.live != *side || service.in_progress {
            let why = format!("{} is not yet as it should be", self.environment);
            return self.try_again(state, why, at);
        }
        state.ended = Some(self.outcome(state));
    }

    fn failed(
        &self,
        state: &mut NativeState,
        effect: &NativeEffect,
        failure: &Failure,
        at: Timestamp,
    ) {
        let what = format!("could not {effect}: {}", failure.message);
        let foreign = failure.kind == FailureKind::Conflict;
        match (effect, &state.phase) {
            (NativeEffect::Begin { .. }, Phase::Begin) if foreign => self.leave(state, what),
            // The deployment says what has become of it.
            (NativeEffect::Proceed { .. }, Phase::Proceed { .. }) => state.enter(Phase::Watch),
            (NativeEffect::Stop { .. }, Phase::Stop) if foreign => state.enter(Phase::Watch),
            (NativeEffect::Begin { .. }, Phase::Find | Phase::Stop) => {}
            _ if matches!(failure.kind, FailureKind::Refused | FailureKind::Conflict) => {
                self.give_up(state, what, at);
            }
            _ => self.try_again(state, what, at),
        }
    }

    /// Tries the present phase again later, if there are attempts left.
    fn try_again(&self, state: &mut NativeState, why: String, at: Timestamp) {
        state.failed += 1;
        let going_on = matches!(state.direction, Direction::Starting | Direction::Forward)
            && state.phase != Phase::Settle;
        let attempts = if going_on { 1 } else { PATIENCE_BACK } * self.retry.attempts;
        let retry = Retry { attempts, ..self.retry };
        match retry.wait_after(state.failed) {
            Some(wait) => state.retry_at = at.saturating_add(wait).ok(),
            None => {
                let failed = state.failed;
                self.give_up(state, format!("{why} ({failed} attempts)"), at);
            }
        }
    }

    /// No more attempts: forward means back, and on the way back, or when all is done, a person is needed.
    fn give_up(&self, state: &mut NativeState, why: String, at: Timestamp) {
        let over = matches!(state.phase, Phase::Settle | Phase::Restore);
        match &state.direction {
            Direction::Starting => state.ended = Some(Outcome::Refused { reasons: vec![why] }),
            Direction::Forward if !over => self.turn_back(state, CauseKind::Call, why, at),
            Direction::Back(cause) => {
                let left = self.what_is_left(state);
                state.suspended = Some(format!("going back ({cause}) got stuck: {why}. {left}"));
            }
            _ => {
                let left = self.what_is_left(state);
                state.suspended = Some(format!("coming to the end got stuck: {why}. {left}"));
            }
        }
    }

    /// Goes back, unless it already does, or nothing is left to go back from.
    fn turn_back(&self, state: &mut NativeState, kind: CauseKind, text: String, at: Timestamp) {
        let over = matches!(state.phase, Phase::Settle | Phase::Restore);
        if state.ended.is_some() || over {
            return;
        }
        match state.direction {
            Direction::Starting => {
                state.direction = Direction::Back(Cause { kind, text });
                state.ended = Some(self.outcome(state));
            }
            Direction::Forward => {
                state.direction = Direction::Back(Cause { kind, text });
                state.turned_at = at;
                state.suspended = None;
                match (&state.deployment, state.begun) {
                    (Some(_), _) => state.enter(Phase::Stop),
                    (None, true) => state.enter(Phase::Find),
                    (None, false) => state.ended = Some(self.outcome(state)),
                }
            }
            Direction::Back(_) | Direction::Stopping { .. } => {}
        }
    }

    /// Leaves the service to whoever deployed to it.
    fn leave(&self, state: &mut NativeState, reason: String) {
        let left = self.what_is_left(state);
        state.direction = Direction::Stopping { reason: reason.clone() };
        state.ended = Some(Outcome::Stopped { reason, left });
    }

    /// Leaves the service as the platform left it: it takes no more orders. Nobody else deployed, so how it is deployed is
    /// still set back.
    fn lay_down(&self, state: &mut NativeState, reason: String) {
        state.direction = Direction::Stopping { reason };
        state.enter(Phase::Settle);
    }

    fn outcome(&self, state: &NativeState) -> Outcome {
        match &state.direction {
            Direction::Back(cause) if cause.kind == CauseKind::Abort => {
                let (by, reason) = state.aborted.clone().unwrap_or_default();
                Outcome::Aborted { by, reason }
            }
            Direction::Back(cause) => Outcome::RolledBack { cause: cause.clone() },
            Direction::Stopping { reason } => {
                Outcome::Stopped { reason: reason.clone(), left: self.what_is_left(state) }
            }
            Direction::Starting | Direction::Forward => {
                let before = state.before.as_ref().map(|before| &before.service);
                let was = before.and_then(|service| service.revision.clone());
                match (before, was, &state.revision) {
                    (Some(service), Some(was), Some(revision)) => Outcome::Promoted {
                        environment: self.candidate(&service.live).clone(),
                        revision: revision.clone(),
                        before: was,
                    },
                    _ => Outcome::Refused { reasons: vec!["nothing was found out".to_owned()] },
                }
            }
        }
    }

    /// What a person finds who looks now.
    fn what_is_left(&self, state: &NativeState) -> String {
        let environment = &self.environment;
        let Some(before) = &state.before else { return "nothing was touched".to_owned() };
        if !state.begun {
            return format!("{environment} was not touched");
        }
        let was = before.service.revision.as_ref().map_or("nothing", |revision| revision.as_str());
        let mut left = format!("{environment} ran {was} before");
        if let Some(id) = &state.deployment {
            left.push_str(&format!("; the deployment is {id}"));
        }
        if let Some(status) = &state.last_status {
            left.push_str(&format!(", last seen {} at {}", status.state.word(), status.weight));
        }
        let was = &before.service.configuration;
        if state.last_survey.as_ref().is_none_or(|last| last.service.configuration != *was) {
            left.push_str("; its deployment configuration may still be that of this operation");
        }
        left
    }
}

impl NativeState {
    /// Whether it has, or may have, production traffic.
    pub(super) fn is_exposed(&self) -> bool {
        self.weight > PerMille::ZERO
    }
}
