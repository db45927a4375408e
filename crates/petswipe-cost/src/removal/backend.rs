//! What acting needs from a cloud.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Action, Error, Region};

/// A place where actions are carried out.
///
/// # Contract
/// - `what_is_done_already_is_done`: an action on what is gone, or as it should be, succeeds and changes nothing.
/// - `what_is_in_use_is_left_alone`: deleting what something uses is [`Error::Conflict`], and it is still there.
/// - `the_same_token_gives_the_same_snapshot`: asked again with the token of an earlier call, it gives that snapshot and makes no other.
/// - `a_snapshot_of_what_is_not_there_is_not_found`: it is [`Error::NotFound`].
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Remover: Send + Sync {
    /// A snapshot of a volume, complete when it is given. `token` names the wish, so that it is fulfilled once.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Denied`], [`Error::Throttled`]; [`Error::Backend`] when nobody knows whether it was made.
    async fn snapshot(&self, region: &Region, volume: &str, token: &str) -> Result<String, Error>;

    /// Carries out an action. The snapshot that one may need was made before.
    ///
    /// # Errors
    /// [`Error::Conflict`] for what is in use, [`Error::Denied`], [`Error::Throttled`]; [`Error::Backend`] when nobody knows whether it
    /// was carried out.
    async fn act(&self, region: &Region, action: &Action) -> Result<(), Error>;
}

/// Forwards to what it points to.
macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        impl<T: Remover + ?Sized> Remover for $pointer<T> {
            async fn snapshot(
                &self,
                region: &Region,
                volume: &str,
                token: &str,
            ) -> Result<String, Error> {
                (**self).snapshot(region, volume, token).await
            }

            async fn act(&self, region: &Region, action: &Action) -> Result<(), Error> {
                (**self).act(region, action).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
