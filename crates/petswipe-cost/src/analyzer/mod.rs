//! What is waste: one file for each area, pure functions of inventory, usage and prices.

mod addresses;
mod aurora;
mod commitments;
mod database_snapshots;
mod ec2;
mod ecs;
mod fargate_spot;
mod gp3;
mod load_balancers;
mod log_retention;
mod nat;
mod nat_consolidation;
mod rds;
mod s3;
mod schedules;
mod shell;
mod sizes;
mod snapshots;
mod volumes;

pub use addresses::UnattachedAddresses;
pub use aurora::AuroraServerless;
pub use commitments::CommitmentCoverage;
pub use database_snapshots::OldDatabaseSnapshots;
pub use ec2::UnderusedInstances;
pub use ecs::ServiceSizing;
pub use fargate_spot::FargateSpot;
pub use gp3::Gp2ToGp3;
pub use load_balancers::UnusedLoadBalancers;
pub use log_retention::LogRetention;
pub use nat::NatUse;
pub use nat_consolidation::NatConsolidation;
pub use rds::UnderusedDatabases;
pub use s3::BucketStorage;
pub use schedules::Schedules;
pub use snapshots::OldSnapshots;
pub use volumes::UnusedVolumes;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive as _;

use crate::{
    Area, Commitments, HOURS_PER_MONTH, Inventory, Kind, Measure, Money, Prices, Question, Quotes,
    Region, Saving, Series, Thresholds, Usage, Window, finding::Assessment,
};

/// Looks for one kind of waste.
///
/// It is pure: it asks nobody, and what it says depends on the scene alone. What was not measured it calls unknown, never idle;
/// and more usage never turns what it did not flag into something idle.
pub trait Analyzer: fmt::Debug + Send + Sync {
    /// Its area.
    fn area(&self) -> Area;

    /// What has to be listed for it, all of it: in a region where any of these could not be listed, it is not asked.
    fn kinds(&self) -> &'static [Kind];

    /// Whether it needs to know what is reserved and committed.
    fn needs_commitments(&self) -> bool {
        false
    }

    /// What has to be measured for it.
    fn questions(&self, inventory: &Inventory, limits: &Thresholds, ask: &mut dyn FnMut(Question)) {
        let _ = (inventory, limits, ask);
    }

    /// Says something of every resource that it is about, also of those that are well.
    fn assess(&self, scene: &Scene<'_>, tell: &mut dyn FnMut(Assessment));
}

/// All analyzers of this crate.
pub fn all() -> Vec<Arc<dyn Analyzer>> {
    vec![
        Arc::new(UnderusedInstances),
        Arc::new(UnderusedDatabases),
        Arc::new(UnusedVolumes),
        Arc::new(UnattachedAddresses),
        Arc::new(OldSnapshots),
        Arc::new(OldDatabaseSnapshots),
        Arc::new(BucketStorage),
        Arc::new(UnusedLoadBalancers),
        Arc::new(NatUse),
        Arc::new(CommitmentCoverage),
        Arc::new(LogRetention),
        Arc::new(FargateSpot),
        Arc::new(ServiceSizing),
        Arc::new(Gp2ToGp3),
        Arc::new(AuroraServerless),
        Arc::new(Schedules),
        Arc::new(NatConsolidation),
    ]
}

/// Everything an analyzer may look at.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// What there is.
    pub inventory: &'a Inventory,
    /// What was measured.
    pub usage: &'a Usage,
    /// What it costs.
    pub prices: &'a Prices,
    /// What it is held against.
    pub limits: &'a Thresholds,
    /// What is reserved and committed; `None` where that is not known.
    pub commitments: Option<&'a Commitments>,
    /// The time of the inventory.
    pub now: Timestamp,
}

impl Scene<'_> {
    /// What a month would save: the least and the most that `bounds` gives for the prices it asks for, or the keys of those that no
    /// table knows. Bounds below 0 are taken for 0.
    ///
    /// # Errors
    /// The keys of the prices that are missing; none where something measured makes no sense, so that nothing can be said.
    pub fn saving(
        &self,
        region: &Region,
        bounds: impl FnOnce(&mut Quotes<'_>) -> Option<(Decimal, Decimal)>,
    ) -> Result<Saving, Vec<String>> {
        let mut quotes = self.prices.quotes(region);
        let bounds = bounds(&mut quotes);
        let (prices, missing) = quotes.into_parts();
        let Some((low, high)) = bounds.filter(|_| missing.is_empty()) else { return Err(missing) };
        let low = low.max(Decimal::ZERO);
        Ok(Saving {
            low: Money::rounded(low),
            high: Money::rounded(high.max(low)),
            currency: self.prices.currency(),
            priced_at: prices.iter().map(|quote| quote.priced_at).min(),
            prices,
        })
    }

    /// What was measured, cut to the last whole days; a series without a value where nobody knows.
    fn series(&self, measure: &Measure, days: u16) -> Series {
        let window = Window::days_before(self.now, days);
        let points = self.usage.of(measure).into_iter().flat_map(Series::points);
        Series::new(window, measure.period, points)
    }

    /// How many whole days ago that was; `None` for what is yet to come, as a clock that is wrong would have it.
    fn days_since(&self, then: Timestamp) -> Option<i64> {
        let seconds = self.now.as_second() - then.as_second();
        // A resource may be a little younger than the time the scan began at.
        (seconds >= -300).then_some(seconds.max(0) / 86_400)
    }
}

/// By the month of 730 hours.
fn monthly(hourly: Decimal) -> Decimal {
    hourly * Decimal::from(HOURS_PER_MONTH)
}

/// A measured number as a decimal; `None` for what no account can have, so that nothing is said of it.
fn decimal(value: f64) -> Option<Decimal> {
    (value.abs() <= 1e15).then(|| Decimal::from_f64(value)).flatten()
}

const GIB: f64 = 1_073_741_824.0;
const MIB: f64 = 1_048_576.0;

/// A number with so many decimals as are worth reading.
fn short(value: f64) -> String {
    if value >= 100.0 || value == value.trunc() {
        format!("{value:.0}")
    } else if value >= 1.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

fn percent(value: f64) -> String {
    format!("{} %", short(value))
}
