//! Where alarms and dashboards live.

use std::sync::Arc;

use async_trait::async_trait;

use super::Definition;
use crate::Error;

/// A place where alarms or dashboards are kept, with their tags.
///
/// # Contract
/// - `what_was_put_is_listed_as_it_was_put`: body, tags and dependencies of a new definition are listed as they were given.
/// - `only_names_with_the_prefix_are_listed`: whatever else is kept there.
/// - `what_is_put_again_is_replaced`: the body is the new one as a whole; tags of the new one are set, and others stay.
/// - `what_was_deleted_is_gone_and_nothing_else`: the others are listed as before.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait DefinitionStore: Send + Sync {
    /// What is kept here, in one word: "alarm".
    fn kind(&self) -> &str;

    /// Everything whose name begins with that prefix, whoever owns it.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Throttled`], [`Error::TimedOut`], [`Error::Backend`] when it can't answer.
    async fn list(&self, prefix: &str) -> Result<Vec<Definition>, Error>;

    /// Creates it, or brings it to what the definition says. `held` is what was listed under its name.
    ///
    /// # Errors
    /// As [`list`](Self::list), and [`Error::InvalidPolicy`] for what the store refuses. Unless it says otherwise, nothing
    /// is known about whether it was done.
    async fn put<'a>(
        &self,
        definition: &Definition,
        held: Option<&'a Definition>,
    ) -> Result<(), Error>;

    /// Deletes them. They do not depend on each other, and at most [`together`](Self::together) are given.
    ///
    /// # Errors
    /// As [`list`](Self::list), and [`Error::NotFound`] if one is not there. Nothing is known about which of them are gone.
    async fn delete(&self, doomed: &[Definition]) -> Result<(), Error>;

    /// How many can be deleted at once.
    fn together(&self) -> usize;

    /// Whether all regions of an account have their names here together. Then an owner has to be in a region, or two regions
    /// would overwrite and delete each other's.
    fn spans_regions(&self) -> bool {
        false
    }
}

/// Forwards to what it points to.
macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        impl<T: DefinitionStore + ?Sized> DefinitionStore for $pointer<T> {
            fn kind(&self) -> &str {
                (**self).kind()
            }

            async fn list(&self, prefix: &str) -> Result<Vec<Definition>, Error> {
                (**self).list(prefix).await
            }

            async fn put<'a>(
                &self,
                definition: &Definition,
                held: Option<&'a Definition>,
            ) -> Result<(), Error> {
                (**self).put(definition, held).await
            }

            async fn delete(&self, doomed: &[Definition]) -> Result<(), Error> {
                (**self).delete(doomed).await
            }

            fn together(&self) -> usize {
                (**self).together()
            }

            fn spans_regions(&self) -> bool {
                (**self).spans_regions()
            }
        }
    };
}

forward!(Arc);
forward!(Box);
