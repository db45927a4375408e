//! Alarms and dashboards brought to what their definitions say: first the difference, then the changes, and nothing that
//! somebody else owns.
//!
//! A [`Definition`] is an alarm or a dashboard as data: its name, its body as JSON, its tags. A [`DefinitionStore`] is where such
//! things live: alarms in CloudWatch, dashboards there, files that Grafana reads ([`Directory`]). [`plan`] compares what shall be
//! with what is, a pure function; [`apply`] carries it out, dependencies first.
//!
//! - **Owned by tag.** What carries the tags of an [`Owner`](crate::Owner) is its own, and is deleted when no definition is left of it. What
//!   has a name that is wanted but not the tags is somebody else's: nothing at all is done, and the error names it.
//! - **One set, one owner.** What is brought together is one set: bring all of an owner's definitions of a kind at once, or give
//!   each set its [own name](crate::Owner::in_set). The dashboards of CloudWatch are of all regions of an account together, so
//!   there an owner without a [region](crate::Owner::in_region) is refused.
//! - **Idempotent.** A second time there is nothing to do. After a stop half-way the same command goes on; [`Interrupted`]
//!   says what was done, what failed and what is left.
//!
//! ```
//! use petswipe_monitor::Owner;
//! use petswipe_monitor::alarms::{Alarm, Metric, Statistic, Threshold};
//! use petswipe_monitor::apply::{Definition, MemoryStore, apply, look};
//! # use std::time::Duration;
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let owner = Owner::new("shop", "production")?;
//! let alarm = |above: f64| {
//!     let swipes = Metric::new("Shop", "FailedSwipes").every(Duration::from_secs(60), Statistic::Sum);
//!     let alarm = Alarm::on_metric(owner.name("swipes"), swipes, Threshold::above(above))?;
//!     Ok::<_, petswipe_monitor::Error>(Definition::from(&alarm).owned_by(&owner))
//! };
//! let store = MemoryStore::new("alarm");
//!
//! let plan = look(&store, &owner, &[alarm(50.0)?]).await?;
//! assert_eq!(plan.to_string(), "create alarm shop-production-swipes\n");
//! apply(&store, &plan, &mut |_| {}).await?;
//!
//! let plan = look(&store, &owner, &[alarm(40.0)?]).await?;
//! assert_eq!(
//!     plan.to_string(),
//!     "change alarm shop-production-swipes\n  Threshold: 50.0 -> 40.0\n"
//! );
//! apply(&store, &plan, &mut |_| {}).await?;
//! assert!(look(&store, &owner, &[alarm(40.0)?]).await?.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```

mod definition;
mod difference;
mod directory;
mod memory;
mod perform;
mod plan;
#[cfg(any(test, feature = "conformance"))]
mod sample;
mod store;
#[cfg(test)]
mod tests;

pub use definition::Definition;
pub use difference::Difference;
pub use directory::Directory;
pub use memory::MemoryStore;
pub use perform::{Interrupted, Report, apply, look};
pub use plan::{Change, Plan, Step, plan};
#[cfg(any(test, feature = "conformance"))]
pub use sample::Sample;
pub use store::DefinitionStore;
#[cfg(feature = "mock")]
pub use store::MockDefinitionStore;
