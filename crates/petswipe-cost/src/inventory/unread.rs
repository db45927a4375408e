//! What of the listed resources could not be read.

use serde::{Deserialize, Serialize};

use crate::{Error, Kind, Region, Why, explain};

/// Something of resources that were listed and that could not be read, such as the tags of buckets: what it is of is `None` there.
///
/// What vanished meanwhile is not among it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unread {
    /// Of which kind.
    pub kind: Kind,
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

impl Unread {
    /// That an error came in place of it.
    pub fn of(kind: Kind, region: &Region, error: &Error) -> Self {
        Self {
            kind,
            region: region.clone(),
            why: Why::of(error),
            action: error.missing_action().map(str::to_owned),
            message: explain(error),
        }
    }
}
