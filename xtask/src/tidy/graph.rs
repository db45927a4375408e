//! Which crate may know which, and what a library may pull in by default. Cargo itself is asked, not the manifests.

use std::collections::BTreeSet;

use super::{Report, Tree};
use crate::workspace::Workspace;

/// Every library with the libraries it may depend on, whatever the kind of dependency. See ARCHITECTURE.md.
const EDGES: &[(&str, &[&str])] = &[
    ("petswipe-aws", &[]),
    ("petswipe-runbook", &[]),
    ("petswipe-monitor", &["petswipe-aws"]),
    ("petswipe-deploy", &["petswipe-aws", "petswipe-runbook", "petswipe-monitor"]),
    ("petswipe-dr", &["petswipe-aws", "petswipe-runbook", "petswipe-monitor"]),
    ("petswipe-chaos", &["petswipe-aws", "petswipe-runbook", "petswipe-monitor"]),
    ("petswipe-cost", &["petswipe-aws", "petswipe-runbook"]),
    (
        "petswipe-local",
        &[
            "petswipe-runbook",
            "petswipe-monitor",
            "petswipe-deploy",
            "petswipe-chaos",
            "petswipe-dr",
        ],
    ),
];

/// Packages no library pulls in with default features; a trailing `*` stands for any ending.
const HEAVY: &[(&str, &str)] = &[
    ("aws-*", "AWS SDK"),
    ("rustls", "TLS"),
    ("native-tls", "TLS"),
    ("openssl", "TLS"),
    ("openssl-sys", "TLS"),
    ("boring*", "TLS"),
    ("schannel", "TLS"),
    ("security-framework", "TLS"),
    ("ring", "TLS"),
    ("reqwest", "HTTP client"),
    ("hyper", "HTTP client"),
    ("hyper-util", "HTTP client"),
    ("ureq", "HTTP client"),
    ("isahc", "HTTP client"),
    ("curl", "HTTP client"),
    ("surf", "HTTP client"),
    ("attohttpc", "HTTP client"),
];

/// Which library has which heavy package after all, and why.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("petswipe-local", "hyper", "it serves HTTP: that is its job"),
    ("petswipe-local", "hyper-util", "it serves HTTP: that is its job"),
];

/// SDKs that compile for minutes, which need a feature of their own beside `aws`.
const SLOW: &[&str] = &["aws-sdk-ec2", "aws-sdk-rds"];

/// No library depends on one that the architecture keeps from it.
pub(super) fn edges(workspace: &Workspace, tree: Tree<'_>) -> Report {
    let mut report = Report::new("architecture edges", "libraries and their direct dependencies");
    for package in workspace.libraries() {
        report.saw();
        let manifest = package.manifest();
        let Some((_, allowed)) = EDGES.iter().find(|(name, _)| *name == package.name) else {
            report.violation(
                &manifest,
                0,
                format!("the architecture has no place for `{}`", package.name),
                "say in ARCHITECTURE.md what it may know, and add it to EDGES in xtask/src/tidy/graph.rs",
            );
            continue;
        };
        let arguments = [
            "--package",
            package.name.as_str(),
            "--edges",
            "normal,build,dev",
            "--all-features",
            "--target",
            "all",
            "--depth",
            "1",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ];
        for name in names(&mut report, &manifest, tree(&arguments)) {
            report.saw();
            let is_member = workspace.package(&name).is_some();
            if is_member && name != package.name && !allowed.contains(&name.as_str()) {
                report.violation(
                    &manifest,
                    0,
                    format!("`{}` must not depend on `{name}`", package.name),
                    "compose the two in examples/, or move what both need to where both may look",
                );
            }
        }
    }
    report
}

/// No library pulls in an SDK, TLS or an HTTP client unless somebody asks for the feature.
pub(super) fn weight(workspace: &Workspace, tree: Tree<'_>) -> Report {
    let mut report = Report::new("default features", "packages pulled in by libraries");
    // The library about AWS is itself behind the others' features.
    for package in workspace.libraries().filter(|package| package.name != "petswipe-aws") {
        let manifest = package.manifest();
        let arguments = [
            "--package",
            package.name.as_str(),
            "--edges",
            "normal",
            "--target",
            "all",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ];
        let found = names(&mut report, &manifest, tree(&arguments));
        for name in &found {
            report.saw();
            let Some((_, kind)) = HEAVY.iter().find(|(pattern, _)| is_like(pattern, name)) else {
                continue;
            };
            if !is_allowed(&package.name, name) {
                report.violation(
                    &manifest,
                    0,
                    format!("pulls in `{name}` ({kind}) with default features"),
                    format!(
                        "put it behind a feature; `cargo tree -p {} -e normal --target all -i {name}` says where it comes from",
                        package.name
                    ),
                );
            }
        }
        for (_, name, _) in ALLOWED.iter().filter(|(owner, ..)| *owner == package.name) {
            if !found.contains(*name) {
                report.violation(
                    &manifest,
                    0,
                    format!("`{name}` is allowed here and not pulled in"),
                    "remove it from ALLOWED in xtask/src/tidy/graph.rs",
                );
            }
        }
    }
    report
}

/// With the feature `aws` no library pulls in an SDK that compiles for minutes.
pub(super) fn slow(workspace: &Workspace, tree: Tree<'_>) -> Report {
    let mut report = Report::new("feature aws", "packages pulled in by libraries with it");
    for package in workspace.libraries().filter(|package| package.has_feature("aws")) {
        let manifest = package.manifest();
        let arguments = [
            "--package",
            package.name.as_str(),
            "--features",
            "aws",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ];
        for name in names(&mut report, &manifest, tree(&arguments)) {
            report.saw();
            if SLOW.contains(&name.as_str()) {
                report.violation(
                    &manifest,
                    0,
                    format!("pulls in `{name}`, which compiles for minutes, with the feature aws"),
                    "put it behind a feature of its own, such as aws-ec2",
                );
            }
        }
    }
    report
}

