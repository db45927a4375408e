//! What a rollout does to the world and asks of it, as data.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use petswipe_monitor::{Carried, Judgement, Window};
use serde::{Deserialize, Serialize};

use crate::{
    Deployment, Environment, HookAnswer, HookPoint, Image, Objection, Percent, Replacement,
    RevisionId, Route, ScalingState, ServiceStatus, SmokeResult, Split, TargetHealth,
};

/// An idempotent command, or an observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Read everything there is to know about these environments, and whether the image exists.
    Survey {
        /// Which.
        environments: Vec<Environment>,
        /// The image to look for.
        image: Option<Image>,
        /// The hooks for which somebody must be there.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        hooks: Vec<HookPoint>,
        /// Whether to examine what else speaks against a rollout.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        preflight: bool,
    },
    /// Read the route and some environments, and perhaps judge the new version.
    Look(Look),
    /// Suspend auto scaling.
    SuspendScaling {
        /// Where.
        environment: Environment,
    },
    /// Set auto scaling back.
    RestoreScaling {
        /// Where.
        environment: Environment,
        /// To what.
        state: ScalingState,
    },
    /// Register a new revision.
    Register {
        /// Everything but the image is taken from this one.
        from: RevisionId,
        /// The image.
        image: Image,
    },
    /// Run a revision.
    Deploy {
        /// Where.
        environment: Environment,
        /// What, how many, how.
        deployment: Deployment,
    },
    /// Set back how tasks are replaced.
    SetBack {
        /// Where.
        environment: Environment,
        /// To what.
        replacement: Replacement,
    },
    /// Set the number of tasks.
    Scale {
        /// Where.
        environment: Environment,
        /// How many.
        desired: u32,
    },
    /// Divide production traffic.
    Shift {
        /// What it may be now; anything else was set by somebody else and is left alone.
        expected: Vec<Split>,
        /// What it shall be.
        to: Split,
    },
    /// Lead test traffic to an environment, or remove that rule.
    TestRoute {
        /// Where to.
        to: Option<Environment>,
    },
    /// Send one round of smoke test requests.
    Probe {
        /// Where to.
        environment: Environment,
    },
    /// Call a hook.
    Hook {
        /// Which.
        point: HookPoint,
        /// Where the new version runs.
        candidate: Environment,
        /// Its share of traffic after this point.
        weight: Percent,
    },
}

impl Effect {
    /// Whether it changes anything in the cloud.
    pub fn is_change(&self) -> bool {
        !matches!(
            self,
            Self::Survey { .. } | Self::Look(_) | Self::Probe { .. } | Self::Hook { .. }
        )
    }
}

/// What to look at, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// Why.
    pub purpose: Purpose,
    /// Which environments, besides the route.
    pub environments: Vec<Environment>,
    /// What to judge, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeRequest>,
}

/// Why somebody looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The regular watch over the new version while it takes traffic.
    Watch,
    /// Waiting for tasks.
    Capacity,
    /// The last look before a step.
    Guard,
    /// Reading a shift back.
    ReadBack,
    /// The first look of a driver that goes on with the operation of another.
    Recheck,
}

/// What to judge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgeRequest {
    /// Where the new version runs.
    pub candidate: Environment,
    /// Its revision, where it shares the environment with the old one.
    pub revision: Option<RevisionId>,
    /// What it is compared with, if anything takes traffic beside it.
    pub reference: Option<Environment>,
    /// The share of that; 0 without it.
    #[serde(default)]
    pub reference_weight: Percent,
    /// What served before it had its present share, and when, for a comparison where nothing takes traffic beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<ServedBefore>,
    /// Since when it has its present share.
    pub started: Timestamp,
    /// Up to when it was judged already.
    pub judged_until: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// Its share.
    pub weight: Percent,
    /// What the gate carries.
    pub carried: Carried,
}

/// What served before a step, and in which time it is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedBefore {
    /// Where.
    pub environment: Environment,
    /// The window.
    pub window: Window,
}

