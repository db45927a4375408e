//! The contract of [`SmokeTest`](crate::SmokeTest), sentence by sentence.

use super::{CloudWorld, deploy, registered, runs};
use crate::Environment;

/// Makes a module of tests which hold a smoke test to the contract of [`SmokeTest`](crate::SmokeTest).
///
/// The expression gives a fresh [`CloudWorld`]; it is evaluated in an `async` function, so it may wait for one. The
/// calling crate needs `tokio` with `macros` and `rt`.
#[macro_export]
macro_rules! smoke_conformance {
    ($module:ident, $world:expr $(,)?) => {
        $crate::conformance_tests!(
            $module,
            $world,
            $crate::conformance::smoke,
            [a_probe_goes_through_the_test_route, a_probe_counts_what_failed]
        );
    };
}

/// It reaches the environment the test route leads to and not the live one; where the route does not lead, it reaches
/// nothing at all.
pub async fn a_probe_goes_through_the_test_route(world: &dyn CloudWorld) {
    let (smoke, setting) = (world.smoke(), world.setting());
    let idle = &setting.idle;
    assert!(smoke.probe(idle).await.is_err(), "a probe without a test route reached the live side");
    test_route(world, Some(idle)).await;
    // The live side would answer well, the idle one has nobody who could.
    let reached = smoke.probe(idle).await.unwrap();
    assert_eq!(reached.failed, reached.requests);
    let revision = registered(world, &setting.second_image).await;
    deploy(world, &revision, 1).await;
    runs(world, &revision, 1).await;
    assert_eq!(smoke.probe(idle).await.unwrap().failed, 0);
    test_route(world, Some(&setting.live)).await;
    assert!(smoke.probe(idle).await.is_err(), "a probe of another target than the test route's");
    test_route(world, None).await;
    assert!(smoke.probe(idle).await.is_err(), "a probe through a test route that was removed");
}

/// Every request that was not answered well counts as failed, with its reason.
pub async fn a_probe_counts_what_failed(world: &dyn CloudWorld) {
    let (smoke, setting) = (world.smoke(), world.setting());
    test_route(world, Some(&setting.idle)).await;
    let failed = smoke.probe(&setting.idle).await.unwrap();
    assert!(failed.requests > 0 && failed.failed == failed.requests, "{failed:?}");
    assert!(!failed.reasons.is_empty() && failed.reasons.iter().all(|reason| !reason.is_empty()));
    test_route(world, Some(&setting.live)).await;
    let well = smoke.probe(&setting.live).await.unwrap();
    assert!(well.requests > 0 && well.failed == 0 && well.reasons.is_empty(), "{well:?}");
}

async fn test_route(world: &dyn CloudWorld, to: Option<&Environment>) {
    world.router().set_test_route(&world.authority(), to).await.unwrap();
}
