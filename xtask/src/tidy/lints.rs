//! The workspace forbids unsafe code, and every member takes the workspace's lints.

use super::Report;
use crate::manifest::find;
use crate::toml::Value;
use crate::workspace::Workspace;

/// Lints of the workspace that are not to be weakened.
const WANTED: &[(&str, &str, &str)] =
    &[("rust", "unsafe_code", "forbid"), ("clippy", "disallowed_methods", "deny")];

/// Checks the root manifest and every member.
pub(super) fn check(workspace: &Workspace) -> Report {
    let mut report = Report::new("lints", "manifests");
    if workspace.files.contains_key("Cargo.toml") {
        report.saw();
    }
    for (tool, lint, level) in WANTED {
        let found = find(&workspace.root, &["workspace", "lints", tool, lint]);
        if found.and_then(Value::text) != Some(level) {
            report.violation(
                "Cargo.toml",
                0,
                format!("[workspace.lints.{tool}] does not say `{lint} = \"{level}\"`"),
                "put it back",
            );
        }
    }
    for package in &workspace.packages {
        report.saw();
        if !package.inherits_lints {
            report.violation(
                &package.manifest(),
                0,
                "does not take the lints of the workspace",
                "add `[lints]` with `workspace = true`",
            );
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_passes, found};
    use super::*;

    const ROOT: &str = "[workspace]\nmembers = [\"crates/*\"]\n\
        [workspace.lints.rust]\nunsafe_code = \"forbid\"\n\
        [workspace.lints.clippy]\ndisallowed_methods = \"deny\"\n";

    #[test]
    fn inherited_lints_pass() {
        assert_passes(&check(&Workspace::of(&[
            ("Cargo.toml", ROOT),
            ("crates/a/Cargo.toml", "[package]\nname = \"a\"\n[lints]\nworkspace = true"),
        ])));
    }

    #[test]
    fn weakened_and_missing_lints_are_found() {
        let root = ROOT.replace("forbid", "deny");
        assert_eq!(
            found(&check(&Workspace::of(&[
                ("Cargo.toml", &root),
                ("crates/a/Cargo.toml", "[package]\nname = \"a\""),
            ]))),
            [
                "Cargo.toml: [workspace.lints.rust] does not say `unsafe_code = \"forbid\"`",
                "crates/a/Cargo.toml: does not take the lints of the workspace",
            ]
        );
    }
}
