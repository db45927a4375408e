//! Reservations and Savings Plans: how much of the spend they cover, and how much of them is used.

use serde::{Deserialize, Serialize};

use crate::{Currency, Money, Window};

/// What Cost Explorer says of an account's commitments, over one window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Commitments {
    /// The time it covers, all of it.
    pub window: Window,
    /// Each kind.
    pub kinds: Vec<Commitment>,
}

/// One kind of commitment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commitment {
    /// Which kind.
    pub kind: CommitmentKind,
    /// How much of what it could cover it did cover, percent, by money or by hours as Cost Explorer counts it; `None` where there
    /// was nothing to cover.
    pub coverage_percent: Option<f64>,
    /// What was paid on demand of what it could have covered, over the window.
    pub on_demand: Money,
    /// How much of what was bought was used, percent; `None` where nothing was bought.
    pub utilisation_percent: Option<f64>,
    /// What was paid for what was bought and not used, over the window.
    pub unused: Money,
    /// Of both amounts.
    pub currency: Currency,
}

/// A kind of commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CommitmentKind {
    /// Savings Plans of all types.
    SavingsPlans,
    /// Reserved instances of EC2.
    Reservations,
}

impl CommitmentKind {
    /// Its name, as ids of findings have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SavingsPlans => "savings-plans",
            Self::Reservations => "reservations",
        }
    }

    /// The command that asks what to buy.
    pub(crate) fn recommendation(self) -> &'static str {
        match self {
            Self::SavingsPlans => {
                "aws ce get-savings-plans-purchase-recommendation --savings-plans-type COMPUTE_SP --term-in-years ONE_YEAR --payment-option NO_UPFRONT --lookback-period-in-days THIRTY_DAYS"
            }
            Self::Reservations => {
                "aws ce get-reservation-purchase-recommendation --service 'Amazon Elastic Compute Cloud - Compute' --term-in-years ONE_YEAR --payment-option NO_UPFRONT --lookback-period-in-days THIRTY_DAYS"
            }
        }
    }
}
