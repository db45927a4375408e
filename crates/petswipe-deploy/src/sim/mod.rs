//! Rollouts in the simulator: a world in memory with the ten promises checked after every effect and every record.
//!
//! ```
//! use petswipe_deploy::sim::{Scenario, rollout};
//! use petswipe_deploy::{Outcome, Strategy};
//! use petswipe_runbook::sim::FaultPlan;
//! let trace = rollout(7, Strategy::Canary, &Scenario::good(), &FaultPlan::none()).unwrap();
//! assert!(matches!(trace.outcome, Outcome::Promoted { .. }));
//! ```

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use petswipe_runbook::sim::{FaultPlan, SimClock, Trace, Violation, World, simulate_with};
use petswipe_runbook::{
    Answer, Approver, Clock, EffectContext, EventOf, Failure, Performer, Question, Recorded,
};

use crate::memory::{Behaviour, Configuration, MemoryCloud};
use crate::rollout::{Effect, Look, Outcome, Output, Plan, Purpose, State, Strategy, Target};
use crate::{
    Environment, Error, GivesUp, HookAnswer, HookCall, HookPoint, Hooks, Image, Replacement,
    RevisionId, RolloutPerformer, ScalingState, Split,
};

pub mod native;
mod promises;
mod scenario;

use promises::Ledger;
pub use scenario::{HookReply, Scenario};

/// So long after it broke, what is broken in the world is mended.
const MENDED_AFTER: Duration = Duration::from_secs(1800);

/// The world of one simulated rollout.
pub struct RolloutWorld {
    cloud: Arc<MemoryCloud>,
    performer: RolloutPerformer,
    clock: Arc<SimClock>,
    scenario: Scenario,
    plan: Plan,
    initial: Configuration,
    live: Environment,
    candidate: Environment,
    began: Timestamp,
    ledger: Mutex<Ledger>,
    /// The first answer to each question.
    seen: Mutex<Vec<(Asked, Output)>>,
}

/// Runs one rollout of a strategy in a scenario, under faults. Everything follows from the seed.
///
/// # Errors
/// The first broken promise.
pub fn rollout(
    seed: u64,
    strategy: Strategy,
    scenario: &Scenario,
    faults: &FaultPlan,
) -> Result<Trace<Plan>, Box<Violation>> {
    let plan = scenario.plan(strategy);
    let approver = Arc::new(Approves(scenario.approves));
    simulate_with(seed, &plan, faults, approver, |clock| {
        Arc::new(RolloutWorld::new(clock, scenario.clone(), &plan))
    })
}

/// The sides of simulated rollouts; the first one is live.
pub(crate) fn environments() -> [Environment; 3] {
    // The names are made of allowed characters only.
    ["shop-blue", "shop-green", "shop-baseline"]
        .map(|name| Environment::new(name).unwrap_or_else(|_| unreachable!()))
}

fn image(name: &str) -> Image {
    Image::new(name).unwrap_or_else(|_| unreachable!())
}

fn revision(name: &str) -> RevisionId {
    RevisionId::new(name).unwrap_or_else(|_| unreachable!())
}

/// The one that serves at first.
fn first_revision() -> RevisionId {
    revision("revision:1")
}

fn undo_target() -> RevisionId {
    revision("revision:before")
}

/// All tasks of a side die and are started again.
fn restart(cloud: &MemoryCloud, side: &Environment) {
    cloud.limit_tasks(side, Some(0));
    cloud.limit_tasks(side, None);
}

/// All hooks agree, but perhaps for one.
struct Replies(Option<(HookPoint, HookReply)>);

#[async_trait]
impl Hooks for Replies {
    async fn call(&self, call: &HookCall) -> Result<HookAnswer, Error> {
        let reply = self.0.filter(|(point, _)| *point == call.point);
        match reply.map_or(HookReply::Agrees, |(_, reply)| reply) {
            HookReply::Agrees => Ok(HookAnswer::Continue),
            HookReply::Rejects => Ok(HookAnswer::Reject { reason: "not today".to_owned() }),
            HookReply::Silent => std::future::pending().await,
        }
    }
}

struct Approves(bool);

#[async_trait]
impl Approver for Approves {
    async fn ask(&self, _question: &Question) -> Answer {
        if self.0 { Answer::yes("simulation") } else { Answer::no("simulation", "not today") }
    }
}

