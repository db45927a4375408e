//! The contract of [`NativeDeployments`], sentence by sentence.

use std::time::Duration;

use petswipe_runbook::{Clock, Fence};

use super::{assert_fenced, assert_not_found, skipped};
use crate::native::{
    DeploymentId, DeploymentStatus, NativeDeployment, NativeDeployments, NativeService,
    NativeStatus, NativeStrategy, PerMille,
};
use crate::{Authority, Environment, Error, RevisionId};

/// What the suite needs: a service that is deployed natively, and a way to let time pass.
pub trait NativeWorld: Send + Sync {
    /// Deploys.
    fn native(&self) -> &dyn NativeDeployments;

    /// Lets time pass: the platform goes on while somebody waits for it.
    fn clock(&self) -> &dyn Clock;

    /// What is there when a test begins.
    fn setting(&self) -> &NativeSetting;

    /// A new operation at each call, with a fence of at least 2 that is higher than all before it.
    fn authority(&self) -> Authority;
}

/// What is there when a test begins, and what the platform can't do.
#[derive(Clone, Debug)]
pub struct NativeSetting {
    /// The service: it runs at least one healthy task, and nothing goes on.
    pub environment: Environment,
    /// Another revision of it, whose tasks become healthy.
    pub second_revision: RevisionId,
    /// A third one.
    pub third_revision: RevisionId,
    /// An environment that does not exist.
    pub unknown_environment: Environment,
    /// Whether the platform keeps the highest fence it has seen.
    pub fencing: bool,
    /// Time between two looks.
    pub poll: Duration,
    /// Within this time a deployment comes to its end, not counting what it waits for, and within it a pause of a minute ends.
    pub deadline: Duration,
}

/// Makes a module of tests which hold a platform to the contract of
/// [`NativeDeployments`](crate::native::NativeDeployments).
///
/// The expression gives a fresh [`NativeWorld`]; it is evaluated in an `async` function, so it may wait for one. The
/// calling crate needs `tokio` with `macros` and `rt`.
#[macro_export]
macro_rules! native_conformance {
    ($module:ident, $world:expr $(,)?) => {
        $crate::conformance_tests!(
            $module,
            $world,
            $crate::conformance::native,
            [
                an_unknown_service_is_not_found,
                a_deployment_ends_with_the_new_revision,
                beginning_again_gives_the_same_deployment,
                a_foreign_deployment_is_never_overwritten,
                a_pause_lasts_until_it_is_answered,
                a_pause_without_an_answer_goes_back,
                proceeding_again_changes_nothing,
                stop_goes_back,
                stopping_again_changes_nothing,
                what_was_successful_is_not_stopped,
                restore_is_exact,
                an_older_fence_is_refused_by_the_platform,
            ]
        );
    };
}

/// Every method answers [`Error::NotFound`] for an environment it does not have.
pub async fn an_unknown_service_is_not_found(world: &dyn NativeWorld) {
    let (native, unknown) = (world.native(), &world.setting().unknown_environment);
    let before = service(world).await;
    let deployment = deployment(world, &before, None);
    let id = DeploymentId("none".to_owned());
    let authority = &world.authority();
    assert_not_found(native.service(unknown).await);
    assert_not_found(native.begin(authority, unknown, &deployment).await);
    assert_not_found(native.deployment(unknown, &id).await);
    assert_not_found(native.proceed(authority, unknown, &id, "hook").await);
    assert_not_found(native.stop(authority, unknown, &id).await);
    assert_not_found(native.restore(authority, unknown, &before.configuration).await);
    assert_same(&before, &service(world).await);
}

/// When nobody stops it, it becomes `Successful`, the service runs the revision, and serves by the other side.
pub async fn a_deployment_ends_with_the_new_revision(world: &dyn NativeWorld) {
    let before = service(world).await;
    let id = begin(world, &deployment(world, &before, None)).await;
    let ended = ended(world, &id).await;
    assert_eq!((ended.state, ended.weight), (DeploymentStatus::Successful, PerMille::FULL));
    let now = service(world).await;
    assert_eq!(now.revision.as_ref(), Some(&world.setting().second_revision));
    assert_eq!((now.newest, now.newest_revision), (Some(id), now.revision.clone()));
    assert_ne!(now.live, before.live);
    assert!(!now.in_progress);
    assert_eq!((now.desired, now.running), (before.desired, before.desired));
}

/// The same deployment begun again, by the same operation, is found: while it goes on and when it is over.
pub async fn beginning_again_gives_the_same_deployment(world: &dyn NativeWorld) {
    let wanted = deployment(world, &service(world).await, None);
    let (authority, environment) = (world.authority(), &world.setting().environment);
    let id = world.native().begin(&authority, environment, &wanted).await.unwrap();
    assert_eq!(world.native().begin(&authority, environment, &wanted).await.unwrap(), id);
    assert!(service(world).await.in_progress);
    ended(world, &id).await;
    assert_eq!(world.native().begin(&authority, environment, &wanted).await.unwrap(), id);
    assert!(!service(world).await.in_progress);
}

