//! The plan of a scaling operation: plain data, checked once, and enough to resume from.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as span;
use petswipe_runbook::Retry;
use serde::{Deserialize, Serialize};

use super::{Outcome, Seen};
use crate::scaling::types::{Limits, MOST_TASKS, TrackedMetric, TrackingPolicy};
use crate::{Environment, Error};

/// One scaling operation: a change, and how it is carried out.
///
/// ```
/// use petswipe_deploy::Environment;
/// use petswipe_deploy::scaling::{Change, ScalePlan};
/// let blue = Environment::new("shop-production-blue")?;
/// let plan = ScalePlan::new("shop-production", Change::service(blue, 10));
/// assert_eq!(plan.change.to_string(), "10 tasks of shop-production-blue");
/// plan.validate()?;
/// # Ok::<(), petswipe_deploy::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalePlan {
    /// The service, for messages and for the lease.
    pub service: String,
    /// Where it is carried out, such as a cloud's id; empty when nobody says.
    #[serde(default)]
    pub location: String,
    /// What shall be true.
    pub change: Change,
    /// What the operation left that this plan undoes, see [`ScalePlan::undo`]. If it is different by now, somebody else
    /// changed it, and the undo is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<Seen>,
    /// How long after the change it may take until it is true.
    #[serde(with = "span")]
    pub deadline: Duration,
    /// Time between two looks.
    #[serde(with = "span")]
    pub poll: Duration,
    /// How long one call may take.
    #[serde(with = "span")]
    pub call_timeout: Duration,
    /// How a call that failed is tried again.
    pub retry: Retry,
}

/// What shall be true.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// So many tasks of a service run.
    Service {
        /// Where.
        environment: Environment,
        /// How many.
        desired: u32,
        /// Whether 0 is meant, which stops the service.
        #[serde(default)]
        allow_stop: bool,
    },
    /// A database instance has a class.
    Database {
        /// Its name.
        instance: String,
        /// The class, such as `db.t4g.medium`.
        class: String,
        /// At once, and not in the next maintenance window. Nothing else is supported: a change that waits for days is no
        /// operation that can be watched to its end.
        apply_immediately: bool,
        /// Whether the instance may be restarted. It is, whatever the class.
        allow_restart: bool,
    },
    /// A service is scaled automatically.
    Tracking {
        /// Where.
        environment: Environment,
        /// Between which limits; `None` for not at all.
        limits: Option<Limits>,
        /// By which policies.
        policies: Vec<TrackingPolicy>,
        /// By which ones not, by their names.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        absent: BTreeSet<String>,
    },
}

/// Target tracking by CPU and memory, with the guide's numbers as defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackingSettings {
    /// 2 to 20 tasks.
    pub limits: Limits,
    /// 70 % of CPU.
    pub cpu_percent: f64,
    /// 80 % of memory.
    pub memory_percent: f64,
    /// 60 s after tasks were added.
    pub scale_out_cooldown: Duration,
    /// 300 s after tasks were taken away.
    pub scale_in_cooldown: Duration,
}

impl Default for TrackingSettings {
    fn default() -> Self {
        Self {
            limits: Limits { minimum: 2, maximum: 20 },
            cpu_percent: 70.0,
            memory_percent: 80.0,
            scale_out_cooldown: Duration::from_secs(60),
            scale_in_cooldown: Duration::from_secs(300),
        }
    }
}

impl Change {
    /// So many tasks.
    pub fn service(environment: Environment, desired: u32) -> Self {
        Self::Service { environment, desired, allow_stop: false }
    }

    /// Another class at once. Whether the restart is allowed has to be said.
    pub fn database(
        instance: impl Into<String>,
        class: impl Into<String>,
        allow_restart: bool,
    ) -> Self {
        let (instance, class) = (instance.into(), class.into());
        Self::Database { instance, class, apply_immediately: true, allow_restart }
    }

    /// Two policies named for their environment, `shop-production-blue-cpu` and `shop-production-blue-memory`.
    pub fn tracking(environment: Environment, settings: TrackingSettings) -> Self {
        let policy = |metric, name, target_percent| TrackingPolicy {
            name: format!("{environment}-{name}"),
            metric,
            target_percent,
            scale_out_cooldown: Some(settings.scale_out_cooldown),
            scale_in_cooldown: Some(settings.scale_in_cooldown),
            scale_in_disabled: false,
        };
        let policies = vec![
            policy(TrackedMetric::Cpu, "cpu", settings.cpu_percent),
            policy(TrackedMetric::Memory, "memory", settings.memory_percent),
        ];
        let (limits, absent) = (Some(settings.limits), BTreeSet::new());
        Self::Tracking { environment, limits, policies, absent }
    }

    /// `service`, `database` or `tracking`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Service { .. } => "service",
            Self::Database { .. } => "database",
            Self::Tracking { .. } => "tracking",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service { environment, desired, .. } => {
                write!(f, "{desired} task{} of {environment}", if *desired == 1 { "" } else { "s" })
            }
            Self::Database { instance, class, .. } => write!(f, "class {class} of {instance}"),
            Self::Tracking { environment, limits: Some(limits), .. } => {
                write!(f, "auto scaling of {environment}: {limits}")
            }
            Self::Tracking { environment, limits: None, .. } => {
                write!(f, "no auto scaling of {environment}")
            }
        }
    }
}

