//! The plan of a rollout: plain data, checked once, and enough to resume from.

use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::optional as optional_span;
use jiff::fmt::serde::unsigned_duration::friendly::compact::required as span;
use petswipe_monitor::{All, EvidencePolicy, Policy};
use petswipe_runbook::Retry;
use serde::{Deserialize, Serialize};

use crate::hooks::HookPlan;
use crate::{Environment, Error, HookPoint, Image, Percent, RevisionId};

/// What a rollout does, from the first look to the last scale-down.
///
/// Start from [`Plan::canary`], [`Plan::blue_green`] or [`Plan::rolling`], which carry the guide's defaults, and change
/// what differs; [`Plan::validate`] is called before anything is touched.
///
/// ```
/// use petswipe_deploy::{Environment, Image, Percent, Plan, Stage, Target};
/// use std::time::Duration;
/// let pair = [Environment::new("shop-blue")?, Environment::new("shop-green")?];
/// let mut plan = Plan::canary("shop", pair, Target::Image(Image::new("shop:v2")?));
/// assert_eq!(plan.stages.len(), 5);
/// plan.stages = Stage::list(&[50, 10], Duration::from_secs(60))?;
/// assert_eq!(
///     plan.validate().unwrap_err().to_string(),
///     "stage 2 is 10 %; allowed: more than 50 %, the stage before",
/// );
/// # Ok::<(), petswipe_deploy::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// How the new version gets its traffic.
    pub strategy: Strategy,
    /// The service, for messages and for the lease: one operation per service.
    pub service: String,
    /// Where it is carried out, such as a cloud's id; empty when nobody says. It is shown to people, and a resume
    /// elsewhere is refused by whoever drives.
    #[serde(default)]
    pub location: String,
    /// The two sides. Which one is live is read from the router; the other one is the candidate.
    pub environments: [Environment; 2],
    /// A third environment in which the live revision is started anew, as old and as large as the canary, so that
    /// like is compared with like. Canary only.
    pub baseline: Option<Environment>,
    /// What is deployed.
    pub target: Target,
    /// The revision that this plan takes out of service, see [`Plan::undo`]. Such a plan is refused when another one
    /// serves. It begins even when that revision has no healthy task left, does not wait for evidence that the old one
    /// is good, which it was, and does not go back to the other one for a lack of tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<RevisionId>,
    /// The shares of traffic on the way, rising, the last one 100 %. Not for rolling updates.
    pub stages: Vec<Stage>,
    /// A stage is over before its duration, but not before this time, once its gate has shown that the new version is good
    /// ([`Judgement::settled`](petswipe_monitor::Judgement::settled)). `None`: no stage ends early.
    #[serde(default, with = "optional_span", skip_serializing_if = "Option::is_none")]
    pub early: Option<Duration>,
    /// What the new version is judged by, see [`Plan::gate`]. A performer may bring another gate of its own.
    pub policies: Vec<Policy>,
    /// Time between two looks at health and metrics.
    #[serde(with = "span")]
    pub check_interval: Duration,
    /// How long a stage may go on without a conclusive verdict after its own duration before the rollout goes back.
    #[serde(with = "span")]
    pub patience: Duration,
    /// How tasks are waited for.
    pub capacity: CapacityPlan,
    /// Requests to the new side through the test route before production traffic. Not for rolling updates.
    pub smoke: Option<SmokePlan>,
    /// When a person is asked.
    pub approval: Option<ApprovalPlan>,
    /// How long the new version is judged at 100 % before the old one may go.
    #[serde(with = "span")]
    pub bake: Duration,
    /// How long the old side is kept at full size after the bake. It is watched on; going back is one call.
    #[serde(with = "span")]
    pub scale_down_delay: Duration,
    /// How long after the end [`Plan::undo`] may go straight back without stages.
    #[serde(with = "span")]
    pub rollback_window: Duration,
    /// Calls to the outside at fixed points.
    pub hooks: Vec<HookPlan>,
    /// How an effect that failed is tried again.
    pub retry: Retry,
    /// How long one call to the cloud may take.
    #[serde(with = "span")]
    pub call_timeout: Duration,
}

/// How the new version gets its traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Strategy {
    /// In stages, each judged.
    Canary,
    /// All at once after a test on the idle side.
    BlueGreen,
    /// By the platform, task by task, on the live side.
    Rolling {
        /// While replacing, at least this share of the tasks stays healthy, in percent, 0 to 100.
        minimum_healthy_percent: u32,
        /// While replacing, at most this share of the tasks runs, in percent, 101 to 200.
        maximum_percent: u32,
    },
}

