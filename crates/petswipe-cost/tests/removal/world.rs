//! A demo account, a report of it, and somebody who acts upon it.

use std::sync::Arc;

use jiff::Timestamp;
use petswipe_cost::analyzer;
use petswipe_cost::demo::{Demo, KEEP};
use petswipe_cost::memory::MemoryAccount;
use petswipe_cost::removal::{Rechecker, RemovalOptions, RemovalPerformer, RemovalPlan};
use petswipe_cost::{Prices, Region, Report, ReportOptions, RiskLevel, Scanner};
use petswipe_runbook::Clock;

/// The time the simulator's clock begins at.
pub(crate) fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

pub(crate) struct World {
    pub(crate) account: Arc<MemoryAccount>,
    pub(crate) regions: Vec<Region>,
    pub(crate) prices: Prices,
}

impl World {
    pub(crate) fn new(resources: usize) -> Self {
        let Demo { account, regions, prices, .. } = Demo::new(resources, 3, now()).unwrap();
        Self { account: Arc::new(account), regions, prices }
    }

    pub(crate) async fn report(&self) -> Report {
        let scanner = Scanner::new(self.account.clone(), self.account.clone(), self.prices.clone());
        Report::of(&scanner.scan(&self.regions, now(), std::future::pending()).await, &options())
    }

    /// A plan of the findings with such ids, whatever their risk.
    pub(crate) async fn plan(&self, only: &[&str], at_most: usize) -> RemovalPlan {
        let only = only.iter().map(|only| (*only).to_owned()).collect();
        let options = RemovalOptions { at_most, only, risk: RiskLevel::High };
        RemovalPlan::of(&self.report().await, &options)
    }

    pub(crate) fn performer(&self, plan: &RemovalPlan, clock: Arc<dyn Clock>) -> RemovalPerformer {
        let (account, prices) = (self.account.clone(), self.prices.clone());
        let recheck = Rechecker::new(account.clone(), account.clone(), prices, analyzer::all());
        RemovalPerformer::new(plan.clone(), recheck, account, clock)
    }
}

pub(crate) fn options() -> ReportOptions {
    ReportOptions { exclude: vec![KEEP.parse().unwrap()], ..ReportOptions::default() }
}
