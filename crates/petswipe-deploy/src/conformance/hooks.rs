//! The contract of [`Hooks`](crate::Hooks), sentence by sentence.

use super::CloudWorld;
use crate::{HookCall, HookPoint, Percent};

/// Makes a module of tests which hold hooks to the contract of [`Hooks`](crate::Hooks).
///
/// The expression gives a fresh [`CloudWorld`]; it is evaluated in an `async` function, so it may wait for one. The
/// calling crate needs `tokio` with `macros` and `rt`.
#[macro_export]
macro_rules! hooks_conformance {
    ($module:ident, $world:expr $(,)?) => {
        $crate::conformance_tests!(
            $module,
            $world,
            $crate::conformance::hooks,
            [a_hook_may_be_called_again]
        );
    };
}

/// The same call again, as after a crash, gives an answer again.
pub async fn a_hook_may_be_called_again(world: &dyn CloudWorld) {
    let points = [HookPoint::PreScaleUp, HookPoint::ProductionTrafficShift, HookPoint::CleanUp];
    let operation = world.authority().operation;
    for point in points {
        let call = HookCall {
            operation: operation.clone(),
            point,
            candidate: world.setting().idle.clone(),
            weight: Percent::FULL,
        };
        let first = world.hooks().call(&call).await.unwrap();
        assert_eq!(world.hooks().call(&call).await.unwrap(), first);
    }
}
