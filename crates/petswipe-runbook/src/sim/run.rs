//! One simulation: driver after driver, until the operation is at its end or a promise is broken.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;

use super::faults::{Dice, Faulty};
use super::log::{MOST_RECORDS, SimLog};
use super::{FaultPlan, SimClock, Trace, Violation, World, purity};

/// Folding everything once more takes longer than the simulation itself, so only the seeds that are multiples of this do.
const PURITY_EVERY: u64 = 16;
use crate::abort::AbortHandle;
use crate::approval::Approver;
use crate::clock::Clock;
use crate::driver::{Completed, Driver, Halted, LeaseTerms};
use crate::lease::MemoryLeases;
use crate::log::EventLog;
use crate::runbook::{EventOf, Recorded, Runbook};
use crate::{Error, OperationId};

/// An operation that is not at its end after so many drivers, polls or that much time never will be.
const MOST_DRIVERS: u32 = 100;
const MOST_POLLS: u64 = 1_000_000;
const LONGEST: Duration = Duration::from_secs(60 * 60 * 24 * 30);
/// Short enough that a driver renews it all the time, long enough that it does something else as well.
const LEASE: Duration = Duration::from_secs(120);

pub(super) struct Simulation<'a, R: Runbook, W> {
    seed: u64,
    plan: &'a R,
    clock: Arc<SimClock>,
    log: Arc<SimLog<R>>,
    /// What drivers write to: the log, unless a test puts a bad one in front of it.
    drivers_log: Arc<dyn EventLog<R>>,
    dice: Arc<Dice>,
    faults: &'a FaultPlan,
    performer: Arc<Faulty<R, W>>,
    approver: Arc<dyn Approver>,
    leases: Arc<MemoryLeases>,
    abort: AbortHandle,
    operation: OperationId,
    began_at: Timestamp,
    abort_at: Cell<Option<Timestamp>>,
    drivers: Cell<u32>,
    polls: Cell<u64>,
    /// Another driver is at work while the first one is frozen.
    replacing: Cell<bool>,
}

/// The end of a driver.
type Ended<R> = Result<Completed<R>, Halted<R>>;

impl<'a, R: Runbook, W: World<R>> Simulation<'a, R, W> {
    pub(super) fn new(
        seed: u64,
        plan: &'a R,
        faults: &'a FaultPlan,
        approver: Arc<dyn Approver>,
        world: impl FnOnce(Arc<SimClock>) -> Arc<W>,
    ) -> Self {
        let began_at = Timestamp::from_second(1_767_225_600).unwrap_or_default();
        let clock = Arc::new(SimClock::new(began_at));
        let log = Arc::new(SimLog::new());
        let dice = Arc::new(Dice::new(seed, faults));
        let performer = Arc::new(Faulty::new(
            world(Arc::clone(&clock)),
            Arc::clone(&clock),
            Arc::clone(&log),
            Arc::clone(&dice),
            faults.clone(),
        ));
        Self {
            seed,
            plan,
            clock,
            drivers_log: Arc::<SimLog<R>>::clone(&log),
            log,
            dice,
            faults,
            performer,
            approver,
            leases: Arc::new(MemoryLeases::new()),
            abort: AbortHandle::new(),
            operation: OperationId::simulated(seed),
            began_at,
            abort_at: Cell::new(None),
            drivers: Cell::new(0),
            polls: Cell::new(0),
            replacing: Cell::new(false),
        }
    }

    pub(super) fn run(self) -> Result<Trace<R>, Box<Violation>> {
        if self.dice.strikes(self.faults.abort) {
            // As likely within the first second as within the first minute after it, or the hour after that.
            let seconds = 3600.0 * 10_f64.powf(-6.0 * self.dice.with(fastrand::Rng::f64));
            let at = self.began_at.saturating_add(Duration::from_secs_f64(seconds));
            self.abort_at.set(at.ok());
        }
        loop {
            let driver = self.next_driver()?;
            self.arm_crash();
            self.arm_freeze();
            if let Some(completed) = self.live(&driver)? {
                return self.finish(completed);
            }
            self.bring_back()?;
        }
    }

