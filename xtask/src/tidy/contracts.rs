//! Each sentence of a trait's contract is a conformance test of the same name, and the other way round.
//!
//! A sentence is a bullet of a `# Contract` section that begins with a name in backticks. A conformance test is a `pub`
//! function in a module named `conformance` of the same crate; helpers there are private. A test that nobody runs
//! proves nothing, so each must also be named somewhere else than where it is defined.

use std::collections::BTreeMap;

use super::Report;
use crate::source::{Source, count_word};
use crate::{markdown, workspace::Workspace};

mod outline;
use outline::{Function, Trait};

/// Traits with `#[async_trait]` that need no contract, as `package::Trait`, each with its reason.
const WITHOUT_CONTRACT: &[(&str, &str)] = &[(
    "petswipe-runbook::Performer",
    "its implementers are the user's own; a World in the simulator holds them to their promises",
)];

/// Compares the contracts of every library with its conformance tests.
pub(super) fn check(workspace: &Workspace) -> Report {
    compare(workspace, WITHOUT_CONTRACT)
}

/// Where something stands.
type Place<'a> = (&'a str, usize);

fn compare(workspace: &Workspace, excused: &[(&str, &str)]) -> Report {
    let mut report = Report::new("contracts", "sentences and conformance tests");
    let test_only = workspace.test_only_files();
    let mut unused: Vec<&str> = excused.iter().map(|(name, _)| *name).collect();
    let all_code: String = workspace.sources().map(|(_, text)| Source::read(text).code).collect();
    for package in workspace.libraries() {
        let mut sentences: BTreeMap<String, Vec<Place<'_>>> = BTreeMap::new();
        let mut tests: BTreeMap<String, Vec<Place<'_>>> = BTreeMap::new();
        for (path, text) in workspace.library_sources() {
            if !path.starts_with(&format!("{}/", package.dir)) {
                continue;
            }
            let source = Source::read(text);
            if is_conformance(path) {
                for Function { name, line } in outline::public_functions(&source) {
                    tests.entry(name).or_default().push((path, line));
                }
            }
            if test_only.contains(path) {
                continue;
            }
            for found in outline::public_traits(&source) {
                let full = format!("{}::{}", package.name, found.name);
                let is_excused = excused.iter().any(|(name, _)| *name == full);
                unused.retain(|name| *name != full);
                for (name, line) in read_contract(&mut report, path, &found, is_excused) {
                    sentences.entry(name).or_default().push((path, line));
                }
            }
        }
        pair(&mut report, &sentences, &tests, &all_code);
    }
    for name in unused {
        report.violation(
            "xtask/src/tidy/contracts.rs",
            0,
            format!("`{name}` is excused from a contract and does not exist"),
            "remove it from WITHOUT_CONTRACT",
        );
    }
    report
}

/// The names of a trait's sentences.
fn read_contract(
    report: &mut Report,
    path: &str,
    found: &Trait,
    is_excused: bool,
) -> Vec<(String, usize)> {
    let Some(bullets) = found.contract() else {
        if found.is_async_trait && !is_excused {
            report.violation(
                path,
                found.line,
                format!("trait `{}` has no `# Contract` section", found.name),
                "say what every implementation promises, one named sentence for each conformance test",
            );
        }
        return Vec::new();
    };
    if bullets.is_empty() {
        report.violation(
            path,
            found.line,
            format!("the contract of `{}` has no sentences", found.name),
            "write them as a list: - `name_of_the_test`: the promise in full",
        );
    }
    let mut names = Vec::new();
    for (line, bullet) in bullets {
        match markdown::leading_code(&bullet).filter(|name| is_test_name(name)) {
            Some(name) => names.push((name.to_owned(), line)),
            None => report.violation(
                path,
                line,
                format!("a sentence of the contract of `{}` has no name", found.name),
                "begin it with the name of its conformance test: - `append_then_read`: …",
            ),
        }
    }
    names
}

fn is_test_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn is_conformance(path: &str) -> bool {
    path.split('/').any(|part| part == "conformance" || part == "conformance.rs")
}

