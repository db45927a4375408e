//! Health gates: judging numbers, with three verdicts and reasons.
//!
//! A [`Gate`] is a pure function of observations and of the state it carries from one judgement to the next, so it can
//! be simulated, replayed from a journal, and explained. Reading the observations is [`observe_and_judge`]'s work.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Error, MetricSource, Observation, Subject, Window, explain};

mod absolute;
mod all;
mod regression;

pub use absolute::{AbsolutePolicy, LatencyLimit, NoData};
pub use all::All;
pub use regression::LatencyRegression;

/// The step of a rollout that is judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Since when the candidate has its present share of traffic. Nothing older says anything about this step.
    pub started: Timestamp,
    /// The end of the window judged last in this step, or `started`.
    pub judged_until: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// The candidate's share of traffic in whole percent.
    pub weight: u8,
}

/// What was seen in one window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The new version.
    pub candidate: Observation,
    /// The version it is compared with, where there is one that takes traffic at the same time.
    pub reference: Option<Observation>,
}

/// What a gate carries from one judgement to the next: its own business, kept as JSON in the operation's journal.
/// `null` before the first judgement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Carried(pub serde_json::Value);

/// A judgement: the verdict, and what to carry to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The verdict with its reasons.
    pub verdict: Verdict,
    /// For the next call.
    #[serde(default, skip_serializing_if = "is_null")]
    pub carried: Carried,
    /// What the numbers cover: from the earliest to the latest of the windows that had closed periods. Empty if none.
    pub covered: Window,
}

fn is_null(carried: &Carried) -> bool {
    carried.0.is_null()
}

/// Healthy, not healthy, or not enough to say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// All that had to be shown is shown.
    Pass {
        /// What was looked at.
        evidence: Vec<Finding>,
    },
    /// Something is wrong.
    Fail {
        /// What was looked at, the broken limits first.
        evidence: Vec<Finding>,
    },
    /// It can't be said yet. This never promotes anything.
    Inconclusive {
        /// Why, in a sentence.
        why: String,
        /// Which metrics are missing, or of which there is too little.
        missing: Vec<String>,
        /// What was looked at.
        evidence: Vec<Finding>,
    },
}

impl Verdict {
    /// What was looked at.
    pub fn evidence(&self) -> &[Finding] {
        match self {
            Self::Pass { evidence }
            | Self::Fail { evidence }
            | Self::Inconclusive { evidence, .. } => evidence,
        }
    }

    /// `pass`, `fail` or `inconclusive`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pass { .. } => "pass",
            Self::Fail { .. } => "fail",
            Self::Inconclusive { .. } => "inconclusive",
        }
    }

    /// Whether it is a pass.
    pub fn is_pass(&self) -> bool {
        matches!(self, Self::Pass { .. })
    }

    /// Whether it is a fail.
    pub fn is_fail(&self) -> bool {
        matches!(self, Self::Fail { .. })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |findings: &mut dyn Iterator<Item = &Finding>| {
            findings.map(Finding::to_string).collect::<Vec<_>>().join("; ")
        };
        match self {
            Self::Pass { evidence } => write!(f, "pass: {}", list(&mut evidence.iter())),
            Self::Fail { evidence } => {
                let mut broken = evidence.iter().filter(|f| f.result == FindingResult::Broken);
                write!(f, "fail: {}", list(&mut broken))
            }
            Self::Inconclusive { why, .. } => write!(f, "inconclusive: {why}"),
        }
    }
}

/// One metric against one limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Which metric, such as `error rate` or `p99 latency`.
    pub metric: String,
    /// Its value, in `unit`; `None` when unknown.
    pub value: Option<f64>,
    /// The limit it was held against, in `unit`.
    pub limit: f64,
    /// The unit: `%`, `ms`, `targets`.
    pub unit: String,
    /// How many requests (or targets) the value rests on.
    pub samples: u64,
    /// Whether it holds.
    pub result: FindingResult,
}

/// Whether a limit holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingResult {
    /// It holds.
    Holds,
    /// It is broken.
    Broken,
    /// There is no value, or it rests on too few samples.
    Missing,
    /// There is no value, and the policy says to ignore that.
    Ignored,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { metric, value, limit, unit, samples, .. } = self;
        match value {
            Some(value) => {
                write!(f, "{metric} {value:.2} {unit} (limit {limit:.2} {unit}, {samples} samples)")
            }
            None => write!(f, "{metric} unknown (limit {limit:.2} {unit})"),
        }
    }
}

