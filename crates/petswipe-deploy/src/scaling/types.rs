//! What is scaled: limits, target tracking policies, database instances.

use std::fmt;
use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::optional as span;
use serde::{Deserialize, Serialize};

use crate::{Error, ScalingState};

/// Tasks per service at most.
///
/// Source: "Amazon ECS service quotas", Tasks per service.
pub const MOST_TASKS: u32 = 5_000;

/// The fewest and the most tasks that auto scaling may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The fewest.
    pub minimum: u32,
    /// The most.
    pub maximum: u32,
}

impl Limits {
    /// Whether so many tasks lie within.
    pub fn contain(self, tasks: u32) -> bool {
        (self.minimum..=self.maximum).contains(&tasks)
    }

    /// Checks that they are in order and no more than a service may have.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] with the field, its value and what is allowed.
    pub fn validate(self) -> Result<(), Error> {
        if self.maximum > MOST_TASKS {
            return Err(Error::invalid("maximum", self.maximum, format!("at most {MOST_TASKS}")));
        }
        if self.minimum > self.maximum {
            let allowed = format!("at most the maximum, {}", self.maximum);
            return Err(Error::invalid("minimum", self.minimum, allowed));
        }
        Ok(())
    }
}

impl From<&ScalingState> for Limits {
    fn from(state: &ScalingState) -> Self {
        Self { minimum: state.minimum, maximum: state.maximum }
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {} tasks", self.minimum, self.maximum)
    }
}

/// A metric of a service that a policy keeps at its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackedMetric {
    /// The average CPU utilization of its tasks.
    Cpu,
    /// The average memory utilization of its tasks.
    Memory,
}

impl fmt::Display for TrackedMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "CPU",
            Self::Memory => "memory",
        })
    }
}

/// A target tracking policy: tasks are added and taken away so that a metric stays at its target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrackingPolicy {
    /// Its name, unique for its service.
    pub name: String,
    /// What it tracks.
    pub metric: TrackedMetric,
    /// At what, in percent.
    pub target_percent: f64,
    /// How long it waits after it added tasks; `None` leaves that to the platform.
    #[serde(default, with = "span", skip_serializing_if = "Option::is_none")]
    pub scale_out_cooldown: Option<Duration>,
    /// How long it waits after it took tasks away; `None` leaves that to the platform.
    #[serde(default, with = "span", skip_serializing_if = "Option::is_none")]
    pub scale_in_cooldown: Option<Duration>,
    /// Whether it only adds tasks.
    #[serde(default)]
    pub scale_in_disabled: bool,
}

impl TrackingPolicy {
    /// Checks name, target and cooldowns.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] with the field, its value and what is allowed.
    pub fn validate(&self) -> Result<(), Error> {
        let length = self.name.chars().count();
        if length == 0 || length > 255 || self.name.chars().any(|c| c.is_control() || c == '|') {
            let allowed = "1 to 255 characters without control characters and |";
            return Err(Error::invalid("name of the policy", &self.name, allowed));
        }
        if !(self.target_percent > 0.0 && self.target_percent <= 100.0) {
            let field = format!("{} target", self.metric);
            return Err(Error::invalid(field, self.target_percent, "more than 0 to 100 %"));
        }
        let cooldowns = [("out", self.scale_out_cooldown), ("in", self.scale_in_cooldown)];
        for (way, cooldown) in cooldowns {
            // The platform counts whole seconds; a part of one would be lost without a word.
            if cooldown.is_some_and(|time| time.subsec_nanos() > 0 || time > LONGEST_COOLDOWN) {
                let field = format!("scale-{way} cooldown");
                let value = format!("{:?}", cooldown.unwrap_or_default());
                return Err(Error::invalid(field, value, "whole seconds, 0 to 3600"));
            }
        }
        Ok(())
    }
}

/// More than that is a slip, such as milliseconds for seconds.
const LONGEST_COOLDOWN: Duration = Duration::from_secs(3600);

impl fmt::Display for TrackingPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} at {} %", self.name, self.metric, self.target_percent)?;
        for (way, cooldown) in [("out", self.scale_out_cooldown), ("in", self.scale_in_cooldown)] {
            if let Some(time) = cooldown {
                write!(f, ", {way} every {} s", time.as_secs())?;
            }
        }
        if self.scale_in_disabled {
            f.write_str(", never in")?;
        }
        Ok(())
    }
}

/// A policy that is no [`TrackingPolicy`]: of another kind, or of another metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherPolicy {
    /// Its name.
    pub name: String,
    /// What it is, in the platform's words.
    pub kind: String,
}

/// How a service is scaled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tracking {
    /// Limits and suspension.
    pub scaling: ScalingState,
    /// Its policies that track CPU or memory, by name.
    pub policies: Vec<TrackingPolicy>,
    /// All others, by name.
    pub others: Vec<OtherPolicy>,
}

/// What is known of a database instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseInstance {
    /// Its name.
    pub name: String,
    /// Its class, such as `db.t3.medium`.
    pub class: String,
    /// Its status in the platform's words; `available` when it can be changed.
    pub status: String,
    /// The class it will have after a change that is pending.
    pub pending_class: Option<String>,
    /// What else is pending, such as `engine version 16.4`.
    pub pending: Vec<String>,
    /// Whether it has a standby in another zone.
    pub multi_az: bool,
    /// What it runs, such as `postgres 16.3`.
    pub engine: String,
}

impl DatabaseInstance {
    /// The status of an instance that can be changed.
    pub const AVAILABLE: &'static str = "available";

    /// Whether it can be changed.
    pub fn is_available(&self) -> bool {
        self.status == Self::AVAILABLE
    }
}
