//! Telemetry of operations: what became of each effect, each question and the whole, as spans and metrics.
//!
//! Everything begins with a pure translation: [`Track`] takes in the recorded facts of one operation and says what they
//! mean as [`Signal`]s. [`Telemetry`] is the observer that does so beside a driver and hands the signals to [`Sink`]s:
//! [`PrometheusText`], and with the feature `opentelemetry` `OpenTelemetry`. What is special about a kind of operation,
//! such as its stages, comes from its [`Describe`], whose methods all have a default.
//!
//! All times are those of the records; nothing here reads a clock, waits, or sends anything. Text in spans is what the
//! journal holds, cut to 1,000 characters; labels of metrics come from small fixed sets.
//!
//! ```
//! use petswipe_runbook::telemetry::{Describe, PrometheusText, Telemetry};
//! use petswipe_runbook::{Driver, OperationId, journal::MemoryJournal};
//! # use petswipe_runbook::{Decision, EffectContext, Error, Event, EventOf, Failure, InFlight, Performer, Runbook, Step};
//! # #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
//! # struct Resize { to: u32 }
//! # #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
//! # enum Effect { SetCount(u32) }
//! # #[derive(Clone, Debug, Default)]
//! # struct State { done: bool, in_flight: InFlight<Effect> }
//! # impl Runbook for Resize {
//! #     type State = State;
//! #     type Effect = Effect;
//! #     type Output = ();
//! #     type Outcome = u32;
//! #     const KIND: &'static str = "resize";
//! #     const VERSION: u32 = 1;
//! #     fn validate(&self) -> Result<(), Error> { Ok(()) }
//! #     fn begin(&self, _: jiff::Timestamp) -> State { State::default() }
//! #     fn decide(&self, state: &State, _: jiff::Timestamp) -> Decision<Effect, u32> {
//! #         let step = || Step::change(Effect::SetCount(self.to), std::time::Duration::from_secs(9));
//! #         match (state.done, state.in_flight.is_empty()) {
//! #             (true, _) => Decision::Finish(self.to),
//! #             (false, true) => Decision::Perform(vec![step()]),
//! #             (false, false) => Decision::WaitForEvent,
//! #         }
//! #     }
//! #     fn evolve(&self, state: &mut State, event: &EventOf<Self>, at: jiff::Timestamp) {
//! #         state.done |= matches!(state.in_flight.observe(event, at), Some((_, Ok(()))));
//! #     }
//! # }
//! # struct Service;
//! # #[async_trait::async_trait]
//! # impl Performer<Resize> for Service {
//! #     async fn perform(&self, _: &EffectContext, _: &Effect) -> Result<(), Failure> { Ok(()) }
//! # }
//! use std::sync::Arc;
//!
//! impl Describe for Resize {} // the names of its effects are those of the variants
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let metrics = Arc::new(PrometheusText::new());
//! let operation = OperationId::new("resize-1").unwrap();
//! let telemetry = Arc::new(Telemetry::new(&operation).sink(metrics.clone()));
//! let driver = Driver::<Resize>::new(Arc::new(MemoryJournal::new()), Arc::new(Service)).observer(telemetry.clone());
//! driver.start(operation, Resize { to: 4 }).await.unwrap();
//! assert!(metrics.render().contains(
//!     "petswipe_effects_total{effect=\"set_count\",kind=\"resize\",result=\"succeeded\"} 1\n"
//! ));
//! # });
//! ```
//!
//! # What is not here
//!
//! Exporters, global providers, HTTP: whoever embeds this brings them. A driver that halts records no fact of it, so tell
//! [`Telemetry::halt`]; one that is killed leaves the span of its part unfinished, and whoever resumes gives the spans of
//! the effects it left.

mod describe;
mod measure;
#[cfg(feature = "opentelemetry")]
mod otel;
mod prometheus;
mod sink;
mod trace_id;
mod track;

pub use describe::{Attribute, Describe, Described, Ending, Moment, Value};
pub use measure::{Instrument, Kind, Label, Measure, OPERATION_INSTRUMENTS};
#[cfg(feature = "opentelemetry")]
pub use otel::OpenTelemetry;
pub use prometheus::PrometheusText;
pub use sink::{Sink, Telemetry};
pub use trace_id::{parent_span_id, trace_id};
pub use track::{EffectSpan, Signal, Track};
