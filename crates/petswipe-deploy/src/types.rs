//! The nouns of a deployment: environments, revisions, images, shares of traffic, and what is observed of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use petswipe_runbook::{Fence, OperationId};
use serde::{Deserialize, Serialize};

use crate::Error;

/// A text that must not be empty, and its newtype.
macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $field:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(Arc<str>);

        impl $type {
            /// Checks `text` and wraps it.
            ///
            /// # Errors
            /// [`Error::InvalidPlan`] when it is empty, longer than 255 characters, or has white space or control characters.
            pub fn new(text: impl Into<String>) -> Result<Self, Error> {
                let text = text.into();
                let bad = |c: char| c.is_whitespace() || c.is_control();
                if text.is_empty() || text.chars().count() > 255 || text.contains(bad) {
                    return Err(Error::invalid($field, text, "1 to 255 characters without white space"));
                }
                Ok(Self(text.into()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $type {
            type Error = Error;
            fn try_from(text: String) -> Result<Self, Error> {
                Self::new(text)
            }
        }

        impl std::str::FromStr for $type {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self, Error> {
                Self::new(text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0.to_string()
            }
        }
    };
}

name! {
    /// A place where one revision runs behind its own target group, such as `petswipe-production-blue`.
    Environment, "environment"
}
name! {
    /// An immutable version of a service's definition, such as an ECS task definition `petswipe:42`.
    RevisionId, "revision"
}
name! {
    /// A container image by tag or digest, such as `petswipe:v2`.
    Image, "image"
}

impl Environment {
    /// The part after the last hyphen, by which test requests name it: `green` of `petswipe-production-green`.
    pub fn short(&self) -> &str {
        self.as_str().rsplit('-').next().unwrap_or(self.as_str())
    }
}

/// A share of traffic in whole percent, 0 to 100.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(try_from = "u8", into = "u8")]
pub struct Percent(u8);

impl Percent {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Everything.
    pub const FULL: Self = Self(100);

    /// Checks that `value` is at most 100.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] above 100.
    pub fn new(value: u8) -> Result<Self, Error> {
        if value > 100 {
            return Err(Error::invalid("percent", value, "0 to 100"));
        }
        Ok(Self(value))
    }

    /// The number, 0 to 100.
    pub fn get(self) -> u8 {
        self.0
    }

    /// What is left to 100.
    #[must_use]
    pub fn rest(self) -> Self {
        Self(100 - self.0)
    }

    /// How many of `whole` this share needs: rounded up, and at least 1 unless the share is 0.
    pub fn of(self, whole: u32) -> u32 {
        if self.0 == 0 {
            return 0;
        }
        let exact = u64::from(self.0) * u64::from(whole);
        u32::try_from(exact.div_ceil(100)).unwrap_or(u32::MAX).max(1)
    }
}

impl TryFrom<u8> for Percent {
    type Error = Error;
    fn try_from(value: u8) -> Result<Self, Error> {
        Self::new(value)
    }
}

impl From<Percent> for u8 {
    fn from(percent: Percent) -> u8 {
        percent.0
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

/// How traffic is divided: environments with a share above 0, which sum to 100.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<Environment, Percent>", into = "BTreeMap<Environment, Percent>")]
pub struct Split(BTreeMap<Environment, Percent>);

impl Split {
    /// Checks that the shares sum to 100. Shares of 0 are left out.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] when they do not.
    pub fn new(shares: impl IntoIterator<Item = (Environment, Percent)>) -> Result<Self, Error> {
        let shares: BTreeMap<_, _> =
            shares.into_iter().filter(|(_, share)| *share != Percent::ZERO).collect();
        let sum: u32 = shares.values().map(|share| u32::from(share.get())).sum();
        if sum != 100 {
            return Err(Error::invalid("sum of the weights", sum, "100"));
        }
        Ok(Self(shares))
    }

    /// Everything to one environment.
    pub fn all_to(environment: Environment) -> Self {
        Self(BTreeMap::from([(environment, Percent::FULL)]))
    }

    /// `share` to one environment and the rest to another. Naming the same one twice gives it everything.
    pub fn between(candidate: Environment, share: Percent, live: Environment) -> Self {
        let mut shares = BTreeMap::from([(live, share.rest())]);
        shares.entry(candidate).and_modify(|rest| *rest = Percent::FULL).or_insert(share);
        shares.retain(|_, share| *share != Percent::ZERO);
        Self(shares)
    }

    /// The share of an environment, 0 when it is not named.
    pub fn share(&self, environment: &Environment) -> Percent {
        self.0.get(environment).copied().unwrap_or_default()
    }

    /// The environments with a share above 0.
    pub fn iter(&self) -> impl Iterator<Item = (&Environment, Percent)> {
        self.0.iter().map(|(environment, share)| (environment, *share))
    }

    /// The environment that gets everything, if one does.
    pub fn only(&self) -> Option<&Environment> {
        self.0.iter().find(|(_, share)| **share == Percent::FULL).map(|(name, _)| name)
    }
}

impl TryFrom<BTreeMap<Environment, Percent>> for Split {
    type Error = Error;
    fn try_from(shares: BTreeMap<Environment, Percent>) -> Result<Self, Error> {
        Self::new(shares)
    }
}

impl From<Split> for BTreeMap<Environment, Percent> {
    fn from(split: Split) -> Self {
        split.0
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (environment, share)) in self.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{environment} {share}")?;
        }
        Ok(())
    }
}

/// Who commands a change: the operation, and its driver's fencing number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    /// The operation. A repeated command of the same operation must not act twice.
    pub operation: OperationId,
    /// A backend that can keep the highest fence it has seen refuses commands with a lower one.
    pub fence: Fence,
}

/// The state of a service's newest deployment, as the platform sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DeploymentState {
    /// Tasks are being started or replaced.
    InProgress,
    /// All desired tasks run the revision.
    Completed,
    /// The platform gave up on the revision; with its circuit breaker it went back to the one before.
    Failed {
        /// Why, in the platform's words.
        reason: String,
    },
}

/// A task that stopped without being asked to, or did not start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFailure {
    /// When.
    pub at: Timestamp,
    /// Why: exit code, failed health checks, image that could not be pulled.
    pub reason: String,
}

