//! The report of a scan: findings, what they save without counting anything twice, and what is not known.

mod changes;
mod finding;
mod spend;
mod totals;

pub use changes::{Change, Changes};
pub use finding::{Finding, Suppressed, Unknown};
pub use spend::{Amount, Day, SpendReport};
pub use totals::{Range, Totals};

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::exclusion::{Suppressions, TagFilter};
use crate::{Currency, Error, NotAnalysed, Region, ResourceRef, Scan, Verdict};

/// The version of the JSON of a report.
const FORMAT: u32 = 1;

/// A report. Its JSON is a document that a later report can be compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of this form.
    pub format: u32,
    /// The account; `None` where nobody would say.
    pub account: Option<String>,
    /// The regions looked at.
    pub regions: Vec<Region>,
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
    /// What was not looked at.
    pub not_analysed: Vec<NotAnalysed>,
    /// What is to be said of the suppressions: those that are over, and those that match nothing.
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
    /// What is different from an older report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
}

/// What a scan cost by the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScanCost {
    /// The amount, to a hundredth of a cent; `None` where the prices are not known.
    pub amount: Option<Decimal>,
    /// Its currency.
    pub currency: Currency,
    /// The metrics that were asked for by a call that is charged for them.
    pub metrics: u64,
    /// The requests to Cost Explorer.
    pub cost_explorer_requests: u64,
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

impl Report {
    /// The report of a scan.
    pub fn of(scan: &Scan, options: &ReportOptions) -> Self {
        let today = scan.now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let mut findings = Vec::new();
        let mut unknown = Vec::new();
        let mut suppressed = Vec::new();
        let mut excluded = 0;
        let mut ids = Vec::new();
        scan.assess(&mut |assessment| {
            if assessment.verdict == Verdict::Busy {
                return;
            }
            let is_excluded = assessment
                .tags
                .as_ref()
                .is_some_and(|tags| options.exclude.iter().any(|tag| tag.matches(tags)));
            if is_excluded {
                excluded += 1;
                return;
            }
            let id = assessment.id();
            if let Some(why) = options.suppressions.of(&id, today) {
                ids.push(why.id.clone());
                suppressed.push(Suppressed { id, reason: why.reason.clone(), until: why.until });
                return;
            }
            let hidden = !options.exclude.is_empty()
                && assessment.tags.is_none()
                && assessment.resource.kind.has_tags();
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
            at: scan.now,
            partial: scan.interrupted || !scan.not_analysed.is_empty(),
            findings,
            unknown,
            totals,
            notes: notes(options, &ids, today, scan),
            suppressed,
            excluded,
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
            spend: spend(scan, today),
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
        let report: Self =
            serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        if report.format != FORMAT {
            return Err(malformed(format!("its format is {}; allowed: {FORMAT}", report.format)));
        }
        Ok(report)
    }

    /// The same with what is different from an older report.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one of another account or currency.
    pub fn compared_with(mut self, old: &Self) -> Result<Self, Error> {
        self.changes = Some(Changes::between(old, &self)?);
        Ok(self)
    }

    /// Why a resource was flagged, or not: what every analyzer says of it. `resource` is its id, its name, or the id of a finding.
    pub fn explain(scan: &Scan, resource: &str) -> Vec<crate::Assessment> {
        let mut all = Vec::new();
        scan.assess(&mut |assessment| {
            let is = |id: &ResourceRef| {
                id.id == *resource || crate::report::totals::bill(id) == resource
            };
            let named = assessment.name.as_deref() == Some(resource);
            if named || is(&assessment.resource) || assessment.id() == *resource {
                all.push(assessment);
            }
        });
        all
    }
}

/// AWS adds to a day for about a day more. Source: "Analyzing your costs with Cost Explorer" (data is refreshed every 24 hours).
const UNSETTLED: i64 = 2;

fn spend(scan: &Scan, today: Date) -> Option<SpendReport> {
    let settled_until = today.saturating_sub(jiff::Span::new().days(UNSETTLED - 1));
    SpendReport::of(scan.spend.as_ref()?, settled_until).ok()
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
    expired.chain(unmatched).collect()
}

impl ScanCost {
    fn of(scan: &Scan, calls: &BTreeMap<String, u64>) -> Self {
        let called = |name: &str| calls.get(name).copied().unwrap_or_default();
        // Statistics asked for one by one are within the free tier of the API.
        let metrics = if called("cloudwatch:GetMetricData") > 0 { scan.metrics_asked } else { 0 };
        let requests =
            calls.iter().filter(|(name, _)| name.starts_with("ce:")).map(|(_, calls)| calls).sum();
        let region = scan
            .regions
            .iter()
            .find(|region| scan.prices.quotes(region).get("ce:request").is_some());
        let amount = region.and_then(|region| {
            let mut quotes = scan.prices.quotes(region);
            let thousands = Decimal::from(metrics) / Decimal::from(1000);
            Some(
                quotes.get("cloudwatch:metric-data")? * thousands
                    + quotes.get("ce:request")? * Decimal::from(requests),
            )
        });
        Self {
            amount: amount.map(|amount: Decimal| amount.round_dp(4)),
            currency: scan.prices.currency(),
            metrics,
            cost_explorer_requests: requests,
        }
    }
}
