//! Sums of savings in which nothing is counted twice.

use std::collections::BTreeMap;
use std::iter::Sum;

use serde::{Deserialize, Serialize};

use super::Finding;
use crate::{Currency, Kind, Money, Part, ResourceRef};

/// From the least to the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Range {
    /// At least.
    pub low: Money,
    /// At most.
    pub high: Money,
}

impl Sum for Range {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            low: sum.low + one.low,
            high: sum.high + one.high,
        })
    }
}

/// What all findings come to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// What a month would save: exactly the sum of the findings that are counted.
    pub monthly_saving: MonthlySaving,
    /// The same by area.
    pub by_area: BTreeMap<String, Range>,
    /// The same by region.
    pub by_region: BTreeMap<String, Range>,
    /// The same by the values of a tag, if one was named; what lacks it is under the empty text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_tag: BTreeMap<String, Range>,
    /// The key of that tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// How many findings there are.
    pub findings: usize,
    /// How many of them are alternatives to others, and so not counted.
    pub alternatives: usize,
    /// How many of them have no price, and so are not counted.
    pub without_price: usize,
    /// How many of them are about the rate that is paid for what remains, or in another currency, and so not counted.
    #[serde(default)]
    pub apart: usize,
    /// Of how many resources too little is known.
    pub unknown: usize,
}

/// A range with its currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthlySaving {
    /// At least.
    pub low: Money,
    /// At most.
    pub high: Money,
    /// Of both.
    pub currency: Currency,
}

impl Totals {
    pub(super) fn of(
        findings: &[Finding],
        unknown: usize,
        currency: Currency,
        tag: Option<&str>,
    ) -> Self {
        let counted: Vec<&Finding> = findings.iter().filter(|finding| finding.counted).collect();
        let range = |finding: &Finding| {
            let (low, high) = finding.weight();
            Range { low, high }
        };
        let by = |key: &dyn Fn(&Finding) -> String| {
            let mut groups: BTreeMap<String, Vec<Range>> = BTreeMap::new();
            for finding in &counted {
                groups.entry(key(finding)).or_default().push(range(finding));
            }
            let sums = groups.into_iter().map(|(name, ranges)| (name, ranges.into_iter().sum()));
            sums.collect::<BTreeMap<String, Range>>()
        };
        let total: Range = counted.iter().map(|finding| range(finding)).sum();
        Self {
            monthly_saving: MonthlySaving { low: total.low, high: total.high, currency },
            by_area: by(&|finding| finding.area.to_string()),
            by_region: by(&|finding| finding.region.to_string()),
            by_tag: tag
                .map(|tag| by(&|finding| finding.tags.get(tag).cloned().unwrap_or_default()))
                .unwrap_or_default(),
            tag: tag.map(str::to_owned),
            findings: findings.len(),
            alternatives: findings
                .iter()
                .filter(|finding| finding.alternative_to.is_some())
                .count(),
            without_price: findings
                .iter()
                .filter(|finding| finding.monthly_saving.is_none())
                .count(),
            apart: findings
                .iter()
                .filter(|finding| {
                    let priced = finding.monthly_saving.is_some();
                    priced && !finding.counted && finding.alternative_to.is_none()
                })
                .count(),
            unknown,
        }
    }
}

/// Whose bill a finding is about: of a bucket its name, without what of it is meant.
pub(super) fn bill(resource: &ResourceRef) -> &str {
    match resource.kind {
        Kind::Bucket => resource.id.split('/').next().unwrap_or_default(),
        _ => &resource.id,
    }
}

/// Of findings about the same part of one bill only the one that saves most is counted, and either the one about all of it or those
/// about its parts, whichever save more. "More" is by the lower bound, and by the upper one where the lower ones are equal.
pub(super) fn count_once(findings: &mut [Finding]) {
    let mut bills: BTreeMap<(Kind, String, String), Vec<usize>> = BTreeMap::new();
    for (index, finding) in findings.iter().enumerate().filter(|(_, finding)| finding.counted) {
        let name = bill(&finding.reference()).to_owned();
        bills.entry((finding.kind, finding.region.to_string(), name)).or_default().push(index);
    }
    for group in bills.into_values().filter(|group| group.len() > 1) {
        let mut best: BTreeMap<Part, usize> = BTreeMap::new();
        for &index in &group {
            let champion = best.entry(findings[index].part).or_insert(index);
            if findings[index].weight() > findings[*champion].weight() {
                *champion = index;
            }
        }
        let whole = best.remove(&Part::Whole);
        let parts: Range = best
            .values()
            .map(|index| findings[*index].weight())
            .map(|(low, high)| Range { low, high })
            .sum();
        let in_place_of = |part: Part| match whole {
            Some(whole) if findings[whole].weight() >= (parts.low, parts.high) => Some(whole),
            _ => best.get(&part).or(best.values().next()).copied().or(whole),
        };
        let chosen: Vec<_> = group.iter().map(|index| in_place_of(findings[*index].part)).collect();
        for (index, chosen) in group.into_iter().zip(chosen) {
            if let Some(chosen) = chosen.filter(|chosen| *chosen != index) {
                let id = findings[chosen].id.clone();
                findings[index].counted = false;
                findings[index].alternative_to = Some(id);
            }
        }
    }
}
