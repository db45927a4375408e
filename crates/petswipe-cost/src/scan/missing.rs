//! What could not be looked at, and why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Scan;
use crate::{Area, Error, Region, explain};

/// An area that was not analysed in a region, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NotAnalysed {
    /// The area.
    pub area: Area,
    /// Where.
    pub region: Region,
    /// Why.
    pub why: Why,
    /// The action that the credentials lack, as IAM names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// What was said.
    pub message: String,
}

/// Why an area was not analysed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Why {
    /// The credentials do not allow it.
    Denied,
    /// The region is not enabled.
    Disabled,
    /// One call too many.
    Throttled,
    /// The source does not know of it.
    Unsupported,
    /// No usable answer came.
    Failed,
    /// The scan was stopped before.
    Interrupted,
}

impl Why {
    /// As it stands in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Disabled => "disabled",
            Self::Throttled => "throttled",
            Self::Unsupported => "unsupported",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// Why something is missing: an error, or the end of the scan.
#[derive(Clone, Debug)]
pub(super) struct Gap {
    why: Why,
    action: Option<String>,
    message: String,
}

impl Gap {
    pub(super) fn of(error: &Error) -> Self {
        let why = match error {
            Error::Denied { .. } => Why::Denied,
            Error::Disabled { .. } => Why::Disabled,
            Error::Throttled { .. } => Why::Throttled,
            Error::Unsupported { .. } => Why::Unsupported,
            _ => Why::Failed,
        };
        Self { why, action: error.missing_action().map(str::to_owned), message: explain(error) }
    }

    pub(super) fn interrupted() -> Self {
        let message = "the scan was stopped before it was looked at".to_owned();
        Self { why: Why::Interrupted, action: None, message }
    }

    pub(super) fn is_interruption(&self) -> bool {
        self.why == Why::Interrupted
    }

    pub(super) fn about(self, area: Area, region: Region) -> NotAnalysed {
        let Self { why, action, message } = self;
        NotAnalysed { area, region, why, action, message }
    }
}

/// Why areas are missing, the first reason of each; an interruption is the last that is named.
#[derive(Default)]
pub(super) struct Gaps(BTreeMap<(Area, Region), Gap>);

impl Gaps {
    pub(super) fn add(&mut self, area: Area, region: &Region, gap: Gap) {
        let known = self.0.entry((area, region.clone())).or_insert_with(|| gap.clone());
        if known.is_interruption() && !gap.is_interruption() {
            *known = gap;
        }
    }

    pub(super) fn into_scan(self, scan: &mut Scan) {
        let gaps = self.0.into_iter();
        scan.not_analysed = gaps.map(|((area, region), gap)| gap.about(area, region)).collect();
    }
}
