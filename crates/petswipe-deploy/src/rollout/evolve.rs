//! Taking facts into the state. Pure: time is a parameter, and nothing is asked of anybody.

use jiff::Timestamp;
use petswipe_runbook::{Answer, EffectId, Event, EventOf, Failure, FailureKind, Retry, Underway};

use super::decide::is_watch;
use super::script::{self, Hold, Move, Which};
use super::state::{Before, Direction, Holding, Progress, StageRecord, State};
use super::{Cause, CauseKind, Effect, Outcome, Output, Plan, Survey, preflight};
use crate::{HookAnswer, Percent, SmokeResult, Split, TimeoutAction};

mod drift;
mod look;
mod settle;
mod watch;

/// On the way back nothing may be left undone for a short fault, so it is tried this many times as often.
const PATIENCE_BACK: u32 = 4;

impl Plan {
    pub(super) fn take(&self, state: &mut State, event: &EventOf<Self>, at: Timestamp) {
        if let Some((settled, result)) = state.in_flight.observe(event, at)
            && state.ended.is_none()
        {
            self.settled(state, &settled, result, at);
        }
        match event {
            Event::Intended { id, effect, .. } => {
                state.next_effect = EffectId(id.0 + 1);
                self.intended(state, effect, at);
            }
            Event::Asked { .. } => state.step.asked = true,
            Event::Answered { key, answer } => self.answered(state, key, answer, at),
            Event::Unanswered { key } if self.awaits(state, key) => {
                let text = "nobody answered in time".to_owned();
                self.turn_back(state, Cause::new(CauseKind::Approval, text), at);
            }
            Event::AbortRequested { by, reason } => {
                state.aborted.get_or_insert_with(|| (by.clone(), reason.clone()));
                let text = format!("{by}: {reason}");
                self.turn_back(state, Cause::new(CauseKind::Abort, text), at);
            }
            Event::Resumed { .. } => self.resumed(state, at),
            _ => {}
        }
        state.last_at = at;
    }

    /// From the moment it is intended, a change may have happened.
    fn intended(&self, state: &mut State, effect: &Effect, at: Timestamp) {
        match effect {
            Effect::SuspendScaling { environment } | Effect::RestoreScaling { environment, .. } => {
                state.touched.scaling.insert(environment.clone());
            }
            Effect::Register { .. } => state.touched.registered = true,
            Effect::Deploy { environment, deployment } => {
                state.touched.tasks.insert(environment.clone());
                state.commanded.insert(environment.clone(), deployment.desired);
                let revision = Some(deployment.revision.clone());
                let ours = state.revisions.entry(environment.clone()).or_default();
                ours.retain(|earlier| *earlier != revision);
                if revision == state.revision {
                    state.deploying_since.get_or_insert(at);
                }
                ours.push(revision);
                state.replacements.remove(environment);
            }
            Effect::SetBack { environment, .. } => {
                state.touched.tasks.insert(environment.clone());
                state.replacements.remove(environment);
            }
            Effect::Scale { environment, desired } => {
                state.touched.tasks.insert(environment.clone());
                state.commanded.insert(environment.clone(), *desired);
            }
            Effect::Shift { to, .. } => {
                state.touched.split = true;
                state.splits.retain(|split| split != to);
                state.splits.push(to.clone());
                state.seen_split = None;
            }
            Effect::TestRoute { .. } => state.touched.test_route = true,
            effect if is_watch(effect) => state.watch.last_began = Some(at),
            _ => {}
        }
    }

