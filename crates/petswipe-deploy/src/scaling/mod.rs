//! Scaling operations: the number of tasks of a service, the class of a database instance, the settings of auto scaling.
//!
//! A [`ScalePlan`] is a small [`Runbook`](petswipe_runbook::Runbook): it looks at what is there and writes it down,
//! refuses with reasons what would not last or do harm, changes it, and waits until it is true. [`ScalePlan::undo`] makes
//! the plan that puts back what the first look showed.
//!
//! ```
//! use petswipe_deploy::memory::MemoryCloud;
//! use petswipe_deploy::scaling::{Change, Outcome, ScalePerformer, ScalePlan};
//! use petswipe_deploy::{Environment, Image};
//! use petswipe_runbook::journal::MemoryJournal;
//! use petswipe_runbook::sim::SimClock;
//! use petswipe_runbook::{Driver, Journaled, OperationId};
//! use std::sync::Arc;
//!
//! let clock = Arc::new(SimClock::new(jiff::Timestamp::UNIX_EPOCH));
//! let blue = Environment::new("shop-production-blue")?;
//! let image = Image::new("shop:v1")?;
//! let cloud = Arc::new(MemoryCloud::new(clock.clone(), &[blue.clone()], image, 4)?);
//! let performer = Arc::new(ScalePerformer::new("memory").service(cloud.clone(), cloud.clone()));
//!
//! let scale = |name: &str, plan: &ScalePlan| {
//!     let log = Arc::new(Journaled(Arc::new(MemoryJournal::new())));
//!     let driver = Driver::with_clock(log, performer.clone(), clock.clone());
//!     let ended = clock.run(driver.start(OperationId::new(name)?, plan.clone())).expect("it ends")?;
//!     Ok::<_, Box<dyn std::error::Error>>(ended.outcome)
//! };
//!
//! let plan = ScalePlan::new("shop-production", Change::service(blue.clone(), 10));
//! let outcome = scale("scale-1", &plan)?;
//! assert!(matches!(outcome, Outcome::Done { changed: true, .. }), "{outcome}");
//! assert_eq!(cloud.configuration().sides[&blue].1, 10);
//!
//! scale("undo-1", &plan.undo(&outcome)?)?;
//! assert_eq!(cloud.configuration().sides[&blue].1, 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The promises
//!
//! 1. A command is given only if the first look, or a later one, did not speak against it: never a count that active auto
//!    scaling would change at once, never a restart that was not allowed.
//! 2. A command that may have taken effect is looked at before it is given again.
//! 3. It ends always. Half-way, it says how it was and how it is.
//! 4. The undo of an operation that ended puts back exactly what its first look showed, unless somebody else changed it
//!    since; then it is refused.
//!
//! Unlike a rollout it does not go back by itself: more tasks or a larger database than asked for at the end of a failure
//! do less harm than a second change.

mod backend;
mod core;
pub mod memory;
mod performer;
mod report;
pub mod sim;
mod types;

pub use backend::{DatabaseInstances, TargetTracking};
#[cfg(feature = "mock")]
pub use backend::{MockDatabaseInstances, MockTargetTracking};
pub use core::{
    Change, Effect, Outcome, Output, Phase, ScalePlan, ScalePreview, Seen, State, TrackingSettings,
};
pub use performer::ScalePerformer;
pub use report::{ScaleAction, ScaleReport};
pub use types::{
    DatabaseInstance, Limits, MOST_TASKS, OtherPolicy, TrackedMetric, Tracking, TrackingPolicy,
};
