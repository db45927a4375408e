//! When somebody is told: alerts on burn rates over a long and a short window.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Target;
use crate::Error;

/// Whom an alert calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Somebody looks at it within days.
    Ticket,
    /// Somebody is woken.
    Page,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ticket => "ticket",
            Self::Page => "page",
        })
    }
}

/// An alert that fires while the budget burns faster than [`factor`](Self::factor) over the long window, and still does
/// over the short one. The long window is there for what matters, the short one ends the alert soon after the trouble.
///
/// Source: Google, *The Site Reliability Workbook*, chapter 5, "Alerting on SLOs", "6: Multiwindow, Multi-Burn-Rate Alerts".
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct BurnRateAlert {
    factor: f64,
    long: Duration,
    short: Duration,
    severity: Severity,
}

/// An alert before it is checked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    factor: f64,
    long: Duration,
    short: Duration,
    severity: Severity,
}

impl TryFrom<Written> for BurnRateAlert {
    type Error = Error;

    fn try_from(Written { factor, long, short, severity }: Written) -> Result<Self, Error> {
        Self::new(factor, long, short, severity)
    }
}

impl From<BurnRateAlert> for Written {
    fn from(BurnRateAlert { factor, long, short, severity }: BurnRateAlert) -> Self {
        Self { factor, long, short, severity }
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// The period for which the Workbook gives its numbers.
const WORKBOOK_PERIOD: Duration = Duration::from_secs(30 * 86_400);

/// Factor, long window in minutes, severity: the listing and table 5-8 of the Workbook's chapter. Each short window is a
/// twelfth of the long one.
const WORKBOOK: [(f64, u32, Severity); 4] = [
    (14.4, 60, Severity::Page),
    (6.0, 6 * 60, Severity::Page),
    (3.0, 24 * 60, Severity::Ticket),
    (1.0, 3 * 24 * 60, Severity::Ticket),
];

impl BurnRateAlert {
    /// An alert on a burn rate above `factor` in both windows.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] unless the factor is a positive number, both windows are whole minutes, and the short window
    /// is shorter than the long one.
    pub fn new(
        factor: f64,
        long: Duration,
        short: Duration,
        severity: Severity,
    ) -> Result<Self, Error> {
        if !(factor.is_finite() && factor > 0.0) {
            return Err(Error::invalid("burn rate", factor, "a positive number"));
        }
        for (field, window) in [("long window", long), ("short window", short)] {
            if window.is_zero() || window.as_nanos() % MINUTE.as_nanos() != 0 {
                return Err(Error::invalid(
                    field,
                    format!("{window:?}"),
                    "one or more whole minutes",
                ));
            }
        }
        if short >= long {
            let allowed = format!("less than the long window of {}", spoken(long));
            return Err(Error::invalid("short window", spoken(short), allowed));
        }
        Ok(Self { factor, long, short, severity })
    }

    /// An alert when more than `share` of the budget of `period` is spent within `long`: its factor is
    /// `share × period / long`, its short window a twelfth of the long one (rounded up to minutes).
    ///
    /// ```
    /// use petswipe_monitor::slo::{BurnRateAlert, Severity};
    /// use std::time::Duration;
    /// let hours = |hours: u64| Duration::from_secs(hours * 3600);
    /// let alert = BurnRateAlert::on_share(0.02, hours(720), hours(1), Severity::Page)?;
    /// assert_eq!(alert.to_string(), "page at 14.4x over 1h and 5m");
    /// # Ok::<(), petswipe_monitor::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for a share that is not within 0 to 1, and for windows that [`new`](Self::new) refuses.
    pub fn on_share(
        share: f64,
        period: Duration,
        long: Duration,
        severity: Severity,
    ) -> Result<Self, Error> {
        if !(share > 0.0 && share <= 1.0) {
            return Err(Error::invalid("share of the budget", share, "above 0 and at most 1"));
        }
        let factor = share * period.as_secs_f64() / long.as_secs_f64();
        let factor = (factor * 1e9).round() / 1e9;
        Self::new(factor, long, minutes(long / 12), severity)
    }

    /// The Workbook's four alerts for a budget of `period`.
    ///
    /// For 30 days they are 14.4x over 1 h and 5 min (2 % of the budget) and 6x over 6 h and 30 min (5 %), which page, 3x
    /// over 1 day and 2 h, and 1x over 3 days and 6 h (10 % each), which make a ticket. For another period time is
    /// stretched: each window is multiplied by `period / 30 days` and rounded up to a whole minute. Factors, severities and the
    /// share of the budget that is spent when an alert fires, `factor × long / period`, stay as they are. (Keeping the
    /// windows and changing the factors instead would leave a burn of 2x unnoticed with a period of 90 days, and call
    /// somebody for a burn below 1x with one of 7.)
    ///
    /// ```
    /// use petswipe_monitor::slo::BurnRateAlert;
    /// use std::time::Duration;
    /// let week = BurnRateAlert::standard(Duration::from_secs(7 * 86_400))?;
    /// assert_eq!(week[0].to_string(), "page at 14.4x over 14m and 2m");
    /// assert_eq!(week[3].to_string(), "ticket at 1x over 16h48m and 1h24m");
    /// # Ok::<(), petswipe_monitor::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for a period of less than a week, where the shortest window would hold too few requests and
    /// measurements to say anything.
    pub fn standard(period: Duration) -> Result<Vec<Self>, Error> {
        if period < 7 * DAY {
            let allowed = "at least 7d for the standard alerts; give alerts of your own";
            return Err(Error::invalid("period", spoken(period), allowed));
        }
        let stretch = period.as_secs_f64() / WORKBOOK_PERIOD.as_secs_f64();
        let alert = |(factor, long, severity): (f64, u32, Severity)| {
            let long = (MINUTE * long).mul_f64(stretch);
            Self::new(factor, minutes(long), minutes(long / 12), severity)
        };
        WORKBOOK.into_iter().map(alert).collect()
    }

    /// How many times as fast as allowed the budget has to burn.
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// The window for what matters.
    pub fn long(&self) -> Duration {
        self.long
    }

    /// The window that shows that it still goes on.
    pub fn short(&self) -> Duration {
        self.short
    }

    /// Whom it calls.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The share of the budget of `period` that is spent when it fires, at a burn rate just above its factor:
    /// `factor × long / period`.
    pub fn budget_spent(&self, period: Duration) -> f64 {
        self.factor * self.long.as_secs_f64() / period.as_secs_f64()
    }

    /// How long it takes to fire from a first bad request on, when before that nothing was bad and from then on a share
    /// `error_rate` is: `(1 − target) / error rate × long window × factor`. `None` if it never fires.
    ///
    /// Source: the Workbook's chapter 5, "4: Alert on Burn Rate", the time to fire.
    pub fn detected_after(&self, target: Target, error_rate: f64) -> Option<Duration> {
        let share = target.budget() / error_rate * self.factor;
        (share > 0.0 && share < 1.0).then(|| self.long.mul_f64(share))
    }
}

impl fmt::Display for BurnRateAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { factor, long, short, severity } = self;
        write!(f, "{severity} at {factor}x over {} and {}", spoken(*long), spoken(*short))
    }
}

/// Rounded up to whole minutes, at least one.
fn minutes(window: Duration) -> Duration {
    // What floats add behind a whole minute is less than a millisecond.
    let millis = window.saturating_sub(Duration::from_millis(1)).as_millis();
    let minutes = u32::try_from(millis / MINUTE.as_millis() + 1).unwrap_or(u32::MAX);
    MINUTE * minutes
}

/// A duration as operators write it, and as PromQL reads it: `1d12h`, `5m`.
pub(crate) fn spoken(window: Duration) -> String {
    let mut text = String::new();
    let mut rest = window.as_secs();
    for (unit, letter) in [(86_400, 'd'), (3600, 'h'), (60, 'm'), (1, 's')] {
        if rest >= unit {
            text.push_str(&format!("{}{letter}", rest / unit));
            rest %= unit;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}
