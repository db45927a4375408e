//! What is done next, and what an answer means: pure.

mod state;

pub use state::{State, StepState};

use std::time::Duration;

use jiff::Timestamp;
use petswipe_runbook::{Decision, Error, Event, EventOf, Failure, FailureKind, Runbook, Step};
use serde::{Deserialize, Serialize};

use super::plan::RemovalPlan;

/// How long an answer about a finding holds: older ones are asked for again before anything is done.
const FRESH: Duration = Duration::from_secs(60);
/// How often something is tried that may yet succeed.
const TRIES: u32 = 3;
/// How long is waited before it is tried again.
const PAUSE: Duration = Duration::from_secs(10);
/// How long a check may take: it lists what its analyzer needs.
const CHECK: Duration = Duration::from_secs(600);
/// How long a snapshot may take.
const SNAPSHOT: Duration = Duration::from_secs(6 * 3600);
/// How long a change may take.
const ACT: Duration = Duration::from_secs(300);

/// A command, or a look. The number is that of the step in the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Look whether the finding still holds.
    Recheck(usize),
    /// Make a snapshot.
    Snapshot(usize),
    /// Carry out its action.
    Act(usize),
}

impl Effect {
    fn step(&self) -> usize {
        match self {
            Self::Recheck(step) | Self::Snapshot(step) | Self::Act(step) => *step,
        }
    }
}

/// What an effect answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The finding holds as it stands in the plan.
    Holds,
    /// It does not, or no longer.
    Changed {
        /// What is different.
        why: String,
    },
    /// A snapshot is complete.
    Snapshot {
        /// Its id.
        id: String,
    },
    /// It was carried out.
    Done,
}

/// How a removal ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How many steps were carried out.
    pub done: usize,
    /// How many were left, as their finding no longer held.
    pub skipped: usize,
    /// How many failed.
    pub failed: usize,
    /// Of how many nobody knows whether they were carried out: somebody has to look.
    pub unknown: usize,
}

impl Runbook for RemovalPlan {
    type State = State;
    type Effect = Effect;
    type Output = Answer;
    type Outcome = Outcome;

    const KIND: &'static str = "cost-removal";
    const VERSION: u32 = 2;

    fn validate(&self) -> Result<(), Error> {
        self.check().map_err(|error| match error {
            crate::Error::Invalid { field, value, allowed } => {
                Error::invalid(field, value, allowed)
            }
            other => {
                Error::invalid("plan", other, "a plan as `cost_report --plan-removal` writes it")
            }
        })
    }

    fn begin(&self, _: Timestamp) -> State {
        State::of(self)
    }

    fn decide(&self, state: &State, now: Timestamp) -> Decision<Effect, Outcome> {
        if !state.in_flight.is_empty() {
            return Decision::WaitForEvent;
        }
        let Some((index, step)) = state.next() else { return Decision::Finish(state.outcome()) };
        if state.stopping {
            let why = format!(
                "somebody wanted it to end: nothing is under way, and {} of {} steps are not done",
                state.left(),
                self.steps.len()
            );
            return Decision::Suspend { why };
        }
        if let Some(at) = state.not_before.filter(|at| *at > now) {
            return Decision::WaitUntil(at);
        }
        let recheck = Step::observation(Effect::Recheck(index), CHECK);
        let is_fresh = |at: Timestamp| now.duration_since(at).unsigned_abs() <= FRESH;
        let needs_snapshot = self.steps[index].action.snapshot_of().is_some();
        let next = match step {
            StepState::Holds { at, snapshot } if is_fresh(*at) => {
                match (needs_snapshot, snapshot) {
                    (true, None) => Step::change(Effect::Snapshot(index), SNAPSHOT),
                    _ => Step::change(Effect::Act(index), ACT),
                }
            }
            _ => recheck,
        };
        Decision::Perform(vec![next])
    }

    fn evolve(&self, state: &mut State, event: &EventOf<Self>, at: Timestamp) {
        match event {
            Event::AbortRequested { .. } => state.stopping = true,
            // What was known is as old as the process that asked. Whoever goes on wants it to end no more.
            Event::Resumed { .. } => {
                state.forget();
                state.stopping = false;
            }
            Event::Intended { effect: Effect::Act(index), .. } => drop(state.begun.insert(*index)),
            Event::Intended { effect: Effect::Snapshot(index), .. } => {
                *state.snapshot_begun.entry(*index).or_default() += 1;
            }
            _ => {}
        }
        match state.in_flight.observe(event, at) {
            Some((underway, Ok(answer))) => state.answered(underway.effect.step(), answer, at),
            Some((underway, Err(failure))) => failed(state, &underway.effect, failure, at),
            None => {}
        }
    }
}

fn failed(state: &mut State, effect: &Effect, failure: &Failure, at: Timestamp) {
    let may_yet_succeed = matches!(
        failure.kind,
        FailureKind::Transient | FailureKind::TimedOut | FailureKind::Interrupted
    );
    state.tries += 1;
    if may_yet_succeed && state.tries < TRIES {
        state.not_before = at.checked_add(PAUSE).ok();
        return;
    }
    let (index, why) = (effect.step(), failure.message.clone());
    // Of a change that got no answer nobody knows; what was refused did not happen, but an earlier try may have.
    match effect {
        Effect::Snapshot(_) if may_yet_succeed => state.lose(index, why, true),
        Effect::Act(_) if may_yet_succeed => state.lose(index, why, false),
        Effect::Snapshot(_) if state.snapshot_begun.remove(&index) > Some(1) => {
            state.lose(index, why, true);
        }
        _ => state.fail(index, why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::removal::Removal;
    use crate::{Action, Area, Region};

    #[test]
    fn what_never_succeeds_is_tried_three_times_however_often_it_is_checked_between() {
        let at = Timestamp::UNIX_EPOCH;
        let step = Removal {
            finding: "eip-unattached:us-east-1:eipalloc-1".to_owned(),
            area: Area::ADDRESSES,
            region: Region::new("us-east-1").unwrap(),
            action: Action::ReleaseAddress { allocation: "eipalloc-1".to_owned() },
            saves: None,
            risk: String::new(),
            reversible: false,
            reason: String::new(),
        };
        let plan = RemovalPlan {
            account: None,
            report_at: at,
            criteria: crate::Criteria::default(),
            prices: Vec::new(),
            steps: vec![step],
            by_hand: Vec::new(),
        };
        let mut state = State::of(&plan);
        let mute = Failure::new(FailureKind::TimedOut, "no answer came");
        for tried in 1..=3 {
            state.answered(0, &Answer::Holds, at);
            assert!(matches!(state.steps[0], StepState::Holds { .. }), "over after {tried} tries");
            failed(&mut state, &Effect::Act(0), &mute, at);
        }
        let why = "no answer came".to_owned();
        let unknown = StepState::Unknown { why, of_snapshot: false, snapshot: None };
        assert_eq!(state.steps[0], unknown);
        assert_eq!(state.outcome(), Outcome { unknown: 1, ..Outcome::default() });
    }
}
