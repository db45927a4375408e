//! `cargo xtask test`: every test there is, the tidy checks, and an honest total.
//!
//! Cargo's output is passed on as it comes, and read on the way: a test that was ignored is a failure here, and so is a
//! run in which nothing was tested.

use std::io::{self, BufRead, BufReader, Write};
use std::process::Stdio;

use crate::emulators::Emulators;
use crate::servers::Servers;
use crate::{tidy, workspace};

/// The passes of a full run: what is tested, and the arguments that say so. The first is the quick one.
const PASSES: &[(&str, &[&str])] =
    &[("all features", &["--all-features"]), ("default features", &[])];

/// How many seeds of each strategy are simulated by a full run; by itself `cargo test` takes fewer.
const SEEDS: (&str, &str) = ("PETSWIPE_SEEDS", "10000");

/// What one pass counted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    /// The number the summaries give.
    ignored: u64,
    /// The names of failed tests, as far as they were printed: a summary far below them has to say which.
    failed_names: Vec<String>,
    /// The names of ignored tests, as far as they were printed.
    ignored_names: Vec<String>,
}

/// One pass, finished.
#[derive(Debug)]
struct Pass {
    name: &'static str,
    tally: Tally,
    /// Whether Cargo ended with success.
    success: bool,
}

/// Runs the passes and the tidy checks; false when anything is not as it should be.
pub(crate) fn run(quick: bool, extra: &[String]) -> Result<bool, String> {
    let mut passes = Vec::new();
    // Only tests behind features need them, so they are there for the pass with all features.
    println!("== emulators of AWS, and servers");
    let servers = Servers::find()?;
    let mut emulators = Some(Emulators::start()?);
    for (name, arguments) in &PASSES[..if quick { 1 } else { PASSES.len() }] {
        println!("== tests with {name}");
        // The seeds do not depend on features, so one pass with all of them is enough.
        let seeds = (!quick && passes.is_empty()).then_some(SEEDS);
        let running = emulators.take();
        let addresses = running.iter().flat_map(Emulators::variables);
        let environment = addresses.chain(servers.variables()).chain(seeds);
        passes.push(pass(name, arguments, extra, environment)?);
    }
    println!("== tidy checks");
    let tidy = tidy::run()?;

    println!("== summary");
    for pass in &passes {
        println!(
            "{}: {} passed, {} failed, {} ignored",
            pass.name, pass.tally.passed, pass.tally.failed, pass.tally.ignored
        );
    }
    println!("tidy: {}", if tidy { "ok" } else { "failed" });
    let problems = problems(&passes, tidy);
    for problem in &problems {
        println!("error: {problem}");
    }
    println!("{}", totals(&passes));
    Ok(problems.is_empty())
}

/// Runs `cargo test` once, passing its output on.
fn pass<'e>(
    name: &'static str,
    arguments: &[&str],
    extra: &[String],
    environment: impl Iterator<Item = (&'static str, &'e str)>,
) -> Result<Pass, String> {
    let mut child = workspace::cargo()
        .args(["test", "--workspace", "--locked", "--no-fail-fast"])
        .args(arguments)
        .args(extra)
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cargo test did not start: {error}"))?;
    let output = child.stdout.take().ok_or("cargo test has no output")?;
    let tally = tally(BufReader::new(output), io::stdout().lock())
        .map_err(|error| format!("reading the output of cargo test: {error}"))?;
    let status = child.wait().map_err(|error| format!("waiting for cargo test: {error}"))?;
    Ok(Pass { name, tally, success: status.success() })
}

/// Copies `input` to `output` line by line, and adds up the summaries on the way.
fn tally(mut input: impl BufRead, mut output: impl Write) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        output.write_all(&line)?;
        output.flush()?;
        let text = without_colours(&String::from_utf8_lossy(&line));
        if let Some(counts) = text.strip_prefix("test result: ") {
            tally.passed += count(counts, "passed")?;
            tally.failed += count(counts, "failed")?;
            tally.ignored += count(counts, "ignored")?;
        } else if let Some((name, result)) =
            text.strip_prefix("test ").and_then(|rest| rest.split_once(" ... "))
        {
            match result.split(',').next().unwrap_or_default().trim() {
                "ignored" => tally.ignored_names.push(name.to_owned()),
                "FAILED" => tally.failed_names.push(name.to_owned()),
                _ => {}
            }
        }
        line.clear();
    }
    Ok(tally)
}

