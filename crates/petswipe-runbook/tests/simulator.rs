//! The simulator tests other code, so here it is tested itself: it repeats itself exactly, its faults really strike,
//! and bugs that were planted are found.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::process::Command;

use petswipe_runbook::sim::{FaultPlan, SeedTest, Struck, Violation, check_seeds};

#[path = "simulator/shift.rs"]
#[allow(unreachable_pub, reason = "a module of a test")]
mod shift;
use shift::{Bug, run};

const PACKAGE: &str = env!("CARGO_PKG_NAME");

#[test]
fn a_good_runbook_breaks_no_promise_and_every_kind_of_fault_strikes() {
    let name = "a_good_runbook_breaks_no_promise_and_every_kind_of_fault_strikes";
    let mut sum = Struck::default();
    let (mut most_drivers, mut quiet) = (0, 0);
    let ran = check_seeds(SeedTest::integration(PACKAGE, "simulator", name), 0..2_000, |seed| {
        let trace = run(Bug::None, seed, &FaultPlan::from_seed(seed))?;
        sum += trace.struck;
        most_drivers = most_drivers.max(trace.drivers);
        quiet += u32::from(trace.struck == Struck::default());
        Ok(())
    })
    .unwrap();
    println!("{ran} seeds: {sum:?}, {quiet} without any; at most {most_drivers} drivers");
    if ran < 2_000 {
        return; // one seed alone need not have them all
    }
    let Struck { error_before, error_after, timeout, stale, crash, abort, freeze } = sum;
    for (kind, count) in [
        ("error_before", error_before),
        ("error_after", error_after),
        ("timeout", timeout),
        ("stale", stale),
        ("crash", crash),
        ("abort", abort),
        ("freeze", freeze),
    ] {
        assert!(count >= 100, "{kind} struck {count} times only");
    }
    assert!(quiet >= 20, "{quiet} seeds are without faults");
    assert!(most_drivers >= 4, "never more than {most_drivers} drivers");
}

#[test]
fn the_same_seed_twice_gives_the_same_trace() {
    let mut different = 0;
    for seed in 0..300 {
        let faults = FaultPlan::from_seed(seed);
        let [first, second] = [(); 2].map(|()| run(Bug::None, seed, &faults).unwrap());
        assert_eq!(first, second);
        let other = run(Bug::None, seed + 1, &faults).unwrap();
        different += u32::from(other != first);
    }
    assert!(different > 250, "only {different} of 300 seeds differ from the next");
}

#[test]
fn the_same_seed_twice_gives_the_same_violation() {
    let mut violations = 0;
    for seed in 0..100 {
        let faults = FaultPlan::from_seed(seed);
        let [first, second] = [(); 2].map(|()| run(Bug::AddsToTheWeight, seed, &faults));
        violations += u32::from(first.is_err());
        assert_eq!(first, second);
    }
    assert!(violations > 0);
}

#[test]
fn without_faults_everything_goes_as_planned() {
    let trace = run(Bug::None, 7, &FaultPlan::none()).unwrap();
    assert_eq!((trace.struck, trace.drivers), (Struck::default(), 1));
    // Three steps, and the pause after each.
    assert_eq!(trace.ended_at.duration_since(trace.began_at).as_secs(), 180);
    assert_eq!(trace.performed.len(), 7);
}

#[test]
fn an_abort_comes_in_the_middle_of_a_long_wait() {
    let aborted = (0..200).filter_map(|seed| {
        let faults = FaultPlan { abort: 1.0, most: 1, ..FaultPlan::none() };
        let trace = run(Bug::None, seed, &faults).unwrap();
        let took = trace.ended_at.duration_since(trace.began_at).as_secs();
        (trace.outcome == shift::Outcome::Undone).then_some(took)
    });
    let aborted: Vec<i64> = aborted.collect();
    // Not only when a pause of a minute is over.
    assert!(aborted.iter().filter(|seconds| *seconds % 60 != 0).count() > 20, "{aborted:?}");
}

/// The first violation among the seeds.
fn violation(bug: Bug, seeds: u64) -> Box<Violation> {
    let found = (0..seeds).find_map(|seed| run(bug, seed, &FaultPlan::from_seed(seed)).err());
    found.unwrap_or_else(|| panic!("{bug:?} was not found in {seeds} seeds"))
}

fn assert_found(bug: Bug, promise: &str) {
    let violation = violation(bug, 2_000);
    assert!(violation.promise.contains(promise), "{violation}");
}

#[test]
fn an_effect_that_is_not_idempotent_is_found() {
    assert_found(Bug::AddsToTheWeight, "go to green");
}

