//! What is known of each step, folded from events.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use petswipe_runbook::InFlight;

use super::{Answer, Effect, Outcome};
use crate::removal::RemovalPlan;

/// What is known of a removal.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Step by step.
    pub steps: Vec<StepState>,
    pub(super) in_flight: InFlight<Effect>,
    pub(super) stopping: bool,
    /// Steps whose action was begun, and whose outcome nobody knows.
    pub(super) begun: BTreeSet<usize>,
    /// Steps whose snapshot was begun, and of which nobody knows whether it was made: how often.
    pub(super) snapshot_begun: BTreeMap<usize, u32>,
    /// How often the present step's effect failed.
    pub(super) tries: u32,
    /// Nothing is tried before.
    pub(super) not_before: Option<Timestamp>,
}

/// How a step stands.
#[derive(Clone, Debug, PartialEq)]
pub enum StepState {
    /// Nothing is known yet.
    Waiting {
        /// The snapshot that was made already.
        snapshot: Option<String>,
    },
    /// Its finding held at that time.
    Holds {
        /// When.
        at: Timestamp,
        /// The snapshot that was made already.
        snapshot: Option<String>,
    },
    /// It was carried out.
    Done {
        /// The snapshot that was made before.
        snapshot: Option<String>,
    },
    /// Its finding no longer held, so it was left.
    Skipped {
        /// What was different.
        why: String,
        /// A snapshot that was made by then, and is still there.
        snapshot: Option<String>,
    },
    /// Nobody knows whether it was carried out, or whether its snapshot was made: no answer came, however often it was tried.
    Unknown {
        /// What was said last.
        why: String,
        /// Whether it is the snapshot that nobody knows of: then its action was not begun.
        of_snapshot: bool,
        /// A snapshot that was made by then, and is still there.
        snapshot: Option<String>,
    },
    /// It failed.
    Failed {
        /// How.
        why: String,
        /// A snapshot that was made by then, and is still there.
        snapshot: Option<String>,
    },
}

impl StepState {
    fn is_over(&self) -> bool {
        !matches!(self, Self::Waiting { .. } | Self::Holds { .. })
    }

    /// The snapshot that was made for it.
    pub fn snapshot(&self) -> Option<&str> {
        match self {
            Self::Waiting { snapshot }
            | Self::Holds { snapshot, .. }
            | Self::Done { snapshot }
            | Self::Skipped { snapshot, .. }
            | Self::Unknown { snapshot, .. }
            | Self::Failed { snapshot, .. } => snapshot.as_deref(),
        }
    }
}

impl State {
    pub(super) fn of(plan: &RemovalPlan) -> Self {
        let steps = plan.steps.iter().map(|_| StepState::Waiting { snapshot: None }).collect();
        Self { steps, ..Self::default() }
    }

    /// The step that is next, and how it stands.
    pub(super) fn next(&self) -> Option<(usize, &StepState)> {
        self.steps.iter().enumerate().find(|(_, step)| !step.is_over())
    }

    /// How many steps are not over.
    pub(super) fn left(&self) -> usize {
        self.steps.iter().filter(|step| !step.is_over()).count()
    }

    pub(super) fn outcome(&self) -> Outcome {
        let count = |is: fn(&StepState) -> bool| self.steps.iter().filter(|step| is(step)).count();
        Outcome {
            done: count(|step| matches!(step, StepState::Done { .. })),
            skipped: count(|step| matches!(step, StepState::Skipped { .. })),
            failed: count(|step| matches!(step, StepState::Failed { .. })),
            unknown: count(|step| matches!(step, StepState::Unknown { .. })),
        }
    }

    pub(super) fn answered(&mut self, index: usize, answer: &Answer, at: Timestamp) {
        self.not_before = None;
        // That a finding still holds is no success of what failed before it was asked again.
        if *answer != Answer::Holds {
            self.tries = 0;
        }
        let Some(step) = self.steps.get_mut(index) else { return };
        let snapshot = step.snapshot().map(str::to_owned);
        *step = match answer {
            Answer::Holds => StepState::Holds { at, snapshot },
            Answer::Changed { why } if self.snapshot_begun.contains_key(&index) => {
                StepState::Unknown { why: why.clone(), of_snapshot: true, snapshot }
            }
            Answer::Changed { why } if self.begun.contains(&index) => {
                let why = format!("an earlier attempt may have done it: {why}");
                StepState::Skipped { why, snapshot }
            }
            Answer::Changed { why } => StepState::Skipped { why: why.clone(), snapshot },
            // A snapshot takes its time: whether the finding still holds is asked again after it.
            Answer::Snapshot { id } => {
                self.snapshot_begun.remove(&index);
                StepState::Waiting { snapshot: Some(id.clone()) }
            }
            Answer::Done => StepState::Done { snapshot },
        };
    }

    pub(super) fn fail(&mut self, index: usize, why: String) {
        (self.tries, self.not_before) = (0, None);
        let Some(step) = self.steps.get_mut(index) else { return };
        let snapshot = step.snapshot().map(str::to_owned);
        *step = StepState::Failed { why, snapshot };
    }

    /// Nobody knows whether its action, or its snapshot, came about.
    pub(super) fn lose(&mut self, index: usize, why: String, of_snapshot: bool) {
        (self.tries, self.not_before) = (0, None);
        let Some(step) = self.steps.get_mut(index) else { return };
        let snapshot = step.snapshot().map(str::to_owned);
        *step = StepState::Unknown { why, of_snapshot, snapshot };
    }

    /// What was known is old.
    pub(super) fn forget(&mut self) {
        for step in &mut self.steps {
            if let StepState::Holds { snapshot, .. } = step {
                *step = StepState::Waiting { snapshot: snapshot.take() };
            }
        }
    }
}
