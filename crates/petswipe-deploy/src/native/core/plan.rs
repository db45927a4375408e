//! The plan of a native deployment: plain data, checked once, and enough to resume from.

use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as span;
use petswipe_monitor::{AbsolutePolicy, All, Policy};
use petswipe_runbook::Retry;
use serde::{Deserialize, Serialize};

use crate::native::types::{LambdaHook, NativeStrategy, PerMille};
use crate::rollout::{Outcome, Target, is_forward, validate_policies};
use crate::{Environment, Error, RevisionId};

/// A day: the most that AWS waits in one step.
const MOST_MINUTES: u32 = 1440;
/// Fourteen days: the most that AWS waits for an answer.
const MOST_HOOK_MINUTES: u32 = 20_160;
/// Three percent: the smallest step of a linear deployment.
const SMALLEST_STEP: u16 = 30;

/// What a native deployment does, from the first look to the last.
///
/// The platform moves the traffic; this plan says what it is told, by what the new version is judged, and until when there
/// must be a verdict. Start from [`NativePlan::new`] and change what differs.
///
/// ```
/// use petswipe_deploy::native::{NativePlan, NativeStrategy, PerMille};
/// use petswipe_deploy::{Environment, Image, Target};
/// let sides = [Environment::new("shop-blue-tg")?, Environment::new("shop-green-tg")?];
/// let target = Target::Image(Image::new("shop:v2")?);
/// let strategy = NativeStrategy::Linear { step: PerMille::new(25)?, step_bake_minutes: 6 };
/// let plan = NativePlan::new("shop", Environment::new("shop")?, sides, target, strategy);
/// let refused = plan.validate().unwrap_err().to_string();
/// assert_eq!(refused, "step of a linear deployment is 2.5 %; allowed: 3 to 100 %");
/// # Ok::<(), petswipe_deploy::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NativePlan {
    /// The service, for messages and for the lease: one operation per service.
    pub service: String,
    /// Where it is carried out, such as an account and region; empty when nobody says.
    #[serde(default)]
    pub location: String,
    /// The environment whose service is deployed to.
    pub environment: Environment,
    /// The two sides by which the service may serve, as its metrics name them: for Amazon ECS its target group and the
    /// alternate one. Which one serves is read from the platform, and the other one is judged.
    pub sides: [Environment; 2],
    /// What is deployed.
    pub target: Target,
    /// The revision that is taken out of service again, if this undoes a deployment. Nothing is begun while another one runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<RevisionId>,
    /// How the platform moves traffic.
    pub strategy: NativeStrategy,
    /// How long both versions run after the last shift, in minutes, 1 to 1440.
    pub bake_minutes: u32,
    /// Lambda functions that the platform calls meanwhile, beside those that the service has.
    pub hooks: Vec<LambdaHook>,
    /// CloudWatch alarms on which the platform goes back by itself; without any the service keeps its own.
    pub alarms: Vec<String>,
    /// What keeps the platform from going on without a verdict.
    pub holding: Holding,
    /// What the new version is judged by, see [`NativePlan::gate`]. A performer may bring another gate of its own.
    pub policies: Vec<Policy>,
    /// Time between two looks.
    #[serde(with = "span")]
    pub check_interval: Duration,
    /// How long there may be no conclusive verdict where the platform waits for one, and for how long a pass holds where
    /// it does not wait.
    #[serde(with = "span")]
    pub patience: Duration,
    /// So long before the platform goes on by itself there must be a verdict, else it is told to go back. At least a
    /// check interval and a call.
    #[serde(with = "span")]
    pub margin: Duration,
    /// How long it may take to start the new version, and to stop the old one, hooks included.
    #[serde(with = "span")]
    pub start_deadline: Duration,
    /// How long the platform may take to go back.
    #[serde(with = "span")]
    pub rollback_deadline: Duration,
    /// How an effect that failed is tried again.
    pub retry: Retry,
    /// How long one call may take.
    #[serde(with = "span")]
    pub call_timeout: Duration,
}