#[test]
fn a_core_that_never_finishes_is_found() {
    assert_found(Bug::NeverFinishes, "it does not come to an end");
}

#[test]
fn a_core_that_never_finishes_is_found_while_another_driver_takes_over() {
    for seed in 0..3 {
        let faults = FaultPlan { freeze: 1.0, most: 1, ..FaultPlan::none() };
        let violation = run(Bug::NeverFinishes, seed, &faults).unwrap_err();
        assert_eq!(violation.promise, "it does not come to an end");
    }
}

#[test]
fn a_core_that_never_waits_is_found() {
    assert_found(Bug::NeverWaits, "10000 times in a row without waiting");
}

#[test]
fn a_core_that_naps_is_found() {
    assert_found(Bug::Naps, "it does not come to an end");
}

#[test]
fn a_core_that_never_stops_asking_is_found() {
    assert_found(Bug::NeverStopsAsking, "10000 times in a row without waiting");
}

#[test]
fn a_core_that_waits_for_nothing_is_found() {
    assert_found(Bug::WaitsForNothing, "it waits for an event, but nothing is under way");
}

#[test]
fn a_core_that_does_not_hear_of_a_crash_is_found() {
    assert_found(Bug::MissesItsOwnDeath, "it waits for an event, but nothing is under way");
}

#[test]
fn a_core_that_forgets_to_undo_is_found() {
    assert_found(Bug::ForgetsToUndo, "Undone, but green has");
}

#[test]
fn a_core_that_takes_a_timeout_for_a_success_is_found() {
    let violation = violation(Bug::TrustsTimeouts, 2_000);
    assert!(violation.promise.contains(", but green has"), "{violation}");
}

#[test]
fn a_state_that_depends_on_the_machines_time_is_found() {
    assert_found(Bug::StateReadsClock, "evolve is not pure");
}

#[test]
fn a_decision_that_depends_on_the_machines_time_is_found() {
    assert_found(Bug::DecisionReadsClock, "decide is not pure");
}

#[test]
fn a_world_that_obeys_a_replaced_driver_is_found() {
    assert_found(Bug::WorldIgnoresFences, ", but green has");
}

#[test]
fn a_plan_that_loses_a_field_in_its_journal_is_found() {
    assert_found(Bug::PlanLosesAField, "the plan comes back from its journal changed");
}

#[test]
fn an_event_that_loses_a_field_in_its_journal_is_found() {
    assert_found(Bug::OutputLosesAField, "an event comes back from its journal changed");
}

#[test]
fn a_violation_shows_its_seed_and_its_story() {
    let violation = violation(Bug::ForgetsToUndo, 2_000);
    let text = violation.to_string();
    let mut lines = text.lines();
    assert_eq!(lines.next().unwrap(), format!("seed {}: {}", violation.seed, violation.promise));
    assert!(lines.last().unwrap().contains("Finished"), "{text}");
    assert!(text.contains("AbortRequested"), "{text}");
}

/// A test of its own, so that the next one can run it in a process of its own.
#[test]
fn a_run_of_seeds() {
    let test = SeedTest::integration(PACKAGE, "simulator", "a_run_of_seeds");
    let mut ran = Vec::new();
    check_seeds(test, 0..3, |seed| {
        ran.push(seed);
        if seed == 77 { Err(Violation::new(seed, "a planted failure")) } else { Ok(()) }
    })
    .unwrap();
    println!("seeds that ran: {ran:?}");
}

#[test]
fn the_printed_command_repeats_one_seed() {
    let run = |seed: Option<&str>| {
        let mut this = Command::new(std::env::current_exe().unwrap());
        this.args(["--exact", "a_run_of_seeds", "--nocapture"]).env_remove("PETSWIPE_SEED");
        if let Some(seed) = seed {
            this.env("PETSWIPE_SEED", seed);
        }
        let output = this.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    let (passed, text) = run(None);
    assert!(passed && text.contains("seeds that ran: [0, 1, 2]"), "{text}");
    let (passed, text) = run(Some("42"));
    assert!(passed && text.contains("seeds that ran: [42]"), "{text}");
    let (passed, text) = run(Some("77"));
    let command = "repeat it with: PETSWIPE_SEED=77 cargo test -p petswipe-runbook --test simulator \
        a_run_of_seeds";
    assert!(!passed && text.contains(command), "{text}");
    let (passed, text) = run(Some("x"));
    assert!(!passed && text.contains("PETSWIPE_SEED is x; allowed: a whole number"), "{text}");
}