    fn settled(
        &self,
        state: &mut State,
        settled: &Underway<Effect>,
        result: Result<&Output, &Failure>,
        at: Timestamp,
    ) {
        let Underway { id, began, effect } = settled;
        if matches!(effect, Effect::Shift { .. }) {
            state.shift_over = at;
        }
        if matches!(effect, Effect::Deploy { .. } | Effect::SetBack { .. }) {
            state.deploy_over = at;
        }
        if is_watch(effect) {
            return self.watched(state, settled, result, at);
        }
        // What was begun before the rollout turned says nothing about the move that is made now, except that somebody
        // else changed the weights.
        let foreign = matches!(result, Err(failure) if failure.kind == FailureKind::Conflict)
            && matches!(effect, Effect::Shift { .. });
        if *id < state.turned && !foreign {
            return;
        }
        if state.recheck {
            return self.rechecked(state, *began, result, at);
        }
        let output = match result {
            Ok(output) => output,
            Err(failure) => return self.failed(state, effect, failure, at),
        };
        let current = state.current().cloned();
        match (effect, output, current) {
            (Effect::Survey { .. }, Output::Surveyed(survey), None) => {
                self.surveyed(state, survey, *began, at);
            }
            (Effect::Survey { .. }, Output::Surveyed(survey), Some(Move::Settle)) => {
                self.settle(state, survey, *began, at);
            }
            (Effect::Register { .. }, Output::Registered(revision), Some(Move::Register)) => {
                state.revision = Some(revision.clone());
                self.advance(state, at);
            }
            (Effect::Probe { .. }, Output::Probed(result), Some(Move::Smoke)) => {
                self.probed(state, result, at);
            }
            (Effect::Hook { .. }, Output::Hook(answer), Some(Move::Hook { point, .. })) => {
                match answer {
                    HookAnswer::Continue => self.advance(state, at),
                    HookAnswer::Reject { reason } => {
                        let text = format!("hook {point} said no: {reason}");
                        self.turn_back(state, Cause::new(CauseKind::Hook, text), at);
                    }
                }
            }
            (Effect::Look(_), Output::Seen(seen), Some(current)) => {
                self.looked(state, &current, seen, *began, at);
            }
            (effect, Output::Done, Some(current)) if made_by(effect, &current) => {
                if let Move::Deploy { revision: Which::New, .. } = &current
                    && self.is_rolling()
                {
                    self.expose(state, Percent::FULL, at);
                }
                self.advance(state, at);
            }
            _ => {}
        }
    }

    /// The first look: the facts everything else rests upon, or the reasons not to begin.
    fn surveyed(&self, state: &mut State, survey: &Survey, began: Timestamp, at: Timestamp) {
        if survey.observed_at() < began {
            let why = "the first look answered what was true earlier".to_owned();
            return self.try_again(state, why, at);
        }
        match preflight::examine(self, survey) {
            Err(reasons) => state.ended = Some(Outcome::Refused { reasons }),
            Ok(before) => {
                if let super::Target::Revision(revision) = &self.target {
                    state.revision = Some(revision.clone());
                }
                state.splits = vec![before.survey.route.split.clone()];
                for (environment, side) in &before.survey.sides {
                    state.known_healthy.insert(environment.clone(), side.health.healthy);
                    let revision = side.service.revision.clone();
                    state.revisions.insert(environment.clone(), vec![revision]);
                }
                state.script = self.script(&before);
                state.last_survey = Some(survey.clone());
                state.before = Some(before);
                state.direction = Direction::Forward;
                self.enter(state, 0, at);
            }
        }
    }

    fn failed(&self, state: &mut State, effect: &Effect, failure: &Failure, at: Timestamp) {
        let what = format!("could not {effect}: {}", failure.message);
        if let (Effect::Hook { point, .. }, FailureKind::TimedOut) = (effect, failure.kind) {
            let plans = self.hooks.iter().filter(|hook| hook.point == *point);
            let mut actions = plans.map(|hook| hook.on_timeout);
            if actions.all(|action| action == TimeoutAction::Continue) {
                return self.advance(state, at);
            }
            let text = format!("hook {point} did not answer in time");
            return self.turn_back(state, Cause::new(CauseKind::Hook, text), at);
        }
        match failure.kind {
            FailureKind::Conflict if matches!(effect, Effect::Shift { .. }) => {
                self.stop(state, what, at);
            }
            FailureKind::Refused | FailureKind::Conflict => self.give_up(state, what, at),
            _ => self.try_again(state, what, at),
        }
    }

