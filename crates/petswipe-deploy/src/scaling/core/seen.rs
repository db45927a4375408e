//! What a look at the world shows.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Change, Effect, ScalePlan};
use crate::scaling::types::{DatabaseInstance, Limits, Tracking};
use crate::{ScalingState, ServiceStatus};

/// What a look shows of what is to be changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// A service.
    Service {
        /// Its tasks.
        service: ServiceStatus,
        /// What may change their number.
        scaling: Option<ScalingState>,
    },
    /// A database instance.
    Database {
        /// As it is.
        instance: DatabaseInstance,
        /// The classes that it could have, if that was asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        offered: Option<BTreeSet<String>>,
    },
    /// The auto scaling of a service.
    Tracking {
        /// As it is; `None` where nothing is configured.
        tracking: Option<Tracking>,
        /// How many tasks are asked for, if that could be found out.
        desired: Option<u32>,
    },
}

impl Seen {
    /// Whether what a plan may change is the same in both.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Service { service: one, .. }, Self::Service { service: two, .. }) => {
                one.desired == two.desired
            }
            (Self::Database { instance: one, .. }, Self::Database { instance: two, .. }) => {
                one.class == two.class
            }
            (Self::Tracking { tracking: one, .. }, Self::Tracking { tracking: two, .. }) => {
                one == two
            }
            _ => false,
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service { service, scaling } => {
                let (running, desired) = (service.running, service.desired);
                write!(f, "{running} of {desired} tasks of {} run", service.environment)?;
                match scaling {
                    Some(state) if state.suspended => f.write_str(", auto scaling is suspended"),
                    Some(state) => write!(f, ", auto scaling keeps {}", Limits::from(state)),
                    None => Ok(()),
                }
            }
            Self::Database { instance, .. } => {
                let DatabaseInstance { name, class, status, pending_class, .. } = instance;
                write!(f, "{name} is {status} with class {class}")?;
                match pending_class {
                    Some(pending) => write!(f, ", {pending} is pending"),
                    None => Ok(()),
                }
            }
            Self::Tracking { tracking: None, .. } => f.write_str("there is no auto scaling"),
            Self::Tracking { tracking: Some(tracking), .. } => {
                write!(f, "auto scaling keeps {}", Limits::from(&tracking.scaling))?;
                for policy in &tracking.policies {
                    write!(f, "; {policy}")?;
                }
                for other in &tracking.others {
                    write!(f, "; {} ({})", other.name, other.kind)?;
                }
                Ok(())
            }
        }
    }
}

impl ScalePlan {
    /// The look that this plan needs; the first one also asks for what is only checked before the change.
    pub(super) fn look(&self, first: bool) -> Effect {
        match &self.change {
            Change::Service { environment, .. } => {
                Effect::LookAtService { environment: environment.clone() }
            }
            Change::Database { instance, .. } => {
                Effect::LookAtDatabase { instance: instance.clone(), offers: first }
            }
            Change::Tracking { environment, .. } => {
                Effect::LookAtTracking { environment: environment.clone() }
            }
        }
    }

    /// Whether everything is as it shall be.
    pub(super) fn is_true_in(&self, seen: &Seen) -> bool {
        let as_asked = self.changes(seen).is_empty();
        match seen {
            Seen::Service { service, .. } => as_asked && service.running == service.desired,
            Seen::Database { instance, .. } => {
                as_asked && instance.is_available() && instance.pending_class.is_none()
            }
            Seen::Tracking { .. } => as_asked,
        }
    }

    /// The commands that make it true, in order: none that would change nothing.
    ///
    /// Limits come first, since a policy needs them; what is taken away comes last.
    pub fn changes(&self, seen: &Seen) -> Vec<Effect> {
        let mut changes = Vec::new();
        match &self.change {
            Change::Service { environment, desired, .. } => {
                let (environment, desired) = (environment.clone(), *desired);
                changes.push(Effect::Scale { environment, desired });
            }
            Change::Database { instance, class, .. } => {
                if let Seen::Database { instance: now, .. } = seen
                    && now.class == *class
                    && now.pending_class.is_none()
                {
                    return changes;
                }
                let (instance, class) = (instance.clone(), class.clone());
                return vec![Effect::ModifyClass { instance, class }];
            }
            Change::Tracking { environment, limits, policies, absent } => {
                let of = || environment.clone();
                changes.extend(limits.map(|limits| Effect::Register { environment: of(), limits }));
                changes.extend(
                    policies.iter().map(|policy| Effect::PutPolicy {
                        environment: of(),
                        policy: policy.clone(),
                    }),
                );
                changes.extend(
                    absent
                        .iter()
                        .map(|name| Effect::DeletePolicy { environment: of(), name: name.clone() }),
                );
                if limits.is_none() {
                    changes.push(Effect::Deregister { environment: of() });
                }
            }
        }
        changes.retain(|change| !change.shows_in(seen));
        changes
    }
}
