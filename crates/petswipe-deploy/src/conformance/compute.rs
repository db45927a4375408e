//! The contract of [`Compute`](crate::Compute), sentence by sentence.

use super::{
    CloudWorld, assert_fenced, assert_not_found, deploy, eventually, live_revision, meanwhile,
    older, registered, runs, skipped, status, targets,
};
use crate::{Deployment, ServiceStatus};

/// Makes a module of tests which hold a backend to the contract of [`Compute`](crate::Compute).
///
/// The expression gives a fresh [`CloudWorld`]; it is evaluated in an `async` function, so it may wait for one. The
/// calling crate needs `tokio` with `macros` and `rt`.
#[macro_export]
macro_rules! compute_conformance {
    ($module:ident, $world:expr $(,)?) => {
        $crate::conformance_tests!(
            $module,
            $world,
            $crate::conformance::compute,
            [
                an_unknown_environment_is_not_found,
                an_unknown_image_is_not_found_and_registers_nothing,
                register_keeps_everything_but_the_image,
                registering_again_for_the_same_operation_gives_the_same_revision,
                deploy_replaces_the_tasks_and_completes,
                deploy_of_what_is_deployed_changes_nothing,
                how_tasks_are_replaced_is_kept_changed_and_set_back,
                scale_sets_the_desired_count,
                failures_are_of_the_newest_deployment_only,
                an_older_fence_is_refused,
            ]
        );
    };
}

/// Every method answers `NotFound` for an environment that does not exist.
pub async fn an_unknown_environment_is_not_found(world: &dyn CloudWorld) {
    let (compute, unknown) = (world.compute(), &world.setting().unknown_environment);
    let deployment = Deployment::new(live_revision(world).await, 1);
    assert_not_found(compute.service(unknown).await);
    assert_not_found(compute.deploy(&world.authority(), unknown, &deployment).await);
    assert_not_found(compute.scale(&world.authority(), unknown, 1).await);
    if let Some(had) = status(world, &world.setting().idle).await.replacement {
        assert_not_found(compute.set_back(&world.authority(), unknown, &had).await);
    }
}

/// `resolve` and `register` answer `NotFound` for an image, and `register` and `deploy` for a revision, that does not
/// exist; afterwards everything is as it was, also for the operation that asked.
pub async fn an_unknown_image_is_not_found_and_registers_nothing(world: &dyn CloudWorld) {
    let (compute, setting) = (world.compute(), world.setting());
    let (from, authority) = (live_revision(world).await, world.authority());
    let before = unobserved(status(world, &setting.idle).await);
    assert_not_found(compute.resolve(&setting.unknown_image).await);
    assert_not_found(compute.register(&authority, &from, &setting.unknown_image).await);
    let image = compute.resolve(&setting.second_image).await.unwrap();
    assert_not_found(compute.register(&authority, &setting.unknown_revision, &image).await);
    let deployment = Deployment::new(setting.unknown_revision.clone(), 1);
    assert_not_found(compute.deploy(&authority, &setting.idle, &deployment).await);
    assert_eq!(unobserved(status(world, &setting.idle).await), before);

    let revision = compute.register(&authority, &from, &image).await.unwrap();
    assert_ne!(revision, from);
    deploy(world, &revision, 1).await;
    assert_eq!(runs(world, &revision, 1).await.image, Some(image));
}

/// The new revision is the old one with only the image replaced, and the old one stays what it is.
pub async fn register_keeps_everything_but_the_image(world: &dyn CloudWorld) {
    let (compute, setting) = (world.compute(), world.setting());
    let from = live_revision(world).await;
    let defined = world.definition(&from).await;
    let live = status(world, &setting.live).await.image;
    let image = compute.resolve(&setting.second_image).await.unwrap();
    let revision = compute.register(&world.authority(), &from, &image).await.unwrap();
    assert_ne!(revision, from);
    assert_eq!(world.definition(&revision).await, defined);
    assert_eq!(world.definition(&from).await, defined);
    deploy(world, &revision, 1).await;
    assert_eq!(runs(world, &revision, 1).await.image, Some(image));
    assert_eq!(status(world, &setting.live).await.image, live);
}

