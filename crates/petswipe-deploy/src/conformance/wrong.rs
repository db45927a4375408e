//! Backends that break one sentence each: the suites find every one of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use futures_util::FutureExt;
use petswipe_runbook::{Clock, Fence};

use super::tests::{MemoryWorld, memory, unscaled};
use super::{CloudWorld, Setting, compute, hooks, router, scaling, smoke};
use crate::{
    Authority, AutoScaling, Compute, Deployment, Environment, Error, HookAnswer, HookCall, Hooks,
    Image, Replacement, RevisionId, Route, ScalingState, ServiceStatus, SmokeResult, SmokeTest,
    Split, TargetHealth, TrafficRouter,
};

/// How a cloud in memory is made to behave wrongly.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrong {
    UnknownEnvironmentIsEmpty,
    UnknownImageIsRegistered,
    ImageIsNotReplaced,
    RegistersTwice,
    RegistersOnceForAll,
    DeploysNothing,
    RestartsTasks,
    SetsNothingBack,
    ReplacesByDefaults,
    ScalesUpOnly,
    KeepsOldFailures,
    ObeysOldFences,
    UnknownTargetIsAccepted,
    SplitIsForgotten,
    ForeignSplitIsOverwritten,
    SplitAgainIsAConflict,
    TestRouteMovesTraffic,
    CountsTwice,
    NoUnhealthyTargets,
    ScalingEverywhere,
    SuspendForgetsTheLimits,
    RestoreForgetsTheMaximum,
    SuspendsNothing,
    ProbesTheLiveSide,
    CountsNoFailures,
    AgreesOnlyOnce,
}

struct WrongWorld {
    world: MemoryWorld,
    wrong: Wrong,
    calls: AtomicU32,
}

impl WrongWorld {
    fn is(&self, wrong: Wrong) -> bool {
        self.wrong == wrong
    }

    /// The newest driver there is, whoever commands.
    fn forged(&self, authority: &Authority) -> Authority {
        let fence = if self.is(Wrong::ObeysOldFences) { Fence(u64::MAX) } else { authority.fence };
        Authority { fence, ..authority.clone() }
    }
}

#[async_trait]
impl Compute for WrongWorld {
    async fn service(&self, environment: &Environment) -> Result<ServiceStatus, Error> {
        let setting = self.world.setting();
        if self.is(Wrong::UnknownEnvironmentIsEmpty) && *environment == setting.unknown_environment
        {
            let status = self.world.cloud.service(&setting.idle).await?;
            return Ok(ServiceStatus { environment: environment.clone(), ..status });
        }
        let mut status = self.world.cloud.service(environment).await?;
        if self.is(Wrong::KeepsOldFailures) && self.calls.load(Ordering::Relaxed) > 1 {
            let reason = "an old one".to_owned();
            status.failures.push(crate::TaskFailure { at: status.observed_at, reason });
        }
        Ok(status)
    }

    async fn resolve(&self, image: &Image) -> Result<Image, Error> {
        self.world.cloud.resolve(image).await
    }

    async fn register(
        &self,
        authority: &Authority,
        from: &RevisionId,
        image: &Image,
    ) -> Result<RevisionId, Error> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let mut authority = self.forged(authority);
        let mut image = image;
        match self.wrong {
            Wrong::UnknownImageIsRegistered if *image == self.world.setting().unknown_image => {
                return Ok(from.clone());
            }
            Wrong::ImageIsNotReplaced => image = &self.world.setting().image,
            Wrong::RegistersTwice => {
                let name = format!("{}-{call}", authority.operation);
                authority.operation = petswipe_runbook::OperationId::new(name).unwrap();
            }
            Wrong::RegistersOnceForAll => image = &self.world.setting().second_image,
            _ => {}
        }
        self.world.cloud.register(&authority, from, image).await
    }

    async fn deploy(
        &self,
        authority: &Authority,
        environment: &Environment,
        deployment: &Deployment,
    ) -> Result<(), Error> {
        if self.is(Wrong::DeploysNothing) {
            return Ok(());
        }
        if self.is(Wrong::RestartsTasks) {
            self.world.cloud.limit_tasks(environment, Some(0));
            self.world.cloud.limit_tasks(environment, None);
        }
        let mut deployment = deployment.clone();
        if self.is(Wrong::ReplacesByDefaults) {
            deployment.minimum_healthy_percent.get_or_insert(100);
        }
        self.world.cloud.deploy(&self.forged(authority), environment, &deployment).await
    }

    async fn set_back(
        &self,
        authority: &Authority,
        environment: &Environment,
        replacement: &Replacement,
    ) -> Result<(), Error> {
        if self.is(Wrong::SetsNothingBack) {
            return Ok(());
        }
        self.world.cloud.set_back(&self.forged(authority), environment, replacement).await
    }

    async fn scale(
        &self,
        authority: &Authority,
        environment: &Environment,
        desired: u32,
    ) -> Result<(), Error> {
        let now = self.world.cloud.service(environment).await?.desired;
        let desired = if self.is(Wrong::ScalesUpOnly) { desired.max(now) } else { desired };
        self.world.cloud.scale(&self.forged(authority), environment, desired).await
    }
}

