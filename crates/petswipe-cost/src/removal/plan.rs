//! The plan: which findings, in which order.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::exclusion::glob;
use crate::{Action, Area, Criteria, Error, Finding, PriceTable, Range, Region, Report, RiskLevel};

/// Findings to act upon, in order. Its JSON is a file that people review, shorten, and hand back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemovalPlan {
    /// The account it is for.
    pub account: Option<String>,
    /// The time of the report that it was made from.
    pub report_at: Timestamp,
    /// By what the findings were judged, which is what they are judged by again right before anything is done.
    pub criteria: Criteria,
    /// The prices by which the findings of the steps were judged.
    pub prices: Vec<PriceTable>,
    /// What is to be done, one after the other.
    pub steps: Vec<Removal>,
    /// Findings that need a person, or that go beyond what was asked for.
    #[serde(default)]
    pub by_hand: Vec<ByHand>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    /// The id of the finding.
    pub finding: String,
    /// Its area.
    pub area: Area,
    /// Where.
    pub region: Region,
    /// What is done.
    pub action: Action,
    /// What it saves in a month; `None` where that is not known.
    pub saves: Option<Range>,
    /// What may happen.
    pub risk: String,
    /// Whether it can be undone.
    pub reversible: bool,
    /// Why it was found.
    pub reason: String,
}

/// A finding that is no step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByHand {
    /// The id of the finding.
    pub finding: String,
    /// Why it is none.
    pub why: String,
}

/// What a plan is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct RemovalOptions {
    /// At most so many steps: more than that is a mistake, or needs several plans.
    pub at_most: usize,
    /// Only findings with ids like these, in which `*` stands for anything; all for none.
    pub only: Vec<String>,
    /// No step with a greater risk.
    pub risk: RiskLevel,
}

impl Default for RemovalOptions {
    fn default() -> Self {
        Self { at_most: 50, only: Vec::new(), risk: RiskLevel::Medium }
    }
}

impl RemovalPlan {
    /// A plan for the findings of a report: what can be undone and what risks least first, and of equals what saves most.
    pub fn of(report: &Report, options: &RemovalOptions) -> Self {
        let wanted = |finding: &&Finding| {
            options.only.is_empty() || options.only.iter().any(|pattern| glob(pattern, &finding.id))
        };
        let mut findings: Vec<&Finding> = report.findings.iter().filter(wanted).collect();
        findings.sort_by(|one, other| {
            let key = |finding: &Finding| (finding.risk.level, !finding.remediation.reversible);
            key(one)
                .cmp(&key(other))
                .then_with(|| other.weight().cmp(&one.weight()))
                .then_with(|| one.id.cmp(&other.id))
        });
        let (mut steps, mut by_hand) = (Vec::new(), Vec::new());
        let mut prices: BTreeMap<Region, BTreeMap<String, (Decimal, Date)>> = BTreeMap::new();
        for finding in findings {
            let step = match &finding.remediation.action {
                _ if finding.alternative_to.is_some() => {
                    Err("it is an alternative to another finding".to_owned())
                }
                None => Err(format!("it needs a person: {}", finding.remediation.summary)),
                Some(_) if finding.risk.level > options.risk => {
                    Err(format!("its risk is {}: {}", finding.risk.level, finding.risk.why))
                }
                Some(_) if steps.len() >= options.at_most => {
                    Err(format!("the plan has {} steps, as many as were allowed", options.at_most))
                }
                Some(action) => Ok(action.clone()),
            };
            match step {
                Ok(action) => {
                    for quote in finding.monthly_saving.iter().flat_map(|saving| &saving.prices) {
                        let known = prices.entry(finding.region.clone()).or_default();
                        known.insert(quote.key.clone(), (quote.price, quote.priced_at));
                    }
                    steps.push(Removal {
                        finding: finding.id.clone(),
                        area: finding.area.clone(),
                        region: finding.region.clone(),
                        action,
                        saves: finding
                            .monthly_saving
                            .as_ref()
                            .map(|saving| Range { low: saving.low, high: saving.high }),
                        risk: finding.risk.why.clone(),
                        reversible: finding.remediation.reversible,
                        reason: finding.reason.clone(),
                    })
                }
                Err(why) => by_hand.push(ByHand { finding: finding.id.clone(), why }),
            }
        }
        let currency = report.totals.monthly_saving.currency;
        let prices = prices.into_iter();
        Self {
            account: report.account.clone(),
            report_at: report.at,
            criteria: report.criteria.clone(),
            prices: prices
                .filter_map(|(region, known)| PriceTable::dated(region, currency, known))
                .collect(),
            steps,
            by_hand,
        }
    }

    /// What all steps save in a month, as far as that is known.
    pub fn saves(&self) -> Range {
        self.steps.iter().filter_map(|step| step.saves).sum()
    }

    /// A plan from its JSON. One that does not say by what it was judged, as older versions wrote it, is none: what it says could
    /// not be checked again.
    ///
    /// # Errors
    /// [`Error::Malformed`] with the place, and [`Error::Invalid`] for one that can't be carried out.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let plan: Self = serde_json::from_str(text).map_err(|error| Error::Malformed {
            file: "the plan".to_owned(),
            problem: error.to_string(),
        })?;
        plan.check()?;
        Ok(plan)
    }

    /// Checks that it says whose account it is for, by what it was judged, and that there is something to do, and each of it once.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let is_account = |account: &String| {
            account.len() == 12 && account.chars().all(|digit| digit.is_ascii_digit())
        };
        if !self.account.as_ref().is_some_and(is_account) {
            let account = self.account.as_deref().unwrap_or("not known");
            return Err(Error::invalid("account", account, "the twelve digits of an account"));
        }
        self.criteria.check()?;
        for table in &self.prices {
            table.clone().checked()?;
        }
        if self.steps.is_empty() {
            return Err(Error::invalid("steps", "empty", "at least one"));
        }
        let mut seen = std::collections::BTreeSet::new();
        for (index, step) in self.steps.iter().enumerate() {
            if !seen.insert(&step.finding) {
                let field = format!("steps[{index}].finding");
                return Err(Error::invalid(field, &step.finding, "each finding once"));
            }
        }
        Ok(())
    }
}
