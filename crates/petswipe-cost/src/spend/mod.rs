//! What was spent: by service, tag and day; its trend, its forecast, days that stand out; what is reserved and committed.
//!
//! Everything here is arithmetic on a table of costs. Nothing asks anybody and nothing reads a clock: the days are parameters.

mod anomalies;
mod commitments;
mod daily;
mod explorer;
mod forecast;
mod model;
#[cfg(test)]
mod simulation;
mod statistics;
mod sums;
mod table;
mod tail;
mod trend;

pub use anomalies::{Jump, Jumps, Sensitivity, anomalies};
pub use commitments::{Commitment, CommitmentKind, Commitments};
pub use daily::Daily;
pub use explorer::{Anomaly, Rightsizing, RightsizingAction};
pub use forecast::{FORECAST_DAYS, Forecast, forecast, forecast_month};
pub use sums::Sums;
pub use table::{Line, Spend};
pub use trend::{TREND_DAYS, Trend, trend};
