//! Where the money of an AWS account goes: what there is, what it is used for, what it costs, and what of it is waste.
//!
//! A [`Scanner`] looks at an account through an [`InventorySource`] and a [`UsageSource`] (and a [`SpendSource`], if there is one) and
//! gives a [`Scan`]: the [`Inventory`], its [`Usage`], and what could not be looked at. The [`analyzer`]s are pure functions of that,
//! of [`Prices`] and of [`Thresholds`]; each says of each of its resources an [`Assessment`] with a [`Verdict`]. A [`Report`] has those that
//! flag something as [`Finding`]s, and what they save together.
//!
//! # No data is not "idle"
//!
//! The wrong way to ask is `datapoints.iter().sum() == 0`: it finds every machine idle whose metrics could not be read.
//!
//! ```
//! use petswipe_cost::{Period, Series, Window};
//! let week = Window::days_before("2026-11-28T12:00:00Z".parse().unwrap(), 7);
//! let nothing = Series::new(week, Period::Day, []);
//! assert_eq!((nothing.sum(), nothing.maximum(), nothing.known()), (0.0, None, 0));
//! ```
//!
//! An analyzer asks how many days are known, and says [`Verdict::Unknown`] where they are too few. Where a listing failed that an area
//! needs, such as that of the images that may need a snapshot, the area is not judged at all in that region.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod action;
pub mod analyzer;
#[cfg(feature = "aws")]
pub mod aws;
mod backend;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod demo;
mod error;
mod exclusion;
#[cfg(feature = "exports")]
pub mod exports;
mod finding;
pub mod inventory;
pub mod memory;
mod money;
mod prices;
#[cfg(feature = "removal")]
pub mod removal;
mod report;
mod resource;
mod scan;
mod spend;
mod tags;
pub mod thresholds;
mod usage;
#[cfg(feature = "yaml")]
pub mod yaml;

pub use action::Action;
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
#[cfg(feature = "mock")]
pub use prices::MockPriceSource;
pub use prices::{PriceSource, PriceTable, Prices, Quote, Quotes};
pub use report::{
    Amount, AwsOpinion, Change, Changes, Criteria, Day, Explained, Explanation, Finding,
    NotReported, Range, Report, ReportOptions, ScanCost, SpendReport, Suppressed, Totals, Unknown,
};
pub use resource::{Kind, Region, Resource, ResourceRef};
pub use scan::{NotAnalysed, Scan, Scanner, Why};
pub use spend::{
    Anomaly, Commitment, CommitmentKind, Commitments, Daily, FORECAST_DAYS, Forecast, Jump, Jumps,
    Line, Rightsizing, RightsizingAction, Sensitivity, Spend, Sums, TREND_DAYS, Trend, anomalies,
    forecast, forecast_month, trend,
};
pub use tags::Tags;
pub use thresholds::Thresholds;
pub use usage::{
    Measure, Metric, Period, Question, Series, Statistic, StorageClass, Usage, Window,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