impl ScalePlan {
    /// A plan with deadlines that suit the change: 10 minutes for tasks, an hour for a database, 2 minutes for settings.
    pub fn new(service: impl Into<String>, change: Change) -> Self {
        let (deadline, poll) = match &change {
            Change::Service { .. } => (600, 5),
            Change::Database { .. } => (3600, 30),
            Change::Tracking { .. } => (120, 5),
        };
        Self {
            service: service.into(),
            location: String::new(),
            change,
            undoes: None,
            deadline: Duration::from_secs(deadline),
            poll: Duration::from_secs(poll),
            call_timeout: Duration::from_secs(30),
            retry: Retry::default(),
        }
    }

    /// Checks everything that can be checked without a look at the world.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] with the field, its value and what is allowed.
    pub fn validate(&self) -> Result<(), Error> {
        let times = [
            ("deadline", self.deadline),
            ("time between two looks", self.poll),
            ("call timeout", self.call_timeout),
        ];
        if let Some((field, _)) = times.iter().find(|(_, time)| time.is_zero()) {
            return Err(Error::invalid(*field, "0", "a positive time"));
        }
        if self.retry.attempts == 0 {
            return Err(Error::invalid("retry attempts", 0, "at least 1"));
        }
        match &self.change {
            Change::Service { desired, allow_stop, .. } => {
                if *desired == 0 && !allow_stop {
                    let allowed =
                        format!("1 to {MOST_TASKS}; 0 stops the service and has to be allowed");
                    return Err(Error::invalid("desired", 0, allowed));
                }
                if *desired > MOST_TASKS {
                    return Err(Error::invalid("desired", desired, format!("1 to {MOST_TASKS}")));
                }
                Ok(())
            }
            Change::Database { instance, class, apply_immediately, .. } => {
                let letters = |c: char| c.is_ascii_alphanumeric() || c == '-';
                if instance.is_empty() || instance.len() > 63 || !instance.chars().all(letters) {
                    let allowed = "1 to 63 letters, digits and hyphens";
                    return Err(Error::invalid("instance", instance, allowed));
                }
                let parts: Vec<_> = class.split('.').collect();
                let good = |part: &&str| !part.is_empty() && part.chars().all(letters);
                if parts.len() < 3 || parts[0] != "db" || !parts.iter().all(good) {
                    return Err(Error::invalid("class", class, "such as db.t4g.medium"));
                }
                if !apply_immediately {
                    let allowed = "true: a change that waits for a maintenance window can't be watched to its end";
                    return Err(Error::invalid("apply immediately", false, allowed));
                }
                Ok(())
            }
            Change::Tracking { limits, policies, absent, .. } => {
                if let Some(limits) = limits {
                    limits.validate()?;
                } else if !policies.is_empty() {
                    let allowed = "none where there are no limits";
                    return Err(Error::invalid("policies", policies.len(), allowed));
                }
                for (index, policy) in policies.iter().enumerate() {
                    policy.validate()?;
                    let others = &policies[..index];
                    let name = &policy.name;
                    if absent.contains(name) || others.iter().any(|other| other.name == *name) {
                        return Err(Error::invalid("name of the policy", name, "each name once"));
                    }
                    if others.iter().any(|other| other.metric == policy.metric) {
                        // The platform allows one target tracking policy for a metric.
                        return Err(Error::invalid("metric", policy.metric, "one policy each"));
                    }
                }
                Ok(())
            }
        }
    }

    /// The plan that puts back what was there at the first look of an operation.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] when it changed nothing.
    pub fn undo(&self, outcome: &Outcome) -> Result<Self, Error> {
        let Some(before) = outcome.before().filter(|_| outcome.has_changed()) else {
            let allowed = "one that changed something";
            return Err(Error::invalid("operation to undo", outcome, allowed));
        };
        let change = match (&self.change, before) {
            (Change::Service { environment, .. }, Seen::Service { service, .. }) => {
                let (environment, desired) = (environment.clone(), service.desired);
                Change::Service { environment, desired, allow_stop: true }
            }
            (
                Change::Database { instance, allow_restart, .. },
                Seen::Database { instance: was, .. },
            ) => Change::database(instance.as_str(), was.class.as_str(), *allow_restart),
            (
                Change::Tracking { environment, policies, absent, .. },
                Seen::Tracking { tracking, .. },
            ) => {
                let mut absent: BTreeSet<_> =
                    policies.iter().map(|policy| &policy.name).chain(absent).cloned().collect();
                let was = tracking.as_ref().map_or(&[][..], |tracking| &tracking.policies);
                let mut policies = was.to_vec();
                policies.retain(|policy| absent.remove(&policy.name));
                let limits = tracking.as_ref().map(|tracking| Limits::from(&tracking.scaling));
                Change::Tracking { environment: environment.clone(), limits, policies, absent }
            }
            (change, _) => {
                let allowed = "an outcome of the same plan";
                return Err(Error::invalid("operation to undo", change, allowed));
            }
        };
        Ok(Self { change, undoes: outcome.left().cloned(), ..self.clone() })
    }

    /// The key of the lease that protects what is changed. That of a service is also that of its rollouts.
    pub fn lease_key(&self) -> String {
        match &self.change {
            Change::Database { instance, .. } => format!("database/{instance}"),
            Change::Service { .. } | Change::Tracking { .. } => format!("service/{}", self.service),
        }
    }
}
