//! A runbook whose plan is a script, and a stage that performs it: for tests of the driver.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part of this")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use petswipe_runbook::journal::{Durability, Journal, MemoryJournal, Record};
use petswipe_runbook::{
    Clock, Decision, Driver, EffectContext, Error, Event, EventOf, Failure, FailureKind, Halted,
    InFlight, OperationId, Performer, Question, Recorded, Runbook, Step, SystemClock,
};
use serde::{Deserialize, Serialize};

/// What is done, one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Script(pub Vec<Act>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Act {
    /// All at the same time.
    Perform(Vec<Effect>),
    /// Asks, and waits for the answer for so many seconds.
    Ask(String, u64),
    /// Waits so many seconds.
    Pause(u64),
    /// Suspends until somebody resumes it.
    Suspend,
    /// Ends while the effect is under way.
    FinishDuring(Effect),
    /// A bug: performs nothing.
    PerformNothing,
    /// A bug: waits for an event when nothing is under way.
    WaitForNothing,
    /// A bug: waits for a time that has passed.
    WaitForThePast,
    /// A bug: begins the effect again and again.
    Repeat(Effect),
    /// A bug: asks again and again.
    AskForEver,
}

/// What the stage does: it takes `takes` seconds, or for ever, and fails or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    pub name: String,
    pub takes: Option<u64>,
    pub fails: Option<FailureKind>,
    pub timeout: u64,
    pub interruptible: bool,
}

/// A change that takes so many seconds.
pub fn change(name: &str, takes: u64) -> Effect {
    let name = name.to_owned();
    Effect { name, takes: Some(takes), fails: None, timeout: 60, interruptible: false }
}

/// An observation that takes so many seconds.
pub fn look(name: &str, takes: u64) -> Effect {
    Effect { interruptible: true, ..change(name, takes) }
}

/// A change that never answers and is given up after so many seconds.
pub fn silent(name: &str, timeout: u64) -> Effect {
    Effect { takes: None, timeout, ..change(name, 0) }
}

/// A change that fails at once.
pub fn failing(name: &str, kind: FailureKind) -> Effect {
    Effect { fails: Some(kind), ..change(name, 0) }
}

pub fn script(acts: impl Into<Vec<Act>>) -> Script {
    Script(acts.into())
}

pub fn perform(effects: impl Into<Vec<Effect>>) -> Act {
    Act::Perform(effects.into())
}

#[derive(Clone, Debug, Default)]
pub struct State {
    act: usize,
    begun: bool,
    aborted: bool,
    undone: bool,
    since: Option<Timestamp>,
    in_flight: InFlight<Effect>,
    /// What came of each effect and question, in order.
    pub results: Vec<String>,
}

impl State {
    fn advance(&mut self, at: Timestamp) {
        self.act += 1;
        self.begun = false;
        self.since = Some(at);
    }
}

fn step(effect: &Effect) -> Step<Effect> {
    let timeout = Duration::from_secs(effect.timeout);
    Step { effect: effect.clone(), timeout, interruptible: effect.interruptible }
}

impl Runbook for Script {
    type State = State;
    type Effect = Effect;
    type Output = String;
    type Outcome = String;
    const KIND: &'static str = "script";
    const VERSION: u32 = 1;

    fn validate(&self) -> Result<(), Error> {
        if self.0.is_empty() {
            return Err(Error::invalid("acts", 0, "1 or more"));
        }
        Ok(())
    }

    fn begin(&self, at: Timestamp) -> State {
        State { since: Some(at), ..State::default() }
    }

    fn decide(&self, state: &State, now: Timestamp) -> Decision<Effect, String> {
        let underway = !state.in_flight.is_empty();
        if state.aborted {
            return match (underway, state.undone) {
                (true, _) => Decision::WaitForEvent,
                (false, false) => Decision::Perform(vec![step(&change("undo", 1))]),
                (false, true) => Decision::Finish("aborted".to_owned()),
            };
        }
        let since = state.since.unwrap();
        let after = |seconds: u64| since + Duration::from_secs(seconds);
        let Some(act) = self.0.get(self.current(state, now)) else {
            return Decision::Finish("done".to_owned());
        };
        match act {
            Act::Repeat(effect) => Decision::Perform(vec![step(effect)]),
            Act::AskForEver => Decision::Ask(question("for ever", now)),
            Act::Perform(_) | Act::Ask(..) if state.begun => Decision::WaitForEvent,
            Act::Perform(effects) => Decision::Perform(effects.iter().map(step).collect()),
            Act::FinishDuring(_) if state.begun => Decision::Finish("done".to_owned()),
            Act::FinishDuring(effect) => Decision::Perform(vec![step(effect)]),
            Act::Ask(key, seconds) => Decision::Ask(question(key, after(*seconds))),
            Act::Pause(seconds) => Decision::WaitUntil(after(*seconds)),
            Act::Suspend => Decision::Suspend { why: "somebody has to look".to_owned() },
            Act::PerformNothing => Decision::Perform(Vec::new()),
            Act::WaitForNothing => Decision::WaitForEvent,
            Act::WaitForThePast => Decision::WaitUntil(now),
        }
    }

