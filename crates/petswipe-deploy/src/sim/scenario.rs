//! What kind of world a simulated rollout meets.

use std::time::Duration;

use crate::memory::{Behaviour, Metrics};
use crate::{HookPlan, HookPoint, TimeoutAction};

/// The points that every strategy comes to.
const POINTS: [HookPoint; 5] = [
    HookPoint::ReconcileService,
    HookPoint::PreScaleUp,
    HookPoint::PostScaleUp,
    HookPoint::BakeTime,
    HookPoint::CleanUp,
];

/// The world of one simulated rollout: everything but the faults.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// How many tasks are live.
    pub tasks: u32,
    /// How the new version behaves.
    pub behaviour: Behaviour,
    /// How many requests a second there are.
    pub requests_per_second: f64,
    /// Whether metrics can be read.
    pub metrics: Metrics,
    /// Whether the sides have auto scaling.
    pub scaled: bool,
    /// Whether the plan names the idle side first.
    pub reversed: bool,
    /// Whether a canary has a baseline beside it.
    pub baseline: bool,
    /// The least time of a stage that has shown enough, where stages may end early. Not for undoing.
    pub early: Option<Duration>,
    /// Whether the person who is asked says yes.
    pub approves: bool,
    /// When somebody else changes the weights, if ever.
    pub meddle_after: Option<Duration>,
    /// When the live side loses tasks for half an hour, if ever, and how many.
    pub lose_live_after: Option<(Duration, u32)>,
    /// When the new version's side loses tasks for half an hour, if ever, and how many.
    pub lose_new_after: Option<(Duration, u32)>,
    /// When somebody else deploys another version where the new one runs, if ever.
    pub redeploy_after: Option<Duration>,
    /// Whether the plan has a hook at every point, and which of them answers what, if not all agree.
    pub hooks: Option<(HookPoint, HookReply)>,
    /// Whether the plan takes the live revision out of service, which then has no healthy task.
    pub undo: bool,
}

/// What a hook does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookReply {
    /// It agrees.
    Agrees,
    /// It says no.
    Rejects,
    /// It never answers, and that means no.
    Silent,
}

impl Scenario {
    /// A good version in a calm world.
    pub fn good() -> Self {
        Self {
            tasks: 4,
            behaviour: Behaviour::default(),
            requests_per_second: 100.0,
            metrics: Metrics::Work,
            scaled: true,
            reversed: false,
            baseline: false,
            early: None,
            approves: true,
            meddle_after: None,
            lose_live_after: None,
            lose_new_after: None,
            redeploy_after: None,
            hooks: None,
            undo: false,
        }
    }

    /// A world drawn from a seed: half of them calm with a good version, the others with something that must not be
    /// promoted, or with somebody who interferes.
    pub fn from_seed(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed ^ 0x0077_6f72_6c64);
        let mut scenario = Self {
            tasks: random.u32(1..9),
            scaled: random.bool(),
            baseline: random.u8(0..4) == 0,
            ..Self::good()
        };
        scenario.behaviour.boot = Duration::from_secs(random.u64(0..90));
        let behaviour = &mut scenario.behaviour;
        match random.u8(0..20) {
            0 => behaviour.error_rate = 0.2,
            1 => behaviour.error_rate = 1.0,
            2 => behaviour.latency = Duration::from_millis(1500),
            3 => behaviour.healthy = false,
            4 => behaviour.crash_after = Some(Duration::from_secs(random.u64(0..20))),
            5 => scenario.metrics = Metrics::Missing,
            6 => scenario.metrics = Metrics::Fail,
            7 => scenario.requests_per_second = 0.0,
            8 => scenario.approves = false,
            9 => scenario.meddle_after = Some(Duration::from_secs(random.u64(1..2400))),
            10 | 11 => {
                let after = Duration::from_secs(random.u64(1..2400));
                scenario.lose_live_after = Some((after, random.u32(1..=scenario.tasks)));
                if random.bool() {
                    scenario.behaviour.error_rate = 0.2;
                }
            }
            12 => scenario.redeploy_after = Some(Duration::from_secs(random.u64(1..2400))),
            13 => {
                let point = POINTS[random.usize(..POINTS.len())];
                let replies = [HookReply::Agrees, HookReply::Rejects, HookReply::Silent];
                scenario.hooks = Some((point, replies[random.usize(..replies.len())]));
            }
            14 => {
                let after = Duration::from_secs(random.u64(1..2400));
                scenario.lose_new_after = Some((after, random.u32(1..=scenario.tasks)));
            }
            _ => {}
        }
        scenario.reversed = random.bool();
        scenario.undo = random.u8(0..8) == 0;
        if random.u8(0..3) == 0 {
            scenario.early = Some(Duration::from_secs(random.u64(30..400)));
        }
        scenario
    }

    /// Whether the new version may be promoted in this world.
    pub fn may_promote(&self) -> bool {
        let Behaviour { healthy, crash_after, error_rate, latency, .. } = self.behaviour;
        let good = error_rate <= 0.05 && latency <= Duration::from_millis(1000);
        let judged = self.metrics == Metrics::Work && self.requests_per_second > 0.0;
        let agreed = self.hooks.is_none_or(|(_, reply)| reply == HookReply::Agrees);
        // What is undone asks for tasks only, and in the end somebody mends whatever there is.
        (self.undo || healthy && crash_after.is_none() && good && judged) && agreed
    }

    /// The hooks of its plans.
    pub(super) fn hook_plans(&self) -> Vec<HookPlan> {
        let plan = |point: HookPoint| HookPlan {
            point,
            timeout: Duration::from_secs(45),
            on_timeout: TimeoutAction::RollBack,
        };
        self.hooks.map(|_| POINTS.map(plan).to_vec()).unwrap_or_default()
    }

    /// Whether nothing stands in the way of promoting it.
    pub fn must_promote(&self) -> bool {
        self.may_promote()
            && self.approves
            && self.meddle_after.is_none()
            && self.lose_live_after.is_none()
            && self.lose_new_after.is_none()
            && self.redeploy_after.is_none()
    }
}
