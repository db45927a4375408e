//! A demo account, and scans of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use petswipe_cost::demo::{Demo, KEEP};
use petswipe_cost::memory::MemoryAccount;
use petswipe_cost::{Prices, Region, Report, ReportOptions, Scan, Scanner};

pub(crate) fn now() -> Timestamp {
    "2026-11-28T12:00:00Z".parse().unwrap()
}

pub(crate) fn demo(resources: usize, seed: u64) -> Demo {
    Demo::new(resources, seed, now()).unwrap()
}

pub(crate) fn scanner(account: &Arc<MemoryAccount>, prices: &Prices) -> Scanner {
    Scanner::new(account.clone(), account.clone(), prices.clone()).with_spend(account.clone())
}

pub(crate) async fn scan(
    account: &Arc<MemoryAccount>,
    regions: &[Region],
    prices: &Prices,
) -> Scan {
    scanner(account, prices).scan(regions, now(), std::future::pending()).await
}

pub(crate) fn excluding() -> ReportOptions {
    ReportOptions { exclude: vec![KEEP.parse().unwrap()], ..ReportOptions::default() }
}

pub(crate) fn ids(report: &Report) -> BTreeSet<String> {
    report.findings.iter().map(|finding| finding.id.clone()).collect()
}

/// Two sets are the same; else only what one of them lacks is printed.
#[track_caller]
pub(crate) fn assert_same(
    found: &BTreeSet<String>,
    expected: &BTreeSet<String>,
    about: impl std::fmt::Display,
) {
    let missed: Vec<_> = expected.difference(found).collect();
    let wrong: Vec<_> = found.difference(expected).collect();
    assert!(missed.is_empty() && wrong.is_empty(), "{about}: missed {missed:#?}, wrong {wrong:#?}");
}
