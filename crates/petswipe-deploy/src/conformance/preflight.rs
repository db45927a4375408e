//! The contract of [`Preflight`](crate::Preflight), sentence by sentence.

use super::{CloudWorld, split, status, targets};
use crate::Concern;

/// Makes a module of tests which hold an examination to the contract of [`Preflight`](crate::Preflight).
///
/// The expression gives a fresh [`CloudWorld`]; it is evaluated in an `async` function, so it may wait for one. The
/// calling crate needs `tokio` with `macros` and `rt`.
#[macro_export]
macro_rules! preflight_conformance {
    ($module:ident, $world:expr $(,)?) => {
        $crate::conformance_tests!(
            $module,
            $world,
            $crate::conformance::preflight,
            [an_examination_changes_nothing, a_sound_system_has_no_objection]
        );
    };
}

/// Weights, tasks, revisions and auto scaling are afterwards as before.
pub async fn an_examination_changes_nothing(world: &dyn CloudWorld) {
    let setting = world.setting();
    let look = async || {
        let mut sides = Vec::new();
        for side in [&setting.live, &setting.idle] {
            let service = status(world, side).await;
            let scaling = world.scaling().scaling(side).await.unwrap();
            let (revision, desired) = (service.revision, service.desired);
            sides.push((revision, desired, service.running, targets(world, side).await, scaling));
        }
        let test = world.router().route().await.unwrap().test;
        (split(world).await, test, sides)
    };
    let before = look().await;
    world.preflight().objections().await.unwrap();
    assert_eq!(look().await, before);
}

/// The fresh world is sound: at most it says how long things take.
pub async fn a_sound_system_has_no_objection(world: &dyn CloudWorld) {
    let mut objections = world.preflight().objections().await.unwrap();
    objections.retain(|one| !matches!(one.concern, Concern::Readiness(_) | Concern::Evidence(_)));
    assert_eq!(objections, []);
}