/// The same operation, revision and image give the same answer, also from another driver of it; another image does not.
pub async fn registering_again_for_the_same_operation_gives_the_same_revision(
    world: &dyn CloudWorld,
) {
    let (compute, setting) = (world.compute(), world.setting());
    let (from, authority) = (live_revision(world).await, world.authority());
    let image = compute.resolve(&setting.second_image).await.unwrap();
    let revision = compute.register(&authority, &from, &image).await.unwrap();
    assert_eq!(compute.register(&authority, &from, &image).await.unwrap(), revision);
    let resumed = crate::Authority { fence: world.authority().fence, ..authority };
    assert_eq!(compute.register(&resumed, &from, &image).await.unwrap(), revision);
    let other = compute.resolve(&setting.image).await.unwrap();
    assert_ne!(compute.register(&resumed, &from, &other).await.unwrap(), revision);
}

/// In the end as many tasks as desired run the new revision and no other, and the deployment is complete.
pub async fn deploy_replaces_the_tasks_and_completes(world: &dyn CloudWorld) {
    let setting = world.setting();
    let first = live_revision(world).await;
    deploy(world, &first, 2).await;
    runs(world, &first, 2).await;
    let second = registered(world, &setting.second_image).await;
    deploy(world, &second, 3).await;
    let status = runs(world, &second, 3).await;
    assert_eq!(status.environment, setting.idle);
    assert_eq!(status.failures, []);
}

/// The same deployment again restarts no task and begins nothing.
pub async fn deploy_of_what_is_deployed_changes_nothing(world: &dyn CloudWorld) {
    let (compute, setting) = (world.compute(), world.setting());
    let revision = registered(world, &setting.second_image).await;
    deploy(world, &revision, 2).await;
    runs(world, &revision, 2).await;
    let before = unobserved(status(world, &setting.idle).await);
    let again = Deployment::new(revision, 2);
    compute.deploy(&world.authority(), &setting.idle, &again).await.unwrap();
    meanwhile(world, async || {
        assert_eq!(unobserved(status(world, &setting.idle).await), before);
        assert_eq!(targets(world, &setting.idle).await, (2, 0));
    })
    .await;
}

/// A deployment changes of how tasks are replaced what it names, and no more; what it had can be set back with the next one,
/// or alone, which restarts no task.
pub async fn how_tasks_are_replaced_is_kept_changed_and_set_back(world: &dyn CloudWorld) {
    let (compute, idle) = (world.compute(), &world.setting().idle);
    let Some(had) = status(world, idle).await.replacement else {
        return skipped(
            "how_tasks_are_replaced_is_kept_changed_and_set_back",
            "the platform keeps no such settings",
        );
    };
    let now = async || status(world, idle).await.replacement.unwrap();
    let revision = registered(world, &world.setting().second_image).await;
    let named = Deployment {
        minimum_healthy_percent: Some(40),
        circuit_breaker: Some(true),
        ..Deployment::new(revision.clone(), 2)
    };
    compute.deploy(&world.authority(), idle, &named).await.unwrap();
    let changed = named.replacement(&had);
    assert_ne!(changed, had);
    assert_eq!(now().await, changed);
    runs(world, &revision, 2).await;
    deploy(world, &revision, 1).await;
    assert_eq!(now().await, changed, "what is not named is kept");
    let off = Deployment { circuit_breaker: Some(false), ..Deployment::new(revision.clone(), 2) };
    compute.deploy(&world.authority(), idle, &off).await.unwrap();
    let never = now().await;
    assert!(!never.circuit_breaker.goes_back && !never.alarms.goes_back, "{never:?}");
    runs(world, &revision, 2).await;
    for _ in 0..2 {
        compute.set_back(&world.authority(), idle, &had).await.unwrap();
        assert_eq!(now().await, had);
    }
    meanwhile(world, async || assert_eq!(targets(world, idle).await, (2, 0))).await;
    compute.deploy(&world.authority(), idle, &named).await.unwrap();
    let set_back = Some(had.clone());
    let back = Deployment { set_back, ..Deployment::new(revision.clone(), 0) };
    compute.deploy(&world.authority(), idle, &back).await.unwrap();
    assert_eq!(now().await, had);
}