/// What keeps the platform from going on without a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Holding {
    /// The platform waits before every shift and after the last one. Only a pass lets it go on, and without an answer it
    /// goes back by itself: also when nobody is left to answer.
    Pauses {
        /// For how many minutes it waits, 1 to 20160.
        timeout_minutes: u32,
    },
    /// The platform does not wait; whoever watches tells it to go back in time. For regions without pause hooks. While
    /// nobody watches, it goes on.
    Watching,
}

const MINUTE: Duration = Duration::from_secs(60);

impl NativePlan {
    /// A plan that waits for verdicts, with a bake of 10 minutes and a check every 30 s.
    pub fn new(
        service: &str,
        environment: Environment,
        sides: [Environment; 2],
        target: Target,
        strategy: NativeStrategy,
    ) -> Self {
        Self {
            service: service.to_owned(),
            location: String::new(),
            environment,
            sides,
            target,
            undoes: None,
            strategy,
            bake_minutes: 10,
            hooks: Vec::new(),
            alarms: Vec::new(),
            holding: Holding::Pauses { timeout_minutes: 30 },
            policies: vec![Policy::Absolute(AbsolutePolicy::default())],
            check_interval: MINUTE / 2,
            patience: 10 * MINUTE,
            margin: 2 * MINUTE,
            start_deadline: 20 * MINUTE,
            rollback_deadline: 30 * MINUTE,
            retry: Retry::default(),
            call_timeout: MINUTE / 2,
        }
    }

