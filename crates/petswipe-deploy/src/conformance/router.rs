//! The contract of [`TrafficRouter`](crate::TrafficRouter), sentence by sentence.

use super::{
    CloudWorld, assert_fenced, assert_not_found, deploy, eventually, live_revision, meanwhile,
    older, registered, runs, skipped, split, targets,
};
use crate::{Error, Percent, Split};

/// Makes a module of tests which hold a router to the contract of [`TrafficRouter`](crate::TrafficRouter).
///
/// The expression gives a fresh [`CloudWorld`]; it is evaluated in an `async` function, so it may wait for one. The
/// calling crate needs `tokio` with `macros` and `rt`.
#[macro_export]
macro_rules! router_conformance {
    ($module:ident, $world:expr $(,)?) => {
        $crate::conformance_tests!(
            $module,
            $world,
            $crate::conformance::router,
            [
                an_unknown_target_is_not_found,
                a_split_is_read_back_as_set,
                a_foreign_split_is_never_overwritten,
                setting_the_split_again_changes_nothing,
                the_test_route_leaves_the_split_alone,
                health_counts_registered_targets,
                an_older_fence_is_refused_by_the_router,
            ]
        );
    };
}

/// A split, test route or health question for an unknown environment is `NotFound`, and changes nothing.
pub async fn an_unknown_target_is_not_found(world: &dyn CloudWorld) {
    let (router, setting) = (world.router(), world.setting());
    let (home, unknown) = (split(world).await, &setting.unknown_environment);
    for share in [1, 100] {
        let to = Split::between(unknown.clone(), percent(share), setting.live.clone());
        let expected = [home.clone()];
        assert_not_found(router.set_split(&world.authority(), &expected, &to).await);
    }
    assert_not_found(router.set_test_route(&world.authority(), Some(unknown)).await);
    assert_not_found(router.health(unknown).await);
    let route = router.route().await.unwrap();
    assert_eq!((route.split, route.test), (home, None));
}

/// After `set_split(to)` the route's split is `to`.
pub async fn a_split_is_read_back_as_set(world: &dyn CloudWorld) {
    let mut current = split(world).await;
    assert_eq!(current, Split::all_to(world.setting().live.clone()));
    for share in [1, 33, 50, 99, 100, 5, 0] {
        let (asked, to) = (world.clock().now(), candidate(world, share));
        world.router().set_split(&world.authority(), &[current], &to).await.unwrap();
        let route = world.router().route().await.unwrap();
        assert_eq!(route.split, to);
        assert!(route.observed_at >= asked, "{} is older than the question", route.observed_at);
        current = to;
    }
}

/// When the split is none of `expected` and not `to`, the answer is `Conflict` and nothing changes.
pub async fn a_foreign_split_is_never_overwritten(world: &dyn CloudWorld) {
    let foreign = candidate(world, 33);
    let home = split(world).await;
    world.router().set_split(&world.authority(), &[home], &foreign).await.unwrap();
    let ours = [candidate(world, 0), candidate(world, 5)];
    for expected in [&ours[..], &[]] {
        for share in [0, 5, 10, 100] {
            let to = candidate(world, share);
            match world.router().set_split(&world.authority(), expected, &to).await {
                Err(Error::Conflict { found, .. }) => assert!(!found.is_empty()),
                other => panic!("a conflict, not {other:?}"),
            }
        }
    }
    assert_eq!(split(world).await, foreign);
    let expected = [candidate(world, 5), foreign];
    let to = candidate(world, 0);
    world.router().set_split(&world.authority(), &expected, &to).await.unwrap();
    assert_eq!(split(world).await, to);
}

/// `set_split(to)` when it is `to` already succeeds, whatever was expected.
pub async fn setting_the_split_again_changes_nothing(world: &dyn CloudWorld) {
    let (home, to, authority) = (split(world).await, candidate(world, 10), world.authority());
    for expected in [&[home][..], &[candidate(world, 5)], &[]] {
        for _ in 0..2 {
            world.router().set_split(&authority, expected, &to).await.unwrap();
            assert_eq!(split(world).await, to);
        }
    }
}