    /// Tries the present move again later, if there are attempts left.
    fn try_again(&self, state: &mut State, why: String, at: Timestamp) {
        state.step.failed += 1;
        let forward = matches!(state.direction, Direction::Starting | Direction::Forward);
        let attempts = if forward { 1 } else { PATIENCE_BACK } * self.retry.attempts;
        let retry = Retry { attempts, ..self.retry };
        match retry.wait_after(state.step.failed) {
            Some(wait) => {
                self.guard_again(state);
                state.step.retry_at = at.saturating_add(wait).ok();
            }
            None => {
                let failed = state.step.failed;
                self.give_up(state, format!("{why} ({failed} attempts)"), at);
            }
        }
    }

    /// A step that comes right after a guard is only taken right after that guard has looked.
    fn guard_again(&self, state: &mut State) {
        let before = state.cursor.checked_sub(1).and_then(|index| state.script.get(index));
        if matches!(before, Some(Move::Guard { .. })) {
            state.cursor -= 1;
        }
    }

    /// No more attempts: forward means back, and on the way back a person is needed.
    fn give_up(&self, state: &mut State, why: String, at: Timestamp) {
        match &state.direction {
            Direction::Starting => state.ended = Some(Outcome::Refused { reasons: vec![why] }),
            Direction::Forward => self.turn_back(state, Cause::new(CauseKind::Call, why), at),
            Direction::Back(cause) => {
                state.suspended = Some(format!(
                    "going back ({cause}) got stuck: {why}. {}",
                    self.what_is_left(state)
                ));
            }
            Direction::Stopping { reason } => {
                state.suspended = Some(format!(
                    "stopping ({reason}) got stuck: {why}. {}",
                    self.what_is_left(state)
                ));
            }
        }
    }

    fn advance(&self, state: &mut State, at: Timestamp) {
        if let Some(Move::Hold(_)) = state.current()
            && let Some(stage) = state.stages.last_mut()
        {
            stage.ended_at = Some(at);
        }
        // The attempts of a guarded step are counted over all its guards.
        let guard = matches!(state.current(), Some(Move::Guard { .. }));
        let failed = if guard { state.step.failed } else { 0 };
        self.enter(state, state.cursor + 1, at);
        state.step.failed = failed;
    }

    fn enter(&self, state: &mut State, cursor: usize, at: Timestamp) {
        state.cursor = cursor;
        state.step = Progress::new(at);
        state.hold = None;
        match state.current() {
            Some(Move::Hold(hold)) => {
                let hold = *hold;
                let until = at.saturating_add(self.hold_duration(hold));
                state.hold = Some(Holding { hold, until: until.unwrap_or(Timestamp::MAX) });
                let name = match hold {
                    Hold::Stage(index) => format!("stage {}", index + 1),
                    Hold::Bake => "bake".to_owned(),
                    Hold::ScaleDownDelay => "scale-down delay".to_owned(),
                };
                state.stages.push(StageRecord {
                    name,
                    weight: state.weight,
                    started_at: at,
                    ended_at: None,
                    verdict: None,
                });
            }
            Some(Move::SetBack(environment)) if state.replaces_as_before(environment) => {
                // There is nothing to be done.
                state.script.remove(cursor);
                self.enter(state, cursor, at);
            }
            Some(_) => {}
            None => state.ended = Some(self.outcome(state)),
        }
    }

    fn outcome(&self, state: &State) -> Outcome {
        match &state.direction {
            Direction::Back(cause) if cause.kind == CauseKind::Abort => {
                let (by, reason) = state.aborted.clone().unwrap_or_default();
                Outcome::Aborted { by, reason }
            }
            Direction::Back(cause) => Outcome::RolledBack { cause: cause.clone() },
            Direction::Stopping { reason } => {
                Outcome::Stopped { reason: reason.clone(), left: self.what_is_left(state) }
            }
            Direction::Starting | Direction::Forward => match (&state.before, &state.revision) {
                (Some(before), Some(revision)) => Outcome::Promoted {
                    environment: self.candidate(before).clone(),
                    revision: revision.clone(),
                    before: before.revision.clone(),
                },
                _ => Outcome::Refused { reasons: vec!["nothing was found out".to_owned()] },
            },
        }
    }

