//! The commands that documents tell people to type name things that exist.

use super::Report;
use crate::COMMANDS;
use crate::manifest::Package;
use crate::workspace::Workspace;
use crate::{markdown, shell};

/// Languages of fenced blocks that hold commands.
const SHELLS: &[&str] = &["bash", "sh", "console"];

/// Checks every `cargo` command in every document.
pub(super) fn check(workspace: &Workspace) -> Report {
    let mut report = Report::new("commands", "cargo commands in documents");
    for (path, text) in workspace.documents() {
        for fence in markdown::fences(text) {
            if !SHELLS.contains(&fence.language) {
                continue;
            }
            for (line, words) in shell::commands(fence.language, &fence.lines) {
                let words: Vec<&str> = words
                    .iter()
                    .map(String::as_str)
                    .filter(|word| !word.starts_with('+'))
                    .collect();
                let ["cargo", command, rest @ ..] = words.as_slice() else {
                    continue;
                };
                report.saw();
                let wrong = match *command {
                    "xtask" => xtask(rest),
                    "add" => add(workspace, rest),
                    "install" => Vec::new(),
                    _ => cargo(workspace, rest),
                };
                for (what, remedy) in wrong {
                    report.violation(path, line, what, remedy);
                }
            }
        }
    }
    report
}

type Wrong = Vec<(String, String)>;

/// `cargo xtask <command> [options] [-- …]`
fn xtask(words: &[&str]) -> Wrong {
    let known: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
    let Some((name, rest)) = words.split_first() else {
        return Vec::new();
    };
    let Some(command) = COMMANDS.iter().find(|command| command.name == *name) else {
        if *name == "--help" {
            return Vec::new();
        }
        return vec![(
            format!("`cargo xtask` has no command `{name}`"),
            format!("name one of: {}", known.join(", ")),
        )];
    };
    rest.iter()
        .take_while(|word| **word != "--")
        .filter(|word| {
            **word != "--help" && !command.options.iter().any(|(option, _)| option == *word)
        })
        .map(|word| {
            (
                format!("`cargo xtask {name}` does not take `{word}`"),
                format!("look at `cargo xtask {name} --help`"),
            )
        })
        .collect()
}

/// `cargo add <crate> --features …`, at the reader's project.
fn add(workspace: &Workspace, words: &[&str]) -> Wrong {
    let mut wrong = Vec::new();
    for word in words.iter().filter(|word| word.starts_with("petswipe-")) {
        let name = word.split('@').next().unwrap_or(word);
        match workspace.package(name) {
            None => wrong.push(no_package(workspace, name)),
            Some(package) => {
                for feature in options(words, &["--features", "-F"]).flat_map(split_features) {
                    if !package.has_feature(feature) {
                        wrong.push(no_feature(package, feature));
                    }
                }
            }
        }
    }
    wrong
}

/// Any other cargo command, in this repository.
fn cargo(workspace: &Workspace, words: &[&str]) -> Wrong {
    let own: Vec<&str> = words.iter().copied().take_while(|word| *word != "--").collect();
    let mut wrong = Vec::new();
    let examples: Vec<&str> = options(&own, &["--example"]).collect();
    for name in &examples {
        let known = workspace
            .examples()
            .is_some_and(|package| package.examples.iter().any(|example| example == name));
        if !known {
            wrong.push((
                format!("there is no example `{name}`"),
                "name an [[example]] of examples/Cargo.toml".to_owned(),
            ));
        }
    }
    let mut packages: Vec<&Package> = Vec::new();
    for name in options(&own, &["--package", "-p"]) {
        match workspace.package(name) {
            Some(package) => packages.push(package),
            None => wrong.push(no_package(workspace, name)),
        }
    }
    if packages.is_empty() && !examples.is_empty() {
        packages.extend(workspace.examples());
    }
    for feature in options(&own, &["--features", "-F"]).flat_map(split_features) {
        wrong.extend(wrong_feature(workspace, &packages, feature));
    }
    wrong
}

