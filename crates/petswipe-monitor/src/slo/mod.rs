//! Service level objectives: what is promised, what is left of the error budget, how fast it burns, and when somebody is told.
//!
//! An [`Slo`] promises one or more [`Objective`]s over a rolling period. [`evaluate`] reads its windows from a
//! [`MetricSource`](crate::MetricSource) and gives the [`ErrorBudget`] and the state of every [`BurnRateAlert`], with the
//! numbers. What was not measured is unknown. An alert of which a window has a gap is unknown, and its
//! objective never ok; of the budget those parts of the period count that are known, and how much of it they are is said. A
//! rollout is kept from spending more than its share by a [`BudgetPolicy`](crate::BudgetPolicy).
//!
//! The same SLO as rules for Prometheus is made by [`prometheus`], as alarms of CloudWatch by [`cloudwatch`]; files of OpenSLO are
//! read and written by `openslo`, behind the feature of that name.
//!
//! Source of the formulas: Google, *The Site Reliability Workbook*, chapters 2, "Implementing SLOs", and 5, "Alerting on SLOs".

mod alert;
mod budget;
pub mod cloudwatch;
mod definition;
mod evaluate;
mod known;
mod objective;
#[cfg(feature = "openslo")]
pub mod openslo;
pub mod prometheus;
mod spending;
#[cfg(test)]
mod tests;

pub use alert::{BurnRateAlert, Severity};
pub(crate) use budget::exceeds;
pub use budget::{ErrorBudget, burn_rate, exhausted_after};
pub use definition::{DAYS_30, Slo};
pub use evaluate::{
    AlertReport, AlertState, ENOUGH_KNOWN, ObjectiveReport, Seen, SloReport, SloStatus, evaluate,
    evaluate_all,
};
pub use objective::{Events, Objective, Target};
pub use spending::Spending;
