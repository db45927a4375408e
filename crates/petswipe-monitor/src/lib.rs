//! Is the new version healthy? Metrics per version and window, mergeable latency histograms, and gates that judge them. And
//! what tells people: [`alarms`] and [`dashboards`] as code, and [`apply`], which brings them to what they say.
//!
//! An [`Observation`] is what one [`Subject`] did in one [`Window`] of closed periods; what was not measured is `None`
//! and never zero. A [`MetricSource`] answers with observations. A [`Gate`] judges them and says [`Verdict::Pass`],
//! [`Verdict::Fail`] or [`Verdict::Inconclusive`], with its evidence; it is a pure function, and what it has to remember
//! from one judgement to the next it hands out as [`Carried`], for the journal of whoever asks. [`observe_and_judge`]
//! brings the two together.
//!
//! # A canary that is broken, and its next version
//!
//! A [`MemorySource`] holds what a test or a simulation puts in. Half a minute into a step, one request in ten of the
//! canary fails; the version after it is well:
//!
//! ```
//! use petswipe_monitor::*;
//! use std::time::Duration;
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//!
//! let source = MemorySource::per_second();
//! let canary = Subject::environment("shop-production-canary");
//! let at = |second| jiff::Timestamp::from_second(second).unwrap();
//! let serve = |second, failed| {
//!     let mut latency = Histogram::new();
//!     latency.record_many(Duration::from_millis(40), 20);
//!     source.record(Observation {
//!         requests: Some(20),
//!         errors: Errors { client: Some(0), server: Some(failed), balancer: Some(0) },
//!         latency: Some(latency),
//!         ..Observation::missing(canary.clone(), Window::new(at(second), at(second + 1))?)
//!     })
//! };
//! let gate = AbsolutePolicy::default(); // at most 5 % errors and a p99 of 1000 ms, in 50 requests or more
//! let judge = async |started, now, carried: &Carried| {
//!     let step = Step { started: at(started), judged_until: at(started), now: at(now), weight: 5, reference_weight: 95 };
//!     observe_and_judge(&source, &gate, &step, &canary, None, carried).await
//! };
//!
//! for second in 0..30 {
//!     serve(second, 2)?;
//! }
//! let broken = judge(0, 30, &Carried::default()).await;
//! assert_eq!(broken.verdict.to_string(), "fail: error rate 10.00 % (limit 5.00 %, 600 samples)");
//!
//! // The next version gets its share at 30. After two seconds nobody can say yet, and nothing from before counts.
//! for second in 30..60 {
//!     serve(second, 0)?;
//! }
//! let early = judge(30, 32, &Carried::default()).await;
//! assert_eq!(early.verdict.to_string(), "inconclusive: error rate rests on only 40 samples");
//! let well = judge(30, 60, &early.carried).await;
//! assert!(well.verdict.is_pass());
//! assert_eq!(well.covered, Window::new(at(30), at(60))?);
//!
//! // Where nothing is known, nothing passes.
//! let silent = judge(30, 90, &well.carried).await;
//! assert_eq!(silent.verdict.to_string(), "inconclusive: error rate is not known");
//! # Ok::<(), Error>(()) }).unwrap();
//! ```
//!
//! # What passes, and what does not
//!
//! The wrong way to ask is `error_rate().unwrap_or(0.0) <= limit`: it promotes a version that nobody measured. Here a
//! gate passes only on numbers that are there, that are enough, and that are of the step it judges:
//!
//! - [`AbsolutePolicy`] holds error rate, latency quantiles, saturation and unhealthy targets against limits. What no
//!   data means is its [`NoData`]: hold (the default), fail, or ignore, which still needs another metric that holds.
//! - [`EvidencePolicy`] compares with the version that serves beside the new one, at every tick and over all steps, with one
//!   stated probability of a false alarm; the statistics are in [`evidence`], for whoever wants them alone.
//! - [`LatencyRegression`] compares the latency of both plainly. [`planner`] says what stages can show.
//! - [`BudgetPolicy`] lets a rollout spend a stated share of the error budget of a service level objective, and no more.
//! - [`All`] makes one gate of several.
//!
//! A source that fails, an answer about another subject or time, and periods that may still change are no data, whatever
//! the gate.
//!
//! # What is wrong
//!
//! [`diagnosis`] asks all sources at once and ranks what may be wrong, with evidence and the next command.
//!
//! # Sources
//!
//! Of the sources for running systems there are those for CloudWatch, `aws::CloudWatchSource` behind the feature `aws`, and for
//! Prometheus, `prometheus::PrometheusSource` behind the feature `prometheus`; one's own is checked with the suites behind the
//! feature `conformance`. [`Fastest`] makes one source of several, and [`Shared`] one for many gates.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod alarms;
pub mod apply;
#[cfg(feature = "aws")]
pub mod aws;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod dashboards;
pub mod diagnosis;
mod error;
pub mod evidence;
mod fastest;
mod gate;
mod histogram;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "lab")]
pub mod lab;
mod memory;
mod observation;
mod observe;
mod owner;
pub mod planner;
pub mod probe;
#[cfg(feature = "prometheus")]
pub mod prometheus;
mod shared;
pub mod slo;
mod source;
mod window;

pub use error::{Cause, Error, explain};
pub use fastest::{Answered, Fastest};
pub use gate::{
    AbsolutePolicy, All, BudgetPolicy, Carried, Comparison, EvidencePolicy, Finding, FindingResult,
    Gate, Judgement, LatencyEvidence, LatencyLimit, LatencyRegression, NoData, Policy,
    SampleRatioPolicy, Step, Verdict,
};
pub use histogram::Histogram;
pub use memory::MemorySource;
pub use observation::{Errors, Observation, Saturation, Subject, Targets};
pub use observe::{Reference, observe_and_judge};
pub use owner::{MANAGER, Owner};
pub use shared::Shared;
pub use source::MetricSource;
#[cfg(feature = "mock")]
pub use source::MockMetricSource;
pub use window::Window;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
