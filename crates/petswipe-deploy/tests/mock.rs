//! The mocks of the traits, each used as somebody would who tests how a rollout treats a backend.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use futures_util::FutureExt;
use petswipe_deploy::{
    Effect, HookAnswer, HookPlan, HookPoint, MockAutoScaling, MockCompute, MockHooks,
    MockSmokeTest, MockTrafficRouter, Outcome, Output, RevisionId, ScalingState, SmokeResult,
    TimeoutAction,
};
use petswipe_runbook::{EffectContext, EffectId, FailureKind, Fence, OperationId, Performer};

mod support;
use support::*;

/// What the cloud in memory answers: it never waits.
fn at_once<T>(answer: impl Future<Output = T>) -> T {
    answer.now_or_never().unwrap()
}

#[test]
fn a_mock_router_sees_exactly_one_split_on_the_way_back() {
    let shop = Shop::with(4, |performer| {
        let mut router = MockTrafficRouter::new();
        let real = performer.router.clone();
        router.expect_route().returning(move || at_once(real.route()));
        let real = performer.router.clone();
        router.expect_health().returning(move |side| at_once(real.health(side)));
        for to in [split(10), split(0)] {
            let real = performer.router.clone();
            router
                .expect_set_split()
                .withf(move |_, _, commanded| *commanded == to)
                .times(1)
                .returning(move |authority, expected, to| {
                    at_once(real.set_split(authority, expected, to))
                });
        }
        router.expect_set_test_route().never();
        performer.router = Arc::new(router);
    });
    shop.break_version_2();
    let outcome = shop.run(canary());
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome}");
    shop.assert_untouched();
}

#[test]
fn a_mock_compute_sees_the_fence_of_the_driver_and_can_refuse_it() {
    let from = RevisionId::new("revision:1").unwrap();
    let mut compute = MockCompute::new();
    compute
        .expect_register()
        .withf(|authority, _, _| authority.fence == Fence(7))
        .times(1)
        .returning(|_, from, _| RevisionId::new(format!("{from}-copy")));
    compute.expect_register().returning(|authority, _, _| {
        Err(petswipe_deploy::Error::Fenced { fence: authority.fence, newest: Fence(7) })
    });
    let mut performer = Shop::new().performer.clone();
    performer.compute = Arc::new(compute);
    let effect = Effect::Register { from, image: image("shop:v2") };
    let perform = |fence| {
        let context = EffectContext {
            operation: OperationId::new("rollout-1").unwrap(),
            id: EffectId(3),
            fence: Fence(fence),
            deadline: jiff::Timestamp::UNIX_EPOCH,
        };
        at_once(performer.perform(&context, &effect))
    };
    let copy = RevisionId::new("revision:1-copy").unwrap();
    assert_eq!(perform(7).unwrap(), Output::Registered(copy));
    let refused = perform(6).unwrap_err();
    assert_eq!(refused.kind, FailureKind::Fenced);
    assert_eq!(refused.message, "a command with fence 6 was refused: fence 7 has been seen");
}

#[test]
fn a_mock_compute_that_never_starts_a_task_is_given_up() {
    let shop = Shop::with(4, |performer| {
        let mut compute = MockCompute::new();
        let real = performer.compute.clone();
        compute.expect_service().returning(move |side| at_once(real.service(side)));
        let real = performer.compute.clone();
        compute.expect_resolve().returning(move |image| at_once(real.resolve(image)));
        let real = performer.compute.clone();
        compute.expect_register().times(1).returning(move |authority, from, image| {
            at_once(real.register(authority, from, image))
        });
        // Once to the new side, once back.
        compute.expect_deploy().times(2).returning(|_, _, _| Ok(()));
        compute.expect_scale().never();
        performer.compute = Arc::new(compute);
    });
    let outcome = shop.run(canary());
    assert_eq!(
        outcome.to_string(),
        "rolled back: after 600s 0 of 1 tasks of shop-green are healthy"
    );
    shop.assert_untouched();
}

