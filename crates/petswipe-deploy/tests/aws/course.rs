//! Operations that are driven to their end: straight ahead, by a second driver after the first one died, or aborted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use petswipe_runbook::journal::{Durability, Journal, MemoryJournal, Record};
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::{
    AbortHandle, Driver, Error, EventOf, Journaled, OperationId, Performer, Recorded, Runbook,
};

/// What disturbs an operation, and at which of its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// Nothing does.
    Undisturbed,
    /// The driver dies, and another one goes on with its journal.
    Killed(u64),
    /// Somebody wants it to end.
    Aborted(u64),
}

/// A journal whose driver is dead from a moment on.
#[derive(Default)]
struct Mortal {
    journal: MemoryJournal,
    dead: AtomicBool,
}

#[async_trait]
impl Journal for Mortal {
    async fn append(
        &self,
        expected: u64,
        records: &[Record],
        durability: Durability,
    ) -> Result<(), Error> {
        if self.dead.load(Ordering::Relaxed) {
            return Err(Error::backend("writing the journal", "the process died"));
        }
        self.journal.append(expected, records, durability).await
    }

    async fn read(&self) -> Result<Vec<Record>, Error> {
        self.journal.read().await
    }

    fn location(&self) -> String {
        self.journal.location()
    }
}

/// Carries a plan out, and says how it ended and how many records that took.
pub fn drive<R: Runbook>(
    clock: &Arc<SimClock>,
    performer: Arc<dyn Performer<R>>,
    name: &str,
    plan: R,
    course: Course,
) -> (R::Outcome, u64) {
    let (journal, abort) = (Arc::new(Mortal::default()), AbortHandle::new());
    let (mortal, stop) = (journal.clone(), abort.clone());
    let disturb = move |_: &R, fact: &Recorded<EventOf<R>>, _: &R::State| match course {
        Course::Killed(at) if fact.seq == at => mortal.dead.store(true, Ordering::Relaxed),
        Course::Aborted(at) if fact.seq == at => stop.abort("ann", "wrong ticket"),
        _ => {}
    };
    let log = Arc::new(Journaled(journal.clone()));
    let driver = Driver::with_clock(log.clone(), performer.clone(), clock.clone());
    let driver = driver.abort(abort).observer(Arc::new(disturb));
    // The SDK asks for tokio's clock, though nothing ever waits for it here.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _entered = runtime.enter();
    let started = driver.start(OperationId::new(name).unwrap(), plan);
    let mut ended = clock.run(started).expect("it waits for ever");
    if matches!(course, Course::Killed(_)) {
        assert!(ended.is_err(), "it ended before its driver died");
        journal.dead.store(false, Ordering::Relaxed);
        let second = Driver::<R>::with_clock(log, performer, clock.clone());
        ended = clock.run(second.resume()).expect("it waits for ever");
    }
    let records = clock.run(journal.read()).unwrap().unwrap().len() as u64;
    (ended.unwrap().outcome, records)
}
