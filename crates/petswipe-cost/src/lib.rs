//! Where the money of an AWS account goes: what there is, what it is used for, what it costs, and what of it is waste.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod analyzer;
mod backend;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod demo;
mod error;
mod exclusion;
mod finding;
pub mod inventory;
pub mod memory;
mod money;
mod prices;
mod report;
mod resource;
mod scan;
mod spend;
mod tags;
pub mod thresholds;
mod usage;
#[cfg(feature = "yaml")]
pub mod yaml;

pub use analyzer::{Analyzer, Scene};
pub use backend::{InventorySource, SpendSource, UsageSource};
#[cfg(feature = "mock")]
pub use backend::{MockInventorySource, MockSpendSource, MockUsageSource};
pub use error::{Cause, Error, explain};
pub use exclusion::{Suppression, Suppressions, TagFilter};
pub use finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Saving,
    Verdict,
};
pub use inventory::Inventory;
pub use money::{Currency, HOURS_PER_MONTH, Money};
pub use prices::{PriceTable, Prices, Quote, Quotes};
pub use report::{
    Change, Changes, Finding, Range, Report, ReportOptions, ScanCost, Suppressed, Totals, Unknown,
};
pub use resource::{Kind, Region, Resource, ResourceRef};
pub use scan::{NotAnalysed, Scan, Scanner, Why};
pub use spend::{Commitment, CommitmentKind, Commitments};
pub use tags::Tags;
pub use thresholds::Thresholds;
pub use usage::{
    Measure, Metric, Period, Question, Series, Statistic, StorageClass, Usage, Window,
};
