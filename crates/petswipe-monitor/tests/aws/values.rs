//! What is made of the values that are there, and of those that are not.

use std::time::Duration;

use petswipe_monitor::{
    AbsolutePolicy, Carried, Errors, Observation, Saturation, Step, Targets, Verdict,
    observe_and_judge,
};

use crate::world::{World, at, blue, green, of_balancer, of_group, of_service};

/// What was done in the minute in which the world began, once it is published.
async fn first_minute(world: &World) -> Observation {
    world.pass(180);
    let seen = world.seen(&green(), 4).await.unwrap();
    assert_eq!(seen.window.length(), Duration::from_secs(60));
    seen
}

#[tokio::test]
async fn errors_are_told_apart_by_who_answered() {
    let world = World::new();
    for (requests, class) in [(80, 2), (7, 3), (5, 4), (3, 5)] {
        world.answer(&green(), requests, class, 0.03);
    }
    for (requests, status) in [(1, 502), (1, 503), (2, 504)] {
        world.fail(&green(), requests, status);
    }
    world.answer(&blue(), 1000, 2, 0.03);
    let seen = first_minute(&world).await;
    assert_eq!(seen.requests, Some(99));
    assert_eq!(seen.errors, Errors { client: Some(5), server: Some(3), balancer: Some(4) });
    assert_eq!(seen.latency.unwrap().count(), 95);
}

#[tokio::test]
async fn failures_behind_another_target_group_are_not_counted_here() {
    let world = World::new();
    world.answer(&green(), 100, 2, 0.03);
    world.fail(&blue(), 50, 502);
    let seen = first_minute(&world).await;
    assert_eq!(seen.errors, Errors { client: Some(0), server: Some(0), balancer: Some(0) });
    // Requests that a client abandoned count among them, as far as there were failures at all.
    let world = World::new();
    world.answer(&green(), 100, 2, 0.03);
    world.put(&of_group("RequestCount", &green()), 1.0, 3);
    world.fail(&blue(), 50, 502);
    assert_eq!(first_minute(&world).await.errors.balancer, Some(3));
}

#[tokio::test]
async fn connections_that_failed_are_no_requests_that_did() {
    let world = World::new();
    world.answer(&green(), 100, 2, 0.03);
    world.put(&of_group("TargetConnectionErrorCount", &green()), 1.0, 40);
    assert_eq!(first_minute(&world).await.errors.failed(), Some(0));
}

#[tokio::test]
async fn a_minute_that_is_published_later_than_the_lag_is_unknown_and_not_zero() {
    let world = World::new();
    world.answer(&green(), 100, 2, 0.03);
    world.wire.with(|cloudwatch| cloudwatch.delay = 300);
    let seen = first_minute(&world).await;
    assert!(seen.is_missing(), "{seen:?}");
    world.pass(240);
    assert_eq!(world.seen(&green(), 8).await.unwrap().requests, None);
    world.pass(300);
    let late = world.seen(&green(), 13).await.unwrap();
    assert_eq!((late.requests, late.window.length()), (None, Duration::from_secs(600)));
}

#[tokio::test]
async fn without_targets_or_requests_nothing_is_known_whatever_the_load_balancer_did() {
    let world = World::new();
    world.pass(60);
    // A minute in which the hosts were not counted.
    world.wire.with(|cloudwatch| {
        let minute = cloudwatch.now.div_euclid(60) * 60;
        *cloudwatch = crate::cloudwatch::CloudWatch::new(cloudwatch.now);
        cloudwatch.put(&of_balancer("HTTPCode_ELB_503_Count"), minute, 1.0, 30);
    });
    let seen = first_minute(&world).await;
    assert!(seen.is_missing(), "{seen:?}");
    let judged = judge(&world, AbsolutePolicy::default()).await;
    assert!(matches!(judged, Verdict::Inconclusive { .. }), "{judged}");
}

#[tokio::test]
async fn targets_and_saturation_are_those_of_the_last_minute() {
    let world = World::new();
    for (cpu, unhealthy) in [(10.0, 0.0), (91.0, 1.0)] {
        world.put(&of_service("CPUUtilization", &green()), cpu, 2);
        world.put(&of_service("CPUUtilization", &green()), cpu + 2.0, 2);
        world.put(&of_group("UnHealthyHostCount", &green()), unhealthy, 1);
        world.pass(60);
    }
    world.pass(120);
    let seen = world.seen(&green(), 5).await.unwrap();
    assert_eq!(seen.saturation, Saturation { cpu: Some(0.92), memory: None });
    assert_eq!(seen.targets, Some(Targets { healthy: 2, unhealthy: 1 }));
}

#[tokio::test]
async fn values_on_all_pages_in_any_order_add_up() {
    for page in [1, 2, 7, 100_800] {
        let world = World::paged(page);
        for minute in 1..=5 {
            world.answer(&green(), minute, 2, 0.03);
            world.answer(&green(), 1, 5, 0.3);
            world.pass(60);
        }
        world.pass(120);
        let seen = world.seen(&green(), 8).await.unwrap();
        assert_eq!((seen.requests, seen.errors.server), (Some(20), Some(5)), "{page} a page");
        let latency = seen.latency.unwrap();
        assert_eq!((latency.count(), latency.count_above(Duration::from_millis(200))), (20, 5));
    }
}

async fn judge(world: &World, gate: AbsolutePolicy) -> Verdict {
    let now = at(world.second());
    let gate = AbsolutePolicy { lookback: Duration::from_secs(240), ..gate };
    let started = now - gate.lookback;
    let step = Step { started, judged_until: started, now, weight: 5, reference_weight: 95 };
    let carried = Carried::default();
    observe_and_judge(&world.source, &gate, &step, &green(), None, &carried).await.verdict
}

#[tokio::test]
async fn a_quantile_over_its_limit_is_never_taken_for_one_that_holds() {
    // Of 1,000 requests the slow ones, in milliseconds, the very slow ones; and whether a p99 of 1 s holds.
    for (slow, millis, very_slow, holds) in [
        (0, 0, 0, true),
        (10, 5000, 0, true),
        (11, 5000, 0, false),
        (11, 1001, 0, false),
        (500, 950, 10, true),
        // Less than 4.5 % below the limit: held against it unless nothing was longer.
        (500, 990, 10, false),
        (500, 990, 0, true),
        (1000, 60_000, 0, false),
    ] {
        let world = World::new();
        world.answer(&green(), 1000 - slow - very_slow, 2, 0.02);
        world.answer(&green(), very_slow, 2, 90.0);
        world.answer(&green(), slow, 2, f64::from(millis) / 1000.0);
        world.pass(180);
        let verdict = judge(&world, AbsolutePolicy::default()).await;
        assert_eq!(verdict.is_pass(), holds, "{slow} of {millis} ms: {verdict}");
    }
}
