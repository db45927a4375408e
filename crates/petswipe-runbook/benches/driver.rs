//! What the driver costs beside the effects it performs, how fast a long history is folded into a state again, and how
//! many simulations a second has.
//!
//! `cargo bench -p petswipe-runbook --bench driver`; files go to `TMPDIR`, which should be on a real disk.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark may fail by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use divan::Bencher;
use divan::counter::ItemsCount;
use futures_util::FutureExt;
use jiff::Timestamp;
use petswipe_runbook::journal::{Durability, FileJournal, MemoryJournal};
use petswipe_runbook::sim::{FaultPlan, World, simulate};
use petswipe_runbook::{
    Decision, Driver, EffectContext, EffectId, Error, Event, EventLog, EventOf, Failure, Fence,
    InFlight, Journaled, Opening, OperationId, Performer, Recorded, Runbook, Step,
};
use serde::{Deserialize, Serialize};

const EVENTS: u64 = 100_000;
const STEPS: u32 = 1_000;
const SEEDS: u64 = 100;

fn main() {
    divan::main();
}

/// Sets a number of tasks, so many times.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Resize {
    to: u32,
    times: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Effect {
    Read,
    Set { service: String, tasks: u32 },
}

#[derive(Clone, Debug, Default)]
struct State {
    from: Option<u32>,
    done: u32,
    failures: u32,
    in_flight: InFlight<Effect>,
}

impl Runbook for Resize {
    type State = State;
    type Effect = Effect;
    type Output = u32;
    type Outcome = Option<u32>;
    const KIND: &'static str = "resize";
    const VERSION: u32 = 1;

    fn validate(&self) -> Result<(), Error> {
        Ok(())
    }

    fn begin(&self, _at: Timestamp) -> State {
        State::default()
    }

    fn decide(&self, state: &State, _now: Timestamp) -> Decision<Effect, Option<u32>> {
        let timeout = Duration::from_secs(10);
        if !state.in_flight.is_empty() {
            return Decision::WaitForEvent;
        }
        if state.failures >= 3 {
            return Decision::Finish(None);
        }
        match state.from {
            None => Decision::Perform(vec![Step::observation(Effect::Read, timeout)]),
            Some(_) if state.done < self.times => {
                let effect =
                    Effect::Set { service: "petswipe-production".to_owned(), tasks: self.to };
                Decision::Perform(vec![Step::change(effect, timeout)])
            }
            from => Decision::Finish(from),
        }
    }

    fn evolve(&self, state: &mut State, event: &EventOf<Self>, at: Timestamp) {
        if let Some((settled, result)) = state.in_flight.observe(event, at) {
            match (settled.effect, result) {
                (Effect::Read, Ok(count)) => state.from = Some(*count),
                (Effect::Set { .. }, Ok(_)) => state.done += 1,
                (_, Err(_)) => state.failures += 1,
            }
        }
        if let Event::AbortRequested { .. } = event {
            state.failures = 3;
        }
    }
}

#[derive(Default)]
struct Service {
    tasks: Mutex<u32>,
}

#[async_trait]
impl Performer<Resize> for Service {
    async fn perform(&self, _: &EffectContext, effect: &Effect) -> Result<u32, Failure> {
        let mut tasks = self.tasks.lock().unwrap();
        if let Effect::Set { tasks: count, .. } = effect {
            *tasks = *count;
        }
        Ok(*tasks)
    }
}

impl World<Resize> for Service {
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    fn check_end(&self, _: &Resize, _: &Option<u32>) -> Result<(), String> {
        Ok(())
    }
}

/// An intent, its effect, which does nothing, and its outcome.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn a_journaled_step_in_memory(bencher: Bencher<'_, '_>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    bencher
        .counter(ItemsCount::new(STEPS))
        .with_inputs(|| Driver::new(Arc::new(MemoryJournal::new()), Arc::new(Service::default())))
        .bench_local_values(|driver| {
            let plan = Resize { to: 4, times: STEPS - 1 };
            let story = driver.start(OperationId::new("resize-1").unwrap(), plan);
            runtime.block_on(story).unwrap()
        });
}

/// Reading the file, checking each line, parsing each event, and folding.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn fold_100_000_events_from_a_file(bencher: Bencher<'_, '_>) {
    let directory = tempfile::tempdir().unwrap();
    let journal = FileJournal::open(directory.path().join("journal")).unwrap();
    let log: Arc<dyn EventLog<Resize>> = Arc::new(Journaled(Arc::new(journal)));
    let at: Timestamp = "2026-11-23T03:10:38.123456789Z".parse().unwrap();
    let opening = Opening {
        operation: OperationId::new("resize-1").unwrap(),
        plan: Resize { to: 4, times: u32::MAX },
        holder: "a benchmark".to_owned(),
        at,
        fence: Fence(1),
    };
    log.open(&opening).now_or_never().unwrap().unwrap();
    let event = |seq: u64| {
        let id = EffectId(seq / 2);
        let service = "petswipe-production".to_owned();
        if seq.is_multiple_of(2) {
            Event::Intended { id, effect: Effect::Set { service, tasks: 4 }, deadline: at }
        } else {
            Event::Succeeded { id, output: 4 }
        }
    };
    let recorded = |seq: u64| Recorded { seq: seq + 1, at, fence: Fence(1), event: event(seq) };
    let records: Vec<_> = (0..EVENTS).map(recorded).collect();
    log.append(&records, Durability::Buffered).now_or_never().unwrap().unwrap();
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| {
        let state = log.load().now_or_never().unwrap().unwrap().unwrap().state();
        assert_eq!(u64::from(state.done), EVENTS / 2);
        state
    });
}

/// The small runbook of the crate's documentation, under the mixed faults of [`FaultPlan::from_seed`].
#[divan::bench(sample_count = 50, sample_size = 1)]
fn simulate_100_seeds(bencher: Bencher<'_, '_>) {
    let mut next = 0;
    bencher.counter(ItemsCount::new(SEEDS)).bench_local(|| {
        for seed in next..next + SEEDS {
            let plan = Resize { to: 4, times: 1 };
            let faults = FaultPlan::from_seed(seed);
            simulate(seed, &plan, &faults, |_| Arc::new(Service::default())).unwrap();
        }
        next += SEEDS;
    });
}
