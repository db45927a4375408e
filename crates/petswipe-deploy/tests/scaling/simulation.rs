//! Operations in many worlds in which everything goes wrong, and their undo.

use std::collections::BTreeMap;

use petswipe_deploy::scaling::Outcome;
use petswipe_deploy::scaling::sim::{Case, scale};
use petswipe_runbook::sim::{FaultPlan, SeedTest, Struck, Violation, check_seeds};

const SEEDS: u64 = 3_000;

/// The promises, and that the undo of whatever an operation left puts everything back.
fn run(seed: u64, outcomes: &mut BTreeMap<(Case, &str), u32>) -> Result<Struck, Box<Violation>> {
    let case = Case::from_seed(seed);
    let (trace, world) = scale(seed, case, &FaultPlan::from_seed(seed / 6))?;
    let outcome = &trace.outcome;
    *outcomes.entry((case, outcome.word())).or_default() += 1;
    let broken = |what: String| Err(Violation::new(seed, format!("{case:?}, {outcome}: {what}")));
    if case == Case::BeyondLimits && outcome.has_changed() {
        return broken("auto scaling was not asked".to_owned());
    }
    if let Outcome::Stopped { left: Some(left), .. } = outcome
        // Nobody can know of a command of a frozen driver that arrives when all is over.
        && (trace.struck.stale, trace.struck.freeze) == (0, 0)
        && world.shows(left) == Some(false)
    {
        return broken(format!("it is not what was left: {:?}", world.configuration()));
    }
    if let Ok(undo) = case.plan().undo(outcome) {
        world.settle();
        // Whatever was under way at the end is over now, so what was left may have become something else.
        let undo = petswipe_deploy::scaling::ScalePlan { undoes: None, ..undo };
        match world.run("undo", undo) {
            Ok(Outcome::Done { .. }) if world.configuration() == *world.initial() => {}
            other => return broken(format!("undone: {other:?}, {:?}", world.configuration())),
        }
    } else if world.configuration() != *world.initial() {
        return broken("it can't be undone".to_owned());
    }
    Ok(trace.struck)
}

#[test]
fn it_ends_within_limits_and_can_be_undone() {
    let test = SeedTest::integration(env!("CARGO_PKG_NAME"), "scaling", "it_ends_within_limits");
    let (mut outcomes, mut struck) = (BTreeMap::new(), Struck::default());
    let ran = check_seeds(test, 0..SEEDS, |seed| {
        struck += run(seed, &mut outcomes)?;
        Ok(())
    });
    println!("{outcomes:?}\n{struck:?}");
    if ran.unwrap() == SEEDS {
        for case in Case::ALL {
            assert!(outcomes[&(case, "done")] > 300, "{case:?}");
        }
        assert_eq!(outcomes.get(&(Case::DatabaseFails, "done")), None);
        let Struck { error_before, error_after, timeout, stale, crash, abort, freeze } = struck;
        for count in [error_before, error_after, timeout, stale, crash, abort, freeze] {
            assert!(count > 0, "{struck:?}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..60 {
        let faults = FaultPlan::from_seed(seed);
        let [one, two] = [0, 1].map(|_| scale(seed, Case::from_seed(seed), &faults).unwrap().0);
        assert!(one == two, "seed {seed}");
    }
}

/// A crash after every record there is, one at a time.
#[test]
fn a_crash_at_any_position_of_the_journal_changes_nothing_about_the_end() {
    for case in Case::ALL {
        let (calm, _) = scale(1, case, &FaultPlan::none()).unwrap();
        let mut crashes = 0;
        for seed in 0..200 {
            let faults = FaultPlan { crash: 0.2, most: 3, ..FaultPlan::none() };
            let (trace, world) = scale(seed, case, &faults).unwrap();
            crashes += trace.struck.crash;
            assert_eq!(trace.outcome.word(), calm.outcome.word(), "{case:?}, seed {seed}");
            let undo = case.plan().undo(&trace.outcome).unwrap();
            let undone = world.run("undo", undo).unwrap();
            assert!(matches!(undone, Outcome::Done { changed: true, .. }), "{case:?}: {undone}");
            assert_eq!(world.configuration(), *world.initial(), "{case:?}, seed {seed}");
        }
        assert!(crashes > 200, "{case:?}: {crashes} crashes");
    }
}
