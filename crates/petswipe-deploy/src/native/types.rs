//! The nouns of a native deployment: its strategy, its stages, and what the platform says of it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Environment, Error, Image, Percent, RevisionId, TaskFailure};

/// A share of traffic in tenths of a percent, 0 to 1000, which is as exact as Amazon ECS divides it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(try_from = "u16", into = "u16")]
pub struct PerMille(u16);

impl PerMille {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Everything.
    pub const FULL: Self = Self(1000);

    /// Checks that `tenths` of a percent are at most 1000.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] above 1000.
    pub fn new(tenths: u16) -> Result<Self, Error> {
        if tenths > 1000 {
            return Err(Error::invalid("tenths of a percent", tenths, "0 to 1000"));
        }
        Ok(Self(tenths))
    }

    /// The share that is so many percent, rounded to a tenth and cut to what there is.
    pub fn of_percent(percent: f64) -> Self {
        let tenths = (percent * 10.0).round().clamp(0.0, 1000.0);
        // A number between 0 and 1000 fits, and one that is none is 0.
        Self(tenths as u16)
    }

    /// Tenths of a percent, 0 to 1000.
    pub fn get(self) -> u16 {
        self.0
    }

    /// In percent, 0 to 100.
    pub fn percent(self) -> f64 {
        f64::from(self.0) / 10.0
    }

    /// In whole percent: 0 only for nothing, 100 only for everything, and else rounded up.
    pub fn whole(self) -> Percent {
        let whole = match self.0 {
            0 => 0,
            1000.. => 100,
            tenths => tenths.div_ceil(10).min(99),
        };
        Percent::new(u8::try_from(whole).unwrap_or(100)).unwrap_or_default()
    }
}

impl From<Percent> for PerMille {
    fn from(percent: Percent) -> Self {
        Self(u16::from(percent.get()) * 10)
    }
}

impl TryFrom<u16> for PerMille {
    type Error = Error;
    fn try_from(tenths: u16) -> Result<Self, Error> {
        Self::new(tenths)
    }
}

impl From<PerMille> for u16 {
    fn from(share: PerMille) -> u16 {
        share.0
    }
}

impl fmt::Display for PerMille {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.percent())
    }
}

/// What the platform calls a deployment, such as the ARN of a service deployment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeploymentId(pub String);

impl fmt::Display for DeploymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How the platform moves traffic to the new version.
///
/// Sources: Amazon ECS API Reference, DeploymentConfiguration, LinearConfiguration, CanaryConfiguration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum NativeStrategy {
    /// All at once.
    BlueGreen,
    /// In equal steps.
    Linear {
        /// The part that each step moves, 3 to 100 %.
        step: PerMille,
        /// How long each step is held, in minutes, 0 to 1440. The last one is held for the bake time instead.
        step_bake_minutes: u32,
    },
    /// A part, and then the rest.
    Canary {
        /// The part, 0.1 to 100 %.
        share: PerMille,
        /// How long it is held, in minutes, 0 to 1440.
        canary_bake_minutes: u32,
    },
}

impl NativeStrategy {
    /// `native-blue-green`, `native-linear` or `native-canary`.
    pub fn name(self) -> &'static str {
        match self {
            Self::BlueGreen => "native-blue-green",
            Self::Linear { .. } => "native-linear",
            Self::Canary { .. } => "native-canary",
        }
    }

    /// The shares of the new version on the way, rising, the last one everything.
    pub fn steps(self) -> Vec<PerMille> {
        let mut steps: Vec<_> = match self {
            Self::BlueGreen => Vec::new(),
            Self::Linear { step, .. } => {
                let each = usize::from(step.get().max(1));
                (each..1000).step_by(each).filter_map(|it| u16::try_from(it).ok()).collect()
            }
            Self::Canary { share, .. } => vec![share.get()],
        };
        steps.retain(|tenths| (1..1000).contains(tenths));
        steps.into_iter().map(PerMille).chain([PerMille::FULL]).collect()
    }

    /// How long the platform holds a share below everything, in minutes.
    pub fn step_bake_minutes(self) -> u32 {
        match self {
            Self::BlueGreen => 0,
            Self::Linear { step_bake_minutes: minutes, .. }
            | Self::Canary { canary_bake_minutes: minutes, .. } => minutes,
        }
    }
}

