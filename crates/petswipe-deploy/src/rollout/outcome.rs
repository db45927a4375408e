//! How a rollout ends.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Environment, RevisionId};

/// How it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The new version serves everything.
    Promoted {
        /// Where.
        environment: Environment,
        /// Which revision.
        revision: RevisionId,
        /// Which revision served before.
        before: RevisionId,
    },
    /// Everything is as it was before.
    RolledBack {
        /// Why.
        cause: Cause,
    },
    /// Somebody wanted it to end. Everything is as it was before.
    Aborted {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// It was not begun; nothing was touched.
    Refused {
        /// Why, all reasons.
        reasons: Vec<String>,
    },
    /// Somebody else changed the weights or deployed on a side meanwhile, so everything was left as it is.
    Stopped {
        /// What was found.
        reason: String,
        /// What is left, and how to go on.
        left: String,
    },
}

impl Outcome {
    /// `promoted`, `rolled-back`, `aborted` or `failed`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Promoted { .. } => "promoted",
            Self::RolledBack { .. } => "rolled-back",
            Self::Aborted { .. } => "aborted",
            Self::Refused { .. } | Self::Stopped { .. } => "failed",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Promoted { environment, revision, .. } => {
                write!(f, "{revision} serves all traffic from {environment}")
            }
            Self::RolledBack { cause } => write!(f, "rolled back: {cause}"),
            Self::Aborted { by, reason } => write!(f, "aborted by {by}: {reason}"),
            Self::Refused { reasons } => write!(f, "refused: {}", reasons.join("; ")),
            Self::Stopped { reason, left } => write!(f, "stopped: {reason}; {left}"),
        }
    }
}

/// Why a rollout goes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// What kind of reason.
    pub kind: CauseKind,
    /// For people.
    pub text: String,
}

impl Cause {
    pub(super) fn new(kind: CauseKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Kinds of reasons to go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// The gate said that it is not healthy.
    Verdict,
    /// The gate could not say that it is healthy, for too long.
    Unsure,
    /// Too few healthy tasks.
    Capacity,
    /// Too many failed tasks, or the platform gave up.
    Tasks,
    /// The smoke test failed.
    Smoke,
    /// A hook said no, or did not answer.
    Hook,
    /// A person said no, or nobody answered.
    Approval,
    /// A call to the cloud failed too often, or was refused.
    Call,
    /// Somebody asked for the end.
    Abort,
}
