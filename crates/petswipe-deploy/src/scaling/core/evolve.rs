//! Takes facts in. Pure.

use jiff::Timestamp;
use petswipe_runbook::{Event, EventOf, Failure};

use super::preflight::fought;
use super::{Change, Effect, Outcome, Output, Phase, ScalePlan, Seen, State};
use crate::DeploymentState;

/// So many looks in a row have to show that a change came to nothing: one alone may be an old one.
const CONVINCING: u32 = 3;

impl ScalePlan {
    pub(super) fn take(&self, state: &mut State, event: &EventOf<Self>, at: Timestamp) {
        if state.ended.is_some() {
            return;
        }
        if let Event::Intended { effect, .. } = event
            && effect.is_change()
        {
            state.unsure = true;
        }
        if let Some((settled, result)) = state.in_flight.observe(event, at) {
            state.not_before = None;
            match (settled.effect.is_change(), result) {
                (false, Ok(Output::Seen(seen))) => self.looked(state, seen, at),
                (false, Ok(Output::Done)) => {}
                (false, Err(failure)) => self.did_not_look(state, failure, at),
                (true, Ok(_)) => self.accepted(state, at),
                (true, Err(failure)) => self.failed(state, &settled.effect, failure, at),
            }
        }
        match event {
            Event::AbortRequested { by, reason } => self.abort(state, by, reason),
            Event::Resumed { .. } => resumed(state),
            _ => {}
        }
    }

    fn looked(&self, state: &mut State, seen: &Seen, at: Timestamp) {
        state.look_attempts = 0;
        state.last = Some(seen.clone());
        match state.phase.clone() {
            Phase::Looking => self.begin_with(state, seen, at),
            Phase::Changing => {
                let fought = match &self.change {
                    Change::Service { desired, .. } => fought(*desired, seen),
                    _ => None,
                };
                if state.current().is_some_and(|command| command.shows_in(seen)) {
                    self.accepted(state, at);
                } else if let Some(why) = fought {
                    self.leave(state, why);
                } else {
                    state.unsure = false;
                }
            }
            Phase::Waiting { until } => self.waited(state, seen, until, at),
            Phase::Leaving { why } => {
                if let Some(before) = state.before.clone() {
                    let left = Some(seen.clone());
                    state.ended = Some(Outcome::Stopped { why, before, left });
                }
            }
        }
    }

    /// The first look decides whether anything is done at all.
    fn begin_with(&self, state: &mut State, seen: &Seen, at: Timestamp) {
        let reasons = self.refusals(seen);
        if !reasons.is_empty() {
            state.ended = Some(Outcome::Refused { reasons });
            return;
        }
        state.before = Some(seen.clone());
        state.script = self.changes(seen);
        state.cursor = 0;
        if self.is_true_in(seen) {
            let (before, now) = (seen.clone(), seen.clone());
            state.ended = Some(Outcome::Done { before, now, changed: false });
        } else if state.script.is_empty() {
            self.wait(state, at);
        } else {
            state.phase = Phase::Changing;
        }
    }

    fn wait(&self, state: &mut State, at: Timestamp) {
        let until = at.saturating_add(self.deadline).unwrap_or(Timestamp::MAX);
        state.phase = Phase::Waiting { until };
    }

    fn accepted(&self, state: &mut State, at: Timestamp) {
        state.changed = true;
        state.unsure = false;
        state.attempts = 0;
        state.cursor += 1;
        if state.phase == Phase::Changing && state.current().is_none() {
            self.wait(state, at);
        }
    }

    fn waited(&self, state: &mut State, seen: &Seen, until: Timestamp, at: Timestamp) {
        let Some(before) = state.before.clone() else { return };
        if self.is_true_in(seen) {
            let (now, changed) = (seen.clone(), state.changed);
            state.ended = Some(Outcome::Done { before, now, changed });
            return;
        }
        let why = if self.came_to_nothing(state, seen) {
            Some("the change ended, and the class is not the one asked for".to_owned())
        } else {
            (at >= until).then(|| format!("it is not true after {:?}{}", self.deadline, hint(seen)))
        };
        if let Some(why) = why {
            state.ended = Some(Outcome::Stopped { why, before, left: Some(seen.clone()) });
            return;
        }
        let next = at.saturating_add(self.poll).unwrap_or(until);
        state.not_before = Some(next.min(until));
    }

