//! How fast the core decides, and how many whole rollouts a second the simulator carries out on one core.

#![allow(clippy::unwrap_used, reason = "a benchmark that can't run has nothing to say")]

use divan::Bencher;
use divan::counter::ItemsCount;
use petswipe_deploy::sim::{Scenario, rollout};
use petswipe_deploy::{Plan, Strategy};
use petswipe_runbook::Runbook;
use petswipe_runbook::sim::{FaultPlan, Trace};

fn main() {
    divan::main();
}

const ROLLING: Strategy = Strategy::Rolling { minimum_healthy_percent: 100, maximum_percent: 200 };

fn calm(strategy: Strategy) -> Trace<Plan> {
    rollout(1, strategy, &Scenario::good(), &FaultPlan::none()).unwrap()
}

/// Taking in one event and deciding what follows, over all events of a whole canary.
#[divan::bench]
fn decide_and_evolve(bencher: Bencher<'_, '_>) {
    let trace = calm(Strategy::Canary);
    let plan = Scenario::good().plan(Strategy::Canary);
    let steps = trace.records.len();
    bencher.counter(ItemsCount::new(steps)).bench(|| {
        let mut state = plan.begin(trace.began_at);
        for recorded in &trace.records {
            divan::black_box(plan.decide(&state, recorded.at));
            plan.evolve(&mut state, &recorded.event, recorded.at);
        }
        state
    });
}

/// Whole rollouts with the guide's stages in a calm world.
#[divan::bench(args = [Strategy::Canary, Strategy::BlueGreen, ROLLING])]
fn simulated_rollout(bencher: Bencher<'_, '_>, strategy: Strategy) {
    bencher.counter(ItemsCount::new(1u32)).bench(|| calm(strategy));
}

/// Whole canaries in every kind of world, under every kind of fault.
#[divan::bench]
fn simulated_canary_under_faults(bencher: Bencher<'_, '_>) {
    let mut seed = 0;
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| {
        seed += 1;
        let (scenario, faults) = (Scenario::from_seed(seed), FaultPlan::from_seed(seed));
        rollout(seed, Strategy::Canary, &scenario, &faults)
    });
}
