//! The pure core of scaling operations: look, refuse or change, wait until it is true. Nothing here waits, reads a clock
//! or touches the network.

use jiff::Timestamp;
use petswipe_runbook::{Decision, Error as RunbookError, EventOf, Runbook};

mod decide;
mod effect;
mod evolve;
mod outcome;
mod plan;
mod preflight;
mod preview;
mod seen;
mod state;

pub use effect::{Effect, Output};
pub use outcome::Outcome;
pub use plan::{Change, ScalePlan, TrackingSettings};
pub use preview::ScalePreview;
pub use seen::Seen;
pub use state::{Phase, State};

impl Runbook for ScalePlan {
    type State = State;
    type Effect = Effect;
    type Output = Output;
    type Outcome = Outcome;

    const KIND: &'static str = "petswipe scaling operation";
    const VERSION: u32 = 1;

    fn validate(&self) -> Result<(), RunbookError> {
        ScalePlan::validate(self).map_err(|error| match error {
            crate::Error::InvalidPlan { field, value, allowed } => {
                RunbookError::InvalidPlan { field, value, allowed }
            }
            other => RunbookError::backend("checking the plan", other),
        })
    }

    fn begin(&self, _at: Timestamp) -> State {
        State::default()
    }

    fn decide(&self, state: &State, now: Timestamp) -> Decision<Effect, Outcome> {
        self.next(state, now)
    }

    fn evolve(&self, state: &mut State, event: &EventOf<Self>, at: Timestamp) {
        self.take(state, event, at);
    }
}