#[async_trait]
impl TrafficRouter for WrongWorld {
    async fn route(&self) -> Result<Route, Error> {
        self.world.cloud.route().await
    }

    async fn set_split(
        &self,
        authority: &Authority,
        expected: &[Split],
        to: &Split,
    ) -> Result<(), Error> {
        let unknown = to.share(&self.world.setting().unknown_environment).get() > 0;
        let now = self.world.cloud.split();
        match self.wrong {
            Wrong::UnknownTargetIsAccepted if unknown => return Ok(()),
            Wrong::SplitIsForgotten if to.iter().count() == 2 => return Ok(()),
            Wrong::ForeignSplitIsOverwritten => {
                return self.world.cloud.set_split(authority, &[now], to).await;
            }
            Wrong::SplitAgainIsAConflict if now == *to && !expected.contains(&now) => {
                let what = "the split".to_owned();
                let (expected, found) = (String::new(), now.to_string());
                return Err(Error::Conflict { what, expected, found });
            }
            _ => {}
        }
        self.world.cloud.set_split(&self.forged(authority), expected, to).await
    }

    async fn set_test_route<'a>(
        &self,
        authority: &Authority,
        environment: Option<&'a Environment>,
    ) -> Result<(), Error> {
        if self.is(Wrong::TestRouteMovesTraffic)
            && let Some(environment) = environment
        {
            self.world.cloud.meddle(Split::all_to(environment.clone()));
        }
        self.world.cloud.set_test_route(&self.forged(authority), environment).await
    }

    async fn health(&self, environment: &Environment) -> Result<TargetHealth, Error> {
        let mut health = self.world.cloud.health(environment).await?;
        match self.wrong {
            Wrong::CountsTwice => health.healthy *= 2,
            Wrong::NoUnhealthyTargets => health.unhealthy = 0,
            _ => {}
        }
        Ok(health)
    }
}

#[async_trait]
impl AutoScaling for WrongWorld {
    async fn scaling(&self, environment: &Environment) -> Result<Option<ScalingState>, Error> {
        let state = self.world.cloud.scaling(environment).await?;
        let everywhere = ScalingState { suspended: true, minimum: 0, maximum: 0, partly: None };
        Ok(if self.is(Wrong::ScalingEverywhere) { state.or(Some(everywhere)) } else { state })
    }

    async fn suspend(&self, authority: &Authority, environment: &Environment) -> Result<(), Error> {
        let cloud = &self.world.cloud;
        match (self.wrong, cloud.scaling(environment).await?) {
            (Wrong::SuspendForgetsTheLimits, Some(_)) => {
                let state = ScalingState { suspended: true, minimum: 0, maximum: 0, partly: None };
                cloud.restore(authority, environment, &state).await
            }
            (Wrong::SuspendsNothing, Some(state)) => {
                cloud
                    .restore(authority, environment, &ScalingState { suspended: false, ..state })
                    .await
            }
            _ => cloud.suspend(authority, environment).await,
        }
    }

    async fn restore(
        &self,
        authority: &Authority,
        environment: &Environment,
        state: &ScalingState,
    ) -> Result<(), Error> {
        let mut state = state.clone();
        if self.is(Wrong::RestoreForgetsTheMaximum) {
            state.maximum = 4;
        }
        self.world.cloud.restore(authority, environment, &state).await
    }
}

#[async_trait]
impl SmokeTest for WrongWorld {
    async fn probe(&self, environment: &Environment) -> Result<SmokeResult, Error> {
        if self.is(Wrong::ProbesTheLiveSide) {
            return Ok(SmokeResult { requests: 2, ..SmokeResult::default() });
        }
        let result = self.world.cloud.probe(environment).await?;
        let failed = if self.is(Wrong::CountsNoFailures) { 0 } else { result.failed };
        Ok(SmokeResult { failed, ..result })
    }
}

