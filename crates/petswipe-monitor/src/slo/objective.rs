//! What is promised: a share of good requests, and what makes a request bad.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Error, Histogram, Observation};

/// The share of requests that has to be good, above 0 and below 1: 0.999 for "three nines".
///
/// ```
/// use petswipe_monitor::slo::Target;
/// assert_eq!(Target::new(0.999)?.budget(), 0.001);
/// let wrong = Target::new(99.9).unwrap_err();
/// assert_eq!(wrong.to_string(), "target is 99.9; allowed: a share above 0 and at most 0.999999999, such as 0.999");
/// # Ok::<(), petswipe_monitor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Target(f64);

/// What is left of 1 beside a target is only as exact as the digits that were written.
const DIGITS: f64 = 1e12;

impl Target {
    /// The share as a target.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] unless it is above 0 and at most 0.999999999. A target of 1 has no error budget.
    pub fn new(share: f64) -> Result<Self, Error> {
        let target = Self(share);
        if share > 0.0 && share < 1.0 && target.budget() >= 1e-9 {
            return Ok(target);
        }
        Err(Error::invalid(
            "target",
            share,
            "a share above 0 and at most 0.999999999, such as 0.999",
        ))
    }

    /// The share itself.
    pub fn share(self) -> f64 {
        self.0
    }

    /// The share of requests that may be bad: what is left of 1.
    pub fn budget(self) -> f64 {
        ((1.0 - self.0) * DIGITS).round() / DIGITS
    }
}

impl TryFrom<f64> for Target {
    type Error = Error;

    fn try_from(share: f64) -> Result<Self, Error> {
        Self::new(share)
    }
}

impl From<Target> for f64 {
    fn from(target: Target) -> f64 {
        target.0
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", (self.0 * 100.0 * 1e9).round() / 1e9)
    }
}

/// One promise about the requests of a service.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Objective {
    /// So many requests do not fail through a fault of the service: 5xx of the application and of the load balancer.
    Availability {
        /// The share of good requests.
        target: Target,
    },
    /// So many requests take no longer than the threshold.
    Latency {
        /// The share of good requests.
        target: Target,
        /// The most that a good one takes. What lies within one bucket of a [`Histogram`] above it (4.5 %) still counts
        /// as good.
        threshold: Duration,
    },
}

impl Objective {
    /// So many requests do not fail.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for a share that is no [`Target`].
    pub fn availability(target: f64) -> Result<Self, Error> {
        Ok(Self::Availability { target: Target::new(target)? })
    }

    /// So many requests take no longer than `threshold`.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for a share that is no [`Target`], and for a threshold of zero.
    pub fn latency(target: f64, threshold: Duration) -> Result<Self, Error> {
        let objective = Self::Latency { target: Target::new(target)?, threshold };
        objective.check()?;
        Ok(objective)
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        match self {
            Self::Latency { threshold, .. } if threshold.is_zero() => {
                Err(Error::invalid("latency threshold", "0", "a positive time"))
            }
            _ => Ok(()),
        }
    }

    /// The share of good requests.
    pub fn target(&self) -> Target {
        match self {
            Self::Availability { target } | Self::Latency { target, .. } => *target,
        }
    }

    /// Its name in one word, for rules and findings: `availability`, `latency-250ms`. Two of a service's objectives never
    /// have the same.
    pub fn name(&self) -> String {
        match self {
            Self::Availability { .. } => "availability".to_owned(),
            Self::Latency { threshold, .. } => format!("latency-{}", short(*threshold)),
        }
    }

    /// What of that was good and bad. `None` where it was not measured, or where there are more bad requests than requests.
    ///
    /// Of an objective of latency those requests count that were timed. Those that the load balancer answered itself never are,
    /// and are the business of availability. A few others, at most one in a hundred or two, such as those that their clients
    /// abandoned, count as bad: nobody saw that they were quick. Where more were not timed, or none was, or where neither
    /// requests nor times are known, nothing is known of any.
    pub fn events(&self, seen: &Observation) -> Option<Events> {
        let (total, bad) = match self {
            Self::Availability { .. } => (seen.requests?, seen.errors.failed()?),
            Self::Latency { threshold, .. } => {
                let latency = seen.latency.as_ref()?;
                let timed = Histogram::count(latency);
                let untimed = untimed(seen, timed)?;
                (
                    timed.saturating_add(untimed),
                    latency.count_above(*threshold).saturating_add(untimed),
                )
            }
        };
        Events::new(total, bad)
    }

    /// The bad requests that are known of, also where [`events`](Self::events) are not known: there were at least so many.
    pub fn bad_at_least(&self, seen: &Observation) -> u64 {
        match self {
            Self::Availability { .. } => seen.errors.failed_at_least().unwrap_or_default(),
            Self::Latency { threshold, .. } => {
                seen.latency.as_ref().map_or(0, |latency| latency.count_above(*threshold))
            }
        }
    }
}

/// One request in so many may be untimed, for the others to say how the service did; and so few in any case, because a window
/// may have few requests.
const ONE_UNTIMED_IN: u64 = 100;
const FEW_UNTIMED: u64 = 2;

/// How many requests were neither timed nor answered by the load balancer itself; `None` where that leaves the latency unknown.
fn untimed(seen: &Observation, timed: u64) -> Option<u64> {
    let Some(requests) = seen.requests else {
        // A histogram without anything in it does not tell whether there was anything.
        return (timed > 0).then_some(0);
    };
    if requests > 0 && timed == 0 {
        return None;
    }
    let never = seen.errors.balancer.unwrap_or_default();
    let untimed = requests.saturating_sub(timed).saturating_sub(never);
    (untimed <= (requests / ONE_UNTIMED_IN).max(FEW_UNTIMED)).then_some(untimed)
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Availability { target } => write!(f, "{target} of requests do not fail"),
            Self::Latency { target, threshold } => {
                write!(f, "{target} of requests take at most {threshold:?}")
            }
        }
    }
}

/// A duration in letters and digits: `250ms`, `1.5s` as `1500ms`.
fn short(duration: Duration) -> String {
    let micros = duration.as_micros();
    match (micros % 1_000_000, micros % 1000) {
        (0, _) if micros > 0 => format!("{}s", micros / 1_000_000),
        (_, 0) => format!("{}ms", micros / 1000),
        _ => format!("{micros}us"),
    }
}

/// How many requests there were, and how many of them were bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    total: u64,
    bad: u64,
}

impl Events {
    /// The counts; `None` if there are more bad ones than there are.
    pub fn new(total: u64, bad: u64) -> Option<Self> {
        (bad <= total).then_some(Self { total, bad })
    }

    /// Both together; `None` for more than can be counted.
    pub(super) fn and(self, other: Self) -> Option<Self> {
        let total = self.total.checked_add(other.total)?;
        Self::new(total, self.bad.checked_add(other.bad)?)
    }

    /// All requests.
    pub fn total(self) -> u64 {
        self.total
    }

    /// The bad ones.
    pub fn bad(self) -> u64 {
        self.bad
    }

    /// The bad ones as a share of all, 0 to 1; 0 where there were none at all.
    pub fn error_rate(self) -> f64 {
        if self.total == 0 { 0.0 } else { self.bad as f64 / self.total as f64 }
    }
}