/// Judges a step by what was observed.
///
/// # Contract
/// - `a_gate_without_observations_never_passes`: nothing seen, or nothing measured, is inconclusive or a fail.
/// - `a_gate_is_a_pure_function`: the same step, observations and carried state give the same judgement.
/// - `a_gate_looks_at_nothing_older_than_the_step`: no window it asks for begins before [`Step::started`].
pub trait Gate: Send + Sync {
    /// Its name, for evidence and messages.
    fn name(&self) -> String;

    /// Which windows it needs to see to judge `step`.
    fn windows(&self, step: &Step) -> Vec<Window>;

    /// Judges. `seen` is in the order of [`windows`](Self::windows).
    fn judge(&self, step: &Step, seen: &[Comparison], carried: &Carried) -> Judgement;
}

/// Reads what `gate` needs from `source`, one window after the other, and lets it judge.
///
/// A source that fails makes the verdict inconclusive with the cause, and an answer that is not about the step (it
/// begins before it, or lies outside what was asked) counts as nothing known. The carried state is kept in both cases.
pub async fn observe_and_judge(
    source: &dyn MetricSource,
    gate: &dyn Gate,
    step: &Step,
    candidate: &Subject,
    reference: Option<&Subject>,
    carried: &Carried,
) -> Judgement {
    let mut seen = Vec::new();
    for window in gate.windows(step) {
        let read = async {
            let candidate = observe(source, candidate, window, step).await?;
            let reference = match reference {
                Some(subject) => Some(observe(source, subject, window, step).await?),
                None => None,
            };
            Ok::<_, Error>(Comparison { candidate, reference })
        };
        match read.await {
            Ok(comparison) => seen.push(comparison),
            Err(error) => {
                return Judgement {
                    verdict: Verdict::Inconclusive {
                        why: format!("{} could not be read: {}", source.name(), explain(&error)),
                        missing: vec!["all metrics".to_owned()],
                        evidence: Vec::new(),
                    },
                    carried: carried.clone(),
                    covered: Window::empty(step.started),
                };
            }
        }
    }
    gate.judge(step, &seen, carried)
}

async fn observe(
    source: &dyn MetricSource,
    subject: &Subject,
    window: Window,
    step: &Step,
) -> Result<Observation, Error> {
    let observation = source.observe(subject, window, step.now).await?;
    let about_the_step = observation.window.is_empty() || window.covers(&observation.window);
    if about_the_step && observation.subject == *subject {
        Ok(observation)
    } else {
        Ok(Observation::missing(subject.clone(), Window::empty(window.from)))
    }
}

/// From the earliest to the latest of the windows that are not empty; empty at the step's start when all are.
fn covered(step: &Step, seen: &[Comparison]) -> Window {
    let windows = seen.iter().map(|comparison| comparison.candidate.window);
    let mut filled = windows.filter(|window| !window.is_empty());
    let Some(first) = filled.next() else {
        return Window::empty(step.started);
    };
    filled.fold(first, |a, b| Window { from: a.from.min(b.from), to: a.to.max(b.to) })
}

/// Turns findings into a verdict: broken ones fail, else missing ones are inconclusive, else it passes if anything held.
fn verdict(mut evidence: Vec<Finding>) -> Verdict {
    let of = |evidence: &[Finding], result| -> Vec<String> {
        let some = evidence.iter().filter(|finding| finding.result == result);
        some.map(|finding| finding.metric.clone()).collect()
    };
    if !of(&evidence, FindingResult::Broken).is_empty() {
        evidence.sort_by_key(|finding| finding.result != FindingResult::Broken);
        return Verdict::Fail { evidence };
    }
    let missing = of(&evidence, FindingResult::Missing);
    if !missing.is_empty() {
        let first = evidence.iter().find(|finding| finding.result == FindingResult::Missing);
        let why = first.map_or_else(String::new, |finding| match finding.value {
            Some(_) => format!("{} rests on only {} samples", finding.metric, finding.samples),
            None => format!("{} is not known", finding.metric),
        });
        return Verdict::Inconclusive { why, missing, evidence };
    }
    if of(&evidence, FindingResult::Holds).is_empty() {
        let why = "nothing was measured".to_owned();
        return Verdict::Inconclusive { why, missing: vec!["all metrics".to_owned()], evidence };
    }
    Verdict::Pass { evidence }
}
