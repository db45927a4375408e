//! Where the money of an AWS account goes: what there is, what it is used for, what it costs, and what of it is waste.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod analyzer;
#[cfg(feature = "aws")]
pub mod aws;
mod backend;
mod error;
mod finding;
pub mod inventory;
mod money;
mod prices;
mod resource;
mod spend;
pub mod thresholds;
mod usage;

pub use analyzer::{Analyzer, Scene};
pub use backend::{InventorySource, SpendSource, UsageSource};
pub use error::{Cause, Error, explain};
pub use finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Saving,
    Verdict,
};
pub use inventory::Inventory;
pub use money::{Currency, HOURS_PER_MONTH, Money};
pub use prices::{PriceTable, Prices, Quote, Quotes};
pub use resource::{Kind, Region, Resource, ResourceRef, Tags};
pub use spend::{Commitment, CommitmentKind, Commitments};
pub use thresholds::Thresholds;
pub use usage::{
    Measure, Metric, Period, Question, Series, Statistic, StorageClass, Usage, Window,
};
