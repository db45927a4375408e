//! Whole native deployments over the wire.

use std::time::Duration;

use petswipe_aws::script::Fault;
use petswipe_deploy::memory::{Behaviour, HookBehaviour, Metrics};
use petswipe_deploy::native::{
    Holding, LambdaHook, LifecycleStage, NativePlan, NativeStrategy, PerMille,
};
use petswipe_deploy::{CauseKind, Outcome, Percent, RevisionId, Split, Target};
use serde_json::Value;

use super::world::{World, canary, plan};
use crate::world::{blue, green, image};

const STRATEGIES: [fn() -> NativeStrategy; 3] = [
    || NativeStrategy::BlueGreen,
    || NativeStrategy::Linear { step: PerMille::new(300).unwrap(), step_bake_minutes: 5 },
    canary,
];

/// Everything that a deployment may change, with how AWS has it.
fn all(world: &World) -> (petswipe_deploy::memory::NativeSnapshot, Value) {
    let mut snapshot = world.platform.snapshot();
    // The platform in memory does not hear of it when the configuration is set back.
    snapshot.configuration = Default::default();
    let mut configuration = world.wire.with(|deployer| deployer.configuration.clone());
    let written = configuration.as_object_mut().unwrap();
    // What is absent and what is empty mean the same, and some fields mean something only for a strategy.
    written.retain(|_, value| !value.is_null() && *value != serde_json::json!([]));
    for field in ["bakeTimeInMinutes", "linearConfiguration", "canaryConfiguration"] {
        written.remove(field);
    }
    if written.get("alarms").is_some_and(|alarms| alarms["enable"] == false) {
        written.remove("alarms");
    }
    (snapshot, configuration)
}

fn rolled_back(outcome: &Outcome) -> (CauseKind, &str) {
    match outcome {
        Outcome::RolledBack { cause } => (cause.kind, &cause.text),
        other => panic!("{other}"),
    }
}

#[test]
fn a_good_version_comes_to_serve_by_the_other_group() {
    for strategy in STRATEGIES {
        let world = World::new();
        let (_, configuration) = all(&world);
        let (outcome, report) = world.run(plan(strategy()));
        let Outcome::Promoted { environment, revision, before } = &outcome else {
            panic!("{outcome}")
        };
        assert_eq!((environment, before.as_str()), (&green(), "revision:1"));
        let (now, configured) = all(&world);
        assert_eq!((&now.revision, &now.live), (revision, &green()));
        assert_eq!(now.split, Split::all_to(green()));
        assert_eq!(configured, configuration, "it is set back after a success too");
        // Once to begin, and once to set back.
        assert_eq!((world.count("UpdateService"), world.count("StopServiceDeployment")), (2, 0));
        assert_eq!(report.outcome, "promoted");
        let names: Vec<_> = report.stages.iter().map(|stage| stage.name.as_str()).collect();
        for name in ["scale up", "pre production traffic shift", "bake time"] {
            assert!(names.contains(&name), "{names:?}");
        }
        assert!(report.checks.iter().any(|check| check.weight == Percent::FULL));
        assert_eq!(report.final_state.unwrap().serving.as_ref(), Some(revision));
    }
}

#[test]
fn each_shift_and_the_bake_wait_for_an_answer() {
    for (strategy, answers) in STRATEGIES.into_iter().zip([2, 5, 3]) {
        let world = World::new();
        world.run(plan(strategy()));
        assert_eq!(world.count("ContinueServiceDeployment"), answers);
    }
}

#[test]
fn a_version_that_fails_requests_goes_back_with_one_call() {
    for strategy in STRATEGIES {
        let world = World::new();
        world.behaves(Behaviour { error_rate: 0.2, ..Behaviour::default() });
        let before = all(&world);
        let (outcome, report) = world.run(plan(strategy()));
        let (kind, text) = rolled_back(&outcome);
        assert!(kind == CauseKind::Verdict && text.contains("error rate"), "{outcome}");
        assert_eq!(world.count("StopServiceDeployment"), 1);
        assert_eq!(all(&world), before);
        assert_eq!(report.initial_state, report.final_state);
    }
}

