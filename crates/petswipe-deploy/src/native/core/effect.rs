//! What a native deployment does to the world and asks of it, as data.

use std::fmt;

use petswipe_monitor::Judgement;
use serde::{Deserialize, Serialize};

use crate::native::types::{
    DeploymentId, NativeDeployment, NativeService, NativeStatus, PerMille, ServiceConfiguration,
};
use crate::rollout::JudgeRequest;
use crate::{Environment, Image, RevisionId};

/// An idempotent command, or an observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NativeEffect {
    /// Read the service, and whether the image exists.
    Survey {
        /// Whose.
        environment: Environment,
        /// The image to look for.
        image: Option<Image>,
    },
    /// Register a new revision.
    Register {
        /// Everything but the image is taken from this one.
        from: RevisionId,
        /// The image.
        image: Image,
    },
    /// Begin the deployment.
    Begin {
        /// Where.
        environment: Environment,
        /// What, and how.
        deployment: NativeDeployment,
    },
    /// Look how far it is, and perhaps judge the new version.
    Look {
        /// Where.
        environment: Environment,
        /// At which.
        deployment: DeploymentId,
        /// What to judge, if anything.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        judge: Option<JudgeRequest>,
    },
    /// Let it go on.
    Proceed {
        /// Where.
        environment: Environment,
        /// Which.
        deployment: DeploymentId,
        /// The pause that is answered.
        hook: String,
        /// The new version's share of traffic at that pause.
        weight: PerMille,
    },
    /// Make it go back.
    Stop {
        /// Where.
        environment: Environment,
        /// Which.
        deployment: DeploymentId,
    },
    /// Set back how the service is deployed.
    Restore {
        /// Where.
        environment: Environment,
        /// To what.
        configuration: ServiceConfiguration,
    },
}

impl NativeEffect {
    /// Whether it changes anything in the cloud.
    pub fn is_change(&self) -> bool {
        !matches!(self, Self::Survey { .. } | Self::Look { .. })
    }
}

/// What an effect answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NativeOutput {
    /// The change was accepted.
    Done,
    /// The service.
    Surveyed(NativeSurvey),
    /// The revision that was registered.
    Registered(RevisionId),
    /// The deployment that was begun.
    Begun(DeploymentId),
    /// What was seen.
    Seen(Box<NativeSeen>),
}

/// Everything there is to know at the start and at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NativeSurvey {
    /// The service.
    pub service: NativeService,
    /// The image as it will be deployed, if one was asked for.
    pub image: Option<Image>,
}

/// What was seen in one look. What could not be read is among the problems.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NativeSeen {
    /// How far it is.
    pub status: Option<NativeStatus>,
    /// The judgement, if one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judgement: Option<Judgement>,
    /// What could not be read, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

impl fmt::Display for NativeEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Survey { environment, .. } => write!(f, "read the state of {environment}"),
            Self::Register { from, image } => {
                write!(f, "register {from} with image {image} as a new revision")
            }
            Self::Begin { environment, deployment } => {
                let NativeDeployment { revision, strategy, .. } = deployment;
                write!(f, "begin a {} deployment of {revision} to {environment}", strategy.name())
            }
            Self::Look { judge: None, .. } => f.write_str("look how far the deployment is"),
            Self::Look { .. } => f.write_str("check the deployment and metrics"),
            Self::Proceed { weight, .. } => write!(f, "let the deployment go on from {weight}"),
            Self::Stop { .. } => f.write_str("stop the deployment with a rollback"),
            Self::Restore { environment, .. } => {
                write!(f, "set back how {environment} is deployed")
            }
        }
    }
}