/// What is known of the service in one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// The environment.
    pub environment: Environment,
    /// The revision its newest deployment asks for; `None` if it never had one.
    pub revision: Option<RevisionId>,
    /// The image of that revision.
    pub image: Option<Image>,
    /// How many tasks are asked for.
    pub desired: u32,
    /// How many tasks run that revision.
    pub running: u32,
    /// The newest deployment.
    pub deployment: DeploymentState,
    /// Tasks of the newest deployment that failed since it began, oldest first. Where a deployment of the same revision
    /// begins no new one, they may have failed before it was asked for.
    pub failures: Vec<TaskFailure>,
    /// How its tasks are replaced; `None` where the platform keeps no such settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacement: Option<Replacement>,
    /// When this was true. Never later than the answer, and not cached from before the question.
    pub observed_at: Timestamp,
}

/// What is known of the targets of one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetHealth {
    /// The environment.
    pub environment: Environment,
    /// Targets that pass the load balancer's health checks and take requests.
    pub healthy: u32,
    /// Registered targets that do not: initial, unhealthy. Draining ones count in neither.
    pub unhealthy: u32,
    /// Why the unhealthy ones are, where the load balancer says so.
    pub reasons: Vec<String>,
    /// When this was true.
    pub observed_at: Timestamp,
}

/// What is known of the load balancer's rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// How production traffic is divided.
    pub split: Split,
    /// Where requests with the test header go, if that rule exists.
    pub test: Option<Environment>,
    /// When this was true.
    pub observed_at: Timestamp,
}

/// Auto scaling of one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScalingState {
    /// Whether all scaling is suspended: in, out, and on a schedule.
    pub suspended: bool,
    /// The fewest tasks it may set.
    pub minimum: u32,
    /// The most tasks it may set.
    pub maximum: u32,
    /// Which activities are suspended where some are and others are not; otherwise `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partly: Option<SuspendedActivities>,
}

/// The activities of auto scaling, each suspended or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspendedActivities {
    /// No task is taken away by a policy.
    pub scale_in: bool,
    /// No task is added by a policy.
    pub scale_out: bool,
    /// Nothing happens on a schedule.
    pub scheduled: bool,
}

impl SuspendedActivities {
    /// Everything is suspended.
    pub const ALL: Self = Self { scale_in: true, scale_out: true, scheduled: true };
    /// Nothing is suspended.
    pub const NONE: Self = Self { scale_in: false, scale_out: false, scheduled: false };
}

impl ScalingState {
    /// Limits within which everything is active.
    pub fn active(minimum: u32, maximum: u32) -> Self {
        Self { suspended: false, minimum, maximum, partly: None }
    }

