//! What a scaling operation does to the world and asks of it, as data.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Seen;
use crate::Environment;
use crate::scaling::types::{Limits, TrackingPolicy};

/// An idempotent command, or an observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Read a service and its auto scaling.
    LookAtService {
        /// Where.
        environment: Environment,
    },
    /// Read a database instance.
    LookAtDatabase {
        /// Which.
        instance: String,
        /// Also the classes that it could have.
        offers: bool,
    },
    /// Read the target tracking of a service.
    LookAtTracking {
        /// Where.
        environment: Environment,
    },
    /// Set the number of tasks.
    Scale {
        /// Where.
        environment: Environment,
        /// How many.
        desired: u32,
    },
    /// Give a database instance another class.
    ModifyClass {
        /// Which.
        instance: String,
        /// To what.
        class: String,
    },
    /// Set the limits of auto scaling.
    Register {
        /// Where.
        environment: Environment,
        /// To what.
        limits: Limits,
    },
    /// Take limits and policies away.
    Deregister {
        /// Where.
        environment: Environment,
    },
    /// Set a policy.
    PutPolicy {
        /// Where.
        environment: Environment,
        /// To what.
        policy: TrackingPolicy,
    },
    /// Take a policy away.
    DeletePolicy {
        /// Where.
        environment: Environment,
        /// Its name.
        name: String,
    },
}

impl Effect {
    /// Whether it changes anything.
    pub fn is_change(&self) -> bool {
        !matches!(
            self,
            Self::LookAtService { .. } | Self::LookAtDatabase { .. } | Self::LookAtTracking { .. }
        )
    }

    /// Whether a look shows that it took effect, or is about to.
    pub(super) fn shows_in(&self, seen: &Seen) -> bool {
        match (self, seen) {
            (Self::Scale { desired, .. }, Seen::Service { service, .. }) => {
                service.desired == *desired
            }
            (Self::ModifyClass { class, .. }, Seen::Database { instance, .. }) => {
                let pending = instance.pending_class.as_ref() == Some(class);
                instance.class == *class || pending || !instance.is_available()
            }
            (Self::Register { limits, .. }, Seen::Tracking { tracking, .. }) => {
                let now = tracking.as_ref().map(|tracking| Limits::from(&tracking.scaling));
                now == Some(*limits)
            }
            (Self::Deregister { .. }, Seen::Tracking { tracking, .. }) => tracking.is_none(),
            (Self::PutPolicy { policy, .. }, Seen::Tracking { tracking, .. }) => {
                tracking.as_ref().is_some_and(|tracking| tracking.policies.contains(policy))
            }
            (Self::DeletePolicy { name, .. }, Seen::Tracking { tracking, .. }) => tracking
                .as_ref()
                .is_none_or(|tracking| tracking.policies.iter().all(|policy| policy.name != *name)),
            _ => false,
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LookAtService { environment } => write!(f, "look at {environment}"),
            Self::LookAtDatabase { instance, .. } => write!(f, "look at {instance}"),
            Self::LookAtTracking { environment } => {
                write!(f, "look at the auto scaling of {environment}")
            }
            Self::Scale { environment, desired } => write!(f, "scale {environment} to {desired}"),
            Self::ModifyClass { instance, class } => {
                write!(f, "change {instance} to class {class}")
            }
            Self::Register { environment, limits } => {
                write!(f, "limit the auto scaling of {environment} to {limits}")
            }
            Self::Deregister { environment } => {
                write!(f, "take the auto scaling of {environment} away")
            }
            Self::PutPolicy { policy, .. } => write!(f, "set policy {policy}"),
            Self::DeletePolicy { name, .. } => write!(f, "delete policy {name}"),
        }
    }
}

/// What an effect answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// It was accepted.
    Done,
    /// What was seen.
    Seen(Seen),
}
