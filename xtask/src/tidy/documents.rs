//! The documents a repository like this one is expected to have, and the shape of its changelog.

use super::Report;
use crate::workspace::Workspace;

/// Files at the root, and why they are wanted.
const WANTED: &[(&str, &str)] = &[
    ("README.md", "the first page: what it is, how to try it"),
    ("ARCHITECTURE.md", "the crates, which way they look, and the invariants"),
    ("CONTRIBUTING.md", "how to build, test and add to it"),
    ("CHANGELOG.md", "what changed, for those who upgrade"),
    ("LICENSE-MIT", "the first of the two licences"),
    ("LICENSE-APACHE", "the second of the two licences"),
    ("deny.toml", "what `cargo deny` accepts as licence and source"),
    ("Cargo.lock", "the versions that were tested; CI builds with --locked"),
];

/// Every wanted document is there, and every crate has its page.
pub(super) fn present(workspace: &Workspace) -> Report {
    let mut report = Report::new("documents", "wanted documents");
    for (path, why) in WANTED {
        report.saw();
        if workspace.files.get(*path).is_none_or(|text| text.trim().is_empty()) {
            report.violation(path, 0, format!("{path} is missing"), format!("write it: {why}"));
        }
    }
    for package in workspace.libraries() {
        report.saw();
        let path = format!("{}/README.md", package.dir);
        let title = format!("# {}", package.name);
        match workspace.files.get(&path) {
            None => {
                report.violation(&path, 0, format!("{path} is missing"), "write the crate's page")
            }
            Some(text) if text.lines().next() != Some(title.as_str()) => report.violation(
                &path,
                1,
                "the first line is not the crate's name",
                format!("begin with `{title}`"),
            ),
            Some(_) => {}
        }
    }
    report
}

/// The changelog has an Unreleased section, dated releases, and names only crates that exist.
pub(super) fn changelog(workspace: &Workspace) -> Report {
    let mut report = Report::new("changelog", "sections");
    let path = "CHANGELOG.md";
    let text = workspace.files.get(path).map_or("", String::as_str);
    let mut unreleased = false;
    for (index, line) in text.lines().enumerate() {
        if let Some(heading) = line.strip_prefix("## ") {
            report.saw();
            if heading == "[Unreleased]" {
                unreleased = true;
            } else if !is_release(heading) {
                report.violation(
                    path,
                    index + 1,
                    format!("`{heading}` is no release heading"),
                    "write `## [1.2.3] - 2026-01-31`, or `## [Unreleased]` for what is to come",
                );
            }
        }
        for name in line.split('`').skip(1).step_by(2) {
            if name.starts_with("petswipe-") && workspace.package(name).is_none() {
                report.violation(
                    path,
                    index + 1,
                    format!("there is no package `{name}`"),
                    "name a member of the workspace",
                );
            }
        }
    }
    if !unreleased {
        report.violation(
            path,
            0,
            "there is no `## [Unreleased]` section",
            "add it at the top, for the next change",
        );
    }
    report
}

/// `[1.2.3] - 2026-01-31`
fn is_release(heading: &str) -> bool {
    let Some((version, date)) = heading.strip_prefix('[').and_then(|rest| rest.split_once("] - "))
    else {
        return false;
    };
    let numbers = |text: &str, mark: char, lengths: &[usize]| {
        let parts: Vec<&str> = text.split(mark).collect();
        parts.len() == lengths.len()
            && parts.iter().zip(lengths).all(|(part, length)| {
                (*length == 0 || part.len() == *length)
                    && !part.is_empty()
                    && part.chars().all(|c| c.is_ascii_digit())
            })
    };
    numbers(version, '.', &[0, 0, 0]) && numbers(date, '-', &[4, 2, 2])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_passes, found};
    use super::*;

    const ROOT: (&str, &str) = ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]");
    const MEMBER: (&str, &str) =
        ("crates/petswipe-monitor/Cargo.toml", "[package]\nname = \"petswipe-monitor\"");

    #[test]
    fn missing_documents_are_named() {
        let mut files: Vec<(&str, &str)> = WANTED.iter().map(|(path, _)| (*path, "x")).collect();
        files.extend([ROOT, MEMBER, ("crates/petswipe-monitor/README.md", "# petswipe-monitor\n")]);
        assert_passes(&present(&Workspace::of(&files)));

        files.retain(|(path, _)| *path != "README.md");
        files.pop();
        files.push(("crates/petswipe-monitor/README.md", "# Monitor\n"));
        assert_eq!(
            found(&present(&Workspace::of(&files))),
            [
                "README.md: README.md is missing",
                "crates/petswipe-monitor/README.md:1: the first line is not the crate's name"
            ]
        );
    }

    #[test]
    fn a_changelog_has_dated_releases_and_names_what_exists() {
        let good =
            "# Changelog\n## [Unreleased]\n- `petswipe-monitor`: gates\n## [0.1.0] - 2026-02-28\n";
        assert_passes(&changelog(&Workspace::of(&[ROOT, MEMBER, ("CHANGELOG.md", good)])));

        let bad = "## 0.1.0\n- `petswipe-cost`: a report\n";
        let report = changelog(&Workspace::of(&[ROOT, MEMBER, ("CHANGELOG.md", bad)]));
        assert_eq!(
            found(&report),
            [
                "CHANGELOG.md:1: `0.1.0` is no release heading",
                "CHANGELOG.md:2: there is no package `petswipe-cost`",
                "CHANGELOG.md: there is no `## [Unreleased]` section"
            ]
        );
    }
}