#[test]
fn without_metrics_it_goes_back_before_the_next_shift() {
    for holding in [Holding::Pauses { timeout_minutes: 30 }, Holding::Watching] {
        for strategy in STRATEGIES {
            let world = World::new();
            world.cloud.set_metrics(Metrics::Missing);
            let before = all(&world);
            let mut plan = plan(strategy());
            plan.holding = holding;
            let (outcome, report) = world.run(plan);
            assert_eq!(rolled_back(&outcome).0, CauseKind::Unsure, "{outcome}");
            assert_eq!(all(&world), before);
            let most = report.checks.iter().map(|check| check.weight).max().unwrap();
            let first = strategy().steps()[0].whole();
            assert_eq!(most, first, "it never came to the second step");
        }
    }
}

#[test]
fn tasks_that_crash_are_told_of_by_the_circuit_breaker() {
    let world = World::new();
    let crash_after = Some(Duration::from_secs(2));
    world.behaves(Behaviour { crash_after, ..Behaviour::default() });
    let before = all(&world);
    let (outcome, _) = world.run(plan(canary()));
    let (kind, text) = rolled_back(&outcome);
    assert!(kind == CauseKind::Tasks && text.contains("circuit breaker"), "{outcome}");
    assert_eq!(all(&world), before);
    assert_eq!(world.count("StopServiceDeployment"), 0, "the platform went back by itself");
}

#[test]
fn tasks_that_never_become_healthy_end_at_the_deadline() {
    let world = World::new();
    world.behaves(Behaviour { healthy: false, ..Behaviour::default() });
    let before = all(&world);
    let (outcome, _) = world.run(plan(canary()));
    let (kind, text) = rolled_back(&outcome);
    assert!(kind == CauseKind::Capacity && text.contains("no traffic after 1200s"), "{outcome}");
    assert_eq!(all(&world), before);
}

#[test]
fn an_alarm_makes_the_platform_go_back() {
    let world = World::new();
    let before = all(&world);
    world.platform.set_off_alarm("shop-errors");
    let mut plan = plan(canary());
    plan.alarms = vec!["shop-errors".to_owned()];
    let (outcome, _) = world.run(plan);
    let (kind, text) = rolled_back(&outcome);
    assert!(kind == CauseKind::Verdict && text.contains("alarm shop-errors"), "{outcome}");
    assert_eq!(all(&world), before);
}

fn hook(stage: LifecycleStage) -> LambdaHook {
    LambdaHook {
        function: "arn:aws:lambda:eu-central-1:123456789012:function:check".to_owned(),
        role: "arn:aws:iam::123456789012:role/hooks".to_owned(),
        stages: vec![stage],
        timeout_minutes: 5,
    }
}

#[test]
fn a_hook_that_says_no_or_nothing_makes_the_platform_go_back() {
    for answer in [HookBehaviour::Refuses, HookBehaviour::Silent] {
        for stage in [LifecycleStage::PostScaleUp, LifecycleStage::PostProductionTrafficShift] {
            let world = World::new();
            let before = all(&world);
            world.platform.set_hook(stage, answer);
            let mut plan = plan(canary());
            plan.hooks = vec![hook(stage)];
            let (outcome, _) = world.run(plan);
            let (kind, text) = rolled_back(&outcome);
            assert!(kind == CauseKind::Hook && text.contains("function:check"), "{outcome}");
            assert_eq!(all(&world), before);
        }
    }
}

#[test]
fn a_hook_that_agrees_is_waited_for() {
    let world = World::new();
    let stage = LifecycleStage::PostScaleUp;
    world.platform.set_hook(stage, HookBehaviour::Agrees(Duration::from_secs(200)));
    let mut plan = plan(canary());
    plan.hooks = vec![hook(stage)];
    let (outcome, _) = world.run(plan);
    assert!(matches!(outcome, Outcome::Promoted { .. }), "{outcome}");
}

#[test]
fn a_foreign_deployment_in_the_middle_is_left_alone() {
    let world = World::new();
    let hotfix = RevisionId::new("revision:hotfix").unwrap();
    world.cloud.add_revision(hotfix.clone(), image("shop:v1"));
    // The fifth look at it finds another one.
    world.wire.with(|deployer| deployer.redeploy_at = Some((5, hotfix.clone())));
    let (outcome, _) = world.run(plan(canary()));
    let Outcome::Stopped { reason, left } = &outcome else { panic!("{outcome}") };
    assert!(reason.contains("somebody else deployed"), "{outcome}");
    assert!(left.contains("revision:1 before"), "{outcome}");
    assert_eq!(world.platform.snapshot().revision, hotfix);
    assert_eq!(world.count("StopServiceDeployment"), 0);
}

