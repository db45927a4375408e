//! A runbook that shifts traffic step by step, and a world for it. Either can have a bug planted.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use petswipe_runbook::sim::{FaultPlan, Trace, Violation, World, simulate};
use petswipe_runbook::{
    Decision, EffectContext, Error, Event, EventOf, Failure, FailureKind, Fence, InFlight,
    Performer, Runbook, Step,
};
use serde::{Deserialize, Serialize};

/// What is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Bug {
    #[default]
    None,
    /// The next weight is reached by adding to the one there is.
    AddsToTheWeight,
    /// It looks again every minute, for ever.
    NeverFinishes,
    /// It begins one look after the other and waits for none.
    NeverWaits,
    /// It wakes up every nanosecond.
    Naps,
    /// It asks the same question again and again.
    NeverStopsAsking,
    /// It waits for an event though it has begun nothing.
    WaitsForNothing,
    /// It believes that what was under way goes on after a crash.
    MissesItsOwnDeath,
    /// It ends at once when it is aborted.
    ForgetsToUndo,
    /// It takes a timeout for a success.
    TrustsTimeouts,
    /// Its state has something of the machine's time.
    StateReadsClock,
    /// Its decisions have something of the machine's time.
    DecisionReadsClock,
    /// The world obeys drivers that have been replaced.
    WorldIgnoresFences,
    /// The last step is not written down with the plan.
    PlanLosesAField,
    /// What was observed is not written down whole.
    OutputLosesAField,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    pub steps: Vec<u32>,
    pub pause: Duration,
    pub bug: Bug,
    #[serde(skip)]
    pub unwritten: u32,
}

