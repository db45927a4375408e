//! Whether a finding still holds: its area, asked again about its region.

use std::sync::Arc;

use jiff::Timestamp;

use super::plan::Removal;
use crate::analyzer::Analyzer;
use crate::exclusion::TagFilter;
use crate::{
    Error, InventorySource, Prices, Report, ReportOptions, Scanner, Suppressions, Thresholds,
    UsageSource,
};

/// Asks one area again, as a report did.
pub struct Rechecker {
    inventory: Arc<dyn InventorySource>,
    usage: Arc<dyn UsageSource>,
    prices: Prices,
    limits: Thresholds,
    analyzers: Vec<Arc<dyn Analyzer>>,
    exclude: Vec<TagFilter>,
    suppressions: Suppressions,
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
    /// By the same sources, prices, thresholds and exclusions as the report that the plan was made from.
    pub fn new(
        inventory: Arc<dyn InventorySource>,
        usage: Arc<dyn UsageSource>,
        prices: Prices,
        limits: Thresholds,
        analyzers: Vec<Arc<dyn Analyzer>>,
        options: &ReportOptions,
    ) -> Self {
        let (exclude, suppressions) = (options.exclude.clone(), options.suppressions.clone());
        Self { inventory, usage, prices, limits, analyzers, exclude, suppressions }
    }

    /// Whose account this is; `None` where nobody would say.
    pub async fn account(&self) -> Option<String> {
        self.inventory.account().await.ok()
    }

    /// Looks again.
    ///
    /// # Errors
    /// [`Error::Backend`] when the area could not be looked at, and [`Error::Invalid`] for an area that nobody analyses.
    pub async fn check(&self, removal: &Removal, now: Timestamp) -> Result<Checked, Error> {
        let analyzer = self.analyzers.iter().find(|one| one.area() == removal.area);
        let analyzer = analyzer
            .ok_or_else(|| Error::invalid("area", &removal.area, "an area that is analysed"))?;
        let scanner = Scanner::new(self.inventory.clone(), self.usage.clone(), self.prices.clone())
            .with_limits(self.limits.clone())?
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
            exclude: self.exclude.clone(),
            suppressions: self.suppressions.clone(),
            ..ReportOptions::default()
        };
        let report = Report::of(&scan, &options);
        let changed = |why: &str| Ok(Checked::Changed { why: why.to_owned() });
        match report.findings.iter().find(|finding| finding.id == removal.finding) {
            Some(finding) if finding.remediation.action.as_ref() == Some(&removal.action) => {
                Ok(Checked::Holds)
            }
            Some(_) => changed("it is different from what it was: make a new plan"),
            None if report.suppressed.iter().any(|one| one.id == removal.finding) => {
                changed("it is suppressed now")
            }
            None => {
                let said = Report::explain(&scan, &removal.finding);
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
