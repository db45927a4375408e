//! Drivers that break their promises are found out. A bad log in front of the real one makes the driver a bad one.

use std::sync::Mutex;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::*;
use crate::approval::AutoApprover;
use crate::driver::{EffectContext, Performer};
use crate::journal::Durability;
use crate::log::{History, Opening};
use crate::runbook::{Decision, Event, Failure, InFlight, Step};

/// Sets a number twice.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Turn;

#[derive(Clone, Debug, Default)]
struct State {
    sets: u32,
    in_flight: InFlight<u32>,
}

impl Runbook for Turn {
    type State = State;
    type Effect = u32;
    type Output = ();
    type Outcome = ();
    const KIND: &'static str = "turn";
    const VERSION: u32 = 1;

    fn validate(&self) -> Result<(), Error> {
        Ok(())
    }

    fn begin(&self, _: Timestamp) -> State {
        State::default()
    }

    fn decide(&self, state: &State, _: Timestamp) -> Decision<u32, ()> {
        if !state.in_flight.is_empty() {
            return Decision::WaitForEvent;
        }
        if state.sets == 2 {
            return Decision::Finish(());
        }
        Decision::Perform(vec![Step::change(state.sets, Duration::from_secs(10))])
    }

    fn evolve(&self, state: &mut State, event: &EventOf<Self>, at: Timestamp) {
        if let Some((_, Ok(()))) = state.in_flight.observe(event, at) {
            state.sets += 1;
        }
    }
}

struct Anything;

#[async_trait]
impl Performer<Turn> for Anything {
    async fn perform(&self, _: &EffectContext, _: &u32) -> Result<(), Failure> {
        Ok(())
    }
}

impl World<Turn> for Anything {
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    fn check_end(&self, _: &Turn, _: &()) -> Result<(), String> {
        Ok(())
    }
}

/// How the log in front of the real one is bad.
#[derive(Clone, Copy, PartialEq)]
enum Bad {
    /// It is not.
    Not,
    /// Intents are written with whatever follows them.
    IntentsLater,
    /// Nothing is made to survive a power cut.
    NeverDurable,
    /// Whoever is refused does not hear of it.
    DeafToRefusals,
}

struct BadLog {
    log: Arc<SimLog<Turn>>,
    bad: Bad,
    held_back: Mutex<Vec<Recorded<EventOf<Turn>>>>,
}

#[async_trait]
impl EventLog<Turn> for BadLog {
    async fn load(&self) -> Result<Option<History<Turn>>, Error> {
        self.log.load().await
    }

    async fn open(&self, opening: &Opening<Turn>) -> Result<(), Error> {
        self.log.open(opening).await
    }

    async fn append(
        &self,
        batch: &[Recorded<EventOf<Turn>>],
        durability: Durability,
    ) -> Result<(), Error> {
        match self.bad {
            Bad::Not => self.log.append(batch, durability).await,
            Bad::IntentsLater => {
                let mut whole = std::mem::take(&mut *self.held_back.lock().unwrap());
                whole.extend_from_slice(batch);
                if matches!(batch[0].event, Event::Intended { .. }) {
                    *self.held_back.lock().unwrap() = whole;
                    return Ok(());
                }
                self.log.append(&whole, durability).await
            }
            Bad::NeverDurable => self.log.append(batch, Durability::Buffered).await,
            Bad::DeafToRefusals => match self.log.append(batch, durability).await {
                Err(Error::Conflict { .. } | Error::LeaseLost { .. }) => Ok(()),
                answer => answer,
            },
        }
    }

    fn location(&self) -> String {
        "bad".to_owned()
    }
}

fn simulate(bad: Bad, seed: u64, faults: &FaultPlan) -> Result<Trace<Turn>, Box<Violation>> {
    let approver = Arc::new(AutoApprover { by: "a test".to_owned() });
    let mut simulation = Simulation::new(seed, &Turn, faults, approver, |_| Arc::new(Anything));
    let log = Arc::clone(&simulation.log);
    simulation.drivers_log = Arc::new(BadLog { log, bad, held_back: Mutex::default() });
    simulation.run()
}

#[test]
fn a_good_driver_breaks_no_promise() {
    for seed in 0..1_000 {
        simulate(Bad::Not, seed, &FaultPlan::from_seed(seed)).unwrap();
    }
}

#[test]
fn an_effect_that_acts_before_it_is_journaled_is_found_without_any_fault() {
    let violation = simulate(Bad::IntentsLater, 0, &FaultPlan::none()).unwrap_err();
    assert_eq!(violation.promise, "effect #0 acted before the journal held it: 0");
}

#[test]
fn an_intent_that_a_power_cut_could_lose_is_found_without_any_fault() {
    let violation = simulate(Bad::NeverDurable, 0, &FaultPlan::none()).unwrap_err();
    assert_eq!(violation.promise, "effect #0 acted before the journal held it: 0");
}

#[test]
fn a_replaced_driver_that_does_not_stop_is_found() {
    let found = (0..200).find_map(|seed| {
        let faults = FaultPlan { freeze: 1.0, most: 1, ..FaultPlan::none() };
        simulate(Bad::DeafToRefusals, seed, &faults).err()
    });
    let promise = found.unwrap().promise;
    assert_eq!(
        promise,
        "a replaced driver did not stop as it should: it went on to an end of its own"
    );
}
