//! The checks no compiler makes.
//!
//! A check is a function from the [`Workspace`] to a [`Report`]. It counts what it looked at, because a check that looks
//! at nothing passes for ever: an empty count is a violation like any other.

use std::process::Stdio;

use crate::workspace::{self, Workspace};

mod aws;
mod commands;
mod contracts;
mod cores;
mod documents;
mod features;
mod graph;
mod lints;
mod manners;
mod quotes;
mod shared;

/// Something that is not as it should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    path: String,
    /// The line, or 0 for the whole file.
    line: usize,
    what: String,
    remedy: String,
}

impl Violation {
    fn place(&self) -> String {
        match self.line {
            0 => self.path.clone(),
            line => format!("{}:{line}", self.path),
        }
    }
}

/// What a check found.
#[derive(Debug)]
pub(crate) struct Report {
    name: &'static str,
    /// What is counted, in the plural.
    noun: &'static str,
    checked: usize,
    violations: Vec<Violation>,
    notes: Vec<String>,
}

impl Report {
    fn new(name: &'static str, noun: &'static str) -> Report {
        Report { name, noun, checked: 0, violations: Vec::new(), notes: Vec::new() }
    }

    /// Counts one more thing looked at.
    fn saw(&mut self) {
        self.checked += 1;
    }

    /// Adds a violation; line 0 means the whole file.
    fn violation(
        &mut self,
        path: &str,
        line: usize,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.violations.push(Violation {
            path: path.to_owned(),
            line,
            what: what.into(),
            remedy: remedy.into(),
        });
    }

    /// Adds something a reader should know that is no violation.
    fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// How much is wrong with it; to have looked at nothing is one thing.
    fn count(&self) -> usize {
        self.violations.len() + usize::from(self.checked == 0)
    }

    /// Whether it looked at something and found nothing wrong with it.
    fn passed(&self) -> bool {
        self.count() == 0
    }

    fn print(&self) {
        let verdict = if self.passed() { "ok  " } else { "FAIL" };
        println!("{verdict} {}: {} {}", self.name, self.checked, self.noun);
        for note in &self.notes {
            println!("     note: {note}");
        }
        let mut violations: Vec<&Violation> = self.violations.iter().collect();
        violations.sort_by_key(|violation| (&violation.path, violation.line));
        for violation in violations {
            println!("     {}: {}", violation.place(), violation.what);
            println!("       remedy: {}", violation.remedy);
        }
        if self.checked == 0 {
            println!("     found no {} to check", self.noun);
            println!(
                "       remedy: add what it is about, or teach the check in xtask/src/tidy/ where to look"
            );
        }
    }
}

/// Answers `cargo tree` with these arguments.
type Tree<'a> = &'a dyn Fn(&[&str]) -> Result<String, String>;

/// Runs every check and prints what it found; false when one of them failed.
pub(crate) fn run() -> Result<bool, String> {
    let workspace = Workspace::load()?;
    let reports = check(&workspace, &cargo_tree);
    for report in &reports {
        report.print();
    }
    let failed: Vec<&str> =
        reports.iter().filter(|report| !report.passed()).map(|report| report.name).collect();
    let violations: usize = reports.iter().map(Report::count).sum();
    if failed.is_empty() {
        println!("tidy: {} checks, all ok", reports.len());
    } else {
        println!(
            "tidy: {} of {} checks failed with {violations} violations: {}",
            failed.len(),
            reports.len(),
            failed.join(", ")
        );
    }
    Ok(failed.is_empty())
}

fn check(workspace: &Workspace, tree: Tree<'_>) -> Vec<Report> {
    vec![
        documents::present(workspace),
        documents::changelog(workspace),
        commands::check(workspace),
        quotes::dependencies(workspace),
        quotes::rust_version(workspace),
        features::check(workspace),
        contracts::check(workspace),
        graph::edges(workspace, tree),
        graph::weight(workspace, tree),
        graph::slow(workspace, tree),
        aws::check(workspace),
        lints::check(workspace),
        manners::length(workspace),
        manners::headers(workspace),
        manners::words(workspace),
        cores::check(workspace),
        shared::used(workspace),
        shared::versions(workspace),
    ]
}

fn cargo_tree(arguments: &[&str]) -> Result<String, String> {
    let output = workspace::cargo()
        .args(["tree", "--locked", "--color", "never"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cargo tree did not start: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

/// Helpers of the checks' own tests.
#[cfg(test)]
pub(crate) mod testing {
    use super::Report;

    /// The violations as `place: what`.
    pub(crate) fn found(report: &Report) -> Vec<String> {
        report
            .violations
            .iter()
            .map(|violation| format!("{}: {}", violation.place(), violation.what))
            .collect()
    }

    /// Asserts that a check looked at something and found it in order.
    pub(crate) fn assert_passes(report: &Report) {
        assert!(report.passed(), "{report:#?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_without_anything_checked_fails() {
        let mut report = Report::new("x", "things");
        assert!(!report.passed());
        report.saw();
        assert!(report.passed());
        report.violation("a.rs", 3, "is wrong", "mend it");
        assert!(!report.passed());
        assert_eq!(testing::found(&report), ["a.rs:3: is wrong"]);
    }

    #[test]
    fn no_check_passes_on_an_empty_repository() {
        let tree = |_: &[&str]| Ok(String::new());
        for report in check(&Workspace::default(), &tree) {
            assert!(!report.passed(), "{} passes on nothing", report.name);
        }
    }
}