#[test]
fn a_rollback_that_fails_is_told_of() {
    let world = World::new();
    world.behaves(Behaviour { error_rate: 0.2, ..Behaviour::default() });
    world.platform.forbid_going_back();
    let (outcome, report) = world.run(plan(canary()));
    let Outcome::Stopped { reason, left } = &outcome else { panic!("{outcome}") };
    assert!(reason.contains("could not go back"), "{outcome}");
    assert!(left.contains("ROLLBACK_FAILED"), "{outcome}");
    assert_eq!(report.outcome, "failed");
}

#[test]
fn an_undo_deploys_the_revision_before_and_then_the_other_side_serves_again() {
    let world = World::new();
    let plan = plan(canary());
    let (outcome, _) = world.run(plan.clone());
    let undo = plan.undo(&outcome).unwrap();
    let registered = world.count("RegisterTaskDefinition");
    let (outcome, report) = world.run(undo.clone());
    let Outcome::Promoted { environment, revision, .. } = &outcome else { panic!("{outcome}") };
    assert_eq!((environment, revision.as_str()), (&blue(), "revision:1"));
    let now = world.platform.snapshot();
    assert_eq!((now.revision.as_str(), &now.live), ("revision:1", &blue()));
    assert_eq!(report.strategy, "native-blue-green");
    assert_eq!(report.undoes, undo.undoes);
    assert_eq!(world.count("RegisterTaskDefinition"), registered, "it is there");
    // What it undoes does not run any more, so that there is nothing to do a second time.
    let Outcome::Refused { reasons } = world.run(undo).0 else { panic!("begun again") };
    assert!(reasons.iter().any(|why| why.contains("already serves")), "{reasons:?}");
}

#[test]
fn an_undo_of_what_somebody_else_replaced_is_refused() {
    let world = World::new();
    let plan = plan(NativeStrategy::BlueGreen);
    let (outcome, _) = world.run(plan.clone());
    let undo = plan.undo(&outcome).unwrap();
    world.behaves(Behaviour::default());
    let mut other = plan.clone();
    other.target = Target::Image(image("shop:v3"));
    world.cloud.add_image(image("shop:v3"), Behaviour::default());
    assert!(matches!(world.run(other).0, Outcome::Promoted { .. }));
    let updates = world.count("UpdateService");
    let Outcome::Refused { reasons } = world.run(undo).0 else { panic!("begun") };
    assert!(reasons[0].contains("and this undoes"), "{reasons:?}");
    assert_eq!(world.count("UpdateService"), updates);
}

/// 10 % of the calls are throttled, 5 % lose their answer after they took effect, 2 % break.
#[test]
fn under_throttling_lost_answers_and_breakdowns_every_deployment_ends_as_promised() {
    let (mut promoted, mut back) = (0, 0);
    for seed in 0..200 {
        let world = World::new();
        let before = all(&world);
        let bad = seed % 2 == 1;
        if bad {
            world.behaves(Behaviour { error_rate: 0.2, ..Behaviour::default() });
        }
        let mut random = fastrand::Rng::with_seed(seed);
        world.wire.fate(move |_| match random.u8(0..100) {
            ..10 => Some(Fault::Throttled(None)),
            10..15 => Some(Fault::LostAnswer),
            15..17 => Some(Fault::Broken),
            _ => None,
        });
        let mut plan: NativePlan = plan(STRATEGIES[seed as usize % 3]());
        // As often as an operation and the SDK that it goes through would try together.
        plan.retry.attempts = 15;
        match world.run(plan).0 {
            Outcome::Promoted { revision, .. } => {
                assert!(!bad, "seed {seed}: a bad version was promoted");
                promoted += 1;
                let (now, configuration) = all(&world);
                assert_eq!((now.revision, now.live), (revision, green()), "seed {seed}");
                assert_eq!(configuration, before.1, "seed {seed}");
            }
            outcome @ Outcome::RolledBack { .. } => {
                back += 1;
                assert_eq!(all(&world), before, "seed {seed}: {outcome}");
            }
            outcome => panic!("seed {seed}: {outcome}: {:?}", all(&world)),
        }
    }
    println!("of 200 deployments {promoted} were promoted and {back} went back");
    assert!(promoted >= 90 && back >= 100, "{promoted} promoted, {back} back");
}
