//! What a plan may be: a table of refusals with their exact words, and every valid plan keeps its stages.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use petswipe_deploy::{
    ApprovalPlan, ApprovalPoint, Deployment, Environment, HookPlan, HookPoint, Image, Outcome,
    Percent, Plan, RevisionId, SmokePlan, Split, Stage, Target, TimeoutAction,
};
use proptest::prelude::*;

mod support;
use support::*;

/// What is wrong with a plan, in words.
fn refusal(mut plan: Plan, change: impl FnOnce(&mut Plan)) -> String {
    plan.validate().unwrap();
    change(&mut plan);
    plan.validate().unwrap_err().to_string()
}

fn stages(weights: &'static [u8]) -> impl FnOnce(&mut Plan) {
    move |plan| plan.stages = Stage::list(weights, seconds(60)).unwrap()
}

#[test]
fn the_defaults_of_every_strategy_are_valid() {
    let (pair, target) = ([blue(), green()], Target::Image(image("shop:v2")));
    for plan in [
        Plan::canary("shop", pair.clone(), target.clone()),
        Plan::blue_green("shop", pair.clone(), target.clone()),
        Plan::rolling("shop", pair, target),
    ] {
        plan.validate().unwrap();
        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    }
}

#[test]
fn stages_rise_to_100() {
    let table: [(&'static [u8], &str); 9] = [
        (&[], "last stage is empty; allowed: 100 %"),
        (&[5], "last stage is 5 %; allowed: 100 %"),
        (&[5, 50], "last stage is 50 %; allowed: 100 %"),
        (&[0, 100], "stage 1 is 0 %; allowed: 1 to 100 %"),
        (&[10, 5, 100], "stage 2 is 5 %; allowed: more than 10 %, the stage before"),
        (&[10, 10, 100], "stage 2 is 10 %; allowed: more than 10 %, the stage before"),
        (&[10, 0, 100], "stage 2 is 0 %; allowed: more than 10 %, the stage before"),
        (&[10, 100, 100], "stage 3 is 100 %; allowed: more than 100 %, the stage before"),
        (&[100, 50], "stage 2 is 50 %; allowed: more than 100 %, the stage before"),
    ];
    for plan in [canary(), blue_green()] {
        for (weights, expected) in table {
            assert_eq!(refusal(plan.clone(), stages(weights)), expected);
        }
    }
    let above = Stage::list(&[50, 101], seconds(60)).unwrap_err();
    assert_eq!(above.to_string(), "percent is 101; allowed: 0 to 100");
}

type Change = fn(&mut Plan);

#[test]
fn every_wait_and_bound_is_positive() {
    let table: [(Change, &str); 11] = [
        (
            |plan| plan.stages[1].duration = Duration::ZERO,
            "duration of stage 2 is 0; allowed: a positive time",
        ),
        (
            |plan| plan.check_interval = Duration::ZERO,
            "check interval is 0; allowed: a positive time",
        ),
        (|plan| plan.patience = Duration::ZERO, "patience is 0; allowed: a positive time"),
        (
            |plan| plan.capacity.deadline = Duration::ZERO,
            "capacity deadline is 0; allowed: a positive time",
        ),
        (
            |plan| plan.capacity.poll = Duration::ZERO,
            "capacity poll interval is 0; allowed: a positive time",
        ),
        (|plan| plan.call_timeout = Duration::ZERO, "call timeout is 0; allowed: a positive time"),
        (|plan| plan.capacity.minimum_tasks = 0, "minimum tasks is 0; allowed: at least 1"),
        (|plan| plan.retry.attempts = 0, "retry attempts is 0; allowed: at least 1"),
        (
            |plan| plan.smoke = Some(smoke(0, 2)),
            "smoke test is 0 seconds; allowed: a positive duration and interval",
        ),
        (
            |plan| plan.smoke = Some(smoke(60, 0)),
            "smoke test is 0 seconds; allowed: a positive duration and interval",
        ),
        (
            |plan| plan.approval = Some(approval(0)),
            "approval deadline is 0; allowed: a positive time",
        ),
    ];
    for (change, expected) in table {
        assert_eq!(refusal(canary(), change), expected);
    }
    // A bake and a delay may be left out.
    let plan = Plan { bake: Duration::ZERO, scale_down_delay: Duration::ZERO, ..canary() };
    plan.validate().unwrap();
}

fn smoke(duration: u64, interval: u64) -> SmokePlan {
    let (duration, interval) = (seconds(duration), seconds(interval));
    SmokePlan { duration, interval, tolerated_percent: Percent::ZERO }
}

fn approval(within: u64) -> ApprovalPlan {
    ApprovalPlan { before: ApprovalPoint::FirstTraffic, within: seconds(within) }
}

fn hook(point: HookPoint, timeout: u64) -> HookPlan {
    HookPlan { point, timeout: seconds(timeout), on_timeout: TimeoutAction::Continue }
}

#[test]
fn names_differ_and_are_there() {
    let table: [(Change, &str); 6] = [
        (|plan| plan.service = String::new(), "service is empty; allowed: a name"),
        (|plan| plan.service = " \t".to_owned(), "service is empty; allowed: a name"),
        (
            |plan| plan.environments = [green(), green()],
            "environments is shop-green twice; allowed: two different ones",
        ),
        (
            |plan| plan.baseline = Some(blue()),
            "baseline is shop-blue; allowed: an environment other than the pair",
        ),
        (
            |plan| plan.baseline = Some(green()),
            "baseline is shop-green; allowed: an environment other than the pair",
        ),
        (
            |plan| plan.hooks = vec![hook(HookPoint::BakeTime, 5), hook(HookPoint::BakeTime, 6)],
            "hooks is BAKE_TIME twice; allowed: each point once",
        ),
    ];
    for (change, expected) in table {
        assert_eq!(refusal(canary(), change), expected);
    }
    assert_eq!(
        refusal(blue_green(), |plan| plan.baseline = Some(baseline())),
        "baseline is shop-baseline; allowed: none, except for a canary"
    );
    assert_eq!(
        refusal(canary(), |plan| plan.hooks = vec![hook(HookPoint::PreScaleUp, 0)]),
        "timeout of hook PRE_SCALE_UP is 0; allowed: a positive time"
    );
}

#[test]
fn a_rolling_update_has_no_stages_no_smoke_test_and_no_hooks_that_are_never_called() {
    let points = "for a rolling update RECONCILE_SERVICE, PRE_SCALE_UP, POST_SCALE_UP, BAKE_TIME and CLEAN_UP";
    for (change, expected) in [
        (
            (|plan| plan.stages = Stage::list(&[50, 100], seconds(60)).unwrap()) as Change,
            "stages is 2 stages; allowed: none for a rolling update",
        ),
        (
            |plan| plan.smoke = Some(smoke(60, 2)),
            "smoke test is set; allowed: none for a rolling update",
        ),
        (
            |plan| plan.baseline = Some(baseline()),
            "baseline is shop-baseline; allowed: none, except for a canary",
        ),
        (
            |plan| plan.strategy = rolling_of(101, 200),
            "minimum healthy percent is 101; allowed: 0 to 100",
        ),
        (
            |plan| plan.strategy = rolling_of(100, 100),
            "maximum percent is 100; allowed: 101 to 200, or 100 where fewer than all may stay healthy",
        ),
        (
            |plan| plan.strategy = rolling_of(50, 99),
            "maximum percent is 99; allowed: 101 to 200, or 100 where fewer than all may stay healthy",
        ),
        (
            |plan| plan.strategy = rolling_of(50, 201),
            "maximum percent is 201; allowed: 101 to 200, or 100 where fewer than all may stay healthy",
        ),
    ] {
        assert_eq!(refusal(rolling(), change), expected);
    }
    for point in [
        HookPoint::TestTrafficShift,
        HookPoint::PostTestTrafficShift,
        HookPoint::ProductionTrafficShift,
        HookPoint::PostProductionTrafficShift,
    ] {
        let refused = refusal(rolling(), |plan| plan.hooks = vec![hook(point, 5)]);
        assert_eq!(refused, format!("hook is {point}; allowed: {points}"));
        let mut canary = canary();
        canary.hooks = vec![hook(point, 5)];
        canary.validate().unwrap();
    }
    for (low, high) in [(0, 100), (99, 100), (100, 101), (100, 200), (0, 200)] {
        Plan { strategy: rolling_of(low, high), ..rolling() }.validate().unwrap();
    }
}

fn rolling_of(minimum_healthy_percent: u32, maximum_percent: u32) -> petswipe_deploy::Strategy {
    petswipe_deploy::Strategy::Rolling { minimum_healthy_percent, maximum_percent }
}

#[test]
fn the_nouns_refuse_what_they_can_not_be() {
    let long = "x".repeat(256);
    for text in ["", " ", "a b", "a\nb", "a\u{0}b", &long] {
        let shown = if text.is_empty() { "empty" } else { text };
        let why = format!("is {shown}; allowed: 1 to 255 characters without white space");
        assert_eq!(Environment::new(text).unwrap_err().to_string(), format!("environment {why}"));
        assert_eq!(Image::new(text).unwrap_err().to_string(), format!("image {why}"));
        assert_eq!(RevisionId::new(text).unwrap_err().to_string(), format!("revision {why}"));
    }
    assert!(Image::new("x".repeat(255)).is_ok());
    let shares = [(blue(), percent(50)), (green(), percent(40))];
    let refused = Split::new(shares).unwrap_err();
    assert_eq!(refused.to_string(), "sum of the weights is 90; allowed: 100");
    let json = serde_json::from_str::<Split>(r#"{"shop-blue":60,"shop-green":60}"#);
    assert!(json.unwrap_err().to_string().contains("sum of the weights is 120; allowed: 100"));
    assert!(serde_json::from_str::<Percent>("101").is_err());
    let mut deployment = Deployment::new(RevisionId::new("revision:1").unwrap(), 1);
    deployment.minimum_healthy_percent = Some(101);
    let refused = deployment.validate().unwrap_err();
    assert_eq!(refused.to_string(), "minimum healthy percent is 101; allowed: 0 to 100");
    deployment.minimum_healthy_percent = Some(0);
    deployment.maximum_percent = Some(99);
    let refused = deployment.validate().unwrap_err();
    assert_eq!(refused.to_string(), "maximum percent is 99; allowed: 100 to 200");
    // What earlier versions wrote to a journal.
    let old = r#"{"revision":"revision:1","desired":2,"minimum_healthy_percent":50,"maximum_percent":150,"circuit_breaker":true}"#;
    let old: Deployment = serde_json::from_str(old).unwrap();
    let percents = (old.minimum_healthy_percent, old.maximum_percent);
    assert_eq!((percents, old.circuit_breaker), ((Some(50), Some(150)), Some(true)));
    assert_eq!(old.set_back, None);
    let old = r#"{"environment":"shop-blue","revision":null,"image":null,"desired":2,"running":2,
        "deployment":{"state":"completed"},"failures":[],"observed_at":"2026-11-23T03:10:38Z"}"#;
    let old: petswipe_deploy::ServiceStatus = serde_json::from_str(old).unwrap();
    assert_eq!(old.replacement, None);
}

/// Rising weights that end at 100.
fn rising() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::btree_set(1..100u8, 0..6).prop_map(|weights| {
        let mut weights: Vec<_> = weights.into_iter().collect();
        weights.push(100);
        weights
    })
}