/// In the end as many tasks run as were asked for, up and down and whether they are healthy or not; 0 stops all.
pub async fn scale_sets_the_desired_count(world: &dyn CloudWorld) {
    let (compute, setting) = (world.compute(), world.setting());
    let idle = &setting.idle;
    let mut revisions = vec![live_revision(world).await];
    if let Some(unhealthy) = &setting.unhealthy_image {
        revisions.push(registered(world, unhealthy).await);
    }
    for revision in revisions {
        deploy(world, &revision, 1).await;
        for count in [3, 1, 2, 0] {
            compute.scale(&world.authority(), idle, count).await.unwrap();
            eventually(world, &format!("{idle} runs {count} tasks of {revision}"), async || {
                let now = status(world, idle).await;
                assert_eq!(now.desired, count);
                let (healthy, unhealthy) = targets(world, idle).await;
                (now.running == count && healthy + unhealthy == count).then_some(())
            })
            .await;
        }
    }
}

/// A new deployment begins with an empty list of failures.
pub async fn failures_are_of_the_newest_deployment_only(world: &dyn CloudWorld) {
    let setting = world.setting();
    let Some(crashing) = &setting.crashing_image else {
        return skipped("failures_are_of_the_newest_deployment_only", "no image that crashes");
    };
    let began = world.clock().now();
    let crashing = registered(world, crashing).await;
    deploy(world, &crashing, 1).await;
    let failures = eventually(world, "a task fails", async || {
        let failures = status(world, &setting.idle).await.failures;
        (!failures.is_empty()).then_some(failures)
    })
    .await;
    assert!(failures.iter().all(|failure| failure.at >= began && !failure.reason.is_empty()));
    let good = registered(world, &setting.second_image).await;
    deploy(world, &good, 1).await;
    let replaced = eventually(world, "the next deployment begins", async || {
        let now = status(world, &setting.idle).await;
        (now.revision.as_ref() == Some(&good)).then_some(now)
    })
    .await;
    assert_eq!(replaced.failures, []);
    assert_eq!(runs(world, &good, 1).await.failures, []);
}

/// A command with a lower fence than one already obeyed is refused and changes nothing.
pub async fn an_older_fence_is_refused(world: &dyn CloudWorld) {
    let (compute, setting) = (world.compute(), world.setting());
    if !setting.fencing {
        return skipped("an_older_fence_is_refused", "no fencing");
    }
    let idle = &setting.idle;
    let from = live_revision(world).await;
    let image = compute.resolve(&setting.second_image).await.unwrap();
    let newest = world.authority();
    let revision = compute.register(&newest, &from, &image).await.unwrap();
    let deployment = Deployment::new(revision.clone(), 1);
    compute.deploy(&newest, idle, &deployment).await.unwrap();
    runs(world, &revision, 1).await;
    let before = unobserved(status(world, idle).await);
    for older in older(world, &newest) {
        assert_fenced(compute.register(&older, &from, &image).await, newest.fence);
        let other = Deployment::new(from.clone(), 2);
        assert_fenced(compute.deploy(&older, idle, &other).await, newest.fence);
        assert_fenced(compute.scale(&older, idle, 0).await, newest.fence);
        if let Some(had) = &before.replacement {
            assert_fenced(compute.set_back(&older, idle, had).await, newest.fence);
        }
    }
    meanwhile(world, async || assert_eq!(unobserved(status(world, idle).await), before)).await;
    compute.scale(&newest, idle, 0).await.unwrap();
}

/// All but the time of the observation.
fn unobserved(status: ServiceStatus) -> ServiceStatus {
    ServiceStatus { observed_at: jiff::Timestamp::UNIX_EPOCH, ..status }
}
