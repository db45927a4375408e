//! The error budget, and how fast it burns.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Events, Target};

/// How many bad requests a target allows, and how many of them there were.
///
/// ```
/// use petswipe_monitor::slo::{ErrorBudget, Events, Target};
/// let budget = ErrorBudget::new(Target::new(0.999)?, Events::new(1_000_000, 250).unwrap());
/// assert_eq!((budget.allowed(), budget.spent(), budget.left()), (1000.0, 250, 750.0));
/// assert_eq!(budget.spent_share(), 0.25);
/// assert_eq!(budget.to_string(), "25.0 % of the error budget is spent: 250 of 1000 bad requests in 1000000");
/// # Ok::<(), petswipe_monitor::Error>(())
/// ```
///
/// Source: Google, *The Site Reliability Workbook*, chapter 2, "Implementing SLOs".
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorBudget {
    target: Target,
    events: Events,
}

impl ErrorBudget {
    /// The budget that `target` leaves of these requests.
    pub fn new(target: Target, events: Events) -> Self {
        Self { target, events }
    }

    /// What it was counted from.
    pub fn events(&self) -> Events {
        self.events
    }

    /// How many requests may be bad, of those there were.
    pub fn allowed(&self) -> f64 {
        self.events.total() as f64 * self.target.budget()
    }

    /// How many were.
    pub fn spent(&self) -> u64 {
        self.events.bad()
    }

    /// How many more may be; below zero when it is overspent.
    pub fn left(&self) -> f64 {
        self.allowed() - self.spent() as f64
    }

    /// What was spent as a share of what is allowed: above 1 when it is overspent, 0 where there were no requests.
    pub fn spent_share(&self) -> f64 {
        burn_rate(self.target, self.events)
    }

    /// Whether more is spent than allowed, and the objective missed.
    pub fn is_overspent(&self) -> bool {
        exceeds(self.spent_share(), 1.0)
    }
}

impl fmt::Display for ErrorBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (share, total) = (self.spent_share() * 100.0, self.events.total());
        let (spent, allowed) = (self.spent(), (self.allowed() * 100.0).round() / 100.0);
        write!(
            f,
            "{share:.1} % of the error budget is spent: {spent} of {allowed} bad requests in {total}"
        )
    }
}

/// How many times as fast as the target allows the budget burns: 1 spends it exactly within its period, 0 is nothing bad,
/// or no requests at all.
///
/// Source: *The Site Reliability Workbook*, chapter 5, "Alerting on SLOs", "4: Alert on Burn Rate".
pub fn burn_rate(target: Target, events: Events) -> f64 {
    match events.total() {
        0 => 0.0,
        // Dividing once keeps whole numbers whole.
        total => events.bad() as f64 / (total as f64 * target.budget()),
    }
}

/// How long a budget for `period` lasts at that burn rate; `None` at 0, when it lasts forever.
///
/// Source: the same, table 5-4, "Burn rates and time to complete budget exhaustion".
pub fn exhausted_after(period: Duration, burn_rate: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(period.as_secs_f64() / burn_rate).ok()
}

/// Above, and not only by the rounding of floats: a value on a limit holds.
pub(crate) fn exceeds(value: f64, limit: f64) -> bool {
    value > limit * (1.0 + 1e-9)
}
