//! The contract of [`AutoScaling`](crate::AutoScaling), sentence by sentence.

use super::{CloudWorld, assert_not_found, live_revision, meanwhile, skipped, status};
use crate::{Deployment, Environment, ScalingState, SuspendedActivities};

/// Makes a module of tests which hold a backend to the contract of [`AutoScaling`](crate::AutoScaling).
///
/// The expression gives a fresh [`CloudWorld`]; it is evaluated in an `async` function, so it may wait for one. The
/// calling crate needs `tokio` with `macros` and `rt`.
#[macro_export]
macro_rules! scaling_conformance {
    ($module:ident, $world:expr $(,)?) => {
        $crate::conformance_tests!(
            $module,
            $world,
            $crate::conformance::scaling,
            [
                an_environment_without_scaling_is_none,
                suspend_keeps_the_limits,
                restore_is_exact,
                a_suspended_environment_is_not_scaled,
            ]
        );
    };
}

/// `scaling` answers `None` where nothing is configured, `suspend` there changes nothing, and there is nothing to restore.
pub async fn an_environment_without_scaling_is_none(world: &dyn CloudWorld) {
    let Some(unscaled) = &world.setting().unscaled else {
        return skipped("an_environment_without_scaling_is_none", "scaling everywhere");
    };
    let scaling = world.scaling();
    assert_eq!(scaling.scaling(unscaled).await.unwrap(), None);
    scaling.suspend(&world.authority(), unscaled).await.unwrap();
    assert_eq!(scaling.scaling(unscaled).await.unwrap(), None);
    let state = ScalingState::active(1, 2);
    assert_not_found(scaling.restore(&world.authority(), unscaled, &state).await);
    assert_eq!(scaling.scaling(unscaled).await.unwrap(), None);
}

/// Only `suspended` changes, and suspending again changes nothing.
pub async fn suspend_keeps_the_limits(world: &dyn CloudWorld) {
    let Some((scaled, before)) = scaled(world, "suspend_keeps_the_limits").await else { return };
    for _ in 0..2 {
        world.scaling().suspend(&world.authority(), scaled).await.unwrap();
        let now = world.scaling().scaling(scaled).await.unwrap();
        assert_eq!(now, Some(ScalingState { suspended: true, ..before.clone() }));
    }
    // What was suspended in part is suspended as a whole.
    let part =
        before.clone().with(SuspendedActivities { scale_in: true, ..SuspendedActivities::NONE });
    world.scaling().restore(&world.authority(), scaled, &part).await.unwrap();
    world.scaling().suspend(&world.authority(), scaled).await.unwrap();
    let now = world.scaling().scaling(scaled).await.unwrap();
    assert_eq!(now, Some(before.with(SuspendedActivities::ALL)));
}

/// After `restore(state)` the answer of `scaling` is `state`, whatever it was before.
pub async fn restore_is_exact(world: &dyn CloudWorld) {
    let Some((scaled, before)) = scaled(world, "restore_is_exact").await else { return };
    world.scaling().suspend(&world.authority(), scaled).await.unwrap();
    let narrow = ScalingState {
        suspended: true,
        minimum: before.minimum,
        maximum: before.minimum,
        partly: None,
    };
    let wide = ScalingState::active(before.minimum, before.maximum + 1);
    let activities = [
        SuspendedActivities { scale_in: true, ..SuspendedActivities::NONE },
        SuspendedActivities { scale_out: true, ..SuspendedActivities::NONE },
        SuspendedActivities { scheduled: false, ..SuspendedActivities::ALL },
    ];
    let [no_in, no_out, scheduled] = activities.map(|activities| before.clone().with(activities));
    for state in [&before, &narrow, &no_in, &wide, &no_out, &scheduled, &before, &before] {
        world.scaling().restore(&world.authority(), scaled, state).await.unwrap();
        assert_eq!(world.scaling().scaling(scaled).await.unwrap().as_ref(), Some(state));
    }
}

/// While suspended, the desired count changes only by command, also where it lies outside of the limits.
pub async fn a_suspended_environment_is_not_scaled(world: &dyn CloudWorld) {
    let sentence = "a_suspended_environment_is_not_scaled";
    let Some((scaled, before)) = scaled(world, sentence).await else { return };
    world.scaling().suspend(&world.authority(), scaled).await.unwrap();
    let deployment = Deployment::new(live_revision(world).await, before.minimum - 1);
    world.compute().deploy(&world.authority(), scaled, &deployment).await.unwrap();
    for desired in [before.minimum - 1, before.maximum + 1] {
        world.compute().scale(&world.authority(), scaled, desired).await.unwrap();
        meanwhile(world, async || assert_eq!(status(world, scaled).await.desired, desired)).await;
    }
}

/// The environment with auto scaling, and its state.
async fn scaled<'a>(
    world: &'a dyn CloudWorld,
    sentence: &str,
) -> Option<(&'a Environment, ScalingState)> {
    let Some(scaled) = &world.setting().scaled else {
        skipped(sentence, "no scaling");
        return None;
    };
    let state = world.scaling().scaling(scaled).await.unwrap().unwrap();
    assert!(
        !state.suspended && state.minimum >= 2,
        "not the setting that was asked for: {state:?}"
    );
    Some((scaled, state))
}