    fn evolve(&self, state: &mut State, event: &EventOf<Self>, at: Timestamp) {
        let settled = state.in_flight.observe(event, at);
        match event {
            Event::Intended { .. } | Event::Asked { .. } => {
                state.act = self.current(state, at);
                state.begun = true;
            }
            Event::Resumed { .. } => {
                state.begun = false;
                if self.0.get(state.act) == Some(&Act::Suspend) {
                    state.advance(at);
                }
            }
            Event::AbortRequested { .. } => state.aborted = true,
            Event::Answered { key, answer } => {
                state.results.push(format!("{key}: {}", answer.approved));
                state.advance(at);
            }
            Event::Unanswered { key } => {
                state.results.push(format!("{key}: unanswered"));
                state.advance(at);
            }
            _ => {}
        }
        if let Some((settled, result)) = settled {
            let name = settled.effect.name;
            state.undone |= name == "undo";
            state.results.push(match result {
                Ok(_) => format!("{name}: ok"),
                Err(failure) => format!("{name}: {:?}", failure.kind),
            });
            if state.in_flight.is_empty() && !state.aborted {
                state.advance(at);
            }
        }
    }
}

impl Script {
    /// The act that is on: a pause that is over leaves no event.
    fn current(&self, state: &State, now: Timestamp) -> usize {
        let over = |seconds: u64| state.since.unwrap() + Duration::from_secs(seconds) <= now;
        match self.0.get(state.act) {
            Some(Act::Pause(seconds)) if over(*seconds) => state.act + 1,
            _ => state.act,
        }
    }
}

fn question(key: &str, deadline: Timestamp) -> Question {
    Question { key: key.to_owned(), text: format!("{key}?"), deadline }
}

/// Where effects are performed. Notes what it did, with the seconds since it was set up.
pub struct Stage {
    pub clock: Arc<dyn Clock>,
    pub began: Timestamp,
    pub notes: Mutex<Vec<String>>,
    pub contexts: Mutex<Vec<EffectContext>>,
}

impl Stage {
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        let began = clock.now();
        Arc::new(Self { clock, began, notes: Mutex::default(), contexts: Mutex::default() })
    }

    pub fn note(&self, what: &str) {
        let second = self.seconds();
        self.notes.lock().unwrap().push(format!("{second} {what}"));
    }

    pub fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap().clone()
    }

    /// Seconds since it was set up.
    pub fn seconds(&self) -> i64 {
        self.clock.now().duration_since(self.began).as_secs()
    }
}

#[async_trait]
impl Performer<Script> for Stage {
    async fn perform(&self, context: &EffectContext, effect: &Effect) -> Result<String, Failure> {
        self.contexts.lock().unwrap().push(context.clone());
        self.note(&format!("begin {}", effect.name));
        match effect.takes {
            None => std::future::pending().await,
            Some(0) => {}
            Some(seconds) => {
                self.clock.sleep_until(self.clock.now() + Duration::from_secs(seconds)).await;
            }
        }
        self.note(&format!("end {}", effect.name));
        match effect.fails {
            None => Ok(effect.name.clone()),
            Some(kind) => Err(Failure::new(kind, "the script says so")),
        }
    }
}

/// A journal in memory that can be slow, fail, or keep its secrets, and notes how durable each append was.
#[derive(Default)]
pub struct TestJournal {
    pub held: MemoryJournal,
    pub durabilities: Mutex<Vec<(Durability, usize)>>,
    /// The append with this number, from 0, takes so many seconds.
    pub slow: Mutex<Option<(usize, u64)>>,
    /// Appends from this number on fail.
    pub fails_from: Mutex<Option<usize>>,
    /// Before the append with this number somebody else writes these.
    pub intruder: Mutex<Option<(usize, Vec<Record>)>>,
    /// Reads fail.
    pub reads_fail: Mutex<bool>,
    /// The next read finds nothing.
    pub reads_blind: Mutex<Option<()>>,
    pub clock: Mutex<Option<Arc<dyn Clock>>>,
}