impl RolloutWorld {
    /// A world in which `plan` is about to be carried out.
    pub fn new(clock: Arc<SimClock>, scenario: Scenario, plan: &Plan) -> Self {
        let all = environments();
        let sides = if plan.baseline.is_some() { &all[..] } else { &all[..2] };
        let old = image("shop:v1");
        let cloud = MemoryCloud::new(clock.clone(), sides, old, scenario.tasks);
        // There is at least one environment.
        let cloud = Arc::new(cloud.unwrap_or_else(|_| unreachable!()));
        cloud.add_image(image("shop:v2"), scenario.behaviour);
        cloud.set_traffic(scenario.requests_per_second);
        cloud.set_metrics(scenario.metrics);
        // Every other world has a circuit breaker of its own.
        let breaker = [GivesUp::AND_GOES_BACK, GivesUp::NEVER][scenario.tasks as usize % 2];
        for side in sides {
            cloud.set_replacement(
                side,
                Replacement {
                    minimum_healthy_percent: Some(50),
                    maximum_percent: Some(150),
                    circuit_breaker: breaker,
                    ..Replacement::default()
                },
            );
        }
        if scenario.scaled {
            let state = ScalingState::active(1, 20);
            cloud.set_scaling(&all[0], Some(state.clone()));
            cloud.set_scaling(&all[1], Some(ScalingState { suspended: true, ..state }));
        }
        if scenario.undo {
            // What serves is broken, and what is to serve again is a revision that exists.
            let broken = Behaviour { healthy: false, ..Behaviour::default() };
            cloud.add_image(image("shop:v1"), broken);
            restart(&cloud, &all[0]);
            cloud.add_revision(undo_target(), image("shop:v2"));
        }
        let performer = RolloutPerformer::new(cloud.clone(), Arc::new(plan.gate()))
            .hooks(Arc::new(Replies(scenario.hooks)));
        let [live, candidate, _] = all;
        Self {
            initial: cloud.configuration(),
            began: clock.now(),
            ledger: Mutex::new(Ledger::new(live.clone(), scenario.tasks)),
            seen: Mutex::default(),
            cloud,
            performer,
            clock,
            scenario,
            plan: plan.clone(),
            live,
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
        if due(self.scenario.meddle_after) && ledger.meddled.is_none() {
            let half = crate::Percent::new(33).unwrap_or_default();
            let foreign = Split::between(self.live.clone(), half, self.candidate.clone());
            self.cloud.meddle(foreign.clone());
            ledger.meddled = Some(foreign);
        }
        if self.scenario.undo && due(Some(MENDED_AFTER)) && !ledger.mended {
            // Else there would be no way back to it, and no end.
            ledger.mended = true;
            for (name, side) in [("shop:v1", &self.live), ("shop:v2", self.new_side())] {
                self.cloud.add_image(image(name), Behaviour::default());
                restart(&self.cloud, side);
            }
        }
        if due(self.scenario.redeploy_after) && ledger.redeployed.is_none() {
            ledger.redeployed = self.cloud.redeploy(self.new_side(), image("shop:hotfix"));
        }
        if let Some((after, count)) = self.scenario.lose_new_after {
            let left = self.scenario.tasks - count;
            let over = due(Some(after + MENDED_AFTER));
            let room = (due(Some(after)) && !over).then_some(left);
            if ledger.room_for_new != room {
                ledger.room_for_new = room;
                self.cloud.limit_tasks(self.new_side(), room);
            }
        }
        if let Some((after, count)) = self.scenario.lose_live_after {
            if due(Some(after)) && !ledger.lost {
                ledger.lost = true;
                self.cloud.limit_tasks(&self.live, Some(self.scenario.tasks - count));
            }
            if due(Some(after + MENDED_AFTER)) {
                self.cloud.limit_tasks(&self.live, None);
            }
        }
    }
}

/// A question to which an earlier answer could be given again.
#[derive(PartialEq)]
enum Asked {
    Look { purpose: Purpose, first: Option<Environment>, sides: usize },
    Survey { begins: bool },
}

impl Asked {
    fn of(effect: &Effect) -> Option<Self> {
        match effect {
            Effect::Look(Look { purpose, environments, .. }) => Some(Self::Look {
                purpose: *purpose,
                first: environments.first().cloned(),
                sides: environments.len(),
            }),
            Effect::Survey { image, .. } => Some(Self::Survey { begins: image.is_some() }),
            _ => None,
        }
    }
}

#[async_trait]
impl Performer<Plan> for RolloutWorld {
    async fn perform(&self, context: &EffectContext, effect: &Effect) -> Result<Output, Failure> {
        self.let_happen();
        let before = effect.is_change().then(|| self.cloud.configuration());
        let answer = self.performer.perform(context, effect).await;
        if let Some(before) = before {
            self.changed(&before, effect);
        } else if let (Ok(output), Some(asked)) = (&answer, Asked::of(effect)) {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if !seen.iter().any(|(earlier, _)| *earlier == asked) {
                seen.push((asked, output.clone()));
            }
        }
        answer
    }
}

impl World<Plan> for RolloutWorld {
    fn check(&self) -> Result<(), String> {
        match &self.ledger().broken {
            Some(broken) => Err(broken.clone()),
            None => Ok(()),
        }
    }

    fn check_record(
        &self,
        _plan: &Plan,
        recorded: &Recorded<EventOf<Plan>>,
        state: &State,
    ) -> Result<(), String> {
        self.recorded(&recorded.event, state);
        self.check()
    }

    fn check_end(&self, _plan: &Plan, outcome: &Outcome) -> Result<(), String> {
        self.ended(outcome)
    }

    fn stale(&self, effect: &Effect) -> Option<Output> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = Asked::of(effect)?;
        seen.iter().find(|(earlier, _)| *earlier == asked).map(|(_, output)| output.clone())
    }
}

impl Scenario {
    /// The plan that is carried out in this scenario.
    pub fn plan(&self, strategy: Strategy) -> Plan {
        let [blue, green, baseline] = environments();
        let pair = if self.reversed { [green, blue] } else { [blue, green] };
        let target = match self.undo {
            true => Target::Revision(undo_target()),
            false => Target::Image(image("shop:v2")),
        };
        let mut plan = match strategy {
            Strategy::Canary => Plan::canary("shop", pair, target),
            Strategy::BlueGreen => Plan::blue_green("shop", pair, target),
            Strategy::Rolling { .. } => Plan::rolling("shop", pair, target),
        };
        plan.strategy = strategy;
        if strategy == Strategy::Canary && self.baseline {
            plan.baseline = Some(baseline);
        }
        plan.hooks = self.hook_plans();
        plan.undoes = self.undo.then(first_revision);
        plan.early = self.early;
        plan
    }
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Self::backend("simulating a rollout", violation.to_string())
    }
}
