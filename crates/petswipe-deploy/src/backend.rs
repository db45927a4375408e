//! What this crate needs from a cloud: four small traits.
//!
//! Every change is an absolute, idempotent command ("the split is 95/5", "desired is 4") that names its
//! [`Authority`], so that one whose outcome is unknown can be given again.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    Authority, Deployment, Environment, Error, Image, Replacement, RevisionId, Route, ScalingState,
    ServiceStatus, Split, TargetHealth,
};

/// Runs revisions as tasks.
///
/// # Contract
/// - `an_unknown_environment_is_not_found`: every method answers [`Error::NotFound`] for an environment it does not have.
/// - `an_unknown_image_is_not_found_and_registers_nothing`: `resolve` and `register` answer [`Error::NotFound`].
/// - `register_keeps_everything_but_the_image`: the new revision is `from` with only the image replaced.
/// - `registering_again_for_the_same_operation_gives_the_same_revision`: same operation, `from` and image, same answer.
/// - `deploy_replaces_the_tasks_and_completes`: in the end `desired` tasks run the revision and the state is `Completed`.
/// - `deploy_of_what_is_deployed_changes_nothing`: the same deployment again restarts no task.
/// - `how_tasks_are_replaced_is_kept_changed_and_set_back`: a deployment changes of it what it names, and no more; what it had
///   can be set back, which restarts no task.
/// - `scale_sets_the_desired_count`: in the end that many run; 0 stops all.
/// - `failures_are_of_the_newest_deployment_only`: a new deployment begins with an empty list of failures.
/// - `an_older_fence_is_refused`: a command with a lower fence than one already obeyed is [`Error::Fenced`] and changes nothing.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Compute: Send + Sync {
    /// The service of an environment as it is now.
    ///
    /// # Errors
    /// [`Error::NotFound`], or that the cloud could not be asked.
    async fn service(&self, environment: &Environment) -> Result<ServiceStatus, Error>;

    /// Checks that an image exists, and gives its name as it will be deployed (with a digest where the cloud knows one).
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such image, [`Error::InvalidPlan`] when its name is refused.
    async fn resolve(&self, image: &Image) -> Result<Image, Error>;

    /// Makes a new revision out of `from` with only the image replaced.
    ///
    /// # Errors
    /// [`Error::NotFound`] for either, [`Error::Fenced`], or that the cloud failed.
    async fn register(
        &self,
        authority: &Authority,
        from: &RevisionId,
        image: &Image,
    ) -> Result<RevisionId, Error>;

    /// Makes the service of an environment run `deployment`. Returns when the command is accepted, not when it is done.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidPlan`] for percentages out of range, [`Error::Fenced`], or that the cloud failed.
    async fn deploy(
        &self,
        authority: &Authority,
        environment: &Environment,
        deployment: &Deployment,
    ) -> Result<(), Error>;

    /// Sets back how a service replaces its tasks, as [`service`](Self::service) said it before. It begins no deployment.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Fenced`], that the cloud failed, or [`Error::Unsupported`] where `service` never says it.
    async fn set_back(
        &self,
        authority: &Authority,
        environment: &Environment,
        replacement: &Replacement,
    ) -> Result<(), Error>;

    /// Sets how many tasks the service shall run. Returns when the command is accepted.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Fenced`], or that the cloud failed.
    async fn scale(
        &self,
        authority: &Authority,
        environment: &Environment,
        desired: u32,
    ) -> Result<(), Error>;
}

/// Divides traffic between environments.
///
/// # Contract
/// - `an_unknown_target_is_not_found`: a split, test route or health question for an unknown environment is [`Error::NotFound`].
/// - `a_split_is_read_back_as_set`: after `set_split(to)` the route's split is `to`.
/// - `a_foreign_split_is_never_overwritten`: when the split is none of `expected` and not `to`, the answer is
///   [`Error::Conflict`] and nothing changes.
/// - `setting_the_split_again_changes_nothing`: `set_split(to)` when it is `to` already succeeds.
/// - `the_test_route_leaves_the_split_alone`: opening and closing it never moves production traffic.
/// - `health_counts_registered_targets`: healthy plus unhealthy is how many targets are registered and not draining.
/// - `an_older_fence_is_refused_by_the_router`: a command with a lower fence than one obeyed is [`Error::Fenced`].
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait TrafficRouter: Send + Sync {
    /// How traffic is routed now.
    ///
    /// # Errors
    /// That the router could not be asked.
    async fn route(&self) -> Result<Route, Error>;

    /// Divides production traffic as `to`, if it is divided as one of `expected` (or as `to`) now.
    ///
    /// # Errors
    /// [`Error::Conflict`] when somebody else changed it, [`Error::NotFound`], [`Error::Fenced`], or that the router failed.
    async fn set_split(
        &self,
        authority: &Authority,
        expected: &[Split],
        to: &Split,
    ) -> Result<(), Error>;

    /// Sends requests that carry the test header to `environment`, or removes that rule.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Fenced`], or that the router failed.
    #[allow(clippy::needless_lifetimes, reason = "mockall needs the lifetime spelled out")]
    async fn set_test_route<'a>(
        &self,
        authority: &Authority,
        environment: Option<&'a Environment>,
    ) -> Result<(), Error>;

    /// The health of an environment's targets now.
    ///
    /// # Errors
    /// [`Error::NotFound`], or that the router could not be asked.
    async fn health(&self, environment: &Environment) -> Result<TargetHealth, Error>;
}

