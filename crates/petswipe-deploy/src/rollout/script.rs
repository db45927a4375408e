//! The script of a rollout: its moves in order, worked out from the plan and the first look.
//!
//! A script is data. The core goes through it move by move; a dry run prints it.

use crate::{Environment, HookPoint, Percent, ScalingState, Split};

use super::state::{Before, State};
use super::{Plan, Strategy};

mod back;
mod forward;
mod rolling;

pub(super) use back::{back, makeshift, stop};

/// One move of a script.
#[derive(Clone, Debug, PartialEq)]
pub enum Move {
    /// Call a hook.
    Hook {
        /// Which.
        point: HookPoint,
        /// The new version's share of traffic after it.
        weight: Percent,
    },
    /// Suspend auto scaling.
    SuspendScaling(Environment),
    /// Register the new revision.
    Register,
    /// Run a revision.
    Deploy {
        /// Where.
        environment: Environment,
        /// Which.
        revision: Which,
        /// How many tasks.
        desired: u32,
    },
    /// Set back how tasks are replaced. It is left out where they are known to be replaced as before.
    SetBack(Environment),
    /// Set the number of tasks.
    Scale {
        /// Where.
        environment: Environment,
        /// How many.
        desired: u32,
    },
    /// Wait until so many tasks are healthy.
    AwaitCapacity {
        /// Where.
        environment: Environment,
        /// How many.
        enough: u32,
        /// Of which revision; `None` for whatever runs there.
        revision: Option<Which>,
    },
    /// Lead test traffic somewhere, or remove that rule.
    TestRoute(Option<Environment>),
    /// Send smoke test requests for a while.
    Smoke,
    /// Ask a person.
    Approve {
        /// The question's name.
        key: String,
        /// The question.
        text: String,
    },
    /// Look once more, and go on only if every side has enough healthy tasks for what comes next and for the way back.
    Guard {
        /// What comes next.
        to: Split,
        /// Whether the live side must be able to take everything back.
        way_back: bool,
    },
    /// Divide production traffic.
    Shift(Split),
    /// Read it back.
    ReadBack(Split),
    /// Judge for a while.
    Hold(Hold),
    /// Set auto scaling back.
    RestoreScaling {
        /// Where.
        environment: Environment,
        /// To what.
        state: ScalingState,
    },
    /// Look at everything, and wait until it is as it should be.
    Settle,
}

/// Which revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one that is rolled out.
    New,
    /// The one that was live at the start.
    Live,
    /// The one that the candidate's side ran before.
    Idle,
    /// The one that the baseline ran before.
    Baseline,
}

/// What is judged for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// A stage, counted from 0.
    Stage(usize),
    /// All traffic, before the old side may go.
    Bake,
    /// All traffic, with the old side kept for a quick way back.
    ScaleDownDelay,
}

impl Plan {
    /// The script on the way forward.
    pub(super) fn script(&self, before: &Before) -> Vec<Move> {
        match self.strategy {
            Strategy::Canary | Strategy::BlueGreen => forward::forward(self, before),
            Strategy::Rolling { .. } => rolling::rolling(self, before),
        }
    }

    fn push_hook(&self, script: &mut Vec<Move>, point: HookPoint, weight: Percent) {
        if self.hooks.iter().any(|hook| hook.point == point) {
            script.push(Move::Hook { point, weight });
        }
    }
}

/// Sets back how the tasks of an environment are replaced, where the platform says it.
fn set_back(before: &Before, environment: &Environment, script: &mut Vec<Move>) {
    if before.side(environment).service.replacement.is_some() {
        script.push(Move::SetBack(environment.clone()));
    }
}

/// Suspends auto scaling wherever it is active.
fn suspend_scaling(before: &Before, script: &mut Vec<Move>) {
    for (environment, side) in &before.survey.sides {
        if side.scaling.as_ref().is_some_and(|scaling| !scaling.suspended) {
            script.push(Move::SuspendScaling(environment.clone()));
        }
    }
}

/// Sets auto scaling back wherever it was active.
fn restore_scaling(before: &Before, script: &mut Vec<Move>) {
    for (environment, side) in &before.survey.sides {
        if let Some(state) = side.scaling.as_ref().filter(|scaling| !scaling.suspended) {
            script.push(restored(environment, state));
        }
    }
}

fn restored(environment: &Environment, state: &ScalingState) -> Move {
    Move::RestoreScaling { environment: environment.clone(), state: state.clone() }
}

/// Sets auto scaling back wherever this operation has, or may have, touched it.
fn restore_touched_scaling(state: &State, before: &Before, script: &mut Vec<Move>) {
    for (environment, side) in &before.survey.sides {
        if let Some(scaling) = side.scaling.as_ref()
            && state.touched.scaling.contains(environment)
        {
            script.push(restored(environment, scaling));
        }
    }
}
