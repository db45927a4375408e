//! What scaling operations need beside [`Compute`](crate::Compute) and [`AutoScaling`](crate::AutoScaling): two small
//! traits. Every change is an absolute, idempotent command.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::types::{DatabaseInstance, Limits, Tracking, TrackingPolicy};
use crate::{Authority, Environment, Error};

/// The target tracking of services.
///
/// # Contract
/// - `nothing_configured_is_none`: `tracking` answers `None` where nothing is registered, and a policy can't be put there:
///   [`Error::NotFound`].
/// - `registering_sets_only_the_limits`: suspension and policies stay as they are; registering again changes nothing.
/// - `a_policy_is_read_back_as_put`: in full, and putting another one of its name replaces it.
/// - `deleting_what_is_absent_changes_nothing`: deleting a policy that is not there, or deregistering where nothing is
///   registered, succeeds.
/// - `deregistering_takes_everything_away`: the limits, and the policies too.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait TargetTracking: Send + Sync {
    /// How a service is scaled now; `None` where nothing is configured.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an environment it does not have, or that it could not be asked.
    async fn tracking(&self, environment: &Environment) -> Result<Option<Tracking>, Error>;

    /// Sets the limits, also where none were.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidPlan`], [`Error::Fenced`], or that it failed.
    async fn register(
        &self,
        authority: &Authority,
        environment: &Environment,
        limits: Limits,
    ) -> Result<(), Error>;

    /// Takes limits and policies away.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an environment it does not have, [`Error::Fenced`], or that it failed.
    async fn deregister(
        &self,
        authority: &Authority,
        environment: &Environment,
    ) -> Result<(), Error>;

    /// Sets a policy, in place of one of the same name.
    ///
    /// # Errors
    /// [`Error::NotFound`] where nothing is registered, [`Error::InvalidPlan`], [`Error::Fenced`], or that it failed.
    async fn put(
        &self,
        authority: &Authority,
        environment: &Environment,
        policy: &TrackingPolicy,
    ) -> Result<(), Error>;

    /// Takes the policy of that name away.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an environment it does not have, [`Error::Fenced`], or that it failed.
    async fn delete(
        &self,
        authority: &Authority,
        environment: &Environment,
        policy: &str,
    ) -> Result<(), Error>;
}

/// Database instances.
///
/// # Contract
/// - `an_unknown_instance_is_not_found`: every method answers [`Error::NotFound`] for an instance it does not have.
/// - `the_present_class_is_offered`: `offered_classes` has the class of the instance, and others.
/// - `the_class_becomes_what_was_asked`: after `modify_class` the instance is in the end `available` with that class, and
///   nothing is pending.
/// - `asking_for_the_present_class_changes_nothing`: the instance stays as it is.
/// - `an_instance_that_is_not_available_is_left_alone`: `modify_class` is [`Error::Conflict`] while another change is under
///   way, and changes nothing.
/// - `a_class_that_is_not_offered_is_refused`: with [`Error::InvalidPlan`], and nothing changes.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait DatabaseInstances: Send + Sync {
    /// An instance as it is now.
    ///
    /// # Errors
    /// [`Error::NotFound`], or that it could not be asked.
    async fn instance(&self, name: &str) -> Result<DatabaseInstance, Error>;

    /// The classes that an instance could have.
    ///
    /// # Errors
    /// [`Error::NotFound`], or that it could not be asked.
    async fn offered_classes(&self, name: &str) -> Result<BTreeSet<String>, Error>;

    /// Gives an instance another class at once, which restarts it. Returns when the command is accepted.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidPlan`], [`Error::Conflict`], [`Error::Fenced`], or that it failed.
    async fn modify_class(
        &self,
        authority: &Authority,
        name: &str,
        class: &str,
    ) -> Result<(), Error>;
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[async_trait]
        impl<T: TargetTracking + ?Sized> TargetTracking for $pointer<T> {
            async fn tracking(&self, environment: &Environment) -> Result<Option<Tracking>, Error> {
                (**self).tracking(environment).await
            }
            async fn register(&self, authority: &Authority, environment: &Environment, limits: Limits) -> Result<(), Error> {
                (**self).register(authority, environment, limits).await
            }
            async fn deregister(&self, authority: &Authority, environment: &Environment) -> Result<(), Error> {
                (**self).deregister(authority, environment).await
            }
            async fn put(&self, authority: &Authority, environment: &Environment, policy: &TrackingPolicy) -> Result<(), Error> {
                (**self).put(authority, environment, policy).await
            }
            async fn delete(&self, authority: &Authority, environment: &Environment, policy: &str) -> Result<(), Error> {
                (**self).delete(authority, environment, policy).await
            }
        }

        #[async_trait]
        impl<T: DatabaseInstances + ?Sized> DatabaseInstances for $pointer<T> {
            async fn instance(&self, name: &str) -> Result<DatabaseInstance, Error> {
                (**self).instance(name).await
            }
            async fn offered_classes(&self, name: &str) -> Result<BTreeSet<String>, Error> {
                (**self).offered_classes(name).await
            }
            async fn modify_class(&self, authority: &Authority, name: &str, class: &str) -> Result<(), Error> {
                (**self).modify_class(authority, name, class).await
            }
        }
    )*};
}

forward!(Arc, Box);