/// The number before `word` in `ok. 3 passed; 0 failed; …`. A summary that cannot be read must not count as nothing.
fn count(counts: &str, word: &str) -> io::Result<u64> {
    let mut before = "";
    for part in counts.split([' ', ';']).filter(|part| !part.is_empty()) {
        if part == word {
            return before.parse().map_err(|error| {
                io::Error::other(format!("`{before} {word}` in a summary: {error}"))
            });
        }
        before = part;
    }
    Err(io::Error::other(format!("a summary does not say how many {word}: {}", counts.trim())))
}

/// The text without the escape sequences that colour it.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut parts = text.split("\u{1b}[");
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    plain
}

/// Everything that makes the run a failure.
fn problems(passes: &[Pass], tidy: bool) -> Vec<String> {
    let mut problems = Vec::new();
    for Pass { name, tally, success } in passes {
        if tally.failed > 0 {
            let names = tally.failed_names.join(", ");
            problems.push(format!("{} tests failed with {name}: {names}", tally.failed));
        } else if !success {
            problems.push(format!(
                "cargo test failed with {name} though no test says so: it did not build, or a test program died"
            ));
        }
        if tally.ignored > 0 {
            problems.push(format!(
                "{} tests are ignored with {name}: {}; make them run, or remove them",
                tally.ignored,
                tally.ignored_names.join(", ")
            ));
        }
    }
    if passes.iter().all(|pass| pass.tally.passed == 0) {
        problems.push("no test ran".to_owned());
    }
    if !tidy {
        problems.push("the tidy checks found violations, see above".to_owned());
    }
    problems
}

/// The last line: `N passed, M failed` over all passes. A pass that failed without a failed test counts as one.
fn totals(passes: &[Pass]) -> String {
    let passed: u64 = passes.iter().map(|pass| pass.tally.passed).sum();
    let failed: u64 =
        passes.iter().map(|pass| pass.tally.failed.max(u64::from(!pass.success))).sum();
    format!("{passed} passed, {failed} failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\nrunning 3 tests\ntest a ... ok\ntest slow ... ignored, takes an hour\ntest b ... FAILED\n\n\
        test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n\
        \u{1b}[1mtest result: \u{1b}[32mok\u{1b}[m. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\nno end of line";

    fn pass(tally: Tally, success: bool) -> Pass {
        Pass { name: "all features", tally, success }
    }

    fn passed(passed: u64) -> Tally {
        Tally { passed, ..Tally::default() }
    }

    #[test]
    fn summaries_are_added_up_and_the_output_passed_on() {
        let mut copy = Vec::new();
        let tally = tally(OUTPUT.as_bytes(), &mut copy).unwrap();
        assert_eq!(copy, OUTPUT.as_bytes());
        assert_eq!((tally.passed, tally.failed, tally.ignored), (13, 1, 1));
        assert_eq!(
            (tally.ignored_names, tally.failed_names),
            (vec!["slow".into()], vec!["b".into()])
        );
    }

    #[test]
    fn a_summary_that_cannot_be_read_is_an_error() {
        let output = "test result: ok. many passed; 0 failed; 0 ignored\n";
        assert!(tally(output.as_bytes(), io::sink()).is_err());
        let output = "test result: ok. 3 passed; 0 failed\n";
        assert!(tally(output.as_bytes(), io::sink()).is_err());
    }

    #[test]
    fn a_clean_run_has_no_problems() {
        let passes = [pass(passed(3), true), pass(passed(2), true)];
        assert!(problems(&passes, true).is_empty());
        assert_eq!(totals(&passes), "5 passed, 0 failed");
    }

    #[test]
    fn ignored_tests_dead_programs_empty_runs_and_tidy_are_problems() {
        let ignored = Tally { ignored: 1, ignored_names: vec!["slow".to_owned()], ..passed(1) };
        assert!(
            problems(&[pass(ignored, true)], true)[0].contains("ignored with all features: slow")
        );
        let died = [pass(passed(1), false)];
        assert_eq!(problems(&died, true).len(), 1);
        assert_eq!(totals(&died), "1 passed, 1 failed");
        assert_eq!(problems(&[pass(passed(0), true)], true), ["no test ran"]);
        assert_eq!(problems(&[pass(passed(1), true)], false).len(), 1);
    }
}
