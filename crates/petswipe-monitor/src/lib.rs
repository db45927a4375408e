#![cfg_attr(docsrs, feature(doc_cfg))]
//! petswipe-monitor
mod error;
mod gate;
mod histogram;
mod memory;
mod observation;
mod source;
mod window;

pub use error::{Cause, Error, explain};
pub use gate::{
    AbsolutePolicy, All, Carried, Comparison, Finding, FindingResult, Gate, Judgement,
    LatencyLimit, LatencyRegression, NoData, Step, Verdict, observe_and_judge,
};
pub use histogram::Histogram;
pub use memory::MemorySource;
pub use observation::{Errors, Observation, Saturation, Subject, Targets};
pub use source::MetricSource;
#[cfg(feature = "mock")]
pub use source::MockMetricSource;
pub use window::Window;
