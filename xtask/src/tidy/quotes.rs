//! What documents quote from manifests: dependency lines, and the Rust version.

use super::Report;
use crate::manifest::dependency_path;
use crate::toml::{self, Leaf};
use crate::{markdown, workspace::Workspace};

/// Every `petswipe-…` dependency in a `toml` block has a version and features that exist.
pub(super) fn dependencies(workspace: &Workspace) -> Report {
    let mut report = Report::new("quoted dependencies", "dependency lines in documents");
    for (path, text) in workspace.documents() {
        for fence in markdown::fences(text) {
            let Some((first, _)) = fence.lines.first().filter(|_| fence.language == "toml") else {
                continue;
            };
            let block: String = fence.lines.iter().map(|(_, line)| format!("{line}\n")).collect();
            match toml::parse(&block) {
                Err(error) => report.violation(
                    path,
                    *first,
                    format!("the block is no TOML: {error} of the block"),
                    "write what Cargo can read",
                ),
                Ok(leaves) => {
                    for leaf in &leaves {
                        dependency(workspace, &mut report, path, first - 1, leaf);
                    }
                }
            }
        }
    }
    report
}

/// Checks one value of a block that begins behind line `above`.
fn dependency(workspace: &Workspace, report: &mut Report, path: &str, above: usize, leaf: &Leaf) {
    let (name, field) = match dependency_path(&leaf.path) {
        Some((name, rest)) => (name, rest),
        None => match leaf.path.split_first() {
            Some((name, rest)) => (name.as_str(), rest),
            None => return,
        },
    };
    if !name.starts_with("petswipe-") {
        return;
    }
    report.saw();
    let line = above + leaf.line;
    let Some(package) = workspace.package(name) else {
        report.violation(
            path,
            line,
            format!("there is no package `{name}`"),
            "name a member of the workspace",
        );
        return;
    };
    match (field, leaf.value.text()) {
        ([], Some(version)) => version_matches(report, path, line, package, version),
        ([field], Some(version)) if field == "version" => {
            version_matches(report, path, line, package, version);
        }
        ([field], _) if field == "features" => {
            for feature in leaf.value.texts() {
                if !package.has_feature(feature) {
                    report.violation(
                        path,
                        line,
                        format!("package `{name}` has no feature `{feature}`"),
                        format!("name a feature of {}", package.manifest()),
                    );
                }
            }
        }
        _ => {}
    }
}

fn version_matches(
    report: &mut Report,
    path: &str,
    line: usize,
    package: &crate::manifest::Package,
    quoted: &str,
) {
    let quoted = quoted.trim_start_matches(['^', '=', ' ']);
    let starts =
        |mut own: std::str::Split<'_, char>| quoted.split('.').all(|part| own.next() == Some(part));
    if !starts(package.version.split('.')) {
        report.violation(
            path,
            line,
            format!(
                "`{}` is quoted as {quoted}, the manifest says {}",
                package.name, package.version
            ),
            "quote the manifest's version, or the beginning of it",
        );
    }
}

/// Every `Rust 1.xx` is the version the manifests ask for, and the README says it.
pub(super) fn rust_version(workspace: &Workspace) -> Report {
    let mut report = Report::new("rust version", "mentions of `Rust 1.…` in documents");
    let Some(wanted) = workspace.libraries().map(|package| package.rust_version.as_str()).next()
    else {
        return report;
    };
    for package in &workspace.packages {
        if package.rust_version != wanted {
            report.violation(
                &package.manifest(),
                0,
                format!("rust-version is `{}`, elsewhere it is {wanted}", package.rust_version),
                "write `rust-version.workspace = true`",
            );
        }
    }
    let mut said = false;
    for (path, text) in workspace.documents() {
        for (index, line) in text.lines().enumerate() {
            for (start, _) in line.match_indices("Rust 1.") {
                report.saw();
                said |= path == "README.md";
                let version: String = line[start + "Rust ".len()..]
                    .chars()
                    .take_while(|c| c.is_ascii_digit() || *c == '.')
                    .collect();
                let version = version.trim_end_matches('.');
                if version != wanted {
                    report.violation(
                        path,
                        index + 1,
                        format!("says Rust {version}, the manifests say {wanted}"),
                        format!("write `Rust {wanted}`"),
                    );
                }
            }
        }
    }
    if !said {
        report.violation(
            "README.md",
            0,
            "does not say which Rust it needs",
            format!("write `Rust {wanted}` where it says how to begin"),
        );
    }
    report
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_passes, found};
    use super::*;

    fn repository(readme: &str) -> Workspace {
        Workspace::of(&[
            ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]"),
            (
                "crates/petswipe-deploy/Cargo.toml",
                "[package]\nname = \"petswipe-deploy\"\nversion = \"0.1.2\"\nrust-version = \"1.94.1\"\n[features]\naws = []",
            ),
            ("README.md", readme),
        ])
    }

    #[test]
    fn quoted_dependencies_match_the_manifest() {
        let good = "```toml\n[dependencies]\npetswipe-deploy = \"0.1\"\ntokio = \"9\"\n```\n\
                    ```toml\npetswipe-deploy = { version = \"0.1.2\", features = [\"aws\"] }\n```";
        let report = dependencies(&repository(good));
        assert_passes(&report);
        assert_eq!(report.checked, 3);
    }

    #[test]
    fn wrong_versions_features_and_names_are_found() {
        let bad = "```toml\n[dependencies]\npetswipe-deploy = \"0.2\"\npetswipe-dr = \"0.1\"\n\
                   [dev-dependencies]\npetswipe-deploy = { version = \"0.10\", features = [\"gcp\"] }\n```\n\
                   ```toml\n[dependencies\n```\n";
        assert_eq!(
            found(&dependencies(&repository(bad))),
            [
                "README.md:3: `petswipe-deploy` is quoted as 0.2, the manifest says 0.1.2",
                "README.md:4: there is no package `petswipe-dr`",
                "README.md:6: `petswipe-deploy` is quoted as 0.10, the manifest says 0.1.2",
                "README.md:6: package `petswipe-deploy` has no feature `gcp`",
                "README.md:9: the block is no TOML: line 1: expected `]` of the block",
            ]
        );
    }

    #[test]
    fn the_readme_says_the_rust_version_of_the_manifest() {
        assert_passes(&rust_version(&repository("It needs Rust 1.94.1.")));
        assert_eq!(
            found(&rust_version(&repository("It needs Rust 1.94, or Rust 1.94.1."))),
            ["README.md:1: says Rust 1.94, the manifests say 1.94.1"]
        );
        assert_eq!(
            found(&rust_version(&repository("It needs Rust."))),
            ["README.md: does not say which Rust it needs"]
        );
    }
}
