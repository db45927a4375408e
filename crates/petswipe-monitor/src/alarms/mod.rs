//! Alarms of Amazon CloudWatch as typed definitions: what is watched, when it is too much, and who is told.
//!
//! An [`Alarm`] watches one metric ([`Alarm::on_metric`]), a number calculated from several ([`Alarm::on_math`]), or the
//! states of other alarms ([`Alarm::composite`]). It can't be built unless CloudWatch would take it: names, lengths, periods
//! and counts are checked at construction, against the API reference. As JSON it has the shape of the request of
//! PutMetricAlarm or PutCompositeAlarm, and is read from it.
//!
//! ```
//! use petswipe_monitor::alarms::{Alarm, Metric, MissingData, Statistic, Threshold};
//! use std::time::Duration;
//!
//! let cpu = Metric::new("AWS/RDS", "CPUUtilization").with("DBInstanceIdentifier", "shop-production");
//! let cpu = cpu.every(Duration::from_secs(300), Statistic::Average);
//! let busy = Threshold::above(80.0).in_periods(3).missing(MissingData::Missing);
//! let alarm = Alarm::on_metric("shop-production-database-cpu", cpu, busy)?
//!     .notifying("arn:aws:sns:eu-central-1:123456789012:on-call")?;
//!
//! let request = serde_json::to_value(&alarm)?;
//! assert_eq!(request["ComparisonOperator"], "GreaterThanThreshold");
//! assert_eq!(request["Period"], 300);
//!
//! // A week of minutes is more than CloudWatch evaluates.
//! let cpu = Metric::new("AWS/RDS", "CPUUtilization").every(Duration::from_secs(60), Statistic::Average);
//! let refused = Alarm::on_metric("too-long", cpu, Threshold::above(80.0).in_periods(10_080)).unwrap_err();
//! assert_eq!(
//!     refused.to_string(),
//!     "period times evaluation periods of the alarm too-long is 604800 s; allowed: at most 86400 s \
//!      (604800 s for periods of an hour and more)"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alarm;
mod check;
mod document;
mod math;
mod metric;
mod rule;
mod statistic;
#[cfg(test)]
mod tests;
mod threshold;

pub use alarm::{Actions, Alarm, Condition};
pub use math::Query;
pub use metric::{Measure, Metric};
pub use rule::{AlarmState, Rule};
pub use statistic::{ExtendedStatistic, Statistic};
pub use threshold::{ComparisonOperator, LowSamples, MissingData, Threshold};
