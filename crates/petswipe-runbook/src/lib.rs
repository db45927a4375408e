#![cfg_attr(docsrs, feature(doc_cfg))]
//! Durable operations: long changes of running systems that survive the death of the process that makes them.
//!
//! A rollout, a failover, a restore drill and a chaos experiment are the same kind of thing: several steps, any of
//! which can fail half-way, that must leave the system in a known state. A [`Runbook`] writes such a thing down as
//! two pure functions: [`decide`](Runbook::decide) says what to do next, [`evolve`](Runbook::evolve) takes in what
//! happened. Everything else is here, once: the [`Driver`] that journals an intent before it acts, retries nothing
//! and decides nothing; the [journals](journal) and [leases](lease); questions to people, aborts, observers; and a
//! [simulator](sim) that runs the very same core and driver in virtual time while everything goes wrong.
//!
//! # The smallest useful runbook
//!
//! It resizes a service and gives up after three failures. The plan is the type itself:
//!
//! ```
//! use petswipe_runbook::{Decision, Error, Event, EventOf, InFlight, Runbook, Step, Underway};
//! use serde::{Deserialize, Serialize};
//! use std::time::Duration;
//! use jiff::Timestamp;
//!
//! #[derive(Clone, Debug, Serialize, Deserialize)]
//! struct Resize { to: u32 }
//!
//! #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
//! enum Effect { Read, Set(u32) } // idempotent: never "two more"
//!
//! #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
//! enum Outcome { Resized { from: u32 }, GaveUp { why: String } }
//!
//! #[derive(Clone, Debug, Default)]
//! struct State { from: Option<u32>, done: bool, failures: u32, why: String, in_flight: InFlight<Effect> }
//!
//! impl Runbook for Resize {
//!     type State = State;
//!     type Effect = Effect;
//!     type Output = u32;
//!     type Outcome = Outcome;
//!     const KIND: &'static str = "resize";
//!     const VERSION: u32 = 1;
//!
//!     fn validate(&self) -> Result<(), Error> {
//!         if self.to > 100 {
//!             return Err(Error::invalid("to", self.to, "0 to 100 tasks"));
//!         }
//!         Ok(())
//!     }
//!
//!     fn begin(&self, _at: Timestamp) -> State { State::default() }
//!
//!     fn decide(&self, state: &State, _now: Timestamp) -> Decision<Effect, Outcome> {
//!         let timeout = Duration::from_secs(10);
//!         if !state.in_flight.is_empty() {
//!             return Decision::WaitForEvent;
//!         }
//!         if state.failures >= 3 {
//!             return Decision::Finish(Outcome::GaveUp { why: state.why.clone() });
//!         }
//!         match (state.from, state.done) {
//!             (None, _) => Decision::Perform(vec![Step::observation(Effect::Read, timeout)]),
//!             (_, false) => Decision::Perform(vec![Step::change(Effect::Set(self.to), timeout)]),
//!             (Some(from), true) => Decision::Finish(Outcome::Resized { from }),
//!         }
//!     }
//!
//!     fn evolve(&self, state: &mut State, event: &EventOf<Self>, at: Timestamp) {
//!         if let Some((settled, result)) = state.in_flight.observe(event, at) {
//!             match (settled.effect, result) {
//!                 (Effect::Read, Ok(count)) => state.from = Some(*count),
//!                 (Effect::Set(_), Ok(_)) => state.done = true,
//!                 (_, Err(failure)) => {
//!                     state.failures += 1;
//!                     state.why = failure.message.clone();
//!                 }
//!             }
//!         }
//!         if let Event::AbortRequested { reason, .. } = event {
//!             state.failures = 3;
//!             state.why = format!("aborted: {reason}");
//!         }
//!     }
//! }
//!
//! // The shell around the real world; here the world is a number.
//! use petswipe_runbook::{Driver, EffectContext, Failure, OperationId, Performer, journal::MemoryJournal};
//! use std::sync::{Arc, Mutex};
//!
//! #[derive(Default)]
//! struct Service { tasks: Mutex<u32> }
//!
//! #[async_trait::async_trait]
//! impl Performer<Resize> for Service {
//!     async fn perform(&self, _: &EffectContext, effect: &Effect) -> Result<u32, Failure> {
//!         let mut tasks = self.tasks.lock().unwrap();
//!         if let Effect::Set(count) = effect { *tasks = *count; }
//!         Ok(*tasks)
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let service = Arc::new(Service::default());
//! let journal = Arc::new(MemoryJournal::new());
//! let driver = Driver::new(journal, service.clone());
//! let done = driver.start(OperationId::new("resize-1").unwrap(), Resize { to: 4 }).await.unwrap();
//! assert_eq!(done.outcome, Outcome::Resized { from: 0 });
//! assert_eq!(*service.tasks.lock().unwrap(), 4);
//!
//! // A bad plan is refused before anything is touched.
//! let refused = driver.start(OperationId::new("resize-2").unwrap(), Resize { to: 400 }).await.unwrap_err();
//! assert_eq!(refused.error.to_string(), "to is 400; allowed: 0 to 100 tasks");
//! # });
//!
//! // And the same in a thousand worlds in which everything goes wrong.
//! use petswipe_runbook::sim::{FaultPlan, World, simulate};
//!
//! impl World<Resize> for Service {
//!     fn check(&self) -> Result<(), String> {
//!         let tasks = *self.tasks.lock().unwrap();
//!         if tasks > 100 { Err(format!("{tasks} tasks run")) } else { Ok(()) }
//!     }
//!     fn check_end(&self, plan: &Resize, outcome: &Outcome) -> Result<(), String> {
//!         let tasks = *self.tasks.lock().unwrap();
//!         match outcome {
//!             Outcome::Resized { .. } if tasks != plan.to => Err(format!("{tasks} tasks, not {}", plan.to)),
//!             _ => Ok(()),
//!         }
//!     }
//! }
//!
//! for seed in 0..1_000 {
//!     // A frozen driver needs fencing in the world, which this little one does not have.
//!     let faults = FaultPlan { freeze: 0.0, ..FaultPlan::from_seed(seed) };
//!     simulate(seed, &Resize { to: 4 }, &faults, |_clock| Arc::new(Service::default())).unwrap();
//! }
//! ```
//!
//! One wrong version, and why: had `Effect::Set` been `Effect::Add(u32)`, the simulator would have found a seed where
//! the process died after the change and before its record, and the resumed driver added again.
//!
//! # What is not here
//!
//! No cloud, no metrics, no opinion on what an operation should do. Time enters a core only as a parameter.

mod abort;
mod approval;
mod clock;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod disk;
mod driver;
mod error;
mod forward;
mod id;
pub mod journal;
pub mod lease;
mod log;
#[cfg(feature = "object-store")]
mod object;
mod observer;
mod retry;
mod runbook;
pub mod sim;
pub mod telemetry;

pub use abort::{AbortHandle, AbortRequest};
pub use approval::{
    Answer, Approver, AutoApprover, ChannelApprover, FileApprover, NobodyApproves, Question,
    Questions,
};
pub use clock::{Clock, Sleep, SystemClock};
pub use driver::{Completed, Driver, EffectContext, Halted, LeaseTerms, Performer};
pub use error::{Cause, Error};
pub use id::{EffectId, Fence, OperationId};
pub use log::{EventLog, History, Journaled, Opening};
pub use observer::{EventStream, Observer};
pub use retry::Retry;
pub use runbook::{
    Decision, Event, EventOf, Failure, FailureKind, InFlight, Recorded, Runbook, Step, Underway,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
