//! A dry run: what would be done now, in order, and what its undo would be.

use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as span;
use serde::{Deserialize, Serialize};

use super::{Effect, Outcome, ScalePlan, Seen};
use crate::scaling::types::Tracking;
use crate::{Error, ScalingState};

/// What a plan would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalePreview {
    /// What shall be true.
    pub change: String,
    /// How it is.
    pub now: Seen,
    /// Every command, in order; none where it is true already.
    pub forward: Vec<String>,
    /// How long it may take until it is true.
    #[serde(with = "span")]
    pub deadline: Duration,
    /// What people should know.
    pub warnings: Vec<String>,
    /// Every command of the undo, in order.
    pub back: Vec<String>,
}

impl ScalePlan {
    /// What this plan would do where a look shows `now`. The commands are those of the core itself.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] for a plan that is not valid, or that would be refused in this state, with the reasons.
    pub fn preview(&self, now: &Seen) -> Result<ScalePreview, Error> {
        self.validate()?;
        let reasons = self.refusals(now);
        if !reasons.is_empty() {
            let reasons = reasons.join("; ");
            return Err(Error::invalid("state of the system", reasons, "see the reasons"));
        }
        let changes = self.changes(now);
        let mut after = now.clone();
        changes.iter().for_each(|change| change.happen_in(&mut after));
        let back = if changes.is_empty() {
            Vec::new()
        } else {
            let (before, now) = (now.clone(), after.clone());
            self.undo(&Outcome::Done { before, now, changed: true })?.changes(&after)
        };
        let written = |changes: &[Effect]| changes.iter().map(Effect::to_string).collect();
        Ok(ScalePreview {
            change: self.change.to_string(),
            now: now.clone(),
            forward: written(&changes),
            deadline: self.deadline,
            warnings: self.warnings(now),
            back: written(&back),
        })
    }
}

impl Effect {
    /// What a look would show after it.
    fn happen_in(&self, seen: &mut Seen) {
        match (self, seen) {
            (Self::Scale { desired, .. }, Seen::Service { service, .. }) => {
                (service.desired, service.running) = (*desired, *desired);
            }
            (Self::ModifyClass { class, .. }, Seen::Database { instance, .. }) => {
                instance.class.clone_from(class);
                instance.pending_class = None;
            }
            (Self::Register { limits, .. }, Seen::Tracking { tracking, .. }) => {
                let (minimum, maximum) = (limits.minimum, limits.maximum);
                let tracking = tracking.get_or_insert_with(|| Tracking {
                    scaling: ScalingState::active(minimum, maximum),
                    policies: Vec::new(),
                    others: Vec::new(),
                });
                (tracking.scaling.minimum, tracking.scaling.maximum) = (minimum, maximum);
            }
            (Self::Deregister { .. }, Seen::Tracking { tracking, .. }) => *tracking = None,
            (Self::PutPolicy { policy, .. }, Seen::Tracking { tracking: Some(tracking), .. }) => {
                tracking.policies.retain(|other| other.name != policy.name);
                tracking.policies.push(policy.clone());
            }
            (Self::DeletePolicy { name, .. }, Seen::Tracking { tracking: Some(tracking), .. }) => {
                tracking.policies.retain(|policy| policy.name != *name);
            }
            _ => {}
        }
    }
}