impl std::fmt::Display for Strategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Strategy {
    /// `canary`, `blue-green` or `rolling`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::BlueGreen => "blue-green",
            Self::Rolling { .. } => "rolling",
        }
    }
}

/// What is deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A new revision is registered: the live one with this image.
    Image(Image),
    /// A revision that exists.
    Revision(RevisionId),
}

/// A share of traffic and how long it is held at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// The new version's share.
    pub weight: Percent,
    /// How long it is judged at least.
    #[serde(with = "span")]
    pub duration: Duration,
}

impl Stage {
    /// Stages of the same duration.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] for a weight above 100.
    pub fn list(weights: &[u8], duration: Duration) -> Result<Vec<Self>, Error> {
        let stage = |weight: &u8| Ok(Self { weight: Percent::new(*weight)?, duration });
        weights.iter().map(stage).collect()
    }
}

/// How tasks are waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapacityPlan {
    /// How long tasks may take to become healthy.
    #[serde(with = "span")]
    pub deadline: Duration,
    /// Time between two looks.
    #[serde(with = "span")]
    pub poll: Duration,
    /// The new side never has fewer tasks than this while it takes part, at least 1.
    pub minimum_tasks: u32,
    /// With more failed tasks of the new version than this, the rollout goes back.
    pub tolerated_failures: u32,
}

/// The smoke test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmokePlan {
    /// How long it goes on.
    #[serde(with = "span")]
    pub duration: Duration,
    /// Time between two rounds of requests.
    #[serde(with = "span")]
    pub interval: Duration,
    /// The most failed requests over the whole test, in percent of all.
    pub tolerated_percent: Percent,
}

/// When a person is asked, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalPlan {
    /// Before which step.
    pub before: ApprovalPoint,
    /// Without an answer by then the rollout goes back.
    #[serde(with = "span")]
    pub within: Duration,
}

/// The step before which a person is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalPoint {
    /// Before the new version takes its first production traffic (for rolling: before the first task is replaced).
    FirstTraffic,
    /// Before it takes all of it.
    AllTraffic,
}

const SECOND: Duration = Duration::from_secs(1);

/// Refuses to go back from a way back: that leads to the version that somebody wanted to be rid of.
pub(crate) fn is_forward(field: &str, undoes: Option<&RevisionId>) -> Result<(), Error> {
    undoes.map_or(Ok(()), |undone| {
        let allowed =
            "one that deployed a version; what was taken back is deployed again by its own name";
        Err(Error::invalid(field, format!("the undo of {undone}"), allowed))
    })
}

impl Plan {
    /// A canary with the guide's defaults: 5, 10, 25, 50 and 100 % for 300 s each, a check every 30 s.
    pub fn canary(service: &str, environments: [Environment; 2], target: Target) -> Self {
        let stage = |weight| Stage { weight, duration: 300 * SECOND };
        let weights =
            [5, 10, 25, 50, 100].into_iter().filter_map(|weight| Percent::new(weight).ok());
        Self {
            strategy: Strategy::Canary,
            service: service.to_owned(),
            location: String::new(),
            environments,
            baseline: None,
            target,
            undoes: None,
            stages: weights.map(stage).collect(),
            early: None,
            policies: Policy::standard(EvidencePolicy::default()),
            check_interval: 30 * SECOND,
            patience: 600 * SECOND,
            capacity: CapacityPlan {
                deadline: 600 * SECOND,
                poll: 10 * SECOND,
                minimum_tasks: 1,
                tolerated_failures: 2,
            },
            smoke: None,
            approval: None,
            bake: 300 * SECOND,
            scale_down_delay: 60 * SECOND,
            rollback_window: 3600 * SECOND,
            hooks: Vec::new(),
            retry: Retry::default(),
            call_timeout: 30 * SECOND,
        }
    }

    /// A blue-green deployment with the guide's defaults: healthy within 300 s, polled every 10 s; a smoke test of 60 s;
    /// a question before the switch; 60 s watched after it.
    pub fn blue_green(service: &str, environments: [Environment; 2], target: Target) -> Self {
        let mut plan = Self::canary(service, environments, target);
        plan.strategy = Strategy::BlueGreen;
        plan.stages = vec![Stage { weight: Percent::FULL, duration: 60 * SECOND }];
        plan.check_interval = 10 * SECOND;
        plan.capacity.deadline = 300 * SECOND;
        plan.smoke = Some(SmokePlan {
            duration: 60 * SECOND,
            interval: 2 * SECOND,
            tolerated_percent: Percent::new(5).unwrap_or_default(),
        });
        plan.approval =
            Some(ApprovalPlan { before: ApprovalPoint::FirstTraffic, within: 3600 * SECOND });
        plan.bake = 60 * SECOND;
        // Nothing takes traffic beside it, so most of what may alarm is the comparison with the time before.
        plan.policies =
            Policy::standard(EvidencePolicy { before_share: 0.8, ..EvidencePolicy::default() });
        plan
    }

