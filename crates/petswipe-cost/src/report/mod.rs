//! The report of a scan: findings, what they save without counting anything twice, and what is not known.

mod changes;
mod criteria;
mod explanation;
mod finding;
mod near;
mod opinion;
mod scan_cost;
mod spend;
mod totals;

pub use changes::{Change, Changes};
pub use criteria::Criteria;
pub use explanation::{Explained, Explanation, NotReported};
pub use finding::{Finding, Suppressed, Unknown};
pub use opinion::AwsOpinion;
pub use scan_cost::ScanCost;
pub use spend::{Amount, Day, SpendReport};
pub use totals::{Range, Totals};

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::exclusion::{Suppressions, TagFilter};
use crate::{Area, Assessment, Error, NotAnalysed, Region, Scan, Verdict};

/// The version of the JSON of a report.
const FORMAT: u32 = 2;

/// A report. Its JSON is a document that a later report can be compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of this form.
    pub format: u32,
    /// The account; `None` where nobody would say.
    pub account: Option<String>,
    /// The regions looked at.
    pub regions: Vec<Region>,
    /// The areas that were to be analysed there.
    pub areas: Vec<Area>,
    /// When the scan began.
    pub at: Timestamp,
    /// Whether something was not looked at; [`not_analysed`](Self::not_analysed) has what.
    pub partial: bool,
    /// What could be saved, the most first.
    pub findings: Vec<Finding>,
    /// What is not known well enough to say.
    pub unknown: Vec<Unknown>,
    /// What all of that comes to.
    pub totals: Totals,
    /// What would be a finding, and somebody knows of.
    pub suppressed: Vec<Suppressed>,
    /// How many resources would be findings, and are excluded by tag.
    pub excluded: u64,
    /// The ids that their findings would have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded_ids: Vec<String>,
    /// By what all of it was judged.
    pub criteria: Criteria,
    /// What was not looked at.
    pub not_analysed: Vec<NotAnalysed>,
    /// What is to be said of the suppressions, those that are over and those that match nothing, and of what AWS has no opinion. And what there is none of.
    pub notes: Vec<String>,
    /// How many resources were looked at, by kind.
    pub resources: BTreeMap<String, u64>,
    /// The calls made, by IAM's names.
    pub calls: BTreeMap<String, u64>,
    /// What the scan itself cost.
    pub scan_cost: ScanCost,
    /// The day that the prices of each region are of.
    pub priced_at: BTreeMap<Region, Date>,
    /// What was spent, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spend: Option<SpendReport>,
    /// What AWS itself says of spend, if it was asked. It is in no total: AWS may mean the same as findings do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_opinion: Option<AwsOpinion>,
    /// What is different from an older report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
}

/// What goes into a report, beside what was found.
#[derive(Clone, Debug, Default)]
pub struct ReportOptions {
    /// What carries one of these tags is not reported.
    pub exclude: Vec<TagFilter>,
    /// Findings that somebody knows of.
    pub suppressions: Suppressions,
    /// The key of the tag by whose values savings are summed.
    pub by_tag: Option<String>,
    /// The calls made, by IAM's names.
    pub calls: BTreeMap<String, u64>,
}

impl ReportOptions {
    /// The tag for which something is not reported.
    fn excluding(&self, assessment: &Assessment) -> Option<&TagFilter> {
        let tags = assessment.tags.as_ref()?;
        self.exclude.iter().find(|tag| tag.matches(tags))
    }

    /// Whether a tag may exclude it that nobody could read.
    fn may_exclude(&self, assessment: &Assessment) -> bool {
        !self.exclude.is_empty() && assessment.tags.is_none() && assessment.resource.kind.has_tags()
    }
}

