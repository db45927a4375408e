//! Where metrics come from.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{Error, Observation, Subject, Window};

/// A place that knows what a subject did.
///
/// # Contract
/// - `the_answer_lies_within_the_window_asked`: [`Observation::window`] is inside `window`, and `subject` is the one asked.
/// - `an_open_period_is_never_in_the_answer`: the window of the answer ends at least [`lag`](Self::lag) before `now`,
///   on a multiple of [`resolution`](Self::resolution); if no whole period lies in it, it is empty and nothing is known.
/// - `no_measurement_is_none_and_not_zero`: a metric that was not measured is `None`.
/// - `a_quiet_period_that_was_measured_is_zero`: where the source saw that there were no requests, `requests` is `Some(0)`.
/// - `adjacent_windows_add_up_to_the_whole`: the counts of two adjacent windows sum to those of their union.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait MetricSource: Send + Sync {
    /// What `subject` did in the closed periods inside `window`, as known at `now`.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a subject the source can tell does not exist, [`Error::Throttled`],
    /// [`Error::TimedOut`], [`Error::Backend`] when it can't answer.
    async fn observe(
        &self,
        subject: &Subject,
        window: Window,
        now: Timestamp,
    ) -> Result<Observation, Error>;

    /// The length of its periods.
    fn resolution(&self) -> Duration;

    /// How long after its end a period may still change.
    fn lag(&self) -> Duration;

    /// Its name, for evidence and messages.
    fn name(&self) -> String;
}
