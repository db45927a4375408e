//! All analyzers over an account of 100,000 resources in memory, and the report of it.
//!
//! ```sh
//! cargo bench -p petswipe-cost --bench scan
//! ```
//!
//! After the times it prints how much memory the process had at most (Linux only): inventory, usage, assessments and reports, but not
//! the account in memory that they were copied from.

#![allow(clippy::unwrap_used, reason = "a benchmark that fails measures nothing")]

use std::sync::{Arc, LazyLock};

use futures_util::FutureExt as _;
use petswipe_cost::demo::Demo;
use petswipe_cost::{Report, ReportOptions, Scan, Scanner};

const RESOURCES: usize = 100_000;

static SCAN: LazyLock<Scan> = LazyLock::new(|| {
    let now = "2026-11-28T12:00:00Z".parse().unwrap();
    let Demo { account, regions, prices, .. } = Demo::new(RESOURCES, 1, now).unwrap();
    let account = Arc::new(account);
    let scanner = Scanner::new(account.clone(), account.clone(), prices).with_spend(account);
    // Nothing in memory waits, so the first look at the future is the last.
    scanner.scan(&regions, now, std::future::pending()).now_or_never().unwrap()
});

fn main() {
    println!("{} resources, {} series", SCAN.inventory.len(), SCAN.usage.len());
    // From here on the peak is counted anew. Source: proc_pid_clear_refs(5).
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    divan::main();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find(|line| line.starts_with("VmHWM")) {
        println!("most memory: {}", peak.trim_start_matches("VmHWM:").trim());
    }
}

#[divan::bench]
fn all_analyzers() -> usize {
    let mut assessments = 0;
    SCAN.assess(&mut |_| assessments += 1);
    assessments
}

#[divan::bench]
fn report() -> Report {
    Report::of(&SCAN, &ReportOptions::default())
}
