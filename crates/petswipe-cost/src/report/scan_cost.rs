//! What a scan itself cost.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{Currency, Prices, Region, Scan};

/// What a scan cost by the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScanCost {
    /// The amount, to a hundredth of a cent, of what has a known price; `None` where nothing has.
    pub amount: Option<Decimal>,
    /// Its currency.
    pub currency: Currency,
    /// The metrics that were asked for by a call that is charged for them.
    pub metrics: u64,
    /// The requests to Cost Explorer.
    pub cost_explorer_requests: u64,
    /// The prices that are not known and would add to the amount: `cloudwatch:metric-data in eu-west-9`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub no_price_for: Vec<String>,
}

impl ScanCost {
    pub(super) fn of(scan: &Scan, calls: &BTreeMap<String, u64>) -> Self {
        // Statistics asked for one by one are within the free tier of the API.
        let charged = calls.get("cloudwatch:GetMetricData").is_some_and(|calls| *calls > 0);
        let asked = scan.metrics_asked.iter().filter(|(_, asked)| charged && **asked > 0);
        let asked: Vec<_> = asked.collect();
        let requests: u64 =
            calls.iter().filter(|(name, _)| name.starts_with("ce:")).map(|(_, calls)| calls).sum();

        let (mut known, mut no_price_for) = (Vec::new(), Vec::new());
        for (region, asked) in &asked {
            let key = "cloudwatch:metric-data";
            match scan.prices.quotes(region).get(key) {
                Some(price) => known.push(price * Decimal::from(**asked) / Decimal::from(1000)),
                None => no_price_for.push(format!("{key} in {region}")),
            }
        }
        if requests > 0 {
            match request_price(&scan.prices, &scan.regions) {
                Some(price) => known.push(price * Decimal::from(requests)),
                None => no_price_for.push("ce:request".to_owned()),
            }
        }
        let nothing_known = known.is_empty() && !no_price_for.is_empty();
        let amount: Decimal = known.into_iter().sum();
        Self {
            amount: (!nothing_known).then(|| amount.round_dp(4)),
            currency: scan.prices.currency(),
            metrics: asked.iter().map(|(_, asked)| **asked).sum(),
            cost_explorer_requests: requests,
            no_price_for,
        }
    }
}

/// Cost Explorer is asked at one place for all regions, so its price may be in the table of a region that nobody looked at.
/// Source: "AWS Cost Explorer endpoints and quotas", AWS General Reference.
fn request_price(prices: &Prices, looked_at: &[Region]) -> Option<Decimal> {
    let everywhere = prices.dates().map(|(region, _)| region);
    looked_at.iter().chain(everywhere).find_map(|region| prices.quotes(region).get("ce:request"))
}
