//! What to do next. Pure: it reads the state and changes nothing.

use jiff::Timestamp;
use petswipe_runbook::{Decision, Step};

use super::{Effect, Outcome, Phase, ScalePlan, State};

impl ScalePlan {
    pub(super) fn next(&self, state: &State, now: Timestamp) -> Decision<Effect, Outcome> {
        if let Some(outcome) = &state.ended {
            return Decision::Finish(outcome.clone());
        }
        if !state.in_flight.is_empty() {
            return Decision::WaitForEvent;
        }
        if let Some(time) = state.not_before.filter(|time| *time > now) {
            return Decision::WaitUntil(time);
        }
        let step = match (&state.phase, state.current()) {
            (Phase::Changing, Some(command)) if !state.unsure => {
                Step::change(command.clone(), self.call_timeout)
            }
            (phase, _) => {
                let first = *phase == Phase::Looking;
                Step::observation(self.look(first), self.call_timeout)
            }
        };
        Decision::Perform(vec![step])
    }
}
