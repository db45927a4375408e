//! What could not be looked at, and why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Scan;
use crate::inventory::Unread;
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
    /// What an error says about it.
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Denied { .. } => Self::Denied,
            Error::Disabled { .. } => Self::Disabled,
            Error::Throttled { .. } => Self::Throttled,
            Error::Unsupported { .. } => Self::Unsupported,
            _ => Self::Failed,
        }
    }

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
        let action = error.missing_action().map(str::to_owned);
        Self { why: Why::of(error), action, message: explain(error) }
    }

    /// Something of what was listed.
    pub(super) fn unread(unread: &Unread) -> Self {
        let Unread { why, action, message, .. } = unread.clone();
        Self { why, action, message }
    }

    /// Some series of an answer, of which the first is named.
    pub(super) fn series(first: &str, how_many: usize) -> Self {
        let more =
            if how_many > 1 { format!(", and {} more", how_many - 1) } else { String::new() };
        Self { why: Why::Failed, action: None, message: format!("{first}{more}") }
    }

    pub(super) fn interrupted() -> Self {
        let message = "the scan was stopped before it was looked at".to_owned();
        Self { why: Why::Interrupted, action: None, message }
    }
}

/// Why areas are missing: each reason once, and each action that is denied. Whichever came first, they are in the same order.
#[derive(Default)]
pub(super) struct Gaps(BTreeMap<(Area, Region), Reasons>);

/// With what was said about each; of several the first in the order of letters.
type Reasons = BTreeMap<(Why, Option<String>), String>;

impl Gaps {
    pub(super) fn add(&mut self, area: Area, region: &Region, gap: Gap) {
        let Gap { why, action, message } = gap;
        let reasons = self.0.entry((area, region.clone())).or_default();
        let said = reasons.entry((why, action)).or_insert_with(|| message.clone());
        if message < *said {
            *said = message;
        }
    }

    /// Puts them into a scan. An interruption is named only where there is no other reason.
    pub(super) fn into_scan(self, scan: &mut Scan) {
        scan.not_analysed = self.into_list();
    }

    fn into_list(self) -> Vec<NotAnalysed> {
        let mut list = Vec::new();
        for ((area, region), mut reasons) in self.0 {
            if reasons.len() > 1 {
                reasons.retain(|(why, _), _| *why != Why::Interrupted);
            }
            list.extend(reasons.into_iter().map(|((why, action), message)| NotAnalysed {
                area: area.clone(),
                region: region.clone(),
                why,
                action,
                message,
            }));
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(action: &str) -> Error {
        Error::Denied { action: action.to_owned(), source: "no".into() }
    }

    #[test]
    fn every_action_that_is_denied_is_named_in_one_order() {
        let region = Region::new("eu-central-1").unwrap();
        let errors = || {
            let failed = |said: &str| Error::backend("asking", said.to_owned());
            vec![
                Gap::of(&denied("s3:GetBucketTagging")),
                Gap::interrupted(),
                Gap::of(&failed("b")),
                Gap::of(&denied("s3:GetBucketVersioning")),
                Gap::of(&failed("a")),
            ]
        };
        let listed = |errors: Vec<Gap>| {
            let mut gaps = Gaps::default();
            errors.into_iter().for_each(|gap| gaps.add(Area::S3, &region, gap));
            gaps.into_list()
        };
        let forth = listed(errors());
        let named: Vec<_> = forth.iter().map(|one| (one.why, one.action.as_deref())).collect();
        let wanted = [
            (Why::Denied, Some("s3:GetBucketTagging")),
            (Why::Denied, Some("s3:GetBucketVersioning")),
            (Why::Failed, None),
        ];
        assert_eq!(named, wanted);
        assert_eq!(forth[2].message, "asking failed: a");
        assert_eq!(listed(errors().into_iter().rev().collect()), forth);
        assert_eq!(listed(vec![Gap::interrupted()])[0].why, Why::Interrupted);
    }
}