fn is_like(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    }
}

fn is_allowed(package: &str, name: &str) -> bool {
    ALLOWED.iter().any(|(owner, allowed, _)| *owner == package && *allowed == name)
}

/// The package names in the answer of `cargo tree`, one line each as `name v1.2.3 (…)`.
fn names(report: &mut Report, manifest: &str, answer: Result<String, String>) -> BTreeSet<String> {
    match answer {
        Ok(text) => text
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .map(str::to_owned)
            .collect(),
        Err(error) => {
            report.violation(
                manifest,
                0,
                format!("cargo tree failed: {error}"),
                "mend what it complains about",
            );
            BTreeSet::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_passes, found};
    use super::*;

    fn repository() -> Workspace {
        Workspace::of(&[
            ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\", \"examples\"]"),
            ("crates/petswipe-deploy/Cargo.toml", "[package]\nname = \"petswipe-deploy\""),
            ("crates/petswipe-local/Cargo.toml", "[package]\nname = \"petswipe-local\""),
            ("crates/petswipe-dr/Cargo.toml", "[package]\nname = \"petswipe-dr\""),
            ("examples/Cargo.toml", "[package]\nname = \"petswipe-examples\""),
        ])
    }

    /// Answers with the lines given for the package asked about.
    fn answers<'a>(
        lines: &'a [(&'a str, &'a str)],
    ) -> impl Fn(&[&str]) -> Result<String, String> + 'a {
        move |arguments| {
            assert_eq!(arguments[0], "--package");
            let own = format!("{} v0.1.0 (/repo)\n", arguments[1]);
            let rest = lines.iter().filter(|(name, _)| *name == arguments[1]);
            Ok(rest.fold(own, |all, (_, line)| all + line + " v1.0.0 (*)\n"))
        }
    }

    const LOCAL: [(&str, &str); 3] = [
        ("petswipe-local", "hyper"),
        ("petswipe-local", "hyper-util"),
        ("petswipe-local", "petswipe-deploy"),
    ];

    #[test]
    fn what_the_architecture_allows_passes() {
        assert_passes(&edges(&repository(), &answers(&LOCAL)));
        assert_passes(&weight(&repository(), &answers(&LOCAL)));
    }

    #[test]
    fn an_edge_against_the_architecture_is_found() {
        let lines = [
            ("petswipe-deploy", "petswipe-dr"),
            ("petswipe-deploy", "serde"),
            ("petswipe-dr", "petswipe-examples"),
        ];
        assert_eq!(
            found(&edges(&repository(), &answers(&lines))),
            [
                "crates/petswipe-deploy/Cargo.toml: `petswipe-deploy` must not depend on `petswipe-dr`",
                "crates/petswipe-dr/Cargo.toml: `petswipe-dr` must not depend on `petswipe-examples`",
            ]
        );
    }

    #[test]
    fn a_library_without_a_place_is_found() {
        let workspace = Workspace::of(&[
            ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]"),
            ("crates/new/Cargo.toml", "[package]\nname = \"petswipe-new\""),
        ]);
        assert_eq!(
            found(&edges(&workspace, &answers(&[]))),
            ["crates/new/Cargo.toml: the architecture has no place for `petswipe-new`"]
        );
    }

    #[test]
    fn heavy_packages_are_found_where_they_are_not_allowed() {
        let mut lines = LOCAL.to_vec();
        lines.extend([
            ("petswipe-deploy", "hyper"),
            ("petswipe-deploy", "aws-sdk-ecs"),
            ("petswipe-dr", "ring"),
        ]);
        assert_eq!(
            found(&weight(&repository(), &answers(&lines))),
            [
                "crates/petswipe-deploy/Cargo.toml: pulls in `aws-sdk-ecs` (AWS SDK) with default features",
                "crates/petswipe-deploy/Cargo.toml: pulls in `hyper` (HTTP client) with default features",
                "crates/petswipe-dr/Cargo.toml: pulls in `ring` (TLS) with default features",
            ]
        );
    }

    #[test]
    fn an_sdk_that_compiles_for_minutes_is_found_behind_the_feature_aws() {
        let manifest = "[package]\nname = \"petswipe-deploy\"\n[features]\naws = []";
        let workspace = Workspace::of(&[
            ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]"),
            ("crates/petswipe-deploy/Cargo.toml", manifest),
            ("crates/petswipe-runbook/Cargo.toml", "[package]\nname = \"petswipe-runbook\""),
        ]);
        assert_passes(&slow(&workspace, &answers(&[("petswipe-deploy", "aws-sdk-ecs")])));
        let lines = [("petswipe-deploy", "aws-sdk-ec2"), ("petswipe-runbook", "aws-sdk-ec2")];
        assert_eq!(
            found(&slow(&workspace, &answers(&lines))),
            [
                "crates/petswipe-deploy/Cargo.toml: pulls in `aws-sdk-ec2`, which compiles for minutes, with the feature aws"
            ]
        );
    }

    #[test]
    fn an_allowance_that_is_not_used_and_a_failing_cargo_are_found() {
        assert_eq!(found(&weight(&repository(), &answers(&[]))).len(), 2);
        let broken = |_: &[&str]| Err("no lock file".to_owned());
        assert_eq!(found(&edges(&repository(), &broken)).len(), 3);
    }
}