/// A canary or blue-green plan, and how many tasks are live.
fn any_plan() -> impl Strategy<Value = (Plan, u32)> {
    let times = (30..400u64, 5..60u64, 0..200u64, 0..200u64, 1..60u64);
    let shape = (any::<bool>(), any::<bool>(), any::<bool>(), 1..4u32);
    (rising(), times, shape, 1..12u32).prop_map(|(weights, times, shape, tasks)| {
        let (duration, check, bake, delay, poll) = times;
        let (compared, tested, switched, minimum) = shape;
        let mut plan = if switched { blue_green() } else { canary() };
        plan.stages = Stage::list(&weights, seconds(duration)).unwrap();
        plan.check_interval = seconds(check);
        (plan.bake, plan.scale_down_delay) = (seconds(bake), seconds(delay));
        plan.capacity.poll = seconds(poll);
        plan.capacity.minimum_tasks = minimum.min(tasks);
        plan.baseline = Some(baseline()).filter(|_| compared && !switched);
        plan.smoke = Some(smoke(10, 3)).filter(|_| tested);
        (plan, tasks)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_a_calm_world_every_valid_plan_is_promoted_through_exactly_its_stages((plan, tasks) in any_plan()) {
        plan.validate().unwrap();
        let shop = Shop::with(tasks, |_| {});
        let outcome = shop.run(plan.clone());
        let promoted = matches!(outcome, Outcome::Promoted { .. });
        prop_assert!(promoted, "{}", outcome);
        shop.assert_promoted(&outcome);
        let weights: Vec<_> = plan.stages.iter().map(|stage| stage.weight).collect();
        let shifted: Vec<_> = shop.shifts().iter().map(|to| to.share(&green())).collect();
        prop_assert_eq!(&shifted, &weights);
        prop_assert_eq!(shop.cloud.router_calls() as usize, weights.len());
        let stages = shop.report().stages;
        let held = stages.iter().map(|stage| {
            let ended = stage.ended_at.unwrap();
            (stage.weight, ended.duration_since(stage.started_at).as_secs() as u64)
        });
        let last = [plan.bake, plan.scale_down_delay].into_iter().filter(|time| !time.is_zero());
        let last = last.map(|time| (Percent::FULL, time.as_secs()));
        let wanted: Vec<_> = plan.stages.iter().map(|stage| (stage.weight, stage.duration.as_secs())).chain(last).collect();
        for ((weight, held), (wanted_weight, wanted)) in held.zip(&wanted) {
            prop_assert_eq!(weight, *wanted_weight);
            // It ends exactly when its time is over, unless too little was seen by then.
            prop_assert!(held >= *wanted && held <= *wanted + plan.check_interval.as_secs() * 6, "{held} of {wanted} s");
        }
        prop_assert_eq!(stages.len(), wanted.len());
        prop_assert_eq!(shop.cloud.healthy(&baseline()), 0);
    }
}

#[test]
fn a_rolling_update_without_a_bake_is_refused_because_nothing_else_judges_it() {
    let plan = Plan::rolling("shop", canary().environments, canary().target);
    assert!(plan.validate().is_ok());
    let unjudged = Plan { bake: Duration::ZERO, ..plan };
    assert_eq!(
        unjudged.validate().unwrap_err().to_string(),
        "bake of a rolling update is 0; allowed: a positive time"
    );
}