/// When the service's newest deployment is neither the one named nor ours, `begin` is [`Error::Conflict`].
pub async fn a_foreign_deployment_is_never_overwritten(world: &dyn NativeWorld) {
    let before = service(world).await;
    let foreign = NativeDeployment {
        revision: world.setting().third_revision.clone(),
        ..deployment(world, &before, None)
    };
    let id = begin(world, &foreign).await;
    let ours = deployment(world, &before, None);
    for _ in 0..2 {
        let environment = &world.setting().environment;
        let answer = world.native().begin(&world.authority(), environment, &ours).await;
        assert!(matches!(answer, Err(Error::Conflict { .. })), "a conflict, not {answer:?}");
        assert_eq!(service(world).await.newest.as_ref(), Some(&id));
        assert_eq!(ended(world, &id).await.state, DeploymentStatus::Successful);
    }
}

/// At a pause no traffic moves until `proceed`.
pub async fn a_pause_lasts_until_it_is_answered(world: &dyn NativeWorld) {
    let wanted = deployment(world, &service(world).await, Some(60));
    let id = begin(world, &wanted).await;
    for weight in wanted.strategy.steps() {
        let hook = paused(world, &id).await;
        let before = status(world, &id).await.weight;
        for _ in 0..10 {
            pass(world, world.setting().poll).await;
            let now = status(world, &id).await;
            assert_eq!(
                (now.weight, now.pause.map(|pause| pause.hook)),
                (before, Some(hook.clone()))
            );
        }
        assert!(before < weight);
        proceed(world, &id, &hook).await;
        until(world, &id, |status| status.weight == weight).await;
    }
    let last = paused(world, &id).await;
    proceed(world, &id, &last).await;
    assert_eq!(ended(world, &id).await.state, DeploymentStatus::Successful);
}

/// When its time is over, the deployment becomes `RollbackSuccessful`.
pub async fn a_pause_without_an_answer_goes_back(world: &dyn NativeWorld) {
    let before = service(world).await;
    let id = begin(world, &deployment(world, &before, Some(1))).await;
    let hook = paused(world, &id).await;
    proceed(world, &id, &hook).await;
    until(world, &id, |status| status.weight > PerMille::ZERO).await;
    assert_eq!(ended(world, &id).await.state, DeploymentStatus::RollbackSuccessful);
    assert_went_back(&before, &service(world).await);
}

/// A second answer to one pause is no answer to the next one.
pub async fn proceeding_again_changes_nothing(world: &dyn NativeWorld) {
    let id = begin(world, &deployment(world, &service(world).await, Some(60))).await;
    let first = paused(world, &id).await;
    proceed(world, &id, &first).await;
    proceed(world, &id, &first).await;
    let is_next = |status: &NativeStatus| status.pause.as_ref().is_some_and(|it| it.hook != first);
    let second = until(world, &id, is_next).await;
    proceed(world, &id, &first).await;
    pass(world, world.setting().poll).await;
    assert_eq!(status(world, &id).await.pause, second.pause);
}

/// The deployment becomes `RollbackSuccessful`, and the service runs what it ran, by the side it did.
pub async fn stop_goes_back(world: &dyn NativeWorld) {
    let before = service(world).await;
    let id = begin(world, &deployment(world, &before, Some(60))).await;
    let hook = paused(world, &id).await;
    proceed(world, &id, &hook).await;
    until(world, &id, |status| status.weight > PerMille::ZERO).await;
    stop(world, &id).await.unwrap();
    let ended = ended(world, &id).await;
    assert_eq!((ended.state, ended.weight), (DeploymentStatus::RollbackSuccessful, PerMille::ZERO));
    assert_went_back(&before, &service(world).await);
}

/// While it goes back and after it has, `stop` succeeds.
pub async fn stopping_again_changes_nothing(world: &dyn NativeWorld) {
    let before = service(world).await;
    let id = begin(world, &deployment(world, &before, Some(60))).await;
    stop(world, &id).await.unwrap();
    stop(world, &id).await.unwrap();
    assert_eq!(ended(world, &id).await.state, DeploymentStatus::RollbackSuccessful);
    stop(world, &id).await.unwrap();
    assert_went_back(&before, &service(world).await);
}

/// That is [`Error::Conflict`].
pub async fn what_was_successful_is_not_stopped(world: &dyn NativeWorld) {
    let id = begin(world, &deployment(world, &service(world).await, None)).await;
    ended(world, &id).await;
    let after = service(world).await;
    let answer = stop(world, &id).await;
    assert!(matches!(answer, Err(Error::Conflict { .. })), "a conflict, not {answer:?}");
    assert_same(&after, &service(world).await);
}