impl ServedBefore {
    /// The last minutes before a step.
    pub(crate) fn until(environment: Environment, step: Timestamp) -> Self {
        const LENGTH: Duration = Duration::from_secs(300);
        let from = step.saturating_sub(LENGTH).unwrap_or(step);
        Self { environment, window: Window { from, to: step } }
    }
}

/// What an effect answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// The change was accepted.
    Done,
    /// Everything there is to know.
    Surveyed(Survey),
    /// What was seen.
    Seen(Seen),
    /// The revision that was registered.
    Registered(RevisionId),
    /// How the smoke test requests were answered.
    Probed(SmokeResult),
    /// What the hook said.
    Hook(HookAnswer),
}

/// Everything there is to know at the start and at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// The routes.
    pub route: Route,
    /// The environments.
    pub sides: BTreeMap<Environment, SurveyedSide>,
    /// The image as it will be deployed, if one was asked for.
    pub image: Option<Image>,
    /// What else speaks against a rollout, as far as it was examined.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objections: Vec<Objection>,
}

/// Everything there is to know about one environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SurveyedSide {
    /// Its service.
    pub service: ServiceStatus,
    /// Its targets.
    pub health: TargetHealth,
    /// Its auto scaling, if any.
    pub scaling: Option<ScalingState>,
}

impl Survey {
    /// When the oldest part of it was true.
    pub fn observed_at(&self) -> Timestamp {
        let sides = self.sides.values();
        let times = sides.flat_map(|side| [side.service.observed_at, side.health.observed_at]);
        times.chain([self.route.observed_at]).min().unwrap_or(Timestamp::MIN)
    }
}

/// What was seen in one look. What could not be read is `None`, with the reason among the problems.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// The routes.
    pub route: Option<Route>,
    /// The environments.
    pub sides: Vec<SeenSide>,
    /// The judgement, if one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judgement: Option<Judgement>,
    /// What could not be read, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// What was seen of one environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeenSide {
    /// Which.
    pub environment: Environment,
    /// Its service.
    pub service: Option<ServiceStatus>,
    /// Its targets.
    pub health: Option<TargetHealth>,
}

impl Seen {
    /// What was seen of an environment.
    pub fn side(&self, environment: &Environment) -> Option<&SeenSide> {
        self.sides.iter().find(|side| side.environment == *environment)
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Survey { .. } => f.write_str("read the state of everything"),
            Self::Look(look) => f.write_str(match look.purpose {
                Purpose::Watch => "check health and metrics",
                Purpose::Capacity => "look for healthy tasks",
                Purpose::Guard => "look once more before the next step",
                Purpose::ReadBack => "read the weights back",
                Purpose::Recheck => "look what is left of the operation",
            }),
            Self::SuspendScaling { environment } => {
                write!(f, "suspend auto scaling of {environment}")
            }
            Self::RestoreScaling { environment, state } => {
                let word = if state.suspended { "suspended" } else { "active" };
                let ScalingState { minimum, maximum, .. } = state;
                write!(f, "restore auto scaling of {environment}: {word}, {minimum} to {maximum}")
            }
            Self::Register { from, image } => {
                write!(f, "register {from} with image {image} as a new revision")
            }
            Self::Deploy { environment, deployment } => {
                let Deployment { revision, desired, .. } = deployment;
                let s = if *desired == 1 { "" } else { "s" };
                write!(f, "deploy {revision} to {environment} with {desired} task{s}")
            }
            Self::SetBack { environment, .. } => {
                write!(f, "set back how {environment} replaces its tasks")
            }
            Self::Scale { environment, desired } => write!(f, "scale {environment} to {desired}"),
            Self::Shift { to, .. } => write!(f, "set the weights to {to}"),
            Self::TestRoute { to: Some(to) } => write!(f, "lead test traffic to {to}"),
            Self::TestRoute { to: None } => f.write_str("remove the test traffic rule"),
            Self::Probe { environment } => write!(f, "send smoke test requests to {environment}"),
            Self::Hook { point, .. } => write!(f, "call hook {point}"),
        }
    }
}
