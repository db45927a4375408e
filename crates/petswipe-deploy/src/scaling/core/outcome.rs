//! How a scaling operation ends.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Seen;

/// How it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is as asked.
    Done {
        /// How it was.
        before: Seen,
        /// How it is.
        now: Seen,
        /// Whether anything had to be changed for it.
        changed: bool,
    },
    /// It was not begun, or its only command was refused; nothing was changed.
    Refused {
        /// Why, all reasons.
        reasons: Vec<String>,
    },
    /// Somebody wanted it to end before anything was changed.
    Aborted {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// It stopped half-way.
    Stopped {
        /// Why.
        why: String,
        /// How it was.
        before: Seen,
        /// How it is; `None` if that could not be found out.
        left: Option<Seen>,
    },
}

impl Outcome {
    /// `done`, `refused`, `aborted` or `stopped`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::Refused { .. } => "refused",
            Self::Aborted { .. } => "aborted",
            Self::Stopped { .. } => "stopped",
        }
    }

    /// How it was before, if anybody looked.
    pub fn before(&self) -> Option<&Seen> {
        match self {
            Self::Done { before, .. } | Self::Stopped { before, .. } => Some(before),
            Self::Refused { .. } | Self::Aborted { .. } => None,
        }
    }

    /// How it was left, if anybody looked.
    pub fn left(&self) -> Option<&Seen> {
        match self {
            Self::Done { now, .. } => Some(now),
            Self::Stopped { left, .. } => left.as_ref(),
            Self::Refused { .. } | Self::Aborted { .. } => None,
        }
    }

    /// Whether anything was changed, or may have been.
    pub fn has_changed(&self) -> bool {
        matches!(self, Self::Done { changed: true, .. } | Self::Stopped { .. })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done { now, changed: true, .. } => write!(f, "done: {now}"),
            Self::Done { now, changed: false, .. } => write!(f, "nothing to do: {now}"),
            Self::Refused { reasons } => write!(f, "refused: {}", reasons.join("; ")),
            Self::Aborted { by, reason } => {
                write!(f, "aborted by {by} before anything was changed: {reason}")
            }
            Self::Stopped { why, before, left } => {
                write!(f, "stopped: {why}. Before, {before}. ")?;
                match left {
                    Some(left) => write!(f, "Now, {left}"),
                    None => f.write_str("How it is now could not be found out"),
                }
            }
        }
    }
}
