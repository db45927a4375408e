//! Native deployments in the simulator: a platform in memory, with the promises checked after every effect and record.
//!
//! ```
//! use petswipe_deploy::Outcome;
//! use petswipe_deploy::sim::native::{NativeScenario, native};
//! use petswipe_runbook::sim::FaultPlan;
//! let trace = native(7, &NativeScenario::good(), &FaultPlan::none()).unwrap();
//! assert!(matches!(trace.outcome, Outcome::Promoted { .. }));
//! ```

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use petswipe_monitor::{AbsolutePolicy, Verdict};
use petswipe_runbook::sim::{FaultPlan, SimClock, Trace, Violation, World, simulate};
use petswipe_runbook::{Clock, EffectContext, Event, EventOf, Failure, Performer, Recorded};

use super::{environments, image, revision};
use crate::memory::{Behaviour, HookBehaviour, MemoryCloud, MemoryNative, Metrics, NativeSnapshot};
use crate::native::{
    Holding, LambdaHook, LifecycleStage, NativeEffect, NativeOutput, NativePerformer, NativePlan,
    NativeState, NativeStrategy, PerMille,
};
use crate::rollout::{Outcome, Target};
use crate::{Environment, Percent, RevisionId};

/// The world of one simulated native deployment: everything but the faults.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeScenario {
    /// How the platform moves traffic.
    pub strategy: NativeStrategy,
    /// What keeps it from going on.
    pub holding: Holding,
    /// How many tasks are live.
    pub tasks: u32,
    /// How the new version behaves.
    pub behaviour: Behaviour,
    /// How many requests a second there are.
    pub requests_per_second: f64,
    /// Whether metrics can be read.
    pub metrics: Metrics,
    /// A function that is called at a stage, and how it answers.
    pub hook: Option<(LifecycleStage, HookBehaviour)>,
    /// When an alarm goes off, if ever.
    pub alarm_after: Option<Duration>,
    /// When somebody else deploys, if ever.
    pub redeploy_after: Option<Duration>,
    /// Whether the platform can't go back.
    pub cannot_go_back: bool,
}

impl NativeScenario {
    /// A good version in a calm world, by a canary that waits for verdicts.
    pub fn good() -> Self {
        let share = PerMille::from(Percent::new(10).unwrap_or_default());
        Self {
            strategy: NativeStrategy::Canary { share, canary_bake_minutes: 10 },
            holding: Holding::Pauses { timeout_minutes: 30 },
            tasks: 4,
            behaviour: Behaviour::default(),
            requests_per_second: 100.0,
            metrics: Metrics::Work,
            hook: None,
            alarm_after: None,
            redeploy_after: None,
            cannot_go_back: false,
        }
    }

    /// A world drawn from a seed: half of them calm with a good version.
    pub fn from_seed(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed ^ 0x6e61_7469_7665);
        let share = PerMille::of_percent(random.f64() * 50.0 + 3.0);
        let minutes = random.u32(3..12);
        let mut scenario = Self::good();
        scenario.strategy = match random.u8(0..3) {
            0 => NativeStrategy::BlueGreen,
            1 => NativeStrategy::Linear { step: share, step_bake_minutes: minutes },
            _ => NativeStrategy::Canary { share, canary_bake_minutes: minutes },
        };
        if random.u8(0..4) == 0 {
            scenario.holding = Holding::Watching;
        }
        scenario.tasks = random.u32(1..9);
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
            8 => scenario.alarm_after = Some(Duration::from_secs(random.u64(1..2400))),
            9 => scenario.redeploy_after = Some(Duration::from_secs(random.u64(1..2400))),
            10 => {
                scenario.cannot_go_back = true;
                scenario.behaviour.error_rate = 0.2;
            }
            number @ 11..14 => {
                let stages: Vec<_> =
                    LifecycleStage::ALL.into_iter().filter(|stage| stage.takes_hooks()).collect();
                let stage = stages[random.usize(..stages.len())];
                let answer = match number {
                    11 => HookBehaviour::Agrees(Duration::from_secs(random.u64(0..60))),
                    12 => HookBehaviour::Refuses,
                    _ => HookBehaviour::Silent,
                };
                scenario.hook = Some((stage, answer));
            }
            _ => {}
        }
        scenario
    }

    /// Whether the new version may come to serve.
    fn may_promote(&self) -> bool {
        let behaviour = &self.behaviour;
        let hooked = self.hook.is_some_and(|(stage, answer)| {
            // Nothing has to be reconciled here, so that stage does not come.
            !matches!(answer, HookBehaviour::Agrees(_)) && stage != LifecycleStage::ReconcileService
        });
        behaviour.error_rate == 0.0
            && behaviour.healthy
            && behaviour.crash_after.is_none()
            && behaviour.latency < Duration::from_secs(1)
            && self.metrics == Metrics::Work
            && self.requests_per_second > 0.0
            && !hooked
    }

    /// The plan that is carried out in this scenario.
    pub fn plan(&self) -> NativePlan {
        let [blue, green, _] = environments();
        let target = Target::Image(image("shop:v2"));
        let mut plan = NativePlan::new("shop", service(), [blue, green], target, self.strategy);
        plan.holding = self.holding;
        if self.alarm_after.is_some() {
            plan.alarms = vec!["shop-errors".to_owned()];
        }
        plan.hooks.extend(self.hook.map(|(stage, _)| LambdaHook {
            function: "arn:aws:lambda:eu-central-1:123456789012:function:check".to_owned(),
            role: "arn:aws:iam::123456789012:role/hooks".to_owned(),
            stages: vec![stage],
            timeout_minutes: 5,
        }));
        plan
    }
}