impl Shift {
    pub fn with(bug: Bug) -> Self {
        let unwritten = if bug == Bug::PlanLosesAField { 100 } else { 0 };
        Self { steps: vec![5, 50, 100], pause: Duration::from_secs(60), bug, unwritten }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    Read,
    Set(u32),
    Add(u32),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weight {
    pub green: u32,
    #[serde(skip)]
    pub unwritten: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    Shifted,
    Undone,
}

#[derive(Clone, Debug, Default)]
pub struct State {
    /// The weight of the last step was seen.
    confirmed: bool,
    reached: usize,
    aborted: bool,
    undone: bool,
    pause_until: Option<Timestamp>,
    in_flight: InFlight<Effect>,
    machine_time: Option<Timestamp>,
}

#[expect(clippy::disallowed_methods, reason = "this is the planted bug")]
fn machine_time() -> Timestamp {
    Timestamp::now()
}

impl Runbook for Shift {
    type State = State;
    type Effect = Effect;
    type Output = Weight;
    type Outcome = Outcome;
    const KIND: &'static str = "shift";
    const VERSION: u32 = 1;

    fn validate(&self) -> Result<(), Error> {
        Ok(())
    }

    fn begin(&self, _at: Timestamp) -> State {
        State::default()
    }

    fn decide(&self, state: &State, now: Timestamp) -> Decision<Effect, Outcome> {
        let timeout = Duration::from_secs(10);
        let look = Decision::Perform(vec![Step::observation(Effect::Read, timeout)]);
        let naps = |by: Duration| Decision::WaitUntil(now + by);
        match self.bug {
            Bug::NeverWaits => return look,
            Bug::Naps => return naps(Duration::from_nanos(1)),
            Bug::NeverStopsAsking => {
                return Decision::Ask(petswipe_runbook::Question {
                    key: "again".to_owned(),
                    text: String::new(),
                    deadline: now,
                });
            }
            Bug::WaitsForNothing if state.confirmed => return Decision::WaitForEvent,
            _ => {}
        }
        if !state.in_flight.is_empty() {
            return Decision::WaitForEvent;
        }
        if state.pause_until.is_some_and(|until| until > now) && !state.aborted {
            if self.bug == Bug::DecisionReadsClock {
                return Decision::WaitUntil(now.max(machine_time()) + self.pause);
            }
            return Decision::WaitUntil(state.pause_until.unwrap());
        }
        if state.aborted {
            return if state.undone || self.bug == Bug::ForgetsToUndo {
                Decision::Finish(Outcome::Undone)
            } else {
                Decision::Perform(vec![Step::change(Effect::Set(0), timeout)])
            };
        }
        if !state.confirmed {
            return look;
        }
        match self.steps.get(state.reached) {
            Some(weight) if self.bug == Bug::AddsToTheWeight => {
                let before = state.reached.checked_sub(1).map_or(0, |index| self.steps[index]);
                Decision::Perform(vec![Step::change(Effect::Add(weight - before), timeout)])
            }
            Some(weight) => Decision::Perform(vec![Step::change(Effect::Set(*weight), timeout)]),
            None if self.bug == Bug::NeverFinishes => naps(Duration::from_secs(60)),
            None => Decision::Finish(Outcome::Shifted),
        }
    }

    fn evolve(&self, state: &mut State, event: &EventOf<Self>, at: Timestamp) {
        if self.bug == Bug::StateReadsClock {
            state.machine_time = Some(machine_time());
        }
        if self.bug == Bug::MissesItsOwnDeath && matches!(event, Event::Resumed { .. }) {
            return;
        }
        let Some((settled, result)) = state.in_flight.observe(event, at) else {
            if let Event::AbortRequested { .. } = event {
                state.aborted = true;
            }
            return;
        };
        let trusted = self.bug == Bug::TrustsTimeouts
            && result.is_err_and(|failure| failure.kind == FailureKind::TimedOut);
        if result.is_err() && !trusted {
            state.pause_until = Some(at + Duration::from_secs(1));
            return;
        }
        match settled.effect {
            Effect::Read => {
                let wanted = state.reached.checked_sub(1).map_or(0, |index| self.steps[index]);
                state.confirmed = trusted || result.is_ok_and(|weight| weight.green >= wanted);
                let pause = match (state.confirmed, state.reached) {
                    (true, 0) => Duration::ZERO,
                    (true, _) => self.pause,
                    (false, _) => Duration::from_secs(1),
                };
                state.pause_until = Some(at + pause);
            }
            Effect::Set(0) => state.undone = true,
            Effect::Set(_) | Effect::Add(_) => {
                state.reached += 1;
                state.confirmed = trusted;
            }
        }
    }
}

/// The traffic that is shifted.
#[derive(Default)]
pub struct Router {
    bug: Bug,
    state: Mutex<Traffic>,
}

#[derive(Default)]
struct Traffic {
    green: u32,
    before: Option<u32>,
    fence: Fence,
}

#[async_trait]
impl Performer<Shift> for Router {
    async fn perform(&self, context: &EffectContext, effect: &Effect) -> Result<Weight, Failure> {
        let mut traffic = self.state.lock().unwrap();
        let target = match effect {
            Effect::Read => None,
            Effect::Set(weight) => Some(*weight),
            Effect::Add(weight) => Some(traffic.green + weight),
        };
        if let Some(target) = target {
            if context.fence < traffic.fence && self.bug != Bug::WorldIgnoresFences {
                return Err(Failure::new(FailureKind::Fenced, "a newer driver was here"));
            }
            traffic.fence = context.fence;
            traffic.before = Some(traffic.green);
            traffic.green = target;
        }
        let unwritten = if self.bug == Bug::OutputLosesAField { 7 } else { 0 };
        Ok(Weight { green: traffic.green, unwritten })
    }
}

impl World<Shift> for Router {
    fn check(&self) -> Result<(), String> {
        let green = self.state.lock().unwrap().green;
        if green > 100 { Err(format!("{green} of 100 go to green")) } else { Ok(()) }
    }

    fn check_end(&self, plan: &Shift, outcome: &Outcome) -> Result<(), String> {
        let green = self.state.lock().unwrap().green;
        let wanted = match outcome {
            Outcome::Shifted => *plan.steps.last().unwrap(),
            Outcome::Undone => 0,
        };
        if green == wanted { Ok(()) } else { Err(format!("{outcome:?}, but green has {green}")) }
    }

    fn stale(&self, effect: &Effect) -> Option<Weight> {
        let green = self.state.lock().unwrap().before?;
        matches!(effect, Effect::Read).then_some(Weight { green, unwritten: 0 })
    }
}

pub fn run(bug: Bug, seed: u64, faults: &FaultPlan) -> Result<Trace<Shift>, Box<Violation>> {
    let router = Router { bug, ..Router::default() };
    simulate(seed, &Shift::with(bug), faults, |_clock| Arc::new(router))
}
