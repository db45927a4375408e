//! Listings of which a part could not be read.

use std::collections::BTreeMap;

use petswipe_aws::CallError;

use super::error::called;
use crate::inventory::Unread;
use crate::{Kind, Region};

/// What was listed, and the calls about it that failed.
pub(super) struct Partly<T> {
    pub(super) all: Vec<T>,
    pub(super) failed: Vec<CallError>,
}

/// Calls that failed, for a report: of each reason and action the first, and how many more there were.
pub(super) fn unread(kind: Kind, region: &Region, failed: Vec<CallError>) -> Vec<Unread> {
    let mut reasons: BTreeMap<_, (Unread, usize)> = BTreeMap::new();
    for error in failed {
        let action = error.action().to_owned();
        let unread = Unread::of(kind, region, &called(error));
        let known = reasons.entry((unread.why, action)).or_insert((unread, 0));
        known.1 += 1;
    }
    let named = |(mut unread, times): (Unread, usize)| {
        if times > 1 {
            unread.message += &format!(", and {} more", times - 1);
        }
        unread
    };
    reasons.into_values().map(named).collect()
}

/// A part of an answer, `None` where the call about it failed.
pub(super) fn part<T>(answer: Result<T, CallError>, failed: &mut Vec<CallError>) -> Option<T> {
    answer.map_err(|error| failed.push(error)).ok()
}
