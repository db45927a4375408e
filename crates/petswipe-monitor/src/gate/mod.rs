//! Health gates: judging numbers, with three verdicts and reasons.
//!
//! A [`Gate`] is a pure function of observations and of the state it carries from one judgement to the next, so it can
//! be simulated, replayed from a journal, and explained. Reading the observations is not done here but by
//! [`observe_and_judge`](crate::observe_and_judge).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ref_cast::RefCast;
use serde::{Deserialize, Serialize};

use crate::{Observation, Window};

mod absolute;
mod all;
mod budget;
mod evidence;
mod ledger;
mod policy;
mod regression;
mod verdict;

pub use absolute::{AbsolutePolicy, LatencyLimit, NoData};
pub use all::All;
pub use budget::BudgetPolicy;
pub use evidence::{EvidencePolicy, LatencyEvidence, SampleRatioPolicy};
pub use policy::Policy;
pub use regression::LatencyRegression;
pub use verdict::{Finding, FindingResult, Verdict};

/// The step of a rollout that is judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Since when the candidate has its present share of traffic. Nothing older shows that this step is well.
    pub started: Timestamp,
    /// The end of the window judged last in this step by any gate, or `started`; for gates that carry nothing. What counts every
    /// moment once has to carry up to where it counted: where several gates judge, another may have seen more.
    pub judged_until: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// The candidate's share of traffic in whole percent.
    pub weight: u8,
    /// That of the version it is compared with; 0 when nothing serves beside it.
    pub reference_weight: u8,
}

/// What was seen in one window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The new version.
    pub candidate: Observation,
    /// The version it is compared with: of the same time, where it takes traffic beside the candidate, or of a time before the
    /// step.
    pub reference: Option<Observation>,
    /// All that is known of the candidate in the window that was asked for, where that is more than `candidate`: what can be
    /// compared is only of the time that is known of both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<Observation>,
}

impl Comparison {
    /// What was seen of both, all of which can be compared.
    pub fn new(candidate: Observation, reference: Option<Observation>) -> Self {
        Self { candidate, reference, whole: None }
    }

    /// All that is known of the candidate, for who looks at nothing else.
    pub fn whole(&self) -> &Observation {
        self.whole.as_ref().unwrap_or(&self.candidate)
    }
}

/// What a gate carries from one judgement to the next: its own business, kept as JSON in the operation's journal.
/// `null` before the first judgement.
#[derive(Clone, Debug, Default, PartialEq, RefCast, Serialize, Deserialize)]
#[serde(transparent)]
#[repr(transparent)]
pub struct Carried(pub serde_json::Value);

/// A judgement: the verdict, and what to carry to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The verdict with its reasons.
    pub verdict: Verdict,
    /// For the next call.
    #[serde(default, skip_serializing_if = "is_null")]
    pub carried: Carried,
    /// What the numbers cover: from the earliest to the latest of the windows of the step in which something was
    /// measured. Empty at the step's start if there is none.
    pub covered: Window,
    /// Whether the candidate is shown to be good by what was seen in this step, so that waiting longer is for nothing. Only a
    /// pass can be settled.
    #[serde(default, skip_serializing_if = "is_false")]
    pub settled: bool,
    /// Where the numbers are from, if from one of several sources: the subject, which source answered, and why others did
    /// not. [`observe_and_judge`](crate::observe_and_judge) fills it in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
}

impl Judgement {
    /// A judgement that is not settled.
    pub fn new(verdict: Verdict, carried: Carried, covered: Window) -> Self {
        Self { verdict, carried, covered, settled: false, sources: Vec::new() }
    }
}

fn is_false(settled: &bool) -> bool {
    !settled
}

fn is_null(carried: &Carried) -> bool {
    carried.0.is_null()
}

/// Judges a step by what was observed.
///
/// # Contract
/// - `a_gate_without_observations_never_passes`: nothing seen, nothing measured, or no request served is inconclusive or
///   a fail.
/// - `a_gate_is_a_pure_function`: the same step, observations and carried state give the same judgement.
/// - `a_gate_looks_at_nothing_older_than_the_step`: no window it asks for begins before [`Step::started`], but those that end by
///   then, of steps that it judged before and whose end was not known yet; and what was seen before the step never passes.
/// - `a_judgement_survives_the_journal`: written as JSON and read again it is the same.
pub trait Gate: Send + Sync {
    /// Its name, for evidence and messages.
    fn name(&self) -> String;

    /// Which windows it needs to see to judge `step`, with what it carried out of the judgement before.
    fn windows(&self, step: &Step, carried: &Carried) -> Vec<Window>;

    /// Judges. `seen` is in the order of [`windows`](Self::windows) for the same step and carried state.
    fn judge(&self, step: &Step, seen: &[Comparison], carried: &Carried) -> Judgement;
}

/// Forwards to what it points to.
macro_rules! forward {
    ($pointer:ident) => {
        impl<T: Gate + ?Sized> Gate for $pointer<T> {
            fn name(&self) -> String {
                (**self).name()
            }

            fn windows(&self, step: &Step, carried: &Carried) -> Vec<Window> {
                (**self).windows(step, carried)
            }

            fn judge(&self, step: &Step, seen: &[Comparison], carried: &Carried) -> Judgement {
                (**self).judge(step, seen, carried)
            }
        }
    };
}

forward!(Arc);
forward!(Box);

/// The last `lookback` of a step, not further back than its start.
fn recent(step: &Step, lookback: Duration) -> Window {
    let from = step.now.saturating_sub(lookback).unwrap_or(step.started);
    let from = from.max(step.started);
    Window { from, to: step.now.max(from) }
}

/// All of a step so far.
fn whole(step: &Step) -> Window {
    Window { from: step.started, to: step.now.max(step.started) }
}

/// The observation, unless it is of no time at all or of a time outside `window`: then it says nothing about it.
fn about(window: Window, seen: &Observation) -> Option<&Observation> {
    (!seen.window.is_empty() && window.covers(&seen.window)).then_some(seen)
}

/// From the earliest to the latest of the windows of the step in which something was measured of the candidate; empty
/// at the step's start when nothing was.
fn covered(step: &Step, seen: &[Comparison]) -> Window {
    let about_it = seen.iter().filter_map(|seen| about(whole(step), seen.whole()));
    let measured = about_it.filter(|seen| !seen.is_missing());
    let hull = measured
        .map(|seen| seen.window)
        .reduce(|a, b| Window { from: a.from.min(b.from), to: a.to.max(b.to) });
    hull.unwrap_or(Window::empty(step.started))
}

#[cfg(test)]
mod tests;