    /// Checks every field, by the ranges that AWS documents where it has any.
    ///
    /// Sources: Amazon ECS API Reference, LinearConfiguration, CanaryConfiguration, DeploymentLifecycleHook,
    /// DeploymentLifecycleHookTimeoutConfiguration; Developer Guide, "Amazon ECS linear deployments".
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] with the field, its value and what is allowed.
    pub fn validate(&self) -> Result<(), Error> {
        let [a, b] = &self.sides;
        if self.service.trim().is_empty() {
            return Err(Error::invalid("service", "", "a name"));
        }
        if a == b {
            return Err(Error::invalid("sides", format!("{a} twice"), "two different ones"));
        }
        let positive = [
            ("check interval", self.check_interval),
            ("patience", self.patience),
            ("start deadline", self.start_deadline),
            ("rollback deadline", self.rollback_deadline),
            ("call timeout", self.call_timeout),
        ];
        if let Some((field, _)) = positive.into_iter().find(|(_, value)| value.is_zero()) {
            return Err(Error::invalid(field, "0", "a positive time"));
        }
        if self.retry.attempts == 0 {
            return Err(Error::invalid("attempts", 0, "at least 1"));
        }
        let shortest = self.check_interval + self.call_timeout;
        if self.margin < shortest {
            let allowed = format!("at least {shortest:?}, a check interval and a call");
            return Err(Error::invalid("margin", format!("{:?}", self.margin), allowed));
        }
        if self.patience < shortest {
            let allowed = format!("at least {shortest:?}, a check interval and a call");
            return Err(Error::invalid("patience", format!("{:?}", self.patience), allowed));
        }
        self.validate_strategy()?;
        self.validate_hooks()?;
        validate_policies(&self.policies)
    }

    fn validate_strategy(&self) -> Result<(), Error> {
        match self.strategy {
            NativeStrategy::Linear { step, .. } if step.get() < SMALLEST_STEP => {
                return Err(Error::invalid("step of a linear deployment", step, "3 to 100 %"));
            }
            NativeStrategy::Canary { share: PerMille::ZERO, .. } => {
                return Err(Error::invalid("share of a canary", "0 %", "0.1 to 100 %"));
            }
            _ => {}
        }
        let minutes = self.strategy.step_bake_minutes();
        if minutes > MOST_MINUTES {
            return Err(Error::invalid("bake of a step", minutes, "0 to 1440 minutes"));
        }
        if !(1..=MOST_MINUTES).contains(&self.bake_minutes) {
            return Err(Error::invalid("bake", self.bake_minutes, "1 to 1440 minutes"));
        }
        // Where nobody waits for a verdict, there must be time for one.
        let needed = self.margin + self.check_interval;
        let enough = |minutes: u32| minutes * MINUTE >= needed;
        let allowed = || format!("at least {needed:?}, the margin and a check interval");
        if !enough(self.bake_minutes) {
            return Err(Error::invalid(
                "bake",
                format!("{} minutes", self.bake_minutes),
                allowed(),
            ));
        }
        if self.holding == Holding::Watching && self.strategy.steps().len() > 1 && !enough(minutes)
        {
            return Err(Error::invalid("bake of a step", format!("{minutes} minutes"), allowed()));
        }
        Ok(())
    }

    fn validate_hooks(&self) -> Result<(), Error> {
        for hook in &self.hooks {
            if let Some(stage) = hook.stages.iter().find(|stage| !stage.takes_hooks()) {
                return Err(Error::invalid("stage of a hook", stage, "a stage with hooks"));
            }
            if hook.stages.is_empty() {
                return Err(Error::invalid("stages of a hook", 0, "at least 1"));
            }
            for (field, arn) in
                [("function of a hook", &hook.function), ("role of a hook", &hook.role)]
            {
                if !arn.starts_with("arn:") {
                    return Err(Error::invalid(field, arn, "an ARN"));
                }
            }
            let minutes = hook.timeout_minutes;
            if !(1..=MOST_HOOK_MINUTES).contains(&minutes) {
                return Err(Error::invalid("timeout of a hook", minutes, "1 to 20160 minutes"));
            }
        }
        if let Holding::Pauses { timeout_minutes } = self.holding {
            if !(1..=MOST_HOOK_MINUTES).contains(&timeout_minutes) {
                let allowed = "1 to 20160 minutes";
                return Err(Error::invalid("timeout of the pauses", timeout_minutes, allowed));
            }
            let needed = self.patience + self.margin;
            if timeout_minutes * MINUTE < needed {
                let allowed = format!("at least {needed:?}, the patience and the margin");
                let value = format!("{timeout_minutes} minutes");
                return Err(Error::invalid("timeout of the pauses", value, allowed));
            }
        }
        if let Some(alarm) = self.alarms.iter().find(|name| name.is_empty() || name.len() > 255) {
            return Err(Error::invalid("alarm", alarm, "a name of 1 to 255 characters"));
        }
        Ok(())
    }

    /// The way back after a promotion: another deployment, of the revision that served before, with all traffic moved at
    /// once. It is held, judged and set back as this one was.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] for any other outcome than a promotion, and where this is itself a way back.
    pub fn undo(&self, outcome: &Outcome) -> Result<Self, Error> {
        let Outcome::Promoted { revision, before, .. } = outcome else {
            return Err(Error::invalid(
                "outcome to undo",
                outcome,
                "a deployment that was promoted",
            ));
        };
        is_forward("deployment to undo", self.undoes.as_ref())?;
        Ok(Self {
            target: Target::Revision(before.clone()),
            undoes: Some(revision.clone()),
            strategy: NativeStrategy::BlueGreen,
            ..self.clone()
        })
    }

    /// The gate that the policies make together. Without any policy it never passes.
    pub fn gate(&self) -> All {
        Policy::gate(&self.policies)
    }

    /// The key of the lease that protects the service: the one of every other strategy.
    pub fn lease_key(&self) -> String {
        format!("service/{}", self.service)
    }

    /// How long the platform holds a share by itself.
    pub(in crate::native) fn bake_of(&self, share: PerMille) -> Duration {
        match share {
            PerMille::ZERO => Duration::ZERO,
            PerMille::FULL => self.bake_minutes * MINUTE,
            _ => self.strategy.step_bake_minutes() * MINUTE,
        }
    }

    pub(in crate::native) fn pause_minutes(&self) -> Option<u32> {
        match self.holding {
            Holding::Pauses { timeout_minutes } => Some(timeout_minutes),
            Holding::Watching => None,
        }
    }
}
