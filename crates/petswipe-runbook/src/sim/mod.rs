//! The simulator: the same core and the same driver, in virtual time, with everything going wrong.
//!
//! A [`World`] is what the runbook acts upon, with promises that are checked after every effect and every record.
//! [`simulate`] runs one operation in it under a [`FaultPlan`]: effects fail before or after they happen, or never
//! answer; observations are stale; the process dies around any append and another one resumes; a frozen driver wakes
//! up after it has been replaced. One seed decides all of it, so the same seed gives the same [`Trace`].
//!
//! The crate-level documentation simulates the small runbook that it builds.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use crate::abort::AbortHandle;
use crate::approval::{Approver, AutoApprover};
use crate::clock::Clock;
use crate::driver::{Completed, Driver, Halted, LeaseTerms, Performer};
use crate::lease::MemoryLeases;
use crate::runbook::{EventOf, Recorded, Runbook};
use crate::{EffectId, Error, OperationId};

mod clock;
mod faults;
mod log;

pub use clock::SimClock;
pub use faults::FaultPlan;

use faults::{Dice, Faulty};
use log::{Crash, SimLog};

/// What a runbook acts upon in a simulation, with what must always hold in it.
pub trait World<R: Runbook>: Performer<R> + 'static {
    /// What must hold at every moment. Called after every effect that happened.
    ///
    /// # Errors
    /// The broken promise, in words.
    fn check(&self) -> Result<(), String>;

    /// What must hold between history and world. Called after every record.
    ///
    /// # Errors
    /// The broken promise, in words.
    fn check_record(
        &self,
        plan: &R,
        recorded: &Recorded<EventOf<R>>,
        state: &R::State,
    ) -> Result<(), String> {
        let _ = (plan, recorded, state);
        Ok(())
    }

    /// What must hold when the operation has ended.
    ///
    /// # Errors
    /// The broken promise, in words.
    fn check_end(&self, plan: &R, outcome: &R::Outcome) -> Result<(), String>;

    /// What an observation might answer if the read is stale: something that was true before. `None` for changes and
    /// where nothing was observed before.
    fn stale(&self, effect: &R::Effect) -> Option<R::Output> {
        let _ = effect;
        None
    }
}

/// Everything that happened in a simulation.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace<R: Runbook> {
    /// The records of the journal.
    pub records: Vec<Recorded<EventOf<R>>>,
    /// The effects that really happened, also those whose record was lost.
    pub performed: Vec<(EffectId, R::Effect)>,
    /// How it ended.
    pub outcome: R::Outcome,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How many drivers it took.
    pub drivers: u32,
}

/// A broken promise, with what is needed to see it again.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// The seed that breaks it.
    pub seed: u64,
    /// What is broken.
    pub promise: String,
    /// The last records before it, newest last.
    pub story: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {}", self.seed, self.promise)?;
        for line in &self.story {
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Violation {}

/// How many of the last records a violation tells.
const STORY: usize = 24;
/// An operation that is not at its end after so many drivers, records or that much time never will be.
const MOST_DRIVERS: u32 = 100;
const MOST_RECORDS: usize = 100_000;
const LONGEST: Duration = Duration::from_secs(60 * 60 * 24 * 30);

/// Runs one operation to its end in a simulated world.
///
/// `world` gets the virtual clock, which begins at `2026-01-01T00:00:00Z`. Questions are answered with yes.
///
/// # Errors
/// The first [`Violation`]: a promise of the world, an effect before its intent was durable, a core that got stuck, a
/// replaced driver that went on acting, a record that its JSON form changes, or an operation that does not end.
pub fn simulate<R: Runbook, W: World<R>>(
    seed: u64,
    plan: &R,
    faults: &FaultPlan,
    world: impl FnOnce(Arc<SimClock>) -> Arc<W>,
) -> Result<Trace<R>, Box<Violation>> {
    let approver = Arc::new(AutoApprover { by: "simulation".to_owned() });
    Simulation::new(seed, plan, faults, approver, world).run()
}

/// Like [`simulate`], with somebody of one's own who answers questions.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_with<R: Runbook, W: World<R>>(
    seed: u64,
    plan: &R,
    faults: &FaultPlan,
    approver: Arc<dyn Approver>,
    world: impl FnOnce(Arc<SimClock>) -> Arc<W>,
) -> Result<Trace<R>, Box<Violation>> {
    Simulation::new(seed, plan, faults, approver, world).run()
}

struct Simulation<'a, R: Runbook, W> {
    seed: u64,
    plan: &'a R,
    clock: Arc<SimClock>,
    log: Arc<SimLog<R>>,
    dice: Arc<Dice>,
    faults: &'a FaultPlan,
    performer: Arc<Faulty<R, W>>,
    approver: Arc<dyn Approver>,
    leases: Arc<MemoryLeases>,
    abort: AbortHandle,
    operation: OperationId,
}