    /// A rolling update with ECS's defaults: never fewer than all tasks healthy, at most twice as many running.
    pub fn rolling(service: &str, environments: [Environment; 2], target: Target) -> Self {
        let mut plan = Self::canary(service, environments, target);
        plan.strategy = Strategy::Rolling { minimum_healthy_percent: 100, maximum_percent: 200 };
        plan.stages = Vec::new();
        plan.check_interval = 10 * SECOND;
        plan.bake = 60 * SECOND;
        plan.scale_down_delay = Duration::ZERO;
        plan.policies =
            Policy::standard(EvidencePolicy { before_share: 0.8, ..EvidencePolicy::default() });
        plan
    }

    /// The way back from a rollout that was promoted, while the window for it is open: the revision that was live before
    /// is started at full size, and then takes all traffic with one router call.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] when the rollout was not promoted, is itself a way back, or its rollback window has passed.
    pub fn undo(
        &self,
        ended: &super::Outcome,
        at: jiff::Timestamp,
        now: jiff::Timestamp,
    ) -> Result<Self, Error> {
        let super::Outcome::Promoted { before, revision, .. } = ended else {
            return Err(Error::invalid(
                "outcome",
                ended.word(),
                "promoted: there is nothing to undo",
            ));
        };
        is_forward("rollout to undo", self.undoes.as_ref())?;
        let until = at.saturating_add(self.rollback_window).unwrap_or(jiff::Timestamp::MAX);
        if now > until {
            let allowed = format!("until {until}, the end of its rollback window");
            return Err(Error::invalid("time of the undo", now, allowed));
        }
        let mut plan = self.clone();
        plan.target = Target::Revision(before.clone());
        plan.undoes = Some(revision.clone());
        if !matches!(self.strategy, Strategy::Rolling { .. }) {
            plan.strategy = Strategy::BlueGreen;
            let duration = self.check_interval;
            plan.stages = vec![Stage { weight: Percent::FULL, duration }];
        }
        plan.baseline = None;
        plan.smoke = None;
        plan.approval = None;
        plan.hooks = Vec::new();
        // The way back is open whatever it costs.
        plan.policies.retain(|policy| !matches!(policy, Policy::Budget(_)));
        Ok(plan)
    }

    /// Whether test traffic is led to the new version, for a smoke test or for a hook.
    pub(crate) fn has_test_traffic(&self) -> bool {
        let points = [HookPoint::TestTrafficShift, HookPoint::PostTestTrafficShift];
        self.smoke.is_some() || self.hooks.iter().any(|hook| points.contains(&hook.point))
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] with the field, its value and what is allowed.
    pub fn validate(&self) -> Result<(), Error> {
        let [a, b] = &self.environments;
        if self.service.trim().is_empty() {
            return Err(Error::invalid("service", "", "a name"));
        }
        if a == b {
            return Err(Error::invalid("environments", format!("{a} twice"), "two different ones"));
        }
        self.validate_stages()?;
        self.validate_baseline()?;
        let positive = [
            ("check interval", self.check_interval),
            ("patience", self.patience),
            ("capacity deadline", self.capacity.deadline),
            ("capacity poll interval", self.capacity.poll),
            ("call timeout", self.call_timeout),
        ];
        for (field, value) in positive {
            if value.is_zero() {
                return Err(Error::invalid(field, "0", "a positive time"));
            }
        }
        if self.capacity.minimum_tasks == 0 {
            return Err(Error::invalid("minimum tasks", 0, "at least 1"));
        }
        if self.retry.attempts == 0 {
            return Err(Error::invalid("retry attempts", 0, "at least 1"));
        }
        if let Some(smoke) = &self.smoke
            && (smoke.duration.is_zero() || smoke.interval.is_zero())
        {
            return Err(Error::invalid(
                "smoke test",
                "0 seconds",
                "a positive duration and interval",
            ));
        }
        if let Some(approval) = &self.approval
            && approval.within.is_zero()
        {
            return Err(Error::invalid("approval deadline", "0", "a positive time"));
        }
        if let Some(early) = self.early {
            if early.is_zero() {
                return Err(Error::invalid("early end of a stage", "0", "a positive time"));
            }
            if !self.policies.iter().any(|policy| matches!(policy, Policy::Evidence(_))) {
                let allowed = "with an evidence policy only, which can show that a version is good";
                return Err(Error::invalid("early end of a stage", format!("{early:?}"), allowed));
            }
        }
        if let Some(undone) = &self.undoes
            && !matches!(&self.target, Target::Revision(revision) if revision != undone)
        {
            let allowed = "another revision than the target, which is one that exists";
            return Err(Error::invalid("revision to be undone", undone, allowed));
        }
        self.validate_hooks()?;
        validate_policies(&self.policies)
    }