    fn came_to_nothing(&self, state: &mut State, seen: &Seen) -> bool {
        let (Change::Database { class, .. }, Seen::Database { instance, .. }) =
            (&self.change, seen)
        else {
            return false;
        };
        if !instance.is_available() || instance.pending_class.is_some() || instance.class == *class
        {
            state.under_way = true;
            state.idle_looks = 0;
        } else if state.under_way {
            state.idle_looks += 1;
        }
        state.idle_looks >= CONVINCING
    }

    fn did_not_look(&self, state: &mut State, failure: &Failure, at: Timestamp) {
        if let Phase::Waiting { until } = state.phase
            && at < until
        {
            let next = at.saturating_add(self.poll).unwrap_or(until);
            state.not_before = Some(next.min(until));
            return;
        }
        state.look_attempts += 1;
        let wait = self.retry.wait_after(state.look_attempts).filter(|_| failure.kind.is_unknown());
        if let Some(wait) = wait {
            state.not_before = at.saturating_add(wait).ok();
            return;
        }
        let why = format!("it could not be looked at: {}", failure.message);
        match (&state.phase, state.before.clone()) {
            (Phase::Leaving { why }, Some(before)) => {
                state.ended = Some(Outcome::Stopped { why: why.clone(), before, left: None });
            }
            (Phase::Looking, _) | (_, None) => {
                state.ended = Some(Outcome::Refused { reasons: vec![why] });
            }
            (_, Some(before)) => {
                state.ended = Some(Outcome::Stopped { why, before, left: None });
            }
        }
    }

    fn failed(&self, state: &mut State, command: &Effect, failure: &Failure, at: Timestamp) {
        let message = format!("to {command} failed: {}", failure.message);
        // A refusal is the end, unless an earlier attempt may have taken effect: then a look finds out.
        if !failure.kind.is_unknown() && state.attempts == 0 {
            state.unsure = false;
            if state.changed {
                self.leave(state, message);
            } else {
                state.ended = Some(Outcome::Refused { reasons: vec![message] });
            }
            return;
        }
        state.attempts += 1;
        if matches!(state.phase, Phase::Leaving { .. }) {
            return;
        }
        match self.retry.wait_after(state.attempts) {
            Some(wait) => state.not_before = at.saturating_add(wait).ok(),
            None => self.leave(state, message),
        }
    }

    /// Ends half-way, after a look at what is left.
    fn leave(&self, state: &mut State, why: String) {
        if !matches!(state.phase, Phase::Leaving { .. }) {
            state.phase = Phase::Leaving { why };
            state.look_attempts = 0;
            state.not_before = None;
        }
    }

    fn abort(&self, state: &mut State, by: &str, reason: &str) {
        let touched = state.changed || state.unsure || state.attempts > 0;
        if state.before.is_none() || !touched {
            let (by, reason) = (by.to_owned(), reason.to_owned());
            state.ended = Some(Outcome::Aborted { by, reason });
        } else {
            self.leave(state, format!("aborted by {by}: {reason}"));
        }
    }
}

/// What was under way has an unknown outcome, and time has passed.
fn resumed(state: &mut State) {
    state.not_before = None;
    if state.phase == Phase::Changing {
        if state.changed || state.unsure || state.attempts > 0 {
            state.unsure = true;
        } else {
            state.phase = Phase::Looking;
        }
    }
}

/// What a look says about why it takes so long.
fn hint(seen: &Seen) -> String {
    let Seen::Service { service, .. } = seen else { return String::new() };
    let failed = match (&service.deployment, service.failures.last()) {
        (DeploymentState::Failed { reason }, _) => reason,
        (_, Some(failure)) => &failure.reason,
        _ => return String::new(),
    };
    format!("; {failed}")
}