fn service() -> Environment {
    // The name is made of allowed characters only.
    Environment::new("shop").unwrap_or_else(|_| unreachable!())
}

/// Runs one native deployment in a scenario, under faults. Everything follows from the seed.
///
/// # Errors
/// The first broken promise.
pub fn native(
    seed: u64,
    scenario: &NativeScenario,
    faults: &FaultPlan,
) -> Result<Trace<NativePlan>, Box<Violation>> {
    simulate(seed, &scenario.plan(), faults, |clock| {
        Arc::new(NativeWorld::new(clock, scenario.clone()))
    })
}

/// The world of one simulated native deployment.
pub struct NativeWorld {
    cloud: Arc<MemoryCloud>,
    platform: Arc<MemoryNative>,
    performer: NativePerformer,
    clock: Arc<SimClock>,
    scenario: NativeScenario,
    initial: NativeSnapshot,
    candidate: Environment,
    began: Timestamp,
    ledger: Mutex<Ledger>,
}

/// What was seen so far, of the world itself and not of what the core believes of it.
struct Ledger {
    /// The first promise that was broken.
    broken: Option<String>,
    /// The new version's share, since when, and whether it was judged well since then.
    share: Percent,
    shifted_at: Timestamp,
    passed: bool,
    foreign: Option<RevisionId>,
    /// Whether that was there before the operation looked first.
    early: bool,
    alarmed: bool,
    aborted: bool,
    /// The first answers to each kind of question.
    looked: Option<NativeOutput>,
    surveyed: Option<NativeOutput>,
}

