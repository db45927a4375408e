//! The pure core: one engine for all strategies.
//!
//! A [`Plan`] and a first look at the world give a script of [`Move`]s; the strategies differ only in that script.
//! `decide` makes the present move, and beside it keeps watching the new version while it takes traffic; `evolve`
//! takes in what happened and turns the rollout back, stops it or lets it go on. Nothing here waits, reads a clock or
//! touches the network.

use jiff::Timestamp;
use petswipe_runbook::{Decision, Error as RunbookError, EventOf, Runbook};

mod decide;
mod effect;
mod evolve;
mod outcome;
mod plan;
mod preflight;
mod script;
mod state;

pub use effect::{
    Effect, JudgeRequest, Look, Output, Purpose, Seen, SeenSide, ServedBefore, Survey, SurveyedSide,
};
pub use outcome::{Cause, CauseKind, Outcome};
pub use plan::{
    ApprovalPlan, ApprovalPoint, CapacityPlan, Plan, SmokePlan, Stage, Strategy, Target,
};
pub(crate) use plan::{is_forward, validate_policies};
pub use script::{Hold, Move, Which};
pub use state::{Before, Direction, StageRecord, State};

impl Runbook for Plan {
    type State = State;
    type Effect = Effect;
    type Output = Output;
    type Outcome = Outcome;

    const KIND: &'static str = "petswipe rollout";
    const VERSION: u32 = 1;

    fn validate(&self) -> Result<(), RunbookError> {
        Plan::validate(self).map_err(|error| match error {
            crate::Error::InvalidPlan { field, value, allowed } => {
                RunbookError::InvalidPlan { field, value, allowed }
            }
            other => RunbookError::backend("checking the plan", other),
        })
    }

    fn begin(&self, at: Timestamp) -> State {
        State::new(at)
    }

    fn decide(&self, state: &State, now: Timestamp) -> Decision<Effect, Outcome> {
        self.next(state, now)
    }

    fn evolve(&self, state: &mut State, event: &EventOf<Self>, at: Timestamp) {
        self.take(state, event, at);
    }
}