/// Auto scaling that would fight a rollout over the number of tasks.
///
/// # Contract
/// - `an_environment_without_scaling_is_none`: `scaling` answers `None` where nothing is configured, and `suspend` there
///   changes nothing.
/// - `suspend_keeps_the_limits`: only `suspended` changes.
/// - `restore_is_exact`: after `restore(state)` the answer of `scaling` is `state`.
/// - `a_suspended_environment_is_not_scaled`: while suspended, the desired count changes only by command.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait AutoScaling: Send + Sync {
    /// How an environment is scaled now.
    ///
    /// # Errors
    /// That it could not be asked.
    async fn scaling(&self, environment: &Environment) -> Result<Option<ScalingState>, Error>;

    /// Stops scaling in and out.
    ///
    /// # Errors
    /// [`Error::Fenced`], or that it failed.
    async fn suspend(&self, authority: &Authority, environment: &Environment) -> Result<(), Error>;

    /// Sets scaling back to a state read before.
    ///
    /// # Errors
    /// [`Error::Fenced`], [`Error::NotFound`] where nothing is configured, or that it failed.
    async fn restore(
        &self,
        authority: &Authority,
        environment: &Environment,
        state: &ScalingState,
    ) -> Result<(), Error>;
}

/// Requests to the new side before it takes production traffic, sent through the test route.
///
/// # Contract
/// - `a_probe_goes_through_the_test_route`: it reaches the environment the test route leads to and not the live one.
/// - `a_probe_counts_what_failed`: every request that was not answered 2xx or 3xx counts as failed, with its reason.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait SmokeTest: Send + Sync {
    /// Sends one round of requests and says how they were answered.
    ///
    /// # Errors
    /// That no request could be sent at all.
    async fn probe(&self, environment: &Environment) -> Result<SmokeResult, Error>;
}

/// How one round of smoke test requests was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmokeResult {
    /// Requests sent.
    pub requests: u32,
    /// Requests that failed.
    pub failed: u32,
    /// Why, a few of them.
    pub reasons: Vec<String>,
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[async_trait]
        impl<T: Compute + ?Sized> Compute for $pointer<T> {
            async fn service(&self, environment: &Environment) -> Result<ServiceStatus, Error> {
                (**self).service(environment).await
            }
            async fn resolve(&self, image: &Image) -> Result<Image, Error> {
                (**self).resolve(image).await
            }
            async fn register(&self, authority: &Authority, from: &RevisionId, image: &Image) -> Result<RevisionId, Error> {
                (**self).register(authority, from, image).await
            }
            async fn deploy(&self, authority: &Authority, environment: &Environment, deployment: &Deployment) -> Result<(), Error> {
                (**self).deploy(authority, environment, deployment).await
            }
            async fn set_back(&self, authority: &Authority, environment: &Environment, replacement: &Replacement) -> Result<(), Error> {
                (**self).set_back(authority, environment, replacement).await
            }
            async fn scale(&self, authority: &Authority, environment: &Environment, desired: u32) -> Result<(), Error> {
                (**self).scale(authority, environment, desired).await
            }
        }

        #[async_trait]
        impl<T: TrafficRouter + ?Sized> TrafficRouter for $pointer<T> {
            async fn route(&self) -> Result<Route, Error> {
                (**self).route().await
            }
            async fn set_split(&self, authority: &Authority, expected: &[Split], to: &Split) -> Result<(), Error> {
                (**self).set_split(authority, expected, to).await
            }
            async fn set_test_route<'a>(&self, authority: &Authority, environment: Option<&'a Environment>) -> Result<(), Error> {
                (**self).set_test_route(authority, environment).await
            }
            async fn health(&self, environment: &Environment) -> Result<TargetHealth, Error> {
                (**self).health(environment).await
            }
        }
    )*};
}

forward!(Arc, Box);