/// A stage of a native deployment, in the order in which they come.
///
/// For linear and canary deployments those from [`PreProductionTrafficShift`](Self::PreProductionTrafficShift) on are gone
/// through for every step. Source: Amazon ECS API Reference, ServiceDeployment (lifecycleStage).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LifecycleStage {
    /// More than one revision is active; the platform sorts it out.
    ReconcileService,
    /// The new version has not been started.
    PreScaleUp,
    /// It is being started.
    ScaleUp,
    /// It has been started, and takes no traffic.
    PostScaleUp,
    /// It is given the test traffic.
    TestTrafficShift,
    /// It has the test traffic.
    PostTestTrafficShift,
    /// Before production traffic is moved.
    PreProductionTrafficShift,
    /// Production traffic is moved, and each share but the last is held.
    ProductionTrafficShift,
    /// It has all production traffic.
    PostProductionTrafficShift,
    /// Both versions run.
    BakeTime,
    /// The old version is stopped.
    CleanUp,
}

impl LifecycleStage {
    /// All of them, in order.
    pub const ALL: [Self; 11] = [
        Self::ReconcileService,
        Self::PreScaleUp,
        Self::ScaleUp,
        Self::PostScaleUp,
        Self::TestTrafficShift,
        Self::PostTestTrafficShift,
        Self::PreProductionTrafficShift,
        Self::ProductionTrafficShift,
        Self::PostProductionTrafficShift,
        Self::BakeTime,
        Self::CleanUp,
    ];

    /// The stages at which a deployment waits for whoever judges it: before each shift, and after the last one.
    pub const PAUSED: [Self; 2] =
        [Self::PreProductionTrafficShift, Self::PostProductionTrafficShift];

    /// As AWS writes it, such as `BAKE_TIME`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReconcileService => "RECONCILE_SERVICE",
            Self::PreScaleUp => "PRE_SCALE_UP",
            Self::ScaleUp => "SCALE_UP",
            Self::PostScaleUp => "POST_SCALE_UP",
            Self::TestTrafficShift => "TEST_TRAFFIC_SHIFT",
            Self::PostTestTrafficShift => "POST_TEST_TRAFFIC_SHIFT",
            Self::PreProductionTrafficShift => "PRE_PRODUCTION_TRAFFIC_SHIFT",
            Self::ProductionTrafficShift => "PRODUCTION_TRAFFIC_SHIFT",
            Self::PostProductionTrafficShift => "POST_PRODUCTION_TRAFFIC_SHIFT",
            Self::BakeTime => "BAKE_TIME",
            Self::CleanUp => "CLEAN_UP",
        }
    }

    /// Whether a Lambda function may be called at it. Source: Amazon ECS API Reference, DeploymentLifecycleHook.
    pub fn takes_hooks(self) -> bool {
        !matches!(self, Self::ScaleUp | Self::BakeTime | Self::CleanUp)
    }
}

impl fmt::Display for LifecycleStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A Lambda function that the platform calls at some stages. When it says no, the platform goes back by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LambdaHook {
    /// The ARN of the function.
    pub function: String,
    /// The ARN of the role by which the platform may call it.
    pub role: String,
    /// When.
    pub stages: Vec<LifecycleStage>,
    /// How long it may take, in minutes, 1 to 20160. Without an answer by then the platform goes back.
    pub timeout_minutes: u32,
}

/// What the platform shall do, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NativeDeployment {
    /// The revision that shall serve.
    pub revision: RevisionId,
    /// How it gets its traffic.
    pub strategy: NativeStrategy,
    /// How long both versions run after the last shift, in minutes.
    pub bake_minutes: u32,
    /// Functions that are called meanwhile, beside those that the service has.
    pub hooks: Vec<LambdaHook>,
    /// After so many minutes without an answer at one of [`LifecycleStage::PAUSED`] the platform goes back; `None` to
    /// wait for nobody.
    pub pause_minutes: Option<u32>,
    /// Alarms on which the platform goes back; without any the service keeps its own.
    pub alarms: Vec<String>,
    /// The newest deployment of the service before this one. If it is another one, somebody else was there.
    pub after: Option<DeploymentId>,
}