    fn next_driver(&self) -> Result<Driver<R>, Box<Violation>> {
        let number = self.drivers.get() + 1;
        if number > MOST_DRIVERS {
            let why = format!("it is not at its end after {MOST_DRIVERS} drivers");
            return Err(self.violation(why));
        }
        self.drivers.set(number);
        let (watching, clock) = (Arc::clone(&self.performer), Arc::clone(&self.clock));
        let watch = move |plan: &R, recorded: &Recorded<EventOf<R>>, state: &R::State| {
            if let Err(broken) = watching.world.check_record(plan, recorded, state) {
                watching.break_promise(broken);
            }
        };
        let performer = Arc::<Faulty<R, W>>::clone(&self.performer);
        Ok(Driver::with_clock(Arc::clone(&self.drivers_log), performer, clock)
            .approver(Arc::clone(&self.approver))
            .abort(self.abort.clone())
            .holder(format!("driver {number}"))
            .lease(LeaseTerms {
                store: self.leases.clone(),
                key: "simulation".to_owned(),
                ttl: LEASE,
            })
            .observer(Arc::new(watch)))
    }

    /// Decides when the next driver dies, if it does.
    fn arm_crash(&self) {
        if self.faults.crash > 0.0 && self.dice.strikes(1.0) {
            // Geometric: as many appends as it takes for a chance of `crash` each to strike.
            let roll = self.dice.with(fastrand::Rng::f64);
            let appends = 1 + ((1.0 - roll).ln() / (1.0 - self.faults.crash).ln()) as u64;
            self.log.crash_in(appends, self.dice.with(fastrand::Rng::f64));
        }
    }

    /// Decides whether the next driver freezes, and inside which of its effects: mostly one of the first few, since
    /// there may not be more.
    fn arm_freeze(&self) {
        let freezes = self.dice.strikes(self.faults.freeze);
        let effect = self.dice.with(|random| {
            let last = random.u32(1..=16);
            random.u32(1..=last)
        });
        self.performer.frozen.store(false, Ordering::Relaxed);
        self.performer.freeze_in.store(if freezes { effect } else { 0 }, Ordering::Relaxed);
    }

    async fn story(&self, driver: &Driver<R>) -> Ended<R> {
        if self.log.is_open() {
            driver.resume().await
        } else {
            driver.start(self.operation.clone(), self.plan.clone()).await
        }
    }

    /// The life of a driver. `None` when it died, or when it suspended the operation: a person mends what is broken.
    fn live(&self, driver: &Driver<R>) -> Result<Option<Completed<R>>, Box<Violation>> {
        let mut story = std::pin::pin!(self.story(driver));
        loop {
            self.abort_when_due();
            let until = self.abort_at.get();
            let ended = self.clock.poll_while(story.as_mut(), until, || !self.must_stop());
            self.check_promises()?;
            match ended {
                Some(Ok(completed)) => return Ok(Some(completed)),
                Some(Err(Halted { error: Error::Suspended { .. }, .. })) => return Ok(None),
                Some(Err(_)) | None if self.log.crashed() => return Ok(None),
                Some(Err(halted)) => {
                    return Err(self.violation(format!("the driver halted: {}", halted.error)));
                }
                None if self.is_frozen() => {
                    let completed = self.take_over()?;
                    self.wake_the_frozen(story)?;
                    return Ok(Some(completed));
                }
                None if self.is_abort_due() => {}
                None => {
                    return Err(self.violation("everything waits, and for no time".to_owned()));
                }
            }
        }
    }

    /// Called between two polls: whether the simulation has something to do now.
    fn must_stop(&self) -> bool {
        self.polls.set(self.polls.get() + 1);
        self.log.crashed()
            || self.is_frozen()
            || self.is_abort_due()
            || self.is_endless()
            || self.performer.broken().is_some()
    }

    fn is_frozen(&self) -> bool {
        self.performer.frozen.load(Ordering::Relaxed) && !self.replacing.get()
    }

    fn is_abort_due(&self) -> bool {
        self.abort_at.get().is_some_and(|at| self.clock.now() >= at)
    }

    fn is_endless(&self) -> bool {
        self.log.len() >= MOST_RECORDS
            || self.polls.get() > MOST_POLLS
            || self.clock.now().duration_since(self.began_at)
                > LONGEST.try_into().unwrap_or_default()
    }

