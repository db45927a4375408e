//! Every strategy in thousands of worlds in which everything goes wrong: no promise may ever be broken.

use petswipe_deploy::sim::{Scenario, rollout};
use petswipe_deploy::{Outcome, Strategy};
use petswipe_runbook::sim::FaultPlan;

const ROLLING: Strategy = Strategy::Rolling { minimum_healthy_percent: 100, maximum_percent: 200 };

fn seeds(strategy: Strategy) {
    let one = std::env::var("PETSWIPE_SEED").ok().map(|seed| seed.parse::<u64>().unwrap());
    let range = one.map_or(0..10_000, |seed| seed..seed + 1);
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
    println!("{}: {outcomes:?}", strategy.name());
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
