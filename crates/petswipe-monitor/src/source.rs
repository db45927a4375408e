//! Where metrics come from.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{Error, Observation, Subject, Window};

/// A place that knows what a subject did.
///
/// # Contract
/// - `the_answer_lies_within_the_window_asked`: [`Observation::window`] is inside `window`, and `subject` is the one asked.
/// - `an_open_period_is_never_in_the_answer`: the window of the answer begins and ends on a multiple of
///   [`resolution`](Self::resolution), ends at least [`lag`](Self::lag) before `now`, and what was answered about it
///   never changes. If no whole period lies in the window asked, that of the answer is empty and nothing is known.
/// - `what_happened_is_counted`: each request is counted once, in the period in which it was answered, and so is each
///   failure; those answered by the load balancer in the place of the application, too.
/// - `no_measurement_is_none_and_not_zero`: a metric that was not measured is `None`.
/// - `a_quiet_period_that_was_measured_is_zero`: where the source saw that there were no requests, `requests` is `Some(0)`.
/// - `adjacent_windows_add_up_to_the_whole`: the counts of two windows that meet on a multiple of the resolution sum to
///   those of their union.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait MetricSource: Send + Sync {
    /// What `subject` did in the closed periods inside `window`, as known at `now`.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a subject the source can tell does not exist, [`Error::Denied`], [`Error::Throttled`],
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

/// Forwards to what it points to.
macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        impl<T: MetricSource + ?Sized> MetricSource for $pointer<T> {
            async fn observe(
                &self,
                subject: &Subject,
                window: Window,
                now: Timestamp,
            ) -> Result<Observation, Error> {
                (**self).observe(subject, window, now).await
            }

            fn resolution(&self) -> Duration {
                (**self).resolution()
            }

            fn lag(&self) -> Duration {
                (**self).lag()
            }

            fn name(&self) -> String {
                (**self).name()
            }
        }
    };
}

forward!(Arc);
forward!(Box);
