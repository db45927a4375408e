//! petswipe-monitor
mod error;
mod histogram;
mod observation;
mod source;
mod window;

pub use error::{Cause, Error, explain};
pub use histogram::Histogram;
pub use observation::{Errors, Observation, Saturation, Subject, Targets};
pub use source::MetricSource;
#[cfg(feature = "mock")]
pub use source::MockMetricSource;
pub use window::Window;