/// Each sentence has its test, each test its sentence, and each test is run by somebody.
fn pair(
    report: &mut Report,
    sentences: &BTreeMap<String, Vec<Place<'_>>>,
    tests: &BTreeMap<String, Vec<Place<'_>>>,
    all_code: &str,
) {
    let none = Vec::new();
    for (name, said) in sentences {
        let tested = tests.get(name).unwrap_or(&none).len();
        for (index, (path, line)) in said.iter().enumerate() {
            report.saw();
            if index >= tested {
                report.violation(
                    path,
                    *line,
                    format!("no conformance test `{name}`"),
                    "write it as a pub function of this name in the crate's conformance module",
                );
            }
        }
    }
    for (name, tested) in tests {
        let said = sentences.get(name).unwrap_or(&none).len();
        for (index, (path, line)) in tested.iter().enumerate() {
            report.saw();
            if index >= said {
                report.violation(
                    path,
                    *line,
                    format!("no contract has a sentence `{name}`"),
                    "write the sentence at its trait, or make the function private",
                );
            }
        }
        if let Some((path, line)) =
            tested.first().filter(|_| count_word(all_code, name) <= tested.len())
        {
            report.violation(
                path,
                *line,
                format!("nobody runs the conformance test `{name}`"),
                "call it for every implementation of the trait",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_passes, found};
    use super::*;

    const CONTRACT: &str = "/// Keeps things.\n\
        ///\n\
        /// # Contract\n\
        /// - `what_is_put_is_found`: what was put is found,\n\
        ///   byte for byte.\n\
        /// - `nothing_is_found_before`: before that, nothing is.\n\
        ///\n\
        /// # Examples\n\
        /// - no sentence\n\
        #[async_trait]\n\
        pub trait Store: Send {}\n";
    const SUITE: &str = "/// Runs.\n\
        pub async fn what_is_put_is_found(store: &dyn Store) { helper() }\n\
        pub async fn nothing_is_found_before(store: &dyn Store) {}\n\
        fn helper() {}\n";
    const RUNS: &str = "suite!(what_is_put_is_found, nothing_is_found_before);";

    fn repository(library: &str, suite: &str, runs: &str) -> Workspace {
        Workspace::of(&[
            ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]"),
            ("crates/a/Cargo.toml", "[package]\nname = \"a\""),
            ("crates/a/src/lib.rs", library),
            ("crates/a/src/conformance/store.rs", suite),
            ("crates/a/tests/memory.rs", runs),
        ])
    }

    /// With no trait excused.
    fn check(workspace: &Workspace) -> Report {
        compare(workspace, &[])
    }

    #[test]
    fn sentences_with_their_tests_pass() {
        let report = check(&repository(CONTRACT, SUITE, RUNS));
        assert_passes(&report);
        assert_eq!(report.checked, 4);
    }

    #[test]
    fn a_sentence_without_a_test_and_a_test_without_a_sentence_are_found() {
        let suite = SUITE.replace("nothing_is_found_before", "nothing_is_there");
        let runs = RUNS.replace("nothing_is_found_before", "nothing_is_there");
        assert_eq!(
            found(&check(&repository(CONTRACT, &suite, &runs))),
            [
                "crates/a/src/lib.rs:6: no conformance test `nothing_is_found_before`",
                "crates/a/src/conformance/store.rs:3: no contract has a sentence `nothing_is_there`",
            ]
        );
    }

    #[test]
    fn two_traits_with_the_same_sentence_need_two_tests() {
        let second = CONTRACT.replace("Store", "Shelf");
        let library = format!("{CONTRACT}{second}");
        assert_eq!(found(&check(&repository(&library, SUITE, RUNS))).len(), 2);
    }

    #[test]
    fn a_test_that_nobody_runs_is_found() {
        assert_eq!(
            found(&check(&repository(CONTRACT, SUITE, "suite!(what_is_put_is_found);"))),
            [
                "crates/a/src/conformance/store.rs:3: nobody runs the conformance test `nothing_is_found_before`"
            ]
        );
    }

    #[test]
    fn a_trait_needs_a_contract_with_named_sentences() {
        let library = "#[async_trait]\npub trait Bare {}\n\
            /// # Contract\n/// Nothing.\npub trait Empty {}\n\
            /// # Contract\n/// - it works\npub trait Nameless {}\n\
            pub trait Plain {}\n\
            #[cfg(test)]\nmod tests {\n#[async_trait]\npub trait Hidden {}\n}\n";
        assert_eq!(
            found(&check(&repository(library, "", ""))),
            [
                "crates/a/src/lib.rs:2: trait `Bare` has no `# Contract` section",
                "crates/a/src/lib.rs:5: the contract of `Empty` has no sentences",
                "crates/a/src/lib.rs:7: a sentence of the contract of `Nameless` has no name",
            ]
        );
    }

    #[test]
    fn an_excuse_counts_only_while_its_trait_exists() {
        let library = format!("{CONTRACT}#[async_trait]\npub trait Bare {{}}\n");
        let workspace = repository(&library, SUITE, RUNS);
        assert_passes(&compare(&workspace, &[("a::Bare", "a test")]));
        assert_eq!(
            found(&compare(&workspace, &[("a::Bare", "a test"), ("a::Gone", "a test")])),
            [
                "xtask/src/tidy/contracts.rs: `a::Gone` is excused from a contract and does not exist"
            ]
        );
    }
}
