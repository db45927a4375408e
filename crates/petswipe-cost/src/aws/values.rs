//! Values as the SDKs have them.

use std::collections::HashSet;

use aws_smithy_types::DateTime;
use jiff::Timestamp;
use petswipe_aws::CallError;

use super::pages::Asked;
use crate::{Resource, Tags};

/// A time of an answer; `None` also for one that is out of range.
pub(super) fn time(at: Option<&DateTime>) -> Option<Timestamp> {
    Timestamp::from_nanosecond(at?.as_nanos()).ok()
}

/// A number that counts; what is below 0 is taken for 0.
pub(super) fn count(number: impl TryInto<u32>) -> u32 {
    number.try_into().unwrap_or_default()
}

/// Tags from keys and values.
pub(super) fn tags<'a>(all: impl IntoIterator<Item = (Option<&'a str>, Option<&'a str>)>) -> Tags {
    let pair = |(key, value): (Option<&str>, Option<&str>)| {
        Some((key?.to_owned(), value.unwrap_or_default().to_owned()))
    };
    all.into_iter().filter_map(pair).collect()
}

/// What an answer has to have.
pub(super) fn need<T>(value: Option<T>, asked: Asked<'_>, what: &str) -> Result<T, CallError> {
    value.ok_or_else(|| asked.unusable(format!("an entry has no {what}")))
}

/// Each resource once, as pages of a listing that changes meanwhile may have one twice.
pub(super) fn distinct<T: Resource>(mut all: Vec<T>) -> Vec<T> {
    let mut seen = HashSet::new();
    all.retain(|one| seen.insert(one.id().to_owned()));
    all
}