impl<'a, R: Runbook, W: World<R>> Simulation<'a, R, W> {
    fn new(
        seed: u64,
        plan: &'a R,
        faults: &'a FaultPlan,
        approver: Arc<dyn Approver>,
        world: impl FnOnce(Arc<SimClock>) -> Arc<W>,
    ) -> Self {
        let start = Timestamp::from_second(1_767_225_600).unwrap_or_default();
        let clock = Arc::new(SimClock::new(start));
        let log = Arc::new(SimLog::new());
        let dice = Arc::new(Dice::new(seed, faults));
        let performer = Arc::new(Faulty {
            world: world(Arc::clone(&clock)),
            clock: Arc::clone(&clock),
            log: Arc::clone(&log),
            dice: Arc::clone(&dice),
            faults: faults.clone(),
            freeze_next: AtomicBool::new(false),
            frozen: AtomicBool::new(false),
            broken: std::sync::Mutex::new(None),
            performed: std::sync::Mutex::new(Vec::new()),
        });
        let operation = OperationId::new(format!("simulation-{seed}"));
        Self {
            seed,
            plan,
            clock,
            log,
            dice,
            faults,
            performer,
            approver,
            leases: Arc::new(MemoryLeases::new()),
            abort: AbortHandle::new(),
            // The name is made of allowed characters only.
            operation: operation.unwrap_or_else(|_| unreachable!()),
        }
    }

    fn driver(&self, number: u32) -> Driver<R> {
        let performer = Arc::clone(&self.performer);
        let log = Arc::clone(&self.log);
        let (watched, clock) = (Arc::clone(&self.performer), Arc::clone(&self.clock));
        let log: Arc<dyn crate::EventLog<R>> = log;
        Driver::with_clock(log, performer, clock)
            .approver(Arc::clone(&self.approver))
            .abort(self.abort.clone())
            .holder(format!("driver {number}"))
            .lease(LeaseTerms {
                store: self.leases.clone(),
                key: "simulation".to_owned(),
                ttl: Duration::from_secs(30),
            })
            .observer(Arc::new(
                move |plan: &R, recorded: &Recorded<EventOf<R>>, state: &R::State| {
                    if let Err(broken) = watched.world.check_record(plan, recorded, state) {
                        let mut held = watched
                            .broken
                            .lock()
                            .unwrap_or_else(std::sync::PoisonError::into_inner);
                        held.get_or_insert(broken);
                    }
                },
            ))
    }

    fn run(self) -> Result<Trace<R>, Box<Violation>> {
        let began_at = self.clock.now();
        let mut abort_at = None;
        if self.dice.strikes(self.faults.abort) {
            let seconds = self.dice.with(|random| random.u64(0..3600));
            abort_at = began_at.saturating_add(Duration::from_secs(seconds)).ok();
        }
        for number in 1..=MOST_DRIVERS {
            self.arm();
            let driver = self.driver(number);
            let story = self.story(&driver);
            let mut story = std::pin::pin!(story);
            let mut ended = None;
            loop {
                let stop = || {
                    self.performer.frozen.load(Ordering::Relaxed)
                        || self.log.crashed()
                        || self.performer.broken().is_some()
                        || abort_at.is_some_and(|at| self.clock.now() >= at)
                        || self.is_endless(began_at)
                };
                let result = self.clock.poll_while(story.as_mut(), || !stop());
                if let Some(broken) = self.performer.broken() {
                    return Err(self.violation(broken));
                }
                if let Some(result) = result {
                    ended = Some(result);
                } else if self.is_endless(began_at) {
                    return Err(self.violation("it does not come to an end".to_owned()));
                } else if abort_at.is_some_and(|at| self.clock.now() >= at) {
                    abort_at = None;
                    self.abort.abort("simulation", "somebody wants it to end");
                    continue;
                } else if self.performer.frozen.load(Ordering::Relaxed) {
                    ended = Some(Ok(self.take_over(number)?));
                    self.wake_the_frozen(story.as_mut())?;
                } else if !self.log.crashed() {
                    return Err(self.violation("everything waits, and for no time".to_owned()));
                }
                break;
            }
            match ended {
                Some(Ok(completed)) => return self.finish(completed, began_at, number),
                // A person mends what is broken and resumes.
                Some(Err(Halted { error: Error::Suspended { .. }, .. })) => self.bring_back()?,
                Some(Err(halted)) if !self.log.crashed() => {
                    let why = format!("the driver halted: {}", halted.error);
                    return Err(self.violation(why));
                }
                _ => self.bring_back()?,
            }
        }
        Err(self.violation(format!("it is not at its end after {MOST_DRIVERS} drivers")))
    }

    fn is_endless(&self, began_at: Timestamp) -> bool {
        self.log.len() > MOST_RECORDS
            || began_at.saturating_add(LONGEST).is_ok_and(|latest| self.clock.now() > latest)
    }