#[async_trait]
impl Journal for TestJournal {
    async fn append(&self, at: u64, records: &[Record], how: Durability) -> Result<(), Error> {
        let number = self.durabilities.lock().unwrap().len();
        let slow = *self.slow.lock().unwrap();
        if let Some((_, seconds)) = slow.filter(|(slow, _)| *slow == number) {
            let clock = self.clock.lock().unwrap().clone().unwrap();
            clock.sleep_until(clock.now() + Duration::from_secs(seconds)).await;
        }
        if self.fails_from.lock().unwrap().is_some_and(|from| number >= from) {
            return Err(Error::backend("appending", "the disk is full"));
        }
        let intruder = self.intruder.lock().unwrap().take_if(|(at, _)| *at == number);
        if let Some((_, records)) = intruder {
            self.held.append(records[0].seq, &records, how).await?;
        }
        self.durabilities.lock().unwrap().push((how, records.len()));
        self.held.append(at, records, how).await
    }

    async fn read(&self) -> Result<Vec<Record>, Error> {
        if *self.reads_fail.lock().unwrap() {
            return Err(Error::backend("reading", "the disk is gone"));
        }
        if self.reads_blind.lock().unwrap().take().is_some() {
            return Ok(Vec::new());
        }
        self.held.read().await
    }

    fn location(&self) -> String {
        "test".to_owned()
    }
}

/// A driver with everything around it.
pub struct House {
    pub clock: Arc<dyn Clock>,
    pub stage: Arc<Stage>,
    pub journal: Arc<TestJournal>,
}

impl House {
    /// On tokio's clock, which the test has paused.
    pub fn new() -> Self {
        Self::on(Arc::new(SystemClock::new()))
    }

    pub fn on(clock: Arc<dyn Clock>) -> Self {
        let journal = Arc::new(TestJournal::default());
        *journal.clock.lock().unwrap() = Some(Arc::clone(&clock));
        Self { stage: Stage::new(Arc::clone(&clock)), clock, journal }
    }

    pub fn driver(&self) -> Driver<Script> {
        self.driver_on(Arc::clone(&self.clock))
    }

    pub fn driver_on(&self, clock: Arc<dyn Clock>) -> Driver<Script> {
        let log = Arc::new(petswipe_runbook::Journaled(self.journal.clone()));
        let stage: Arc<Stage> = Arc::clone(&self.stage);
        Driver::with_clock(log, stage, clock).holder("a test")
    }

    pub async fn after(&self, seconds: u64) {
        let time = self.stage.began + Duration::from_secs(seconds);
        self.clock.sleep_until(time).await;
    }

    /// What the journal has, each as one word with the second it was recorded in.
    pub async fn events(&self) -> Vec<String> {
        let records = self.records().await;
        let second =
            |recorded: &Recorded<_>| recorded.at.duration_since(self.stage.began).as_secs();
        records.iter().map(|each| format!("{} {}", second(each), word(&each.event))).collect()
    }

    pub async fn records(&self) -> Vec<Recorded<EventOf<Script>>> {
        self.driver().history().await.unwrap().unwrap().records
    }
}

/// An event in a word or two.
pub fn word(event: &EventOf<Script>) -> String {
    match event {
        Event::Intended { id, effect, .. } => format!("intended {id} {}", effect.name),
        Event::Succeeded { id, .. } => format!("succeeded {id}"),
        Event::Failed { id, failure } => format!("failed {id} {:?}", failure.kind),
        Event::Asked { question } => format!("asked {}", question.key),
        Event::Answered { key, answer } => format!("answered {key} {}", answer.approved),
        Event::Unanswered { key } => format!("unanswered {key}"),
        Event::AbortRequested { by, .. } => format!("abort by {by}"),
        Event::Resumed { fence, .. } => format!("resumed with {fence}"),
        Event::Finished { outcome } => format!("finished {outcome}"),
    }
}

pub fn operation(name: &str) -> OperationId {
    OperationId::new(name).unwrap()
}

/// The error of a halt, which must be one.
pub fn error_of<T>(result: Result<T, Halted<Script>>) -> (Error, bool) {
    match result {
        Ok(_) => panic!("it did not halt"),
        Err(halted) => (halted.error, halted.touched),
    }
}