/// Opening, moving and closing the test route never moves production traffic.
pub async fn the_test_route_leaves_the_split_alone(world: &dyn CloudWorld) {
    let (router, setting) = (world.router(), world.setting());
    let home = split(world).await;
    let to = candidate(world, 10);
    for current in [home.clone(), to] {
        router.set_split(&world.authority(), std::slice::from_ref(&home), &current).await.unwrap();
        for test in [Some(&setting.idle), Some(&setting.live), None, None] {
            router.set_test_route(&world.authority(), test).await.unwrap();
            let route = router.route().await.unwrap();
            assert_eq!((&route.split, route.test.as_ref()), (&current, test));
        }
    }
}

/// Healthy plus unhealthy is how many targets are registered and not draining.
pub async fn health_counts_registered_targets(world: &dyn CloudWorld) {
    let (setting, compute) = (world.setting(), world.compute());
    let idle = &setting.idle;
    assert_eq!(targets(world, idle).await, (0, 0));
    let revision = live_revision(world).await;
    deploy(world, &revision, 2).await;
    let mut last = 0;
    eventually(world, "two targets are healthy", async || {
        let (healthy, unhealthy) = targets(world, idle).await;
        assert!(healthy + unhealthy <= 2 && healthy >= last, "{healthy} and {unhealthy}");
        last = healthy;
        (healthy == 2).then_some(())
    })
    .await;
    runs(world, &revision, 2).await;
    compute.scale(&world.authority(), idle, 1).await.unwrap();
    runs(world, &revision, 1).await;
    meanwhile(world, async || assert_eq!(targets(world, idle).await, (1, 0))).await;
    compute.scale(&world.authority(), idle, 0).await.unwrap();
    eventually(world, "no target is left", async || {
        (targets(world, idle).await == (0, 0)).then_some(())
    })
    .await;
    let Some(unhealthy) = &setting.unhealthy_image else {
        return skipped("health_counts_registered_targets", "no image that stays unhealthy");
    };
    let unhealthy = registered(world, unhealthy).await;
    deploy(world, &unhealthy, 2).await;
    eventually(world, "two targets are registered and unhealthy", async || {
        let health = world.router().health(idle).await.unwrap();
        assert_eq!(health.healthy, 0);
        assert_eq!(health.environment, *idle);
        (health.unhealthy == 2 && !health.reasons.is_empty()).then_some(())
    })
    .await;
}

/// A command with a lower fence than one obeyed is refused and changes nothing.
pub async fn an_older_fence_is_refused_by_the_router(world: &dyn CloudWorld) {
    let (router, setting) = (world.router(), world.setting());
    if !setting.fencing {
        return skipped("an_older_fence_is_refused_by_the_router", "no fencing");
    }
    let (home, to, newest) = (split(world).await, candidate(world, 10), world.authority());
    router.set_split(&newest, std::slice::from_ref(&home), &to).await.unwrap();
    for older in older(world, &newest) {
        let all = [to.clone()];
        assert_fenced(router.set_split(&older, &all, &home).await, newest.fence);
        assert_fenced(router.set_test_route(&older, Some(&setting.idle)).await, newest.fence);
    }
    let route = router.route().await.unwrap();
    assert_eq!((route.split, route.test), (to.clone(), None));
    router.set_split(&newest, &[to], &home).await.unwrap();
}

fn percent(share: u8) -> Percent {
    Percent::new(share).unwrap()
}

/// So much for the idle side, and the rest for the live one.
fn candidate(world: &dyn CloudWorld, share: u8) -> Split {
    let setting = world.setting();
    Split::between(setting.idle.clone(), percent(share), setting.live.clone())
}
