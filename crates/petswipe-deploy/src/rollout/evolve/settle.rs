//! The last look: is everything as it should be?

use jiff::Timestamp;

use super::drift;
use crate::rollout::state::{Before, Direction, State};
use crate::rollout::{Plan, Survey};

impl Plan {
    /// The last look was answered.
    pub(super) fn settle(
        &self,
        state: &mut State,
        survey: &Survey,
        began: Timestamp,
        at: Timestamp,
    ) {
        if survey.observed_at() < began {
            return self.try_again(
                state,
                "the last look answered what was true earlier".into(),
                at,
            );
        }
        if matches!(state.direction, Direction::Stopping { .. }) {
            // Whatever it is, it is somebody else's now; it is only noted.
            state.last_survey = Some(survey.clone());
            return self.advance(state, at);
        }
        let Some(before) = state.before.clone() else { return };
        let services = survey.sides.values().map(|side| &side.service);
        if let Some(reason) = drift::foreign(state, Some(&survey.route), services, began) {
            return self.stop(state, reason, at);
        }
        state.last_survey = Some(survey.clone());
        let going_back = state.direction != Direction::Forward;
        let lack = if going_back {
            differs(state, &before, survey)
        } else {
            self.unfinished(&before, survey)
        };
        let Some(lack) = lack else { return self.advance(state, at) };
        let waited = at.duration_since(state.step.entered);
        let deadline = jiff::SignedDuration::try_from(self.capacity.deadline).unwrap_or_default();
        let serves = |side: &crate::rollout::SurveyedSide| side.health.healthy >= before.capacity;
        let served = survey.sides.get(self.candidate(&before)).is_some_and(serves);
        if waited < deadline {
            state.step.retry_at = at.saturating_add(self.capacity.poll).ok();
        } else if !going_back && !served {
            let left = self.what_is_left(state);
            state.suspended = Some(format!("the last look found that {lack}. {left}"));
        } else if going_back {
            self.give_up(state, lack, at);
        } else {
            // The new version serves everything; old tasks that linger do not change that.
            self.advance(state, at);
        }
    }

    /// What is not yet as it shall be after a promotion.
    fn unfinished(&self, before: &Before, now: &Survey) -> Option<String> {
        let candidate = self.candidate(before);
        let healthy = now.sides.get(candidate)?.health.healthy;
        if healthy < before.capacity {
            let capacity = before.capacity;
            return Some(format!("{healthy} of {capacity} tasks of {candidate} are healthy"));
        }
        let old = now.sides.get(&before.live).filter(|_| !self.is_rolling())?;
        (old.service.running > before.retired())
            .then(|| format!("{} still runs {} tasks", before.live, old.service.running))
    }
}

/// What is not yet as it was before. What this operation has not touched is not its business.
fn differs(state: &State, before: &Before, now: &Survey) -> Option<String> {
    let then = &before.survey;
    if now.route.split != then.route.split {
        return Some(format!("the weights are {}, not {}", now.route.split, then.route.split));
    }
    if now.route.test != then.route.test {
        return Some("the test traffic rule is not as it was".to_owned());
    }
    then.sides.iter().find_map(|(environment, then)| {
        let Some(now) = now.sides.get(environment) else {
            return Some(format!("{environment} was not read"));
        };
        if state.touched.scaling.contains(environment) && now.scaling != then.scaling {
            return Some(format!("auto scaling of {environment} is not as it was"));
        }
        if !state.touched.tasks.contains(environment) {
            return None;
        }
        if then.service.revision.is_some() && now.service.revision != then.service.revision {
            return Some(format!("{environment} does not run the revision it had"));
        }
        let (found, had) = (now.service.desired, then.service.desired);
        // Auto scaling that is active again may already have set another count.
        let scaled = then.scaling.as_ref().is_some_and(|scaling| !scaling.suspended);
        if found != had && (!scaled || found == 0) {
            return Some(format!("{environment} shall run {found} tasks, not {had}"));
        }
        let running = now.service.running;
        if running > found {
            return Some(format!("{environment} still runs {running} tasks"));
        }
        // A task that did not run before need not run now.
        let wanted = found.min(then.service.running);
        (running < wanted).then(|| format!("{running} of {wanted} tasks of {environment} run"))
    })
}