impl NativeWorld {
    /// A world in which a deployment is about to be carried out.
    pub fn new(clock: Arc<SimClock>, scenario: NativeScenario) -> Self {
        let [live, candidate, _] = environments();
        let sides = [live, candidate.clone()];
        let cloud = MemoryCloud::new(clock.clone(), &sides, image("shop:v1"), scenario.tasks);
        // There is at least one environment, and it has the first side.
        let cloud = Arc::new(cloud.unwrap_or_else(|_| unreachable!()));
        let platform = MemoryNative::new(cloud.clone(), clock.clone(), service(), sides);
        let platform = Arc::new(platform.unwrap_or_else(|_| unreachable!()));
        cloud.add_image(image("shop:v2"), scenario.behaviour);
        cloud.add_revision(revision("revision:foreign"), image("shop:v1"));
        cloud.set_traffic(scenario.requests_per_second);
        cloud.set_metrics(scenario.metrics);
        if let Some((stage, answer)) = scenario.hook {
            platform.set_hook(stage, answer);
        }
        if scenario.cannot_go_back {
            platform.forbid_going_back();
        }
        let performer = NativePerformer {
            compute: cloud.clone(),
            native: platform.clone(),
            metrics: cloud.clone(),
            gate: Arc::new(AbsolutePolicy::default()),
        };
        let ledger = Ledger {
            broken: None,
            share: Percent::ZERO,
            shifted_at: clock.now(),
            passed: false,
            foreign: None,
            early: false,
            alarmed: false,
            aborted: false,
            looked: None,
            surveyed: None,
        };
        Self {
            initial: platform.snapshot(),
            began: clock.now(),
            ledger: Mutex::new(ledger),
            cloud,
            platform,
            performer,
            clock,
            scenario,
            candidate,
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens in the world by itself.
    fn let_happen(&self) {
        let due = |after: Option<Duration>| {
            let at = after.and_then(|after| self.began.saturating_add(after).ok());
            at.is_some_and(|at| at <= self.clock.now())
        };
        let mut ledger = self.ledger();
        if due(self.scenario.alarm_after) && !ledger.alarmed {
            ledger.alarmed = true;
            self.platform.set_off_alarm("shop-errors");
        }
        self.moved(&mut ledger);
        if due(self.scenario.redeploy_after) && ledger.foreign.is_none() {
            self.platform.redeploy(revision("revision:foreign"));
            ledger.foreign = Some(revision("revision:foreign"));
        }
    }

    /// Traffic may have been moved: was it allowed?
    fn moved(&self, ledger: &mut Ledger) {
        // The platform is asked first: it does what is due.
        let _ = self.platform.snapshot();
        let share = self.cloud.split().share(&self.candidate);
        if share == ledger.share {
            return;
        }
        let from = ledger.share;
        let waits = self.scenario.holding != Holding::Watching;
        if waits && share > from && from > Percent::ZERO && !ledger.passed {
            let what = format!("promise 6 is broken: from {from} to {share} without a pass");
            ledger.broken.get_or_insert(what);
        }
        (ledger.share, ledger.shifted_at, ledger.passed) = (share, self.clock.now(), false);
    }
}

#[async_trait]
impl Performer<NativePlan> for NativeWorld {
    async fn perform(
        &self,
        context: &EffectContext,
        effect: &NativeEffect,
    ) -> Result<NativeOutput, Failure> {
        self.let_happen();
        let before = self.platform.snapshot();
        let answer = self.performer.perform(context, effect).await;
        let mut ledger = self.ledger();
        self.moved(&mut ledger);
        let after = self.platform.snapshot();
        let same = (&before.revision, &before.live, &before.split)
            == (&after.revision, &after.live, &after.split);
        if ledger.foreign.is_some() && !ledger.early && !same {
            let what =
                format!("promise 2 is broken: a foreign deployment is overwritten: {effect}");
            ledger.broken.get_or_insert(what);
        }
        if let Ok(output) = &answer {
            let first = match effect {
                NativeEffect::Look { .. } => Some(&mut ledger.looked),
                NativeEffect::Survey { .. } => Some(&mut ledger.surveyed),
                _ => None,
            };
            if let Some(first) = first {
                first.get_or_insert_with(|| output.clone());
            }
        }
        answer
    }
}

impl World<NativePlan> for NativeWorld {
    fn check(&self) -> Result<(), String> {
        self.ledger().broken.clone().map_or(Ok(()), Err)
    }

    fn check_record(
        &self,
        _plan: &NativePlan,
        recorded: &Recorded<EventOf<NativePlan>>,
        state: &NativeState,
    ) -> Result<(), String> {
        let mut ledger = self.ledger();
        let before = state.before.as_ref().and_then(|before| before.service.revision.as_ref());
        ledger.early |= before.is_some() && before == ledger.foreign.as_ref();
        match &recorded.event {
            Event::Succeeded { output: NativeOutput::Seen(seen), .. } => {
                if let Some(judgement) = &seen.judgement
                    && matches!(judgement.verdict, Verdict::Pass { .. })
                    && !judgement.covered.is_empty()
                    && judgement.covered.from >= ledger.shifted_at
                {
                    ledger.passed = true;
                }
            }
            Event::AbortRequested { .. } => ledger.aborted |= state.ended.is_none(),
            _ => {}
        }
        drop(ledger);
        self.check()
    }

    fn check_end(&self, plan: &NativePlan, outcome: &Outcome) -> Result<(), String> {
        let now = self.platform.snapshot();
        let ledger = self.ledger();
        let foreign = ledger.foreign.is_some() && !ledger.early;
        let as_before = || {
            let mut initial = self.initial.clone();
            if let Some(foreign) = &ledger.foreign {
                // It was over before it could see the foreign deployment.
                initial.revision = foreign.clone();
            }
            if now == initial { Ok(()) } else { Err(format!("it was {initial:?}, and is {now:?}")) }
        };
        match outcome {
            Outcome::Promoted { environment, revision, .. } => {
                if !self.scenario.may_promote() {
                    return Err(format!("promise 6 is broken: promoted in {:?}", self.scenario));
                }
                if !foreign && (now.revision != *revision || now.live != *environment) {
                    return Err(format!("promoted, but it is {now:?}"));
                }
                if now.configuration != self.initial.configuration {
                    return Err("promoted, but deployed otherwise from now on".to_owned());
                }
                Ok(())
            }
            Outcome::RolledBack { .. } | Outcome::Aborted { .. } | Outcome::Refused { .. } => {
                as_before().map_err(|what| format!("promise 5 is broken: {what}"))
            }
            Outcome::Stopped { reason, .. } => {
                if !foreign && now.configuration != self.initial.configuration {
                    return Err("stopped, but deployed otherwise from now on".to_owned());
                }
                let late = now.live == self.candidate
                    && (ledger.aborted || plan.holding == Holding::Watching);
                if foreign || self.scenario.cannot_go_back || late {
                    return Ok(());
                }
                Err(format!("stopped though nobody else changed anything: {reason}"))
            }
        }
    }

    fn stale(&self, effect: &NativeEffect) -> Option<NativeOutput> {
        let ledger = self.ledger();
        match effect {
            NativeEffect::Look { .. } => ledger.looked.clone(),
            NativeEffect::Survey { .. } => ledger.surveyed.clone(),
            _ => None,
        }
    }
}
