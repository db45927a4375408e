//! Why a change is refused before anything is touched, and what people should know besides.

use super::{Change, ScalePlan, Seen};
use crate::DeploymentState;
use crate::scaling::types::{DatabaseInstance, Limits, Tracking, TrackingPolicy};

impl ScalePlan {
    /// Everything that speaks against the change in this state; nothing where there is nothing to change.
    pub fn refusals(&self, seen: &Seen) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.changes(seen).is_empty() {
            return reasons;
        }
        if let Some(left) = &self.undoes
            && !left.is_same(seen)
        {
            reasons.push(format!("since the operation that is to be undone, somebody else changed it: it left \"{left}\", and now {seen}"));
        }
        match (&self.change, seen) {
            (Change::Service { desired, .. }, Seen::Service { service, .. }) => {
                if service.deployment == DeploymentState::InProgress {
                    reasons.push(format!(
                        "a deployment of {} is in progress; wait for its end",
                        service.environment
                    ));
                }
                reasons.extend(fought(*desired, seen));
            }
            (
                Change::Database { class, allow_restart, .. },
                Seen::Database { instance, offered },
            ) => {
                database(&mut reasons, class, *allow_restart, instance);
                if let Some(offered) = offered
                    && !offered.contains(class)
                {
                    let family = class.rsplit_once('.').map_or(&**class, |(family, _)| family);
                    let near = offered.iter().filter(|other| other.starts_with(family));
                    let near: Vec<_> = near.map(String::as_str).collect();
                    let near = if near.is_empty() {
                        "none of its family is".to_owned()
                    } else {
                        near.join(", ")
                    };
                    reasons.push(format!(
                        "class {class} is not offered for {}: {near}",
                        instance.engine
                    ));
                }
            }
            (Change::Tracking { limits, policies, .. }, Seen::Tracking { tracking, desired }) => {
                if let Some(tracking) = tracking {
                    tracking_policies(&mut reasons, policies, tracking);
                }
                if let (Some(limits), Some(desired), None) = (limits, desired, &self.undoes)
                    && !limits.contain(*desired)
                {
                    reasons.push(format!("the desired count is {desired}, and setting the limits would move it into {limits}; scale the service first"));
                }
            }
            _ => reasons.push("the look does not belong to this plan".to_owned()),
        }
        reasons
    }

    /// What people should know before they say yes.
    pub fn warnings(&self, seen: &Seen) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.changes(seen).is_empty() {
            return warnings;
        }
        match (&self.change, seen) {
            (Change::Service { desired, .. }, Seen::Service { scaling: Some(state), .. }) => {
                let limits = Limits::from(state);
                if !state.suspended {
                    warnings.push(format!(
                        "auto scaling is active and may change the count again, within {limits}"
                    ));
                } else if !limits.contain(*desired) {
                    warnings.push(format!("auto scaling is suspended; when it is resumed it will move the count into {limits}"));
                }
            }
            (Change::Database { .. }, Seen::Database { instance, .. }) => {
                warnings.push(restart(instance));
            }
            (Change::Tracking { limits, .. }, Seen::Tracking { tracking, desired }) => {
                if let Some(tracking) = tracking {
                    for other in &tracking.others {
                        warnings.push(format!(
                            "policy {} ({}) stays and acts as well",
                            other.name, other.kind
                        ));
                    }
                    if tracking.scaling.activities() != crate::SuspendedActivities::NONE {
                        warnings.push(
                            "scaling is suspended, at least in part, and stays so".to_owned(),
                        );
                    }
                }
                match (limits, desired) {
                    (Some(_), None) => warnings.push(
                        "how many tasks are desired is not known; if they lie outside of the limits, they will be moved into them".to_owned(),
                    ),
                    (Some(limits), Some(desired)) if !limits.contain(*desired) => {
                        warnings.push(format!("the desired count of {desired} will be moved into {limits}"));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        warnings
    }
}

/// Auto scaling that would set another count at once.
pub(super) fn fought(desired: u32, seen: &Seen) -> Option<String> {
    let Seen::Service { service, scaling: Some(state) } = seen else { return None };
    let (limits, environment) = (Limits::from(state), &service.environment);
    (!state.suspended && !limits.contain(desired)).then(|| {
        format!("auto scaling keeps {environment} at {limits} and would fight {desired}; change its limits or suspend it first")
    })
}

fn database(
    reasons: &mut Vec<String>,
    class: &str,
    allow_restart: bool,
    instance: &DatabaseInstance,
) {
    let DatabaseInstance { name, status, .. } = instance;
    if !instance.is_available() {
        reasons.push(format!("{name} is {status}, not available; wait until it is"));
    }
    let pending_class = instance.pending_class.as_ref().map(|class| format!("class {class}"));
    let pending: Vec<_> = instance.pending.iter().cloned().chain(pending_class).collect();
    if !pending.is_empty() {
        reasons.push(format!("{name} has pending changes that would be applied along with this one: {}; apply or withdraw them first", pending.join(", ")));
    }
    if !allow_restart {
        reasons.push(format!(
            "class {class} needs a restart that was not allowed: {}",
            restart(instance)
        ));
    }
}

/// What changing the class means for those who use the database.
///
/// Source: "Settings for DB instances", DB instance class: an outage occurs during this change (Amazon RDS User Guide);
/// "Failing over a Multi-AZ DB instance for Amazon RDS": typically 60 to 120 seconds.
fn restart(instance: &DatabaseInstance) -> String {
    let name = &instance.name;
    match instance.multi_az {
        true => format!(
            "{name} fails over to its standby, which interrupts connections for typically 60 to 120 s"
        ),
        false => format!("{name} has no standby and is unavailable for several minutes"),
    }
}

fn tracking_policies(reasons: &mut Vec<String>, policies: &[TrackingPolicy], tracking: &Tracking) {
    for policy in policies {
        let TrackingPolicy { name, metric, .. } = policy;
        let mut same = tracking.policies.iter().filter(|other| other.metric == *metric);
        if let Some(other) = same.find(|other| other.name != *name) {
            let other = &other.name;
            reasons.push(format!("policy {other} tracks {metric} already, and a service has one policy for a metric; delete it or give ours its name"));
        }
        if let Some(other) = tracking.others.iter().find(|other| other.name == *name) {
            reasons.push(format!(
                "policy {name} exists and is a {}, which could not be put back; delete it first",
                other.kind
            ));
        }
        if tracking.policies.iter().any(|other| other.name == *name && other.metric != *metric) {
            reasons.push(format!(
                "policy {name} exists and tracks another metric than {metric}; delete it first"
            ));
        }
    }
}
