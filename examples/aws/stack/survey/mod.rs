//! What there is of a stack: every part looked for by its name, and whether it is the stack's by its tags.

mod balancing;
mod compute;
mod scaling;
mod watching;

use std::collections::BTreeMap;

use super::Run;
use super::resource::Resource;
use super::settings::Settings;
use crate::aws::failed::Failed;

/// What there is under the name of a part. What is missing has no entry.
#[derive(Clone, Debug)]
pub(super) enum Held {
    /// It is the stack's.
    Ours {
        /// Its ARN, or what else its service knows it by.
        id: String,
        /// In which way it is not what is wanted now, if that can never be changed.
        differs: Option<String>,
    },
    /// It is the stack's, and somebody has begun to delete it.
    Leaving,
    /// It is somebody else's.
    Foreign {
        /// How that is known.
        why: String,
    },
}

impl Held {
    fn of(id: &str, foreign: Option<String>) -> Self {
        match foreign {
            Some(why) => Self::Foreign { why },
            None => Self::Ours { id: id.to_owned(), differs: None },
        }
    }
}

/// What there is of a stack.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) held: BTreeMap<Resource, Held>,
    /// The host name of the load balancer.
    pub(super) address: Option<String>,
    /// The ARNs of all our revisions of the task definition, the inactive ones too.
    pub(super) revisions: Vec<Revision>,
    /// Revisions of that family that somebody else registered.
    pub(super) foreign_revisions: Vec<(String, String)>,
}

/// A revision of the task definition.
#[derive(Clone, Debug)]
pub(super) struct Revision {
    pub(super) arn: String,
    /// Whether tasks can be started of it.
    pub(super) is_active: bool,
}

impl Survey {
    /// Looks at everything. With `wanted` also at whether what is there will do.
    pub(super) async fn take(run: &Run<'_>, wanted: Option<&Settings>) -> Result<Self, Failed> {
        let mut survey = Self::default();
        survey.look_for_compute(run, wanted.is_none()).await?;
        survey.look_for_balancing(run, wanted).await?;
        survey.look_for_scaling(run).await?;
        survey.look_for_alarms(run).await?;
        Ok(survey)
    }

    /// What our part is known by.
    pub(super) fn id(&self, part: Resource) -> Option<&str> {
        match self.held.get(&part) {
            Some(Held::Ours { id, .. }) => Some(id),
            _ => None,
        }
    }
}
