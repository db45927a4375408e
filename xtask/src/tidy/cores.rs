//! Decision cores are pure: nothing in them is async, reads a clock, sleeps, or touches the world.

use super::Report;
use crate::source::{Source, has_word};
use crate::workspace::Workspace;

/// The decision cores: each stands for the file of this name and for all files below it. `*` is one directory,
/// `**` any number of them.
const CORES: &[&str] = &[
    "crates/petswipe-monitor/src/gate",
    "crates/petswipe-monitor/src/alarms",
    "crates/petswipe-monitor/src/dashboards",
    "crates/petswipe-monitor/src/apply/plan",
    "crates/petswipe-cost/src/spend",
    "crates/petswipe-deploy/src/rollout",
    "crates/*/src/**/analyzer",
    "crates/*/src/**/core",
];

/// What a core does not contain, and what it has instead.
const IMPURE: &[(&str, &str)] = &[
    ("async", "return a decision, and let the driver wait"),
    (".await", "return a decision, and let the driver wait"),
    ("tokio", "return a decision, and let the driver wait"),
    ("Instant::now", "take `now` as a parameter"),
    ("SystemTime", "take `now` as a parameter"),
    ("Timestamp::now", "take `now` as a parameter"),
    ("Zoned::now", "take `now` as a parameter"),
    ("thread::sleep", "return a decision to wait until a time"),
    ("std::net", "return an effect, and let a performer do it"),
    ("std::fs", "return an effect, and let a performer do it"),
    ("std::process", "return an effect, and let a performer do it"),
];

/// Checks every file of every core, except its tests.
pub(super) fn check(workspace: &Workspace) -> Report {
    let mut report = Report::new("decision cores", "files of decision cores");
    let test_only = workspace.test_only_files();
    let mut empty = CORES.to_vec();
    for (path, text) in workspace.library_sources() {
        let Some(core) = CORES.iter().find(|core| is_within(core, path)) else {
            continue;
        };
        empty.retain(|known| known != core);
        if test_only.contains(path) {
            continue;
        }
        report.saw();
        let code = Source::read(text).code_without_tests();
        for (index, line) in code.lines().enumerate() {
            for (word, remedy) in IMPURE {
                if has_word(line, word) {
                    report.violation(
                        path,
                        index + 1,
                        format!("`{word}` in a decision core"),
                        *remedy,
                    );
                }
            }
        }
    }
    if !empty.is_empty() {
        report.note(format!("nothing at {}", empty.join(", ")));
    }
    report
}

fn is_within(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    leads_into(&pattern, &path)
}

fn leads_into(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], _) => true,
        (["**", rest @ ..], _) => {
            leads_into(rest, path)
                || path.split_first().is_some_and(|(_, below)| leads_into(pattern, below))
        }
        ([last], [name]) => name.strip_suffix(".rs") == Some(last),
        ([wanted, rest @ ..], [name, below @ ..]) if *wanted == "*" || wanted == name => {
            leads_into(rest, below)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_passes, found};
    use super::*;

    #[test]
    fn patterns_stand_for_a_file_and_all_below_it() {
        let core = "crates/*/src/**/core";
        assert!(is_within(core, "crates/a/src/core.rs"));
        assert!(is_within(core, "crates/a/src/core/plan.rs"));
        assert!(is_within(core, "crates/a/src/x/y/core/z/plan.rs"));
        assert!(!is_within(core, "crates/a/src/score.rs"));
        assert!(!is_within(core, "crates/a/tests/core.rs"));
        let shift = "crates/petswipe-deploy/src/shift";
        assert!(is_within(shift, "crates/petswipe-deploy/src/shift.rs"));
        assert!(is_within(shift, "crates/petswipe-deploy/src/shift/mod.rs"));
        assert!(!is_within(shift, "crates/petswipe-deploy/src/shifty.rs"));
    }

    #[test]
    fn a_pure_core_passes_whatever_its_tests_and_neighbours_do() {
        let core = "//! No tokio here.\npub fn decide(now: Timestamp) -> Decision {}\n#[cfg(test)]\nmod tests { async fn f() { tokio::x().await } }\n";
        assert_passes(&check(&Workspace::of(&[
            ("crates/petswipe-deploy/src/rollout/mod.rs", core),
            ("crates/petswipe-deploy/src/shell.rs", "async fn f() {}"),
        ])));
    }

    #[test]
    fn impure_words_are_found() {
        let core = "fn f() { Timestamp::now() }\nasync fn g() {\n    h().await\n}\nuse std::time::SystemTime;\n";
        assert_eq!(
            found(&check(&Workspace::of(&[("crates/a/src/plan/core.rs", core)]))),
            [
                "crates/a/src/plan/core.rs:1: `Timestamp::now` in a decision core",
                "crates/a/src/plan/core.rs:2: `async` in a decision core",
                "crates/a/src/plan/core.rs:3: `.await` in a decision core",
                "crates/a/src/plan/core.rs:5: `SystemTime` in a decision core",
            ]
        );
    }

    #[test]
    fn no_core_at_all_is_no_pass() {
        assert!(!check(&Workspace::of(&[("crates/a/src/lib.rs", "//! x")])).passed());
    }
}
