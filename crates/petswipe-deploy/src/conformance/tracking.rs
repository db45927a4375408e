//! The contract of [`TargetTracking`], sentence by sentence.

use std::time::Duration;

use super::assert_not_found;
use crate::scaling::{Limits, TargetTracking, TrackedMetric, Tracking, TrackingPolicy};
use crate::{Authority, Environment, ScalingState};

/// What the suite needs. Every test gets a fresh one.
pub trait TrackingWorld: Send + Sync {
    /// The implementation.
    fn tracking(&self) -> &dyn TargetTracking;

    /// A service without auto scaling.
    fn environment(&self) -> &Environment;

    /// One that does not exist.
    fn unknown_environment(&self) -> &Environment;

    /// A new operation at each call, with a higher fence than all before it.
    fn authority(&self) -> Authority;
}

/// Makes a module of tests which hold an implementation to the contract of
/// [`TargetTracking`](crate::scaling::TargetTracking).
///
/// The expression gives a fresh [`TrackingWorld`]; it is evaluated in an `async` function, so it may wait for one. The
/// calling crate needs `tokio` with `macros` and `rt`.
#[macro_export]
macro_rules! tracking_conformance {
    ($module:ident, $world:expr $(,)?) => {
        $crate::conformance_tests!(
            $module,
            $world,
            $crate::conformance::tracking,
            [
                nothing_configured_is_none,
                registering_sets_only_the_limits,
                a_policy_is_read_back_as_put,
                deleting_what_is_absent_changes_nothing,
                deregistering_takes_everything_away,
            ]
        );
    };
}

fn policy(name: &str, metric: TrackedMetric, target_percent: f64) -> TrackingPolicy {
    TrackingPolicy {
        name: name.to_owned(),
        metric,
        target_percent,
        scale_out_cooldown: Some(Duration::from_secs(60)),
        scale_in_cooldown: Some(Duration::from_secs(300)),
        scale_in_disabled: false,
    }
}

async fn read(world: &dyn TrackingWorld) -> Option<Tracking> {
    world.tracking().tracking(world.environment()).await.unwrap()
}

async fn register(world: &dyn TrackingWorld, minimum: u32, maximum: u32) {
    let limits = Limits { minimum, maximum };
    world.tracking().register(&world.authority(), world.environment(), limits).await.unwrap();
}

async fn put(world: &dyn TrackingWorld, policy: &TrackingPolicy) {
    world.tracking().put(&world.authority(), world.environment(), policy).await.unwrap();
}

/// `None` where nothing is registered, a policy can't be put there, and an unknown environment is not found.
pub async fn nothing_configured_is_none(world: &dyn TrackingWorld) {
    let (tracking, authority) = (world.tracking(), world.authority());
    assert_eq!(read(world).await, None);
    let cpu = policy("cpu", TrackedMetric::Cpu, 70.0);
    assert_not_found(tracking.put(&authority, world.environment(), &cpu).await);
    assert_eq!(read(world).await, None);
    assert_not_found(tracking.tracking(world.unknown_environment()).await);
}

/// Limits are read back as set, twice the same is the same, and what else there is stays.
pub async fn registering_sets_only_the_limits(world: &dyn TrackingWorld) {
    register(world, 2, 20).await;
    let first = read(world).await.unwrap();
    assert_eq!(first.scaling, ScalingState::active(2, 20));
    let cpu = policy("cpu", TrackedMetric::Cpu, 70.0);
    put(world, &cpu).await;
    for (minimum, maximum) in [(3, 9), (3, 9), (2, 20)] {
        register(world, minimum, maximum).await;
        let now = read(world).await.unwrap();
        assert_eq!(now.scaling, ScalingState::active(minimum, maximum));
        assert_eq!((now.policies, now.others), (vec![cpu.clone()], Vec::new()));
    }
}

/// In full, two of them beside each other, with all that is optional and without it; another one replaces its namesake.
pub async fn a_policy_is_read_back_as_put(world: &dyn TrackingWorld) {
    register(world, 2, 20).await;
    let cpu = policy("cpu", TrackedMetric::Cpu, 70.0);
    let memory = policy("memory", TrackedMetric::Memory, 80.0);
    for policy in [&memory, &cpu, &cpu] {
        put(world, policy).await;
    }
    assert_eq!(read(world).await.unwrap().policies, [cpu.clone(), memory.clone()]);
    let bare = TrackingPolicy {
        target_percent: 42.5,
        scale_out_cooldown: None,
        scale_in_cooldown: None,
        scale_in_disabled: true,
        ..cpu
    };
    put(world, &bare).await;
    assert_eq!(read(world).await.unwrap().policies, [bare, memory]);
}

/// Deleting twice, and deregistering twice, is no error.
pub async fn deleting_what_is_absent_changes_nothing(world: &dyn TrackingWorld) {
    let (tracking, environment) = (world.tracking(), world.environment());
    tracking.deregister(&world.authority(), environment).await.unwrap();
    register(world, 2, 20).await;
    let cpu = policy("cpu", TrackedMetric::Cpu, 70.0);
    put(world, &cpu).await;
    tracking.delete(&world.authority(), environment, "memory").await.unwrap();
    assert_eq!(read(world).await.unwrap().policies, [cpu]);
    for _ in 0..2 {
        tracking.delete(&world.authority(), environment, "cpu").await.unwrap();
        assert_eq!(read(world).await.unwrap().policies, []);
    }
}

/// Nothing is left, and what is registered later begins without policies.
pub async fn deregistering_takes_everything_away(world: &dyn TrackingWorld) {
    register(world, 2, 20).await;
    put(world, &policy("cpu", TrackedMetric::Cpu, 70.0)).await;
    for _ in 0..2 {
        let authority = world.authority();
        world.tracking().deregister(&authority, world.environment()).await.unwrap();
        assert_eq!(read(world).await, None);
    }
    register(world, 1, 2).await;
    assert_eq!(read(world).await.unwrap().policies, []);
}
