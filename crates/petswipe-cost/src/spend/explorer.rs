//! What the cloud itself says of spend: the anomalies it has found, and the instances it would size otherwise.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Currency, Money, Region};

/// What Cost Anomaly Detection has found. Source: "Anomaly", AWS Cost Explorer API reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anomaly {
    /// Its id.
    pub id: String,
    /// The first day of it.
    pub from: Date,
    /// The last day of it; `None` while it goes on.
    pub to: Option<Date>,
    /// The service that the monitor watches or that is the first cause named; `None` where no service is named.
    pub service: Option<String>,
    /// Where the first cause named is.
    pub region: Option<Region>,
    /// What kind of usage the first cause named is: `USE1-BoxUsage:m5.large`.
    pub usage_type: Option<String>,
    /// What it cost above what was expected, up to now.
    pub impact: Money,
    /// Of the impact.
    pub currency: Currency,
    /// How sure the detector was at most, from 0 to 1.
    pub score: f64,
}

impl Anomaly {
    /// Whether any day of it lies from one day up to another and without it.
    ///
    /// ```
    /// use jiff::civil::date;
    /// use petswipe_cost::{Anomaly, Currency, Money};
    /// let anomaly = Anomaly {
    ///     id: "a".into(),
    ///     from: date(2026, 11, 3),
    ///     to: Some(date(2026, 11, 5)),
    ///     service: None,
    ///     region: None,
    ///     usage_type: None,
    ///     impact: Money::ZERO,
    ///     currency: Currency::USD,
    ///     score: 0.9,
    /// };
    /// assert!(anomaly.touches(date(2026, 11, 5), date(2026, 11, 9)));
    /// assert!(!anomaly.touches(date(2026, 11, 1), date(2026, 11, 3)));
    /// ```
    pub fn touches(&self, from: Date, to: Date) -> bool {
        self.from < to && self.to.is_none_or(|last| last >= from)
    }
}

/// What Cost Explorer would do with an EC2 instance. Source: "GetRightsizingRecommendation", AWS Cost Explorer API reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rightsizing {
    /// The id of the instance.
    pub instance: String,
    /// The account it is in: twelve digits.
    pub account: String,
    /// Where it is.
    pub region: Option<Region>,
    /// What it is now: `m5.xlarge`.
    pub present: String,
    /// What to do with it.
    pub action: RightsizingAction,
    /// What that would save in a month, by the account's own prices.
    pub monthly_saving: Money,
    /// Of the saving.
    pub currency: Currency,
}

/// What to do with an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RightsizingAction {
    /// It is idle: end it.
    Terminate,
    /// Another type would do: `m5.large`.
    Modify {
        /// The type.
        to: String,
    },
}