#[test]
fn mock_auto_scaling_is_handed_over_as_it_was_read_exactly_once() {
    let odd = ScalingState::active(3, 17);
    let (read, idle) =
        (odd.clone(), ScalingState { suspended: true, ..ScalingState::active(1, 20) });
    let shop = Shop::with(4, move |performer| {
        let mut scaling = MockAutoScaling::new();
        let real = performer.scaling.clone();
        scaling.expect_scaling().returning(move |side| at_once(real.scaling(side)));
        let real = performer.scaling.clone();
        scaling
            .expect_suspend()
            .withf(|_, side| *side == blue())
            .times(1)
            .returning(move |authority, side| at_once(real.suspend(authority, side)));
        let real = performer.scaling.clone();
        scaling
            .expect_restore()
            .withf(move |_, side, state| {
                *state == if *side == green() { &read } else { &idle }.clone()
            })
            .times(2)
            .returning(move |authority, side, state| at_once(real.restore(authority, side, state)));
        performer.scaling = Arc::new(scaling);
    });
    shop.cloud.set_scaling(&blue(), Some(odd));
    shop.next();
    let outcome = shop.run(canary());
    shop.assert_promoted(&outcome);
}

#[test]
fn a_mock_smoke_test_that_fails_keeps_traffic_away() {
    let shop = Shop::with(4, |performer| {
        let mut smoke = MockSmokeTest::new();
        smoke.expect_probe().withf(|side| *side == green()).times(31).returning(|_| {
            let reasons = vec!["/health answered 503".to_owned()];
            Ok(SmokeResult { requests: 10, failed: 1, reasons })
        });
        performer.smoke = Arc::new(smoke);
    });
    assert_eq!(
        shop.run(blue_green()).to_string(),
        "rolled back: smoke test: 31 of 310 requests failed (/health answered 503)"
    );
    assert_eq!(shop.shifts(), []);
    shop.assert_untouched();
}

#[test]
fn a_mock_hook_says_no_before_anything_is_started() {
    let shop = Shop::with(4, |performer| {
        let mut hooks = MockHooks::new();
        hooks
            .expect_call()
            .withf(|call| call.point == HookPoint::PreScaleUp && call.candidate == green())
            .times(1)
            .returning(|_| Ok(HookAnswer::Reject { reason: "a change freeze".to_owned() }));
        performer.hooks = Some(Arc::new(hooks));
    });
    let mut plan = canary();
    let on_timeout = TimeoutAction::RollBack;
    let hook = |point| HookPlan { point, timeout: seconds(30), on_timeout };
    plan.hooks = vec![hook(HookPoint::PreScaleUp), hook(HookPoint::CleanUp)];
    let outcome = shop.run(plan);
    assert_eq!(outcome.to_string(), "rolled back: hook PRE_SCALE_UP said no: a change freeze");
    assert_eq!(shop.changes(), [""; 0]);
    shop.assert_untouched();
}

#[test]
fn a_mock_database_that_denies_the_change_leaves_the_operation_refused() {
    use petswipe_deploy::scaling::{
        Change, DatabaseInstance, MockDatabaseInstances, Outcome, ScalePerformer, ScalePlan,
    };
    use petswipe_runbook::sim::SimClock;
    use petswipe_runbook::{Driver, Journaled, journal::MemoryJournal};

    let mut databases = MockDatabaseInstances::new();
    databases.expect_instance().returning(|name| {
        Ok(DatabaseInstance {
            name: name.to_owned(),
            class: "db.t3.medium".to_owned(),
            status: DatabaseInstance::AVAILABLE.to_owned(),
            pending_class: None,
            pending: Vec::new(),
            multi_az: false,
            engine: "postgres 16.3".to_owned(),
        })
    });
    databases.expect_offered_classes().returning(|_| Ok(["db.t3.large".to_owned()].into()));
    databases.expect_modify_class().times(1).returning(|_, name, _| {
        Err(petswipe_deploy::Error::Denied { action: format!("ModifyDBInstance of {name}") })
    });
    let performer = ScalePerformer::new("a mock").databases(Arc::new(databases));
    let clock = Arc::new(SimClock::new(jiff::Timestamp::UNIX_EPOCH));
    let log = Arc::new(Journaled(Arc::new(MemoryJournal::new())));
    let driver = Driver::with_clock(log, Arc::new(performer), clock.clone());
    let plan = ScalePlan::new("shop", Change::database("shop-postgres", "db.t3.large", true));
    let operation = OperationId::new("database-1").unwrap();
    let ended = clock.run(driver.start(operation, plan)).unwrap().unwrap();
    let Outcome::Refused { reasons } = ended.outcome else { panic!("{}", ended.outcome) };
    assert!(reasons[0].ends_with("ModifyDBInstance of shop-postgres was denied"), "{reasons:?}");
}
