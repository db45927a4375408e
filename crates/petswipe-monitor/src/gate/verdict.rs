//! The verdict, and the findings it rests on.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Error;

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

    /// Findings as a verdict: broken ones fail, else missing ones are inconclusive, else it passes if anything held.
    pub(super) fn of(mut evidence: Vec<Finding>) -> Self {
        let with = |evidence: &[Finding], result| -> Vec<String> {
            let some = evidence.iter().filter(|finding| finding.result == result);
            some.map(|finding| finding.metric.to_string()).collect()
        };
        if !with(&evidence, FindingResult::Broken).is_empty() {
            evidence.sort_by_key(|finding| finding.result != FindingResult::Broken);
            return Self::Fail { evidence };
        }
        let is_missing = |finding: &&Finding| finding.result == FindingResult::Missing;
        if let Some(first) = evidence.iter().find(is_missing) {
            return Self::Inconclusive {
                why: match first.value {
                    Some(_) if !first.detail.is_empty() => first.to_string(),
                    Some(_) => format!("{} rests on only {} samples", first.metric, first.samples),
                    None if !first.detail.is_empty() => {
                        format!("{} is not known: {}", first.metric, first.detail)
                    }
                    None => format!("{} is not known", first.metric),
                },
                missing: with(&evidence, FindingResult::Missing),
                evidence,
            };
        }
        if with(&evidence, FindingResult::Holds).is_empty() {
            let ignored = with(&evidence, FindingResult::Ignored);
            return Self::Inconclusive {
                why: "nothing was measured".to_owned(),
                missing: match ignored.is_empty() {
                    true => vec!["all metrics".to_owned()],
                    false => ignored,
                },
                evidence,
            };
        }
        Self::Pass { evidence }
    }

    /// The verdict of a policy that can't judge, because it was not set up properly.
    pub(super) fn unusable(error: &Error) -> Self {
        Self::Inconclusive {
            why: format!("the policy can't be used: {error}"),
            missing: vec!["all metrics".to_owned()],
            evidence: Vec::new(),
        }
    }

    /// Whether all it misses is to be ignored: there was nothing for the gate to judge, and others may decide.
    pub(super) fn is_idle(&self) -> bool {
        let Self::Inconclusive { missing, evidence, .. } = self else {
            return false;
        };
        let is_ignored = |finding: &Finding| finding.result == FindingResult::Ignored;
        let is_named = |metric: &String| evidence.iter().any(|finding| finding.metric == *metric);
        evidence.iter().all(is_ignored) && !missing.is_empty() && missing.iter().all(is_named)
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
                let is_broken = |finding: &&Finding| finding.result == FindingResult::Broken;
                match evidence.iter().any(|finding| is_broken(&finding)) {
                    true => write!(f, "fail: {}", list(&mut evidence.iter().filter(is_broken))),
                    false => write!(f, "fail: {}", list(&mut evidence.iter())),
                }
            }
            Self::Inconclusive { why, .. } => write!(f, "inconclusive: {why}"),
        }
    }
}

/// One metric against one limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Which metric, such as `error rate` or `p99 latency`.
    pub metric: Cow<'static, str>,
    /// Its value, in `unit`; `None` when unknown.
    pub value: Option<f64>,
    /// The limit it was held against, in `unit`.
    pub limit: f64,
    /// The unit: `%`, `ms`, `targets`.
    pub unit: Cow<'static, str>,
    /// How many requests (or targets) the value rests on.
    pub samples: u64,
    /// Whether it holds.
    pub result: FindingResult,
    /// What it rests on, where that is more than the numbers above.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
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
    /// There is no value, or it rests on too few samples, and the policy says to ignore that.
    Ignored,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { metric, value, limit, unit, samples, result, detail } = self;
        match value {
            Some(value) => write!(
                f,
                "{metric} {value:.2} {unit} (limit {limit:.2} {unit}, {samples} samples)"
            )?,
            None => write!(f, "{metric} unknown (limit {limit:.2} {unit})")?,
        }
        if !detail.is_empty() {
            write!(f, ": {detail}")?;
        }
        match result {
            FindingResult::Ignored => f.write_str(", ignored"),
            _ => Ok(()),
        }
    }
}