/// Everything about how a service is deployed, as the platform writes it. It is kept to be set back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServiceConfiguration(pub Value);

/// What is known of a service that is deployed natively.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NativeService {
    /// The environment.
    pub environment: Environment,
    /// The revision that it asks for.
    pub revision: Option<RevisionId>,
    /// The image of that revision.
    pub image: Option<Image>,
    /// How many tasks it asks for.
    pub desired: u32,
    /// How many tasks run.
    pub running: u32,
    /// By which of the two sides it serves. While a deployment goes on, the one that served before it.
    pub live: Environment,
    /// Its newest deployment.
    pub newest: Option<DeploymentId>,
    /// The revision that it was to bring, also when it did not.
    pub newest_revision: Option<RevisionId>,
    /// Whether that one goes on.
    pub in_progress: bool,
    /// How it is deployed.
    pub configuration: ServiceConfiguration,
    /// The stages at which its own configuration makes a deployment wait for somebody.
    pub pauses: Vec<LifecycleStage>,
    /// When this was true.
    pub observed_at: Timestamp,
}

/// The state of a native deployment. Source: Amazon ECS API Reference, ServiceDeployment (status).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeploymentStatus {
    /// It has not begun.
    Pending,
    /// It goes on.
    InProgress,
    /// The new version serves.
    Successful,
    /// It was stopped half-way, and nobody went back.
    Stopped,
    /// It is being stopped.
    StopRequested,
    /// It will go back.
    RollbackRequested,
    /// It goes back.
    RollbackInProgress,
    /// The old version serves.
    RollbackSuccessful,
    /// It could not go back.
    RollbackFailed,
}

impl DeploymentStatus {
    /// As AWS writes it, such as `ROLLBACK_IN_PROGRESS`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::InProgress => "IN_PROGRESS",
            Self::Successful => "SUCCESSFUL",
            Self::Stopped => "STOPPED",
            Self::StopRequested => "STOP_REQUESTED",
            Self::RollbackRequested => "ROLLBACK_REQUESTED",
            Self::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Self::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
            Self::RollbackFailed => "ROLLBACK_FAILED",
        }
    }

    /// Whether nothing will happen any more.
    pub fn is_over(self) -> bool {
        matches!(
            self,
            Self::Successful | Self::Stopped | Self::RollbackSuccessful | Self::RollbackFailed
        )
    }
}

/// Whether the platform watches something, and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Monitor {
    /// It does not.
    #[default]
    Disabled,
    /// It does.
    Monitoring,
    /// It did, and nothing happened.
    MonitoringComplete,
    /// It goes back for it.
    Triggered,
}

/// A deployment that waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// What to answer to.
    pub hook: String,
    /// When the platform waits no longer.
    pub expires_at: Option<Timestamp>,
}

/// What is known of a native deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NativeStatus {
    /// Which.
    pub id: DeploymentId,
    /// The newest deployment of its service: another one if somebody else began it.
    pub newest: DeploymentId,
    /// How far it is.
    pub state: DeploymentStatus,
    /// Why, in the platform's words.
    pub reason: Option<String>,
    /// At which stage it is.
    pub stage: Option<LifecycleStage>,
    /// The share of production traffic that the new version was given.
    pub weight: PerMille,
    /// How many tasks of the new version are asked for.
    pub requested: u32,
    /// How many of them run.
    pub running: u32,
    /// Whether it waits for an answer.
    pub pause: Option<Pause>,
    /// Functions that said no or did not answer.
    pub failed_hooks: Vec<String>,
    /// The count of failed tasks.
    pub circuit_breaker: Monitor,
    /// The alarms.
    pub alarms: Monitor,
    /// Those that went off.
    pub triggered_alarms: Vec<String>,
    /// Tasks of the new version that failed, oldest first.
    pub failures: Vec<TaskFailure>,
    /// When this was true.
    pub observed_at: Timestamp,
}
