//! What to do next. Pure: it reads the state and changes nothing.

use std::time::Duration;

use jiff::Timestamp;
use petswipe_runbook::{Decision, Question, Step};

use super::script::{Move, Which};
use super::state::{Before, Direction, State};
use super::{Effect, JudgeRequest, Look, Outcome, Plan, Purpose, ServedBefore, Strategy, Target};
use crate::{Deployment, Environment, Percent};

type Next = Decision<Effect, Outcome>;

impl Plan {
    pub(super) fn next(&self, state: &State, now: Timestamp) -> Next {
        if let Some(outcome) = &state.ended {
            return Decision::Finish(outcome.clone());
        }
        if let Some(why) = &state.suspended {
            return Decision::Suspend { why: why.clone() };
        }
        let mut wake = None;
        if state.is_watching()
            && let Some(before) = &state.before
            && !state.in_flight.any(|underway| is_watch(&underway.effect))
        {
            let due = self.watch_due(state);
            if due <= now {
                return self.look(self.watch_look(state, before, now));
            }
            wake = Some(due);
        }
        if !state.is_busy() {
            match state.step.retry_at {
                Some(retry) if retry > now => wake = Some(wake.map_or(retry, |due| due.min(retry))),
                _ => {
                    if let Some(next) = self.make(state) {
                        return next;
                    }
                }
            }
        }
        wake.map_or(Decision::WaitForEvent, Decision::WaitUntil)
    }

    /// When the next regular look is due: every interval, and exactly when a hold is over.
    fn watch_due(&self, state: &State) -> Timestamp {
        let Some(last) = state.watch.last_began else { return Timestamp::MIN };
        let due = last.saturating_add(self.check_interval).unwrap_or(Timestamp::MAX);
        match &state.hold {
            Some(holding) if holding.until > last => due.min(holding.until),
            _ => due,
        }
    }

    fn watch_look(&self, state: &State, before: &Before, now: Timestamp) -> Look {
        let started = state.exposed_since.unwrap_or(now);
        let candidate = self.candidate(before).clone();
        let rolling = matches!(self.strategy, Strategy::Rolling { .. });
        let revision = state.revision.clone().filter(|_| rolling);
        let share = |environment: &Environment| {
            state.splits.last().map_or(Percent::ZERO, |split| split.share(environment))
        };
        let beside = self.baseline.iter().chain([&before.live]);
        let mut beside =
            beside.filter(|environment| !rolling && share(environment) > Percent::ZERO);
        let reference = beside.next().cloned();
        let reference_weight = reference.as_ref().map_or(Percent::ZERO, share);
        // What is undone is no measure for what comes back.
        let before_it = reference.is_none() && self.undoes.is_none();
        let before_it = before_it.then(|| ServedBefore::until(before.live.clone(), started));
        let mut environments = vec![candidate.clone()];
        let others = [&before.live].into_iter().chain(&self.baseline);
        environments.extend(others.filter(|other| **other != candidate).cloned());
        Look {
            purpose: Purpose::Watch,
            environments,
            judge: Some(JudgeRequest {
                candidate,
                revision,
                reference,
                reference_weight,
                before: before_it,
                started,
                judged_until: state.watch.judged_until.unwrap_or(started),
                now,
                weight: state.weight,
                carried: state.watch.carried.clone(),
            }),
        }
    }

