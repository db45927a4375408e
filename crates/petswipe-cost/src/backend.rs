//! What this crate needs from a cloud, as small traits.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    Anomaly, Commitments, Error, Inventory, Kind, Measure, Region, Rightsizing, Series, Spend,
    Window,
};

/// A place that knows what there is in an account.
///
/// # Contract
/// - `a_listing_is_of_its_kind_and_region`: [`list`](Self::list) gives resources of the kind and the region asked for, and no
///   others.
/// - `a_listing_has_everything_once`: it gives every resource exactly once, however many pages that takes.
/// - `listing_twice_gives_the_same`: of an account that nobody changes two listings are equal, but for their order.
/// - `every_listed_region_can_be_asked`: each of [`regions`](Self::regions) answers a listing.
/// - `a_region_that_is_not_enabled_is_an_error`: it is [`Error::Disabled`], never an empty listing.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait InventorySource: Send + Sync {
    /// The account: twelve digits.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Throttled`], [`Error::Backend`].
    async fn account(&self) -> Result<String, Error>;

    /// The regions that are enabled in the account, in order.
    ///
    /// # Errors
    /// As [`account`](Self::account).
    async fn regions(&self) -> Result<Vec<Region>, Error>;

    /// All resources of a kind in a region.
    ///
    /// Buckets belong to the region they are in. What could not be read of one resource is `None` there, and named in
    /// [`Inventory::unread`]; what could not be listed is an error, also when only the last page is missing.
    ///
    /// # Errors
    /// [`Error::Disabled`] for a region that is not enabled, [`Error::Unsupported`] for a kind that this source does not know,
    /// [`Error::Denied`] with the missing action, [`Error::Throttled`], [`Error::Backend`].
    async fn list(&self, region: &Region, kind: Kind) -> Result<Inventory, Error>;
}

/// A place that knows what resources are used for.
///
/// # Contract
/// - `an_answer_for_each_measure_in_its_order`: [`statistics`](Self::statistics) gives as many series as it was asked for, each for
///   its measure.
/// - `a_series_is_of_the_window_asked`: each has the window and the period asked for; what lies outside is not in it.
/// - `what_is_not_known_is_a_gap`: a subject without data, also one that does not exist, has a series of gaps and not of zeros.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait UsageSource: Send + Sync {
    /// The series of each measure in the window. All measures are of `region`. One that could not be read, where others could, is
    /// [`Series::unread`].
    ///
    /// # Errors
    /// [`Error::Denied`] with the missing action, [`Error::Disabled`], [`Error::Throttled`], [`Error::Backend`].
    async fn statistics(
        &self,
        region: &Region,
        measures: &[Measure],
        window: Window,
    ) -> Result<Vec<Series>, Error>;
}

/// A place that knows what was spent.
///
/// Windows begin and end at midnight of UTC: costs and commitments are counted in whole days.
///
/// # Contract
/// - `commitments_cover_the_window_asked`: [`Commitments::window`] is the window asked for, and its numbers are of all of it.
/// - `costs_are_of_the_days_asked`: [`costs`](Self::costs) has exactly the days of the window, each cost on its day under its
///   service, and nothing from outside.
/// - `a_day_without_costs_is_a_day`: a window in which nothing was spent has its days, and they cost nothing.
/// - `costs_by_tag_add_up_to_the_costs`: divided by a tag key, the costs of each service and day add up to what they are without.
/// - `what_lacks_the_tag_is_untagged`: a cost whose resource does not have the key is under no value, and if nothing has it, all
///   costs are.
/// - `anomalies_touch_the_window_asked`: [`anomalies`](Self::anomalies) gives those with a day in the window, each once, and no others.
/// - `each_instance_is_sized_once`: [`rightsizing`](Self::rightsizing) names no instance twice.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait SpendSource: Send + Sync {
    /// What was spent on each day of the window, by service; with a tag key also by its values, as the source names it.
    ///
    /// The last day or two may still grow: AWS adds to them. What is left out of the costs, such as tax and credits, is up to the
    /// source, and the same for every call.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a window that does not begin and end at midnight of UTC or has no day,
    /// [`Error::Denied`] with the missing action, [`Error::Throttled`], [`Error::Backend`]; also where the costs are in more than
    /// one currency.
    async fn costs<'a>(&self, window: Window, by_tag: Option<&'a str>) -> Result<Spend, Error>;

    /// What reservations and Savings Plans cover, and how much of them is used.
    ///
    /// # Errors
    /// [`Error::Denied`] with the missing action, [`Error::Throttled`], [`Error::Backend`].
    async fn commitments(&self, window: Window) -> Result<Commitments, Error>;

    /// What the cloud's own detector has found, the latest first.
    ///
    /// # Errors
    /// As [`costs`](Self::costs); [`Error::Unsupported`] where there is no detector.
    async fn anomalies(&self, window: Window) -> Result<Vec<Anomaly>, Error>;

    /// Which instances the cloud itself would end or size otherwise, the greatest saving first.
    ///
    /// # Errors
    /// [`Error::Denied`] with the missing action, [`Error::Unsupported`] where it is not switched on, [`Error::Throttled`],
    /// [`Error::Backend`].
    async fn rightsizing(&self) -> Result<Vec<Rightsizing>, Error>;
}

/// Forwards to what it points to.
macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        impl<T: InventorySource + ?Sized> InventorySource for $pointer<T> {
            async fn account(&self) -> Result<String, Error> {
                (**self).account().await
            }

            async fn regions(&self) -> Result<Vec<Region>, Error> {
                (**self).regions().await
            }

            async fn list(&self, region: &Region, kind: Kind) -> Result<Inventory, Error> {
                (**self).list(region, kind).await
            }
        }

        #[async_trait]
        impl<T: UsageSource + ?Sized> UsageSource for $pointer<T> {
            async fn statistics(
                &self,
                region: &Region,
                measures: &[Measure],
                window: Window,
            ) -> Result<Vec<Series>, Error> {
                (**self).statistics(region, measures, window).await
            }
        }

        #[async_trait]
        impl<T: SpendSource + ?Sized> SpendSource for $pointer<T> {
            async fn costs<'a>(
                &self,
                window: Window,
                by_tag: Option<&'a str>,
            ) -> Result<Spend, Error> {
                (**self).costs(window, by_tag).await
            }

            async fn commitments(&self, window: Window) -> Result<Commitments, Error> {
                (**self).commitments(window).await
            }

            async fn anomalies(&self, window: Window) -> Result<Vec<Anomaly>, Error> {
                (**self).anomalies(window).await
            }

            async fn rightsizing(&self) -> Result<Vec<Rightsizing>, Error> {
                (**self).rightsizing().await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