    /// Goes back, unless it already does.
    fn turn_back(&self, state: &mut State, cause: Cause, at: Timestamp) {
        if state.ended.is_some() {
            return;
        }
        match state.direction {
            Direction::Starting => {
                state.direction = Direction::Back(cause);
                state.ended = Some(self.outcome(state));
            }
            // What is undone is no way back, unless the numbers or a person say so.
            Direction::Forward if self.undoes.is_some() && stays_undone(state, cause.kind) => {
                let left = self.what_is_left(state);
                state.suspended = Some(format!("the undo got stuck: {cause}. {left}"));
            }
            Direction::Forward => {
                state.direction = Direction::Back(cause);
                self.begin_way_back(state, at);
            }
            Direction::Back(_) | Direction::Stopping { .. } => {}
        }
    }

    /// Leaves the weights to whoever changed them.
    fn stop(&self, state: &mut State, reason: String, at: Timestamp) {
        if state.ended.is_some() || matches!(state.direction, Direction::Stopping { .. }) {
            return;
        }
        state.direction = Direction::Stopping { reason };
        let moves = |before: &Before| script::stop(state, before);
        self.turn(state, state.before.as_ref().map(moves).unwrap_or_default(), at);
    }

    /// The way back from wherever the rollout is now, from its first move on.
    fn begin_way_back(&self, state: &mut State, at: Timestamp) {
        let moves = |before: &Before| script::back(self, state, before);
        self.turn(state, state.before.as_ref().map(moves).unwrap_or_default(), at);
    }

    fn turn(&self, state: &mut State, moves: Vec<Move>, at: Timestamp) {
        if let Some(stage) = state.stages.last_mut()
            && stage.ended_at.is_none()
        {
            stage.ended_at = Some(at);
        }
        state.script = moves;
        state.turned = state.next_effect;
        state.recheck = false;
        self.enter(state, 0, at);
    }

    fn answered(&self, state: &mut State, key: &str, answer: &Answer, at: Timestamp) {
        if !self.awaits(state, key) {
            return;
        }
        if answer.approved {
            return self.advance(state, at);
        }
        let reason = if answer.reason.is_empty() { "no reason given" } else { &answer.reason };
        let text = format!("{} said no: {reason}", answer.by);
        self.turn_back(state, Cause::new(CauseKind::Approval, text), at);
    }

    fn awaits(&self, state: &State, key: &str) -> bool {
        matches!(state.current(), Some(Move::Approve { key: asked, .. }) if asked == key)
    }

    /// Another driver goes on. The time in which nobody watched does not count for anything.
    fn resumed(&self, state: &mut State, at: Timestamp) {
        let gap = at.duration_since(state.last_at);
        let later = |time: Timestamp| time.saturating_add(gap).unwrap_or(Timestamp::MAX);
        // Whoever mended what it was stuck at has not had any of the move's time.
        let fresh = state.suspended.take().is_some();
        state.step.entered = if fresh { at } else { later(state.step.entered) };
        state.step.retry_at = None;
        state.step.failed = 0;
        state.step.asked = false;
        if let Some(holding) = &mut state.hold {
            holding.until = later(holding.until);
            if fresh {
                holding.until = holding.until.max(at);
            }
        }
        state.watch.last_began = None;
        (state.shift_over, state.deploy_over) = (at, at);
        if state.exposed_since.is_some() {
            state.watch.doubt = Some("nobody has looked since it was resumed".to_owned());
        }
        let going_back = matches!(state.direction, Direction::Back(_));
        state.recheck = state.ended.is_none()
            && (state.direction == Direction::Forward || going_back && self.is_rolling());
        if going_back && !self.is_rolling() && state.ended.is_none() {
            // Meanwhile somebody else may have gone on by hand. So traffic comes first once more, as far as it is still
            // divided as we left it, and the sides are looked at before they are put back.
            self.begin_way_back(state, at);
        }
    }

