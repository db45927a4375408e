//! The account of the ambient AWS configuration, which is only read unless a plan is carried out.

use std::sync::Arc;

use jiff::Timestamp;
use petswipe_aws::Policy;
use petswipe_cost::aws::{
    AwsInventory, AwsRemover, AwsSpend, AwsUsage, Metering as By, policy, removal_policy,
};
use petswipe_cost::{InventorySource, Prices, Region, Thresholds, explain};

use super::{Flags, Metering, Place, files};
use crate::Exit;
use crate::aws::within_budget;

/// The rights that a scan needs, as an IAM policy document; with those to carry out a plan.
pub(super) fn iam_policy(removes: bool) -> String {
    if !removes {
        return policy().to_string();
    }
    let (scan, removal) = (policy(), removal_policy());
    Policy::new(scan.statements().iter().chain(removal.statements()).cloned()).to_string()
}

/// That account, with all clients within one budget of calls.
pub(super) async fn open(
    flags: &Flags,
    limits: &Thresholds,
    now: Timestamp,
) -> Result<Place, Exit> {
    let failed = |error: petswipe_cost::Error| Exit::usage(explain(&error));
    let named = flags.regions.first().map(String::as_str).filter(|name| *name != "all");
    let home = named.unwrap_or("us-east-1");
    let mut prices = Prices::embedded();
    for path in &flags.prices {
        prices.overlay(files::prices(path)?).map_err(failed)?;
    }
    let home = Region::new(home).map_err(failed)?;
    let (config, budget) = within_budget(home.as_str()).await?;
    let inventory = AwsInventory::new(&config, now).measuring_uploads(now, limits.s3.upload_days);
    let inventory = Arc::new(inventory);
    let regions = match flags.regions.as_slice() {
        [] => vec![home],
        [all] if all == "all" => inventory.regions().await.map_err(failed)?,
        named => named.iter().map(Region::new).collect::<Result<_, _>>().map_err(failed)?,
    };
    let metering = match flags.metering {
        Metering::MetricData => By::MetricData,
        Metering::MetricStatistics => By::MetricStatistics,
    };
    Ok(Place {
        inventory,
        usage: Arc::new(AwsUsage::new(&config, metering)),
        spend: Arc::new(AwsSpend::new(&config)),
        remover: Box::new(move |account, clock| Arc::new(AwsRemover::new(&config, account, clock))),
        prices,
        regions,
        calls: Box::new(move || budget.calls()),
    })
}
