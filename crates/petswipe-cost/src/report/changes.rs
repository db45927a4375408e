//! What is different between two reports.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Finding, Range, Report};
use crate::Error;

/// What is different from an older report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Findings that were not there.
    pub new: Vec<String>,
    /// Findings that are no longer there, and whose area was looked at.
    pub gone: Vec<String>,
    /// Findings that are no longer there because their area or region was not looked at, or their resource is not known well enough
    /// now.
    pub not_looked_at: Vec<String>,
    /// Findings that are no longer reported because a suppression or a tag hides them now.
    pub hidden: Vec<String>,
    /// Findings that save more than they did.
    pub grown: Vec<Change>,
    /// Findings that save less than they did.
    pub shrunk: Vec<Change>,
}

/// A finding whose saving is another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its id.
    pub id: String,
    /// What it saved.
    pub was: Range,
    /// What it saves now.
    pub is: Range,
}

impl Changes {
    pub(super) fn between(old: &Report, new: &Report) -> Result<Self, Error> {
        let account =
            |report: &Report| report.account.clone().unwrap_or_else(|| "not known".to_owned());
        if let (Some(_), Some(now)) = (&old.account, &new.account)
            && old.account != new.account
        {
            return Err(Error::invalid("account of the older report", account(old), now));
        }
        let (was, is) = (old.totals.monthly_saving.currency, new.totals.monthly_saving.currency);
        if was != is {
            return Err(Error::invalid("currency of the older report", was, is.to_string()));
        }
        let by_id = |report: &Report| -> BTreeMap<String, Range> {
            report.findings.iter().map(|finding| (finding.id.clone(), range(finding))).collect()
        };
        let (before, after) = (by_id(old), by_id(new));
        let blind: BTreeSet<_> = new
            .not_analysed
            .iter()
            .map(|missing| format!("{}:{}:", missing.area, missing.region))
            .collect();
        let unknown: BTreeSet<&str> =
            new.unknown.iter().map(|unknown| unknown.id.as_str()).collect();
        let hidden: BTreeSet<&str> = new
            .suppressed
            .iter()
            .map(|suppressed| suppressed.id.as_str())
            .chain(new.excluded_ids.iter().map(String::as_str))
            .collect();
        let looked_at = |finding: &Finding| {
            let area = new.areas.contains(&finding.area);
            let region =
                new.regions.contains(&finding.region) || finding.region == crate::Region::global();
            let prefix = format!("{}:{}:", finding.area, finding.region);
            area && region && !blind.contains(&prefix) && !unknown.contains(finding.id.as_str())
        };
        let mut changes = Self {
            new: after.keys().filter(|id| !before.contains_key(*id)).cloned().collect(),
            ..Self::default()
        };
        for finding in old.findings.iter().filter(|finding| !after.contains_key(&finding.id)) {
            let list = if hidden.contains(finding.id.as_str()) {
                &mut changes.hidden
            } else if looked_at(finding) {
                &mut changes.gone
            } else {
                &mut changes.not_looked_at
            };
            list.push(finding.id.clone());
        }
        for (id, is) in after {
            let Some(was) = before.get(&id).copied() else { continue };
            let list = match (is.high, is.low).cmp(&(was.high, was.low)) {
                std::cmp::Ordering::Greater => &mut changes.grown,
                std::cmp::Ordering::Less => &mut changes.shrunk,
                std::cmp::Ordering::Equal => continue,
            };
            list.push(Change { id, was, is });
        }
        changes.gone.sort();
        changes.not_looked_at.sort();
        changes.hidden.sort();
        Ok(changes)
    }
}

fn range(finding: &Finding) -> Range {
    let (low, high) = finding.weight();
    Range { low, high }
}