/// Afterwards `service` has that configuration, and no deployment was begun.
pub async fn restore_is_exact(world: &dyn NativeWorld) {
    let before = service(world).await;
    let id = begin(world, &deployment(world, &before, Some(60))).await;
    assert_ne!(service(world).await.configuration, before.configuration);
    stop(world, &id).await.unwrap();
    ended(world, &id).await;
    for _ in 0..2 {
        let (authority, environment) = (world.authority(), &world.setting().environment);
        world.native().restore(&authority, environment, &before.configuration).await.unwrap();
        let now = service(world).await;
        assert_eq!(
            (now.configuration, now.newest.as_ref()),
            (before.configuration.clone(), Some(&id))
        );
        assert!(now.pauses.is_empty() && !now.in_progress);
    }
}

/// A command with a lower fence than one obeyed is [`Error::Fenced`].
pub async fn an_older_fence_is_refused_by_the_platform(world: &dyn NativeWorld) {
    if !world.setting().fencing {
        return skipped("an_older_fence_is_refused_by_the_platform", "no fencing");
    }
    let (native, environment) = (world.native(), &world.setting().environment);
    let before = service(world).await;
    let newest = world.authority();
    native.restore(&newest, environment, &before.configuration).await.unwrap();
    let old = Authority { fence: Fence(newest.fence.0 - 1), ..newest.clone() };
    let wanted = deployment(world, &before, None);
    assert_fenced(native.begin(&old, environment, &wanted).await, newest.fence);
    assert_fenced(native.restore(&old, environment, &before.configuration).await, newest.fence);
    let id = native.begin(&newest, environment, &wanted).await.unwrap();
    assert_fenced(native.stop(&old, environment, &id).await, newest.fence);
    assert_fenced(native.proceed(&old, environment, &id, "hook").await, newest.fence);
    assert_eq!(ended(world, &id).await.state, DeploymentStatus::Successful);
}

async fn service(world: &dyn NativeWorld) -> NativeService {
    world.native().service(&world.setting().environment).await.unwrap()
}

async fn status(world: &dyn NativeWorld, id: &DeploymentId) -> NativeStatus {
    world.native().deployment(&world.setting().environment, id).await.unwrap()
}

/// The second revision, by a canary without any waiting of its own.
fn deployment(
    world: &dyn NativeWorld,
    before: &NativeService,
    pause_minutes: Option<u32>,
) -> NativeDeployment {
    NativeDeployment {
        revision: world.setting().second_revision.clone(),
        strategy: NativeStrategy::Canary {
            share: PerMille::new(100).unwrap(),
            canary_bake_minutes: 0,
        },
        bake_minutes: 1,
        hooks: Vec::new(),
        pause_minutes,
        alarms: Vec::new(),
        after: before.newest.clone(),
    }
}

async fn begin(world: &dyn NativeWorld, deployment: &NativeDeployment) -> DeploymentId {
    let (authority, environment) = (world.authority(), &world.setting().environment);
    world.native().begin(&authority, environment, deployment).await.unwrap()
}

async fn proceed(world: &dyn NativeWorld, id: &DeploymentId, hook: &str) {
    let (authority, environment) = (world.authority(), &world.setting().environment);
    world.native().proceed(&authority, environment, id, hook).await.unwrap();
}

async fn stop(world: &dyn NativeWorld, id: &DeploymentId) -> Result<(), Error> {
    world.native().stop(&world.authority(), &world.setting().environment, id).await
}

async fn pass(world: &dyn NativeWorld, time: Duration) {
    world.clock().sleep_until(world.clock().now() + time).await;
}

/// Looks again and again until `test` holds.
async fn until(
    world: &dyn NativeWorld,
    id: &DeploymentId,
    test: impl Fn(&NativeStatus) -> bool,
) -> NativeStatus {
    let latest = world.clock().now() + world.setting().deadline;
    loop {
        let now = status(world, id).await;
        if test(&now) {
            return now;
        }
        assert!(world.clock().now() < latest, "not in time: {now:?}");
        pass(world, world.setting().poll).await;
    }
}

async fn ended(world: &dyn NativeWorld, id: &DeploymentId) -> NativeStatus {
    until(world, id, |status| status.state.is_over()).await
}

/// The pause at which the deployment waits.
async fn paused(world: &dyn NativeWorld, id: &DeploymentId) -> String {
    let now = until(world, id, |status| status.pause.is_some()).await;
    now.pause.unwrap().hook
}

fn assert_same(before: &NativeService, after: &NativeService) {
    let after = NativeService { observed_at: before.observed_at, ..after.clone() };
    assert_eq!(*before, after);
}

fn assert_went_back(before: &NativeService, after: &NativeService) {
    let facts = |it: &NativeService| {
        (it.revision.clone(), it.live.clone(), it.desired, it.running, it.in_progress)
    };
    assert_eq!(facts(before), facts(after));
}
