//! Every strategy in many worlds in which everything goes wrong: no promise may ever be broken.
//!
//! `PETSWIPE_SEEDS=10000` tries that many worlds for each strategy instead of the quick number; `PETSWIPE_SEED=7` tries
//! only that one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use petswipe_deploy::sim::{Scenario, rollout};
use petswipe_deploy::{Outcome, Strategy};
use petswipe_runbook::sim::FaultPlan;

const ROLLING: Strategy = Strategy::Rolling { minimum_healthy_percent: 100, maximum_percent: 200 };

/// How many worlds are tried unless somebody asks for more.
const QUICK: u64 = 500;

/// A number from the environment.
fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|number| number.parse().unwrap())
}

fn seeds(strategy: Strategy) {
    let one = asked("PETSWIPE_SEED");
    let range = one.map_or(0..asked("PETSWIPE_SEEDS").unwrap_or(QUICK), |seed| seed..seed + 1);
    let count = range.end - range.start;
    let mut outcomes = std::collections::BTreeMap::<&str, u32>::new();
    for seed in range {
        let scenario = Scenario::from_seed(seed);
        let faults = FaultPlan::from_seed(seed);
        match rollout(seed, strategy, &scenario, &faults) {
            Ok(trace) => *outcomes.entry(trace.outcome.word()).or_default() += 1,
            Err(violation) => panic!(
                "{violation}{scenario:?}\n{faults:?}\nrepeat it with: PETSWIPE_SEED={seed} cargo test \
                 -p petswipe-deploy --test simulation {}",
                strategy.name().replace('-', "_"),
            ),
        }
    }
    println!("{} in {count} worlds: {outcomes:?}", strategy.name());
}

#[test]
fn canary_keeps_its_promises() {
    seeds(Strategy::Canary);
}

#[test]
fn blue_green_keeps_its_promises() {
    seeds(Strategy::BlueGreen);
}

#[test]
fn rolling_keeps_its_promises() {
    seeds(ROLLING);
}

#[test]
fn a_good_version_in_a_calm_world_is_promoted() {
    for strategy in [Strategy::Canary, Strategy::BlueGreen, ROLLING] {
        let trace = rollout(1, strategy, &Scenario::good(), &FaultPlan::none()).unwrap();
        assert!(matches!(trace.outcome, Outcome::Promoted { .. }), "{:?}", trace.outcome);
    }
}