    /// The same limits with these activities suspended.
    ///
    /// ```
    /// use petswipe_deploy::{ScalingState, SuspendedActivities};
    /// let activities = SuspendedActivities { scale_in: true, ..SuspendedActivities::NONE };
    /// let state = ScalingState::active(2, 20).with(activities);
    /// assert!(!state.suspended && state.activities() == activities);
    /// assert!(state.with(SuspendedActivities::ALL).suspended);
    /// ```
    #[must_use]
    pub fn with(self, activities: SuspendedActivities) -> Self {
        let suspended = activities == SuspendedActivities::ALL;
        let all_or_nothing = suspended || activities == SuspendedActivities::NONE;
        Self { suspended, partly: (!all_or_nothing).then_some(activities), ..self }
    }

    /// What is suspended.
    pub fn activities(&self) -> SuspendedActivities {
        match self.partly {
            _ if self.suspended => SuspendedActivities::ALL,
            partly => partly.unwrap_or(SuspendedActivities::NONE),
        }
    }
}

/// How a service replaces its tasks, and what makes the platform give up on that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replacement {
    /// While replacing, at least this share of the desired count stays healthy, in percent, 0 to 100.
    pub minimum_healthy_percent: Option<u32>,
    /// While replacing, at most this share of the desired count runs, in percent, 100 to 200.
    pub maximum_percent: Option<u32>,
    /// Repeated failures of tasks.
    pub circuit_breaker: GivesUp,
    /// Alarms.
    pub alarms: GivesUp,
    /// Which alarms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarm_names: Vec<String>,
}

/// Whether the platform gives up on a deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivesUp {
    /// Whether it does.
    pub enabled: bool,
    /// Whether it then goes back to the last deployment that was complete.
    pub goes_back: bool,
}

impl GivesUp {
    /// It gives up, and goes back by itself.
    pub const AND_GOES_BACK: Self = Self { enabled: true, goes_back: true };
    /// It never gives up.
    pub const NEVER: Self = Self { enabled: false, goes_back: false };
}

/// What a service shall run, and how its tasks are replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The revision.
    pub revision: RevisionId,
    /// How many tasks.
    pub desired: u32,
    /// While replacing, at least this share of `desired` stays healthy, in percent, 0 to 100; `None` for what the
    /// service has.
    #[serde(default)]
    pub minimum_healthy_percent: Option<u32>,
    /// While replacing, at most this share of `desired` runs, in percent, 100 to 200; `None` for what the service has.
    #[serde(default)]
    pub maximum_percent: Option<u32>,
    /// Whether the platform gives up after repeated failures and goes back by itself. With `false` it does neither, also
    /// not because of an alarm; `None` for what the service has.
    #[serde(default)]
    pub circuit_breaker: Option<bool>,
    /// What the service had, which is set back before the above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_back: Option<Replacement>,
}

impl Deployment {
    /// Tasks are replaced as the service has it.
    pub fn new(revision: RevisionId, desired: u32) -> Self {
        Self {
            revision,
            desired,
            minimum_healthy_percent: None,
            maximum_percent: None,
            circuit_breaker: None,
            set_back: None,
        }
    }

    /// How a service replaces its tasks after this, if it had `kept` before.
    ///
    /// ```
    /// use petswipe_deploy::{Deployment, Replacement, RevisionId};
    /// let kept = Replacement { maximum_percent: Some(150), ..Replacement::default() };
    /// let deployment = Deployment::new(RevisionId::new("shop:7")?, 4);
    /// assert_eq!(deployment.replacement(&kept), kept);
    /// let deployment = Deployment { circuit_breaker: Some(true), ..deployment };
    /// assert!(deployment.replacement(&kept).circuit_breaker.goes_back);
    /// # Ok::<(), petswipe_deploy::Error>(())
    /// ```
    pub fn replacement(&self, kept: &Replacement) -> Replacement {
        let mut replacement = self.set_back.as_ref().unwrap_or(kept).clone();
        let minimum = self.minimum_healthy_percent.or(replacement.minimum_healthy_percent);
        replacement.minimum_healthy_percent = minimum;
        replacement.maximum_percent = self.maximum_percent.or(replacement.maximum_percent);
        match self.circuit_breaker {
            Some(true) => replacement.circuit_breaker = GivesUp::AND_GOES_BACK,
            Some(false) => {
                replacement.circuit_breaker = GivesUp::NEVER;
                replacement.alarms = GivesUp::NEVER;
            }
            None => {}
        }
        replacement
    }

    /// Checks the percentages.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] with the field, its value and what is allowed.
    pub fn validate(&self) -> Result<(), Error> {
        if let Some(low) = self.minimum_healthy_percent.filter(|low| *low > 100) {
            return Err(Error::invalid("minimum healthy percent", low, "0 to 100"));
        }
        if let Some(high) = self.maximum_percent.filter(|high| !(100..=200).contains(high)) {
            return Err(Error::invalid("maximum percent", high, "100 to 200"));
        }
        Ok(())
    }
}
