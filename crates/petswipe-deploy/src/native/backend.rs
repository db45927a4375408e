//! What a native deployment needs from a platform.

use std::sync::Arc;

use async_trait::async_trait;

use super::types::{
    DeploymentId, NativeDeployment, NativeService, NativeStatus, ServiceConfiguration,
};
use crate::{Authority, Environment, Error};

/// Deployments that the platform carries out by itself: it starts the new version beside the old one, moves the traffic
/// and stops the old one, and waits on the way for whoever judges the new version.
///
/// # Contract
/// - `an_unknown_service_is_not_found`: every method answers [`Error::NotFound`] for an environment it does not have.
/// - `a_deployment_ends_with_the_new_revision`: when nobody stops it, it becomes `Successful`, the service runs the revision,
///   and serves by the other side.
/// - `beginning_again_gives_the_same_deployment`: the same deployment begun again, by the same operation, is found.
/// - `a_foreign_deployment_is_never_overwritten`: when the service's newest deployment is neither the one named nor ours,
///   `begin` is [`Error::Conflict`] and changes nothing.
/// - `a_pause_lasts_until_it_is_answered`: at a pause no traffic moves until `proceed`.
/// - `a_pause_without_an_answer_goes_back`: when its time is over, the deployment becomes `RollbackSuccessful`.
/// - `proceeding_again_changes_nothing`: a second answer to one pause is no answer to the next one.
/// - `stop_goes_back`: the deployment becomes `RollbackSuccessful`, and the service runs what it ran, by the side it did.
/// - `stopping_again_changes_nothing`: while it goes back and after it has, `stop` succeeds.
/// - `what_was_successful_is_not_stopped`: that is [`Error::Conflict`].
/// - `restore_is_exact`: afterwards `service` has that configuration, and no deployment was begun.
/// - `an_older_fence_is_refused_by_the_platform`: a command with a lower fence than one obeyed is [`Error::Fenced`].
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait NativeDeployments: Send + Sync {
    /// The service of an environment as it is now.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unsupported`] for a service that has no second side, or that it could not be asked.
    async fn service(&self, environment: &Environment) -> Result<NativeService, Error>;

    /// Begins a deployment, or finds it if it was begun. Returns when the platform has named it.
    ///
    /// # Errors
    /// [`Error::Conflict`] when somebody else began another one, [`Error::NotFound`], [`Error::Fenced`], or that the
    /// platform failed.
    async fn begin(
        &self,
        authority: &Authority,
        environment: &Environment,
        deployment: &NativeDeployment,
    ) -> Result<DeploymentId, Error>;

    /// A deployment as it is now.
    ///
    /// # Errors
    /// [`Error::NotFound`], or that it could not be asked.
    async fn deployment(
        &self,
        environment: &Environment,
        id: &DeploymentId,
    ) -> Result<NativeStatus, Error>;

    /// Answers a pause, so that the deployment goes on.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it goes back or is over, [`Error::NotFound`], [`Error::Fenced`], or that the platform failed.
    async fn proceed(
        &self,
        authority: &Authority,
        environment: &Environment,
        id: &DeploymentId,
        hook: &str,
    ) -> Result<(), Error>;

    /// Makes a deployment go back. Returns when that is accepted.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it was successful or stopped already, [`Error::NotFound`], [`Error::Fenced`], or that the
    /// platform failed.
    async fn stop(
        &self,
        authority: &Authority,
        environment: &Environment,
        id: &DeploymentId,
    ) -> Result<(), Error>;

    /// Sets back how a service is deployed. This begins no deployment.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Fenced`], or that the platform failed.
    async fn restore(
        &self,
        authority: &Authority,
        environment: &Environment,
        configuration: &ServiceConfiguration,
    ) -> Result<(), Error>;
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[async_trait]
        impl<T: NativeDeployments + ?Sized> NativeDeployments for $pointer<T> {
            async fn service(&self, environment: &Environment) -> Result<NativeService, Error> {
                (**self).service(environment).await
            }
            async fn begin(&self, authority: &Authority, environment: &Environment, deployment: &NativeDeployment) -> Result<DeploymentId, Error> {
                (**self).begin(authority, environment, deployment).await
            }
            async fn deployment(&self, environment: &Environment, id: &DeploymentId) -> Result<NativeStatus, Error> {
                (**self).deployment(environment, id).await
            }
            async fn proceed(&self, authority: &Authority, environment: &Environment, id: &DeploymentId, hook: &str) -> Result<(), Error> {
                (**self).proceed(authority, environment, id, hook).await
            }
            async fn stop(&self, authority: &Authority, environment: &Environment, id: &DeploymentId) -> Result<(), Error> {
                (**self).stop(authority, environment, id).await
            }
            async fn restore(&self, authority: &Authority, environment: &Environment, configuration: &ServiceConfiguration) -> Result<(), Error> {
                (**self).restore(authority, environment, configuration).await
            }
        }
    )*};
}

forward!(Arc, Box);
