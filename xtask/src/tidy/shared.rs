//! `[workspace.dependencies]`: each entry is used by a member, and our own have the workspace's version.

use super::Report;
use crate::manifest::find;
use crate::toml::Value;
use crate::workspace::Workspace;

/// Every entry is taken by some member, and no member goes around it.
pub(super) fn used(workspace: &Workspace) -> Report {
    let mut report = Report::new("shared dependencies", "entries of [workspace.dependencies]");
    let mut entries: Vec<(&str, usize)> = Vec::new();
    for leaf in &workspace.root {
        if let Some([name, ..]) = leaf.below(&["workspace", "dependencies"])
            && entries.iter().all(|(known, _)| known != name)
        {
            entries.push((name, leaf.line));
        }
    }
    for (name, line) in &entries {
        report.saw();
        let is_used = workspace.packages.iter().any(|package| {
            package
                .dependencies
                .iter()
                .any(|dependency| dependency.name == *name && dependency.inherited)
        });
        if !is_used {
            report.violation(
                "Cargo.toml",
                *line,
                format!("no member uses `{name}`"),
                "remove the entry, or use it with `workspace = true`",
            );
        }
    }
    for package in &workspace.packages {
        for dependency in package.dependencies.iter().filter(|d| !d.inherited) {
            if entries.iter().any(|(name, _)| *name == dependency.name) {
                report.violation(
                    &package.manifest(),
                    0,
                    format!("has its own version of `{}`", dependency.name),
                    "take the workspace's with `workspace = true`",
                );
            }
        }
    }
    report
}

/// Our own crates are listed with the version they have.
pub(super) fn versions(workspace: &Workspace) -> Report {
    let mut report = Report::new("own versions", "versions of our own crates");
    let version = find(&workspace.root, &["workspace", "package", "version"])
        .and_then(Value::text)
        .unwrap_or_default();
    for package in &workspace.packages {
        report.saw();
        if package.version != version {
            report.violation(
                &package.manifest(),
                0,
                format!("has version `{}`, the workspace has `{version}`", package.version),
                "write `version.workspace = true`",
            );
        }
    }
    for leaf in &workspace.root {
        let Some([name, field @ ..]) = leaf.below(&["workspace", "dependencies"]) else {
            continue;
        };
        let is_version = field.is_empty() || field == ["version"];
        if name.starts_with("petswipe-") && is_version {
            report.saw();
            if leaf.value.text() != Some(version) {
                report.violation(
                    "Cargo.toml",
                    leaf.line,
                    format!("`{name}` is not listed with the workspace's version {version}"),
                    format!("write `version = \"{version}\"`"),
                );
            }
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_passes, found};
    use super::*;

    fn repository(root: &str, dependencies: &str) -> Workspace {
        let root = format!(
            "[workspace]\nmembers = [\"crates/*\"]\n[workspace.package]\nversion = \"0.2.0\"\n[workspace.dependencies]\n{root}"
        );
        let member = format!(
            "[package]\nname = \"petswipe-deploy\"\nversion.workspace = true\n{dependencies}"
        );
        Workspace::of(&[("Cargo.toml", &root), ("crates/petswipe-deploy/Cargo.toml", &member)])
    }

    #[test]
    fn entries_in_use_pass() {
        let workspace = repository(
            "serde = \"1\"\ninsta = { version = \"1\", features = [\"json\"] }\n",
            "[dependencies]\nserde.workspace = true\n[dev-dependencies]\ninsta = { workspace = true }\nlibc = \"1\"\n",
        );
        assert_passes(&used(&workspace));
    }

    #[test]
    fn idle_entries_and_own_versions_are_found() {
        let workspace =
            repository("serde = \"1\"\nclap = \"4\"\n", "[dependencies]\nserde = \"1\"\n");
        assert_eq!(
            found(&used(&workspace)),
            [
                "Cargo.toml:6: no member uses `serde`",
                "Cargo.toml:7: no member uses `clap`",
                "crates/petswipe-deploy/Cargo.toml: has its own version of `serde`",
            ]
        );
    }

    #[test]
    fn our_own_crates_have_the_version_of_the_workspace() {
        let good = "petswipe-deploy = { path = \"crates/petswipe-deploy\", version = \"0.2.0\" }\n";
        assert_passes(&versions(&repository(good, "")));
        let bad = good.replace("0.2.0", "0.1.0");
        assert_eq!(
            found(&versions(&repository(&bad, ""))),
            ["Cargo.toml:6: `petswipe-deploy` is not listed with the workspace's version 0.2.0"]
        );
    }
}
