//! Where the money of an AWS account goes: what there is, what it is used for, what it costs, and what of it is waste.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod analyzer;
mod backend;
#[cfg(any(test, feature = "conformance"))]
#[cfg_attr(docsrs, doc(cfg(feature = "conformance")))]
pub mod conformance;
mod error;
#[cfg(feature = "exports")]
#[cfg_attr(docsrs, doc(cfg(feature = "exports")))]
pub mod exports;
mod finding;
pub mod inventory;
mod memory;
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
pub use memory::MemorySpend;
pub use money::{Currency, HOURS_PER_MONTH, Money};
pub use prices::{PriceTable, Prices, Quote, Quotes};
pub use resource::{Kind, Region, Resource, ResourceRef, Tags};
pub use spend::{
    Anomaly, Commitment, CommitmentKind, Commitments, Daily, FORECAST_DAYS, Forecast, Jump, Jumps,
    Line, Rightsizing, RightsizingAction, Sensitivity, Spend, Sums, TREND_DAYS, Trend, anomalies,
    forecast, forecast_month, trend,
};
pub use thresholds::Thresholds;
pub use usage::{
    Measure, Metric, Period, Question, Series, Statistic, StorageClass, Usage, Window,
};