    /// A hook that is never called, or whose call is another's as well, would be taken for a check that it is not.
    fn validate_hooks(&self) -> Result<(), Error> {
        let rolling = matches!(self.strategy, Strategy::Rolling { .. });
        for (index, hook) in self.hooks.iter().enumerate() {
            hook.validate()?;
            let point = hook.point;
            if self.hooks[..index].iter().any(|earlier| earlier.point == point) {
                return Err(Error::invalid("hooks", format!("{point} twice"), "each point once"));
            }
            if rolling && !point.is_in_rolling() {
                let allowed = "for a rolling update RECONCILE_SERVICE, PRE_SCALE_UP, \
                    POST_SCALE_UP, BAKE_TIME and CLEAN_UP";
                return Err(Error::invalid("hook", point, allowed));
            }
        }
        Ok(())
    }

    fn validate_stages(&self) -> Result<(), Error> {
        if let Strategy::Rolling { minimum_healthy_percent: low, maximum_percent: high } =
            self.strategy
        {
            if low > 100 {
                return Err(Error::invalid("minimum healthy percent", low, "0 to 100"));
            }
            if !(101..=200).contains(&high) && low == 100 || !(100..=200).contains(&high) {
                let allowed = "101 to 200, or 100 where fewer than all may stay healthy";
                return Err(Error::invalid("maximum percent", high, allowed));
            }
            if !self.stages.is_empty() {
                let found = format!("{} stages", self.stages.len());
                return Err(Error::invalid("stages", found, "none for a rolling update"));
            }
            if self.smoke.is_some() {
                return Err(Error::invalid("smoke test", "set", "none for a rolling update"));
            }
            if self.bake.is_zero() {
                // Nothing else of a rolling update waits for a verdict.
                return Err(Error::invalid("bake of a rolling update", "0", "a positive time"));
            }
            return Ok(());
        }
        let mut before = Percent::ZERO;
        for (index, stage) in self.stages.iter().enumerate() {
            let number = index + 1;
            if stage.weight <= before {
                let allowed = if index == 0 {
                    "1 to 100 %".to_owned()
                } else {
                    format!("more than {before}, the stage before")
                };
                return Err(Error::invalid(format!("stage {number}"), stage.weight, allowed));
            }
            if stage.duration.is_zero() {
                let field = format!("duration of stage {number}");
                return Err(Error::invalid(field, "0", "a positive time"));
            }
            before = stage.weight;
        }
        if before != Percent::FULL {
            let found = if self.stages.is_empty() { String::new() } else { before.to_string() };
            return Err(Error::invalid("last stage", found, "100 %"));
        }
        Ok(())
    }

    fn validate_baseline(&self) -> Result<(), Error> {
        let Some(baseline) = &self.baseline else { return Ok(()) };
        if self.strategy != Strategy::Canary {
            return Err(Error::invalid("baseline", baseline, "none, except for a canary"));
        }
        if self.environments.contains(baseline) {
            return Err(Error::invalid("baseline", baseline, "an environment other than the pair"));
        }
        Ok(())
    }

    /// The gate that the policies make together. Without any policy it never passes.
    pub fn gate(&self) -> All {
        Policy::gate(&self.policies)
    }

    /// The key of the lease that protects the service.
    pub fn lease_key(&self) -> String {
        format!("service/{}", self.service)
    }
}

/// Checks what a plan judges by.
pub(crate) fn validate_policies(policies: &[Policy]) -> Result<(), Error> {
    for policy in policies {
        policy.validate().map_err(|error| match error {
            petswipe_monitor::Error::InvalidPolicy { field, value, allowed } => {
                Error::InvalidPlan { field, value, allowed }
            }
            other => Error::backend("checking the policies", other),
        })?;
    }
    Ok(())
}
