//! Synthetic checks: asking a service what its users ask, in steps, again and again.
//!
//! A [`Check`] is data: requests with what is expected of their answers, and what is kept of one for the next, so that one
//! with a single step is an API health check and one with several a user flow. [`Check::run`] sends them through a [`Web`]
//! and gives a [`Run`], in which every step says how long it took and what was wrong. [`Schedule`] says when which check is due,
//! [`Baseline`] whether it became slow, and [`Results`] make metrics of all of it: a [`MetricSource`](crate::MetricSource)
//! for gates and objectives, and text for Prometheus. What somebody else runs, such as CloudWatch Synthetics, is read through
//! [`Canaries`], and becomes the same metrics.
//!
//! ```
//! use petswipe_monitor::probe::*;
//! use std::time::Duration;
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//!
//! let mut first = Step::get("/api/pets?limit=1");
//! first.capture.push(Capture { variable: "pet".into(), from: Part::Body("/0/id".into()) });
//! let mut flow = Check::new("look-at-a-pet", vec![first, Step::get("/api/pets/{pet}")]);
//! flow.validate()?;
//!
//! let web = MemoryWeb::new(|request| match request.path.as_str() {
//!     "/api/pets?limit=1" => Reply::answered(200, r#"[{"id": 7}]"#, Duration::from_millis(20)),
//!     "/api/pets/7" => Reply::answered(500, "", Duration::from_millis(5)),
//!     other => panic!("{other}"),
//! });
//! let now = jiff::Timestamp::UNIX_EPOCH;
//! let run = flow.run(&web, &Variables::default(), now).await;
//! assert_eq!(run.to_string(), "look-at-a-pet failed after 25 ms: step 2 (GET /api/pets/{pet}) answered 500, expected 200 to 299");
//! # Ok::<(), petswipe_monitor::Error>(()) }).unwrap();
//! ```

mod baseline;
mod canaries;
mod check;
#[cfg(feature = "probe")]
mod http;
mod results;
mod run;
mod schedule;
mod variables;
mod web;

pub use baseline::{Baseline, Pace, Paced};
pub use canaries::{Canaries, CanaryRun, CanaryState, MemoryCanaries, Standing};
pub use check::{Capture, Check, Expect, Part, Statuses, Step};
#[cfg(feature = "probe")]
pub use http::HttpWeb;
pub use results::Results;
pub use run::{Run, StepRun};
pub use schedule::Schedule;
pub use variables::Variables;
pub use web::{Answer, MemoryWeb, Reply, Request, Web};

#[cfg(test)]
mod tests;
