//! Whether a finding still holds: its area, asked again about its region.

use std::sync::Arc;

use jiff::Timestamp;

use super::plan::{Removal, RemovalPlan};
use crate::analyzer::Analyzer;
use crate::{
    Error, Explanation, InventorySource, Prices, Report, ReportOptions, Scanner, Suppressions,
    UsageSource,
};

/// Asks one area again, as a report did.
pub struct Rechecker {
    inventory: Arc<dyn InventorySource>,
    usage: Arc<dyn UsageSource>,
    prices: Prices,
    analyzers: Vec<Arc<dyn Analyzer>>,
}

impl std::fmt::Debug for Rechecker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rechecker").finish_non_exhaustive()
    }
}

/// Whether a finding holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// As it stands in the plan.
    Holds,
    /// Not, or no longer.
    Changed {
        /// What is different.
        why: String,
    },
}

impl Rechecker {
    /// With sources of the account that a report was made of, prices for what a plan has none of, and the analyzers of that report.
    /// By what is judged says the plan.
    pub fn new(
        inventory: Arc<dyn InventorySource>,
        usage: Arc<dyn UsageSource>,
        prices: Prices,
        analyzers: Vec<Arc<dyn Analyzer>>,
    ) -> Self {
        Self { inventory, usage, prices, analyzers }
    }

    /// Whose account this is.
    ///
    /// # Errors
    /// As [`InventorySource::account`].
    pub async fn account(&self) -> Result<String, Error> {
        self.inventory.account().await
    }

    /// Looks again whether the finding of a step of that plan holds, by the plan's criteria and prices.
    ///
    /// # Errors
    /// [`Error::Backend`] when the area could not be looked at, and [`Error::Invalid`] for an area that nobody analyses, or for prices
    /// in another currency.
    pub async fn check(
        &self,
        plan: &RemovalPlan,
        removal: &Removal,
        now: Timestamp,
    ) -> Result<Checked, Error> {
        let analyzer = self.analyzers.iter().find(|one| one.area() == removal.area);
        let analyzer = analyzer
            .ok_or_else(|| Error::invalid("area", &removal.area, "an area that is analysed"))?;
        let mut prices = self.prices.clone();
        for table in &plan.prices {
            prices.overlay(table.clone())?;
        }
        let scanner = Scanner::new(self.inventory.clone(), self.usage.clone(), prices)
            .with_limits(plan.criteria.thresholds.clone())?
            .with_analyzers(vec![analyzer.clone()]);
        let scan =
            scanner.scan(std::slice::from_ref(&removal.region), now, std::future::pending()).await;
        if let Some(missing) = scan.not_analysed.first() {
            return Err(Error::backend(
                format!("looking again at {}", removal.finding),
                missing.message.clone(),
            ));
        }
        let options = ReportOptions {
            exclude: plan.criteria.exclude.clone(),
            suppressions: Suppressions { suppressions: plan.criteria.suppressions.clone() },
            ..ReportOptions::default()
        };
        let report = Report::of(&scan, &options);
        let changed = |why: &str| Ok(Checked::Changed { why: why.to_owned() });
        match report.findings.iter().find(|finding| finding.id == removal.finding) {
            Some(finding) if finding.remediation.action.as_ref() == Some(&removal.action) => {
                let now = (&finding.risk.why, finding.remediation.reversible);
                if now == (&removal.risk, removal.reversible) {
                    Ok(Checked::Holds)
                } else {
                    changed(&format!("its risk is another one now ({}): make a new plan", now.0))
                }
            }
            Some(_) => changed("it is different from what it was: make a new plan"),
            None if report.suppressed.iter().any(|one| one.id == removal.finding) => {
                changed("it is suppressed now")
            }
            None => {
                let said = Explanation::of(&scan, &options, &removal.finding).said;
                match said.first() {
                    Some(now) if now.verdict.is_flagged() => {
                        changed("it is excluded now, or saves nothing any more")
                    }
                    Some(now) => changed(&now.reason),
                    None => changed("it is gone already"),
                }
            }
        }
    }
}
