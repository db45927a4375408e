//! Native deployments in many worlds in which everything goes wrong: no promise may ever be broken.
//!
//! `PETSWIPE_SEEDS=10000` tries that many worlds instead of the quick number; `PETSWIPE_SEED=7` tries only that one.

use std::collections::BTreeMap;

use petswipe_deploy::Outcome;
use petswipe_deploy::native::{Holding, NativeStrategy, PerMille};
use petswipe_deploy::sim::native::{NativeScenario, native};
use petswipe_runbook::sim::FaultPlan;

/// How many worlds are tried unless somebody asks for more.
const QUICK: u64 = 1000;

fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|number| number.parse().unwrap())
}

#[test]
fn native_deployments_keep_their_promises() {
    let one = asked("PETSWIPE_SEED");
    let range = one.map_or(0..asked("PETSWIPE_SEEDS").unwrap_or(QUICK), |seed| seed..seed + 1);
    let mut outcomes = BTreeMap::<&str, u32>::new();
    for seed in range {
        let scenario = NativeScenario::from_seed(seed);
        let faults = FaultPlan::from_seed(seed);
        match native(seed, &scenario, &faults) {
            Ok(trace) => *outcomes.entry(trace.outcome.word()).or_default() += 1,
            Err(violation) => panic!(
                "{violation}{scenario:?}\n{faults:?}\nrepeat it with: PETSWIPE_SEED={seed} cargo test \
                 -p petswipe-deploy --test native native_deployments_keep_their_promises",
            ),
        }
    }
    println!("{outcomes:?}");
}

#[test]
fn a_good_version_in_a_calm_world_is_promoted() {
    let ten = PerMille::new(100).unwrap();
    for strategy in [
        NativeStrategy::BlueGreen,
        NativeStrategy::Linear { step: ten, step_bake_minutes: 5 },
        NativeStrategy::Canary { share: ten, canary_bake_minutes: 10 },
    ] {
        for holding in [Holding::Pauses { timeout_minutes: 30 }, Holding::Watching] {
            let scenario = NativeScenario { strategy, holding, ..NativeScenario::good() };
            let trace = native(1, &scenario, &FaultPlan::none()).unwrap();
            assert!(matches!(trace.outcome, Outcome::Promoted { .. }), "{:?}", trace.outcome);
        }
    }
}