impl Report {
    /// The report of a scan.
    pub fn of(scan: &Scan, options: &ReportOptions) -> Self {
        let today = scan.now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let mut findings = Vec::new();
        let mut unknown = Vec::new();
        let mut suppressed = Vec::new();
        let mut excluded_ids = Vec::new();
        let mut ids = Vec::new();
        scan.assess(&mut |assessment| {
            if assessment.verdict == Verdict::Busy {
                return;
            }
            let id = assessment.id();
            if options.excluding(&assessment).is_some() {
                excluded_ids.push(id);
                return;
            }
            if let Some(why) = options.suppressions.of(&id, today) {
                ids.push(why.id.clone());
                suppressed.push(Suppressed { id, reason: why.reason.clone(), until: why.until });
                return;
            }
            let hidden = options.may_exclude(&assessment);
            match (assessment.verdict, assessment.advice.is_some()) {
                (Verdict::Unknown, _) | (_, false) => unknown.push(Unknown::of(assessment)),
                _ if hidden => unknown.push(Unknown::untagged(assessment)),
                _ => findings.extend(Finding::of(assessment)),
            }
        });
        let currency = scan.prices.currency();
        for finding in &mut findings {
            finding.counted &=
                finding.monthly_saving.as_ref().is_some_and(|saving| saving.currency == currency);
        }
        totals::count_once(&mut findings);
        findings.sort_by(|one, other| {
            other.weight().cmp(&one.weight()).then_with(|| one.id.cmp(&other.id))
        });
        unknown.sort_by(|one, other| one.id.cmp(&other.id));
        suppressed.sort_by(|one, other| one.id.cmp(&other.id));
        excluded_ids.sort();
        let totals = Totals::of(&findings, unknown.len(), currency, options.by_tag.as_deref());
        let mut resources = BTreeMap::new();
        for resource in scan.inventory.resources() {
            *resources.entry(resource.kind().name().to_owned()).or_default() += 1;
        }
        let looked_at = |region: &Region| scan.regions.contains(region);
        Self {
            format: FORMAT,
            account: scan.account.clone(),
            regions: scan.regions.clone(),
            areas: scan.areas(),
            at: scan.now,
            partial: scan.interrupted || !scan.not_analysed.is_empty(),
            findings,
            unknown,
            totals,
            notes: notes(options, &ids, today, scan),
            suppressed,
            excluded: excluded_ids.len() as u64,
            excluded_ids,
            criteria: Criteria::of(&options.exclude, &options.suppressions, &scan.limits, today),
            not_analysed: scan.not_analysed.clone(),
            resources,
            calls: options.calls.clone(),
            scan_cost: ScanCost::of(scan, &options.calls),
            priced_at: scan
                .prices
                .dates()
                .filter(|(region, _)| looked_at(region))
                .map(|(region, date)| (region.clone(), date))
                .collect(),
            spend: scan.spend.as_ref().and_then(|spend| SpendReport::as_of(spend, today).ok()),
            aws_opinion: AwsOpinion::of(scan),
            changes: None,
        }
    }

    /// A report from its JSON.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what is none, or one of another version.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let malformed =
            |problem: String| Error::Malformed { file: "the report".to_owned(), problem };
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        // What another version has or lacks would only be confusing.
        let head: Head =
            serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        if head.format != FORMAT {
            return Err(malformed(format!("its format is {}; allowed: {FORMAT}", head.format)));
        }
        serde_json::from_str(text).map_err(|error| malformed(error.to_string()))
    }

    /// The same with what is different from an older report.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one of another account or currency.
    pub fn compared_with(mut self, old: &Self) -> Result<Self, Error> {
        self.changes = Some(Changes::between(old, &self)?);
        Ok(self)
    }
}

/// What is to be said of the suppressions.
fn notes(options: &ReportOptions, matched: &[String], today: Date, scan: &Scan) -> Vec<String> {
    let expired = options.suppressions.expired(today);
    let expired =
        expired.map(|one| format!("the suppression {} is over since {}", one.id, one.until));
    let unmatched = options
        .suppressions
        .suppressions
        .iter()
        .filter(|one| one.until >= today && !matched.contains(&one.id));
    let partly = if scan.not_analysed.is_empty() { "" } else { " of what was looked at" };
    let unmatched =
        unmatched.map(|one| format!("the suppression {} matches nothing{partly}", one.id));
    expired.chain(unmatched).chain(scan.notes.iter().cloned()).collect()
}