    fn abort_when_due(&self) {
        if self.is_abort_due() {
            self.abort_at.set(None);
            self.abort.abort("simulation", "somebody wants it to end");
        }
    }

    fn check_promises(&self) -> Result<(), Box<Violation>> {
        if let Some(broken) = self.performer.broken() {
            return Err(self.violation(broken));
        }
        if self.is_endless() {
            return Err(self.violation("it does not come to an end".to_owned()));
        }
        Ok(())
    }

    /// The process is dead for a while, and perhaps the power was cut as well.
    fn bring_back(&self) -> Result<(), Box<Violation>> {
        let down = self.faults.downtime.as_secs();
        self.clock.advance(Duration::from_secs(self.dice.with(|random| random.u64(0..=down))));
        let lost = self.dice.with(|random| if random.bool() { random.usize(0..3) } else { 0 });
        self.log.recover(lost);
        self.log.rewrite(purity::reread).map_err(|broken| self.violation(broken))
    }

    /// Other drivers go on to the end while this one is frozen inside an effect.
    fn take_over(&self) -> Result<Completed<R>, Box<Violation>> {
        self.replacing.set(true);
        self.clock.advance(Duration::from_secs(self.dice.with(|random| random.u64(0..120))));
        loop {
            let driver = self.next_driver()?;
            self.arm_crash();
            if let Some(completed) = self.live(&driver)? {
                self.replacing.set(false);
                return Ok(completed);
            }
            self.bring_back()?;
        }
    }

    /// The replaced driver wakes up. It must find out and stop, and write nothing.
    fn wake_the_frozen(
        &self,
        story: Pin<&mut impl Future<Output = Ended<R>>>,
    ) -> Result<(), Box<Violation>> {
        self.performer.frozen.store(false, Ordering::Relaxed);
        self.performer.struck.lock().unwrap_or_else(std::sync::PoisonError::into_inner).freeze += 1;
        let before = self.log.len();
        let ended = self.clock.poll_while(story, None, || {
            self.polls.set(self.polls.get() + 1);
            !self.is_endless() && self.performer.broken().is_none()
        });
        self.check_promises()?;
        let found = match ended {
            Some(Err(Halted {
                error: Error::LeaseLost { .. } | Error::Conflict { .. }, ..
            })) => None,
            Some(Err(halted)) => Some(halted.error.to_string()),
            Some(Ok(_)) => Some("it went on to an end of its own".to_owned()),
            None => Some("it waits for ever".to_owned()),
        };
        if let Some(found) = found {
            let why = format!("a replaced driver did not stop as it should: {found}");
            return Err(self.violation(why));
        }
        if self.log.len() != before {
            return Err(self.violation("a replaced driver wrote to the journal".to_owned()));
        }
        Ok(())
    }

    /// The end: it must be a good one, and it must be what the journal says.
    fn finish(&self, completed: Completed<R>) -> Result<Trace<R>, Box<Violation>> {
        let Completed { outcome, state, .. } = completed;
        let broken = |broken| self.violation(broken);
        self.performer.world.check_end(self.plan, &outcome).map_err(broken)?;
        if self.seed.is_multiple_of(PURITY_EVERY) {
            let pure = self.log.look(|history, ends| {
                history.map_or(Ok(()), |history| purity::check(history, ends, &state))
            });
            pure.map_err(broken)?;
        }
        let Some(history) = self.log.take() else {
            return Err(self.violation("it ended without a journal".to_owned()));
        };
        let mut struck = self.performer.struck();
        struck.crash = self.log.crashes();
        struck.abort = u32::from(self.abort.requested().is_some());
        Ok(Trace {
            records: history.records,
            performed: self.performer.take_performed(),
            outcome,
            began_at: self.began_at,
            ended_at: self.clock.now(),
            drivers: self.drivers.get(),
            struck,
        })
    }

    fn violation(&self, promise: String) -> Box<Violation> {
        let story = self.log.look(|history, _| {
            let records = history.map_or(&[][..], |history| &history.records);
            records
                .iter()
                .skip(records.len().saturating_sub(40))
                .map(|recorded| format!("{:>4} {} {:?}", recorded.seq, recorded.at, recorded.event))
                .collect()
        });
        Box::new(Violation { seed: self.seed, promise, story })
    }
}

#[cfg(test)]
mod tests;