    /// The present move's next effect; `None` when it waits for something that is under way.
    fn make(&self, state: &State) -> Option<Next> {
        let Some(before) = &state.before else {
            let image = match &self.target {
                Target::Image(image) => Some(image.clone()),
                Target::Revision(_) => None,
            };
            let (environments, hooks) = (self.all_environments(), self.hook_points());
            // Whoever goes back from what serves does so because something is wrong.
            let preflight = self.undoes.is_none();
            return Some(self.observe(Effect::Survey { environments, image, hooks, preflight }));
        };
        if state.recheck {
            return Some(self.look(Look {
                purpose: Purpose::Recheck,
                environments: vec![before.candidate.clone(), before.live.clone()],
                judge: None,
            }));
        }
        Some(match state.current()? {
            Move::Hook { point, weight } => {
                let timeouts = self.hooks.iter().filter(|hook| hook.point == *point);
                let timeout = timeouts.map(|hook| hook.timeout).max().unwrap_or(self.call_timeout);
                let candidate = self.candidate(before).clone();
                let effect = Effect::Hook { point: *point, candidate, weight: *weight };
                Decision::Perform(vec![Step::observation(effect, timeout)])
            }
            Move::SuspendScaling(environment) => {
                self.change(Effect::SuspendScaling { environment: environment.clone() })
            }
            Move::Register => match &self.target {
                Target::Image(image) => {
                    let image = before.survey.image.as_ref().unwrap_or(image).clone();
                    self.change(Effect::Register { from: before.revision.clone(), image })
                }
                Target::Revision(_) => return None,
            },
            Move::Deploy { environment, revision: which, desired } => {
                let revision = state.which(before, which)?.clone();
                let mut deployment = Deployment::new(revision, *desired);
                if let Strategy::Rolling { minimum_healthy_percent, maximum_percent } =
                    self.strategy
                {
                    deployment.minimum_healthy_percent = Some(minimum_healthy_percent);
                    deployment.maximum_percent = Some(maximum_percent);
                    // On the way back the last complete deployment may be that of the new version.
                    deployment.circuit_breaker = Some(state.direction == Direction::Forward);
                } else if matches!(which, Which::Idle | Which::Baseline) {
                    deployment.set_back.clone_from(&before.side(environment).service.replacement);
                }
                self.change(Effect::Deploy { environment: environment.clone(), deployment })
            }
            Move::SetBack(environment) => {
                let replacement = before.side(environment).service.replacement.clone()?;
                self.change(Effect::SetBack { environment: environment.clone(), replacement })
            }
            Move::Scale { environment, desired } => {
                self.change(Effect::Scale { environment: environment.clone(), desired: *desired })
            }
            Move::AwaitCapacity { environment, .. } => {
                // On the way back it matters as well what the others can still serve.
                let going_back = matches!(state.direction, Direction::Back(_));
                let all = if going_back { self.all_environments() } else { Vec::new() };
                let others = all.into_iter().filter(|other| other != environment);
                self.look(Look {
                    purpose: Purpose::Capacity,
                    environments: [environment.clone()].into_iter().chain(others).collect(),
                    judge: None,
                })
            }
            Move::TestRoute(to) => self.change(Effect::TestRoute { to: to.clone() }),
            Move::Smoke => {
                self.observe(Effect::Probe { environment: self.candidate(before).clone() })
            }
            Move::Approve { key, text } => {
                if state.step.asked {
                    return None;
                }
                let within = self.approval.as_ref().map_or(Duration::ZERO, |asked| asked.within);
                let deadline = state.step.entered.saturating_add(within);
                Decision::Ask(Question {
                    key: key.clone(),
                    text: text.clone(),
                    deadline: deadline.unwrap_or(Timestamp::MAX),
                })
            }
            Move::Guard { .. } => self.look(Look {
                purpose: Purpose::Guard,
                environments: self.all_environments(),
                judge: None,
            }),
            Move::Shift(to) => {
                let mut expected = state.splits.clone();
                expected.retain(|split| split != to);
                self.change(Effect::Shift { expected, to: to.clone() })
            }
            Move::ReadBack(_) => self.look(Look {
                purpose: Purpose::ReadBack,
                // On the way back the sides are put back next, unless somebody else has changed them.
                environments: match state.direction {
                    Direction::Back(_) => self.all_environments(),
                    _ => Vec::new(),
                },
                judge: None,
            }),
            Move::Hold(_) => return None,
            Move::RestoreScaling { environment, state } => self.change(Effect::RestoreScaling {
                environment: environment.clone(),
                state: state.clone(),
            }),
            Move::Settle => {
                let environments = self.all_environments();
                let (image, hooks, preflight) = (None, Vec::new(), false);
                self.observe(Effect::Survey { environments, image, hooks, preflight })
            }
        })
    }

    fn look(&self, look: Look) -> Next {
        self.observe(Effect::Look(look))
    }

    fn observe(&self, effect: Effect) -> Next {
        Decision::Perform(vec![Step::observation(effect, self.call_timeout)])
    }

    fn change(&self, effect: Effect) -> Next {
        Decision::Perform(vec![Step::change(effect, self.call_timeout)])
    }
}

pub(super) fn is_watch(effect: &Effect) -> bool {
    matches!(effect, Effect::Look(look) if look.purpose == Purpose::Watch)
}

impl State {
    /// The revision that is meant; `None` while the new one is not known.
    pub(super) fn which<'a>(
        &'a self,
        before: &'a Before,
        which: &Which,
    ) -> Option<&'a crate::RevisionId> {
        match which {
            Which::New => self.revision.as_ref(),
            Which::Live => Some(&before.revision),
            Which::Idle => before.side(&before.candidate).service.revision.as_ref(),
            Which::Baseline => before.baseline_revision(),
        }
    }
}

impl Before {
    fn baseline_revision(&self) -> Option<&crate::RevisionId> {
        let mut others = self
            .survey
            .sides
            .iter()
            .filter(|(name, _)| **name != self.live && **name != self.candidate);
        others.next().and_then(|(_, side)| side.service.revision.as_ref())
    }
}