    fn probed(&self, state: &mut State, result: &SmokeResult, at: Timestamp) {
        let Some(smoke) = &self.smoke else { return self.advance(state, at) };
        state.step.probed += result.requests;
        state.step.probes_failed += result.failed;
        if let Some(reason) = result.reasons.first() {
            state.step.last_reason.clone_from(reason);
        }
        let end = state.step.entered.saturating_add(smoke.duration).unwrap_or(Timestamp::MAX);
        if at < end {
            let next = at.saturating_add(smoke.interval).unwrap_or(Timestamp::MAX);
            state.step.retry_at = Some(next.min(end));
            return;
        }
        let (all, failed) = (u64::from(state.step.probed), u64::from(state.step.probes_failed));
        let tolerated = u64::from(smoke.tolerated_percent.get());
        if all == 0 || failed * 100 > all * tolerated {
            let reason = &state.step.last_reason;
            let text = format!("smoke test: {failed} of {all} requests failed ({reason})");
            return self.turn_back(state, Cause::new(CauseKind::Smoke, text), at);
        }
        self.advance(state, at);
    }

    /// From now on the new version takes this share of the traffic.
    fn expose(&self, state: &mut State, weight: Percent, at: Timestamp) {
        state.weight = weight;
        state.exposed_since = Some(at);
        state.watch.last_began = Some(at);
        state.watch.judged_until = None;
        state.watch.doubt = Some(format!("nobody has looked at it at {weight} yet"));
    }

    /// What a person finds who looks now.
    fn what_is_left(&self, state: &State) -> String {
        let Some(before) = &state.before else { return "nothing was touched".to_owned() };
        let splits: Vec<_> = state.splits.iter().map(Split::to_string).collect();
        let mut left = format!("the weights were last set to {}", splits.join(" or "));
        for environment in self.all_environments() {
            if state.touched.tasks.contains(&environment) {
                let side = before.side(&environment);
                let had = side.service.desired;
                left.push_str(&format!("; {environment} had {had} tasks before and was changed"));
            }
        }
        match &state.direction {
            Direction::Stopping { .. } => left.push_str(&format!(
                "; set all traffic to one side by hand ({} served before) and start a new operation",
                before.live
            )),
            _ => left.push_str("; mend the cause and resume the operation"),
        }
        left
    }
}

/// Whether an undo has, or may have, begun to take the other revision out of service, and what happened says nothing
/// against the one that serves now.
fn stays_undone(state: &State, cause: CauseKind) -> bool {
    let begun = state.touched.split || state.exposed_since.is_some();
    begun && matches!(cause, CauseKind::Call | CauseKind::Capacity | CauseKind::Unsure)
}

/// Whether an effect that was accepted is the one that a move waits for.
fn made_by(effect: &Effect, current: &Move) -> bool {
    match (effect, current) {
        (Effect::SuspendScaling { environment: a }, Move::SuspendScaling(b)) => a == b,
        (
            Effect::RestoreScaling { environment: a, .. },
            Move::RestoreScaling { environment: b, .. },
        )
        | (Effect::Deploy { environment: a, .. }, Move::Deploy { environment: b, .. })
        | (Effect::SetBack { environment: a, .. }, Move::SetBack(b)) => a == b,
        (
            Effect::Scale { environment: a, desired: n },
            Move::Scale { environment: b, desired: m },
        ) => a == b && n == m,
        (Effect::TestRoute { to: a }, Move::TestRoute(b)) => a == b,
        (Effect::Shift { to: a, .. }, Move::Shift(b)) => a == b,
        _ => false,
    }
}