#[async_trait]
impl Hooks for WrongWorld {
    async fn call(&self, _call: &HookCall) -> Result<HookAnswer, Error> {
        if self.is(Wrong::AgreesOnlyOnce) && self.calls.fetch_add(1, Ordering::Relaxed) > 0 {
            return Err(Error::backend("calling the hook", "it was called before"));
        }
        Ok(HookAnswer::Continue)
    }
}

impl CloudWorld for WrongWorld {
    fn compute(&self) -> &dyn Compute {
        self
    }

    fn router(&self) -> &dyn TrafficRouter {
        self
    }

    fn scaling(&self) -> &dyn AutoScaling {
        self
    }

    fn smoke(&self) -> &dyn SmokeTest {
        self
    }

    fn hooks(&self) -> &dyn Hooks {
        self
    }

    fn clock(&self) -> &dyn Clock {
        self.world.clock()
    }

    fn setting(&self) -> &Setting {
        self.world.setting()
    }

    fn authority(&self) -> Authority {
        self.world.authority()
    }
}

/// Panics with the wrong backend's name unless the sentence finds it out.
macro_rules! finds {
    ($world:expr, $($wrong:ident => $suite:ident::$sentence:ident),* $(,)?) => {$(
        let wrong = Wrong::$wrong;
        let world = WrongWorld { world: $world, wrong, calls: AtomicU32::new(0) };
        // In virtual time nothing ever waits.
        let test = || $suite::$sentence(&world).now_or_never().expect("nothing waits");
        let found = catch_unwind(AssertUnwindSafe(test)).is_err();
        assert!(found, "{wrong:?} passes {}", stringify!($sentence));
    )*};
}

#[test]
fn a_backend_that_breaks_a_sentence_of_compute_is_found() {
    finds!(
        unscaled(),
        UnknownEnvironmentIsEmpty => compute::an_unknown_environment_is_not_found,
        UnknownImageIsRegistered => compute::an_unknown_image_is_not_found_and_registers_nothing,
        ImageIsNotReplaced => compute::register_keeps_everything_but_the_image,
        RegistersTwice => compute::registering_again_for_the_same_operation_gives_the_same_revision,
        RegistersOnceForAll =>
            compute::registering_again_for_the_same_operation_gives_the_same_revision,
        DeploysNothing => compute::deploy_replaces_the_tasks_and_completes,
        RestartsTasks => compute::deploy_of_what_is_deployed_changes_nothing,
        SetsNothingBack => compute::how_tasks_are_replaced_is_kept_changed_and_set_back,
        ReplacesByDefaults => compute::how_tasks_are_replaced_is_kept_changed_and_set_back,
        ScalesUpOnly => compute::scale_sets_the_desired_count,
        KeepsOldFailures => compute::failures_are_of_the_newest_deployment_only,
        ObeysOldFences => compute::an_older_fence_is_refused,
    );
}

#[test]
fn a_router_that_breaks_a_sentence_is_found() {
    finds!(
        unscaled(),
        UnknownTargetIsAccepted => router::an_unknown_target_is_not_found,
        SplitIsForgotten => router::a_split_is_read_back_as_set,
        ForeignSplitIsOverwritten => router::a_foreign_split_is_never_overwritten,
        SplitAgainIsAConflict => router::setting_the_split_again_changes_nothing,
        TestRouteMovesTraffic => router::the_test_route_leaves_the_split_alone,
        CountsTwice => router::health_counts_registered_targets,
        NoUnhealthyTargets => router::health_counts_registered_targets,
        ObeysOldFences => router::an_older_fence_is_refused_by_the_router,
    );
}

#[test]
fn scaling_that_breaks_a_sentence_is_found() {
    finds!(
        memory(),
        ScalingEverywhere => scaling::an_environment_without_scaling_is_none,
        SuspendForgetsTheLimits => scaling::suspend_keeps_the_limits,
        RestoreForgetsTheMaximum => scaling::restore_is_exact,
        SuspendsNothing => scaling::a_suspended_environment_is_not_scaled,
    );
}

#[test]
fn smoke_tests_and_hooks_that_break_a_sentence_are_found() {
    finds!(
        unscaled(),
        ProbesTheLiveSide => smoke::a_probe_goes_through_the_test_route,
        CountsNoFailures => smoke::a_probe_counts_what_failed,
        AgreesOnlyOnce => hooks::a_hook_may_be_called_again,
    );
}