/// What is wrong with a feature asked for of `packages`, or of the whole workspace if there are none.
fn wrong_feature(
    workspace: &Workspace,
    packages: &[&Package],
    feature: &str,
) -> Option<(String, String)> {
    if let Some((name, feature)) = feature.split_once('/') {
        let Some(package) = workspace.package(name) else {
            return Some(no_package(workspace, name));
        };
        return (!package.has_feature(feature)).then(|| no_feature(package, feature));
    }
    match packages {
        [] if workspace.packages.iter().any(|p| p.has_feature(feature)) => None,
        [] => Some((
            format!("no member has a feature `{feature}`"),
            "name a feature of some member, or leave it out".to_owned(),
        )),
        packages => packages
            .iter()
            .find(|package| !package.has_feature(feature))
            .map(|package| no_feature(package, feature)),
    }
}

fn no_package(workspace: &Workspace, name: &str) -> (String, String) {
    let known: Vec<&str> = workspace.packages.iter().map(|p| p.name.as_str()).collect();
    (format!("there is no package `{name}`"), format!("name one of: {}", known.join(", ")))
}

fn no_feature(package: &Package, feature: &str) -> (String, String) {
    (
        format!("package `{}` has no feature `{feature}`", package.name),
        format!("name a feature of {}", package.manifest()),
    )
}

/// The values of an option, written `--name value`, `--name=value`, or `-nvalue`.
fn options<'a>(words: &'a [&'a str], names: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    words.iter().enumerate().filter_map(|(index, word)| {
        names.iter().find_map(|name| {
            let rest = word.strip_prefix(name)?;
            match rest.strip_prefix('=') {
                Some(value) => Some(value),
                None if rest.is_empty() => words.get(index + 1).copied(),
                None if !name.starts_with("--") => Some(rest),
                None => None,
            }
        })
    })
}

fn split_features(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', ' ']).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_passes, found};
    use super::*;

    fn repository(commands: &str) -> Report {
        let readme =
            format!("# petswipe\n```bash\n{commands}\n```\n```text\ncargo nonsense -p x\n```\n");
        check(&Workspace::of(&[
            ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\", \"examples\"]"),
            (
                "crates/petswipe-deploy/Cargo.toml",
                "[package]\nname = \"petswipe-deploy\"\n[features]\naws = []\nmock = []",
            ),
            (
                "examples/Cargo.toml",
                "[package]\nname = \"petswipe-examples\"\n[features]\naws = []\n[[example]]\nname = \"canary\"",
            ),
            ("README.md", &readme),
        ]))
    }

    #[test]
    fn commands_that_name_what_exists_pass() {
        let report = repository(
            "cargo run --example canary --features aws -- --backend aws --features none\n\
             BACKEND=local cargo run --example=canary\n\
             cargo xtask test --quick -- journal\n\
             cargo test -p petswipe-deploy --features mock,aws && cargo xtask tidy\n\
             cargo test --workspace --features petswipe-deploy/mock\n\
             cargo add petswipe-deploy@0.1 --features aws\n\
             cargo +nightly miri test -ppetswipe-deploy\n\
             ls -la",
        );
        assert_passes(&report);
        assert_eq!(report.checked, 8);
    }

    #[test]
    fn each_name_that_is_not_there_is_a_violation() {
        let cases = [
            ("cargo run --example rolling", "there is no example `rolling`"),
            (
                "cargo run --example canary --features mock",
                "package `petswipe-examples` has no feature `mock`",
            ),
            ("cargo xtask deploy", "`cargo xtask` has no command `deploy`"),
            ("cargo xtask tidy --quick", "`cargo xtask tidy` does not take `--quick`"),
            ("cargo test --package=petswipe-dr", "there is no package `petswipe-dr`"),
            ("cargo doc --features gcp", "no member has a feature `gcp`"),
            (
                "cargo test --features petswipe-deploy/gcp",
                "package `petswipe-deploy` has no feature `gcp`",
            ),
            ("cargo add petswipe-deploy -F gcp", "package `petswipe-deploy` has no feature `gcp`"),
            ("cargo add petswipe-dr", "there is no package `petswipe-dr`"),
        ];
        for (command, wanted) in cases {
            assert_eq!(found(&repository(command)), [format!("README.md:3: {wanted}")]);
        }
    }
}