    /// Decides what strikes the next driver.
    fn arm(&self) {
        if self.faults.crash > 0.0 {
            // Geometric: as many appends as it takes for a chance of `crash` each to strike.
            let roll = self.dice.with(fastrand::Rng::f64);
            let appends = 1 + ((1.0 - roll).ln() / (1.0 - self.faults.crash).ln()) as u64;
            if self.dice.strikes(1.0) {
                let after = self.dice.with(fastrand::Rng::bool);
                self.log.crash_in(appends, if after { Crash::After } else { Crash::Before });
            }
        }
        if self.dice.strikes(self.faults.freeze / 2.0) {
            self.performer.freeze_next.store(true, Ordering::Relaxed);
        }
    }

    async fn story(&self, driver: &Driver<R>) -> Result<Completed<R>, Halted<R>> {
        if self.log.operation().is_some() {
            driver.resume().await
        } else {
            driver.start(self.operation.clone(), self.plan.clone()).await
        }
    }

    /// The process is dead for a while, and perhaps the power was cut as well.
    fn bring_back(&self) -> Result<(), Box<Violation>> {
        let down = self.faults.downtime.as_secs();
        self.clock.advance(Duration::from_secs(self.dice.with(|random| random.u64(0..=down))));
        let lost = self.dice.with(|random| if random.bool() { random.usize(0..3) } else { 0 });
        self.log.recover(lost).map_err(|broken| self.violation(broken))
    }

    /// Another driver goes on to the end while the first one is frozen inside an effect.
    fn take_over(&self, number: u32) -> Result<Completed<R>, Box<Violation>> {
        self.clock.advance(Duration::from_secs(self.dice.with(|random| random.u64(0..120))));
        let driver = self.driver(number + 1);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let result = self.clock.run_while(self.story(&driver), || !self.log.crashed());
            if let Some(broken) = self.performer.broken() {
                return Err(self.violation(broken));
            }
            match result {
                Some(Ok(completed)) => return Ok(completed),
                Some(Err(Halted { error: Error::Suspended { .. }, .. }))
                    if attempts < MOST_DRIVERS =>
                {
                    self.bring_back()?;
                }
                _ if self.log.crashed() && attempts < MOST_DRIVERS => self.bring_back()?,
                Some(Err(halted)) => {
                    let why = format!("the driver that took over halted: {}", halted.error);
                    return Err(self.violation(why));
                }
                None => return Err(self.violation("everything waits, and for no time".into())),
            }
        }
    }

    /// The replaced driver wakes up. It must find out and stop, and change nothing.
    fn wake_the_frozen(
        &self,
        story: std::pin::Pin<&mut impl Future<Output = Result<Completed<R>, Halted<R>>>>,
    ) -> Result<(), Box<Violation>> {
        self.performer.frozen.store(false, Ordering::Relaxed);
        self.log.disarm();
        let before = self.log.len();
        match self.clock.poll_while(story, || true) {
            Some(Err(Halted {
                error: Error::LeaseLost { .. } | Error::Conflict { .. }, ..
            })) => {}
            other => {
                let found = match other {
                    None => "it waits for ever".to_owned(),
                    Some(Ok(_)) => "it went on to an end of its own".to_owned(),
                    Some(Err(halted)) => halted.error.to_string(),
                };
                let why = format!("a replaced driver did not stop as it should: {found}");
                return Err(self.violation(why));
            }
        }
        if self.log.len() != before {
            return Err(self.violation("a replaced driver wrote to the journal".to_owned()));
        }
        Ok(())
    }

    /// The end: it must be a good one, and it must stay so.
    fn finish(
        &self,
        completed: Completed<R>,
        began_at: Timestamp,
        drivers: u32,
    ) -> Result<Trace<R>, Box<Violation>> {
        let ended_at = self.clock.now();
        if let Some(broken) = self.performer.broken() {
            return Err(self.violation(broken));
        }
        let outcome = completed.outcome;
        let world = &self.performer.world;
        world.check_end(self.plan, &outcome).map_err(|broken| self.violation(broken))?;
        let trace = |records| Trace {
            records,
            performed: self
                .performer
                .performed
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .clone(),
            outcome,
            began_at,
            ended_at,
            drivers,
        };
        self.log.with_history(|history| match history {
            Some(history) => Ok(trace(history.records.clone())),
            None => Err(self.violation("it ended without a journal".to_owned())),
        })
    }

    fn violation(&self, promise: String) -> Box<Violation> {
        let story = self.log.with_history(|history| {
            let records = history.map_or(&[][..], |history| &history.records);
            records
                .iter()
                .skip(records.len().saturating_sub(STORY))
                .map(|recorded| format!("{:>4} {} {:?}", recorded.seq, recorded.at, recorded.event))
                .collect()
        });
        Box::new(Violation { seed: self.seed, promise, story })
    }
}
