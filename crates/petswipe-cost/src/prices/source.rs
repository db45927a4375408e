//! Prices as they are now, from who knows them.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::Quote;
use crate::{Currency, Error, Region};

/// A place that knows what things cost now, such as the price list of a cloud. Keys and units are those of
/// [`PriceTable`](super::PriceTable).
///
/// # Contract
/// - `prices_are_of_the_keys_asked`: [`prices`](Self::prices) gives a price of each key asked for that it knows, once, and of no
///   other key.
/// - `what_is_not_known_has_no_price`: a key that it does not know is left out. It is not 0, and no error.
/// - `prices_are_of_the_region_and_currency_asked`: what is known of another region, or in another currency, is not known here.
/// - `a_price_has_the_day_it_is_of`: each has the day since when, or at which, it is so.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait PriceSource: Send + Sync {
    /// The prices of those keys in a region.
    ///
    /// # Errors
    /// [`Error::Denied`] with the missing action, [`Error::Throttled`], [`Error::Backend`]: of all of them, as part of an answer
    /// would look like prices that do not exist.
    async fn prices(
        &self,
        region: &Region,
        currency: Currency,
        keys: &BTreeSet<String>,
    ) -> Result<Vec<Quote>, Error>;
}

/// Forwards to what it points to.
macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        impl<T: PriceSource + ?Sized> PriceSource for $pointer<T> {
            async fn prices(
                &self,
                region: &Region,
                currency: Currency,
                keys: &BTreeSet<String>,
            ) -> Result<Vec<Quote>, Error> {
                (**self).prices(region, currency, keys).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
