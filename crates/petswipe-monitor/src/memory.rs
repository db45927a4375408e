//! Metrics in memory: for tests, simulations and documentation, and to feed gates with numbers of one's own.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use self::held::Held;
use crate::{Error, MetricSource, Observation, Subject, Window};

mod held;

/// Observations that were put in, one per closed period and subject.
///
/// ```
/// use petswipe_monitor::{Errors, MemorySource, MetricSource, Observation, Subject, Window};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let source = MemorySource::per_second();
/// let green = Subject::environment("green");
/// let at = |second| jiff::Timestamp::from_second(second).unwrap();
/// for second in 0..60 {
///     let window = Window::new(at(second), at(second + 1))?;
///     source.record(Observation {
///         requests: Some(10),
///         errors: Errors { client: Some(0), server: Some(1), balancer: Some(0) },
///         ..Observation::missing(green.clone(), window)
///     })?;
/// }
/// let seen = source.observe(&green, Window::new(at(10), at(20))?, at(60)).await?;
/// assert_eq!(seen.requests, Some(100));
/// assert_eq!(seen.error_rate(), Some(0.1));
/// # Ok::<(), petswipe_monitor::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct MemorySource {
    resolution: Duration,
    lag: Duration,
    periods: Mutex<HashMap<Subject, Held>>,
}

impl MemorySource {
    /// A source with periods of a second that are known as soon as they are over.
    pub fn per_second() -> Self {
        Self::new(Duration::from_secs(1), Duration::ZERO)
    }

    /// A source with periods of `resolution`, at least a nanosecond, that are known `lag` after they are over.
    pub fn new(resolution: Duration, lag: Duration) -> Self {
        Self {
            resolution: resolution.max(Duration::from_nanos(1)),
            lag,
            periods: Mutex::new(HashMap::new()),
        }
    }

    /// Puts in what a subject did in one period. A subject's periods must be put in by rising time; where one is left
    /// out, nothing is known of any window with it.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] when the window is not exactly one period, or not after the last one put in.
    pub fn record(&self, observation: Observation) -> Result<(), Error> {
        let window = observation.window;
        if window.length() != self.resolution
            || window.closed(self.resolution, Duration::ZERO, window.to) != window
        {
            let allowed = format!("one aligned period of {:?}", self.resolution);
            return Err(Error::invalid("window", window, allowed));
        }
        let mut periods = self.periods.lock().unwrap_or_else(PoisonError::into_inner);
        let held = periods.entry(observation.subject.clone()).or_default();
        if let Some(last) = held.last()
            && last.window.to > window.from
        {
            let allowed = format!("a period from {} on", last.window.to);
            return Err(Error::invalid("window", window, allowed));
        }
        held.push(observation);
        Ok(())
    }
}

#[async_trait]
impl MetricSource for MemorySource {
    async fn observe(
        &self,
        subject: &Subject,
        window: Window,
        now: Timestamp,
    ) -> Result<Observation, Error> {
        let closed = window.closed(self.resolution, self.lag, now);
        let periods = self.periods.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(held) = periods.get(subject) else {
            return Err(Error::NotFound { what: format!("a metric of {subject}") });
        };
        // Without the first or the last period the sum is not about this window, and over a gap it is unknown.
        let sum = held.sum(closed, self.resolution);
        Ok(sum.unwrap_or_else(|| Observation::missing(subject.clone(), closed)))
    }

    fn resolution(&self) -> Duration {
        self.resolution
    }

    fn lag(&self) -> Duration {
        self.lag
    }

    fn name(&self) -> String {
        "memory".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(from: i64, to: i64) -> Observation {
        let at = |second| Timestamp::from_second(second).unwrap();
        let window = Window { from: at(from), to: at(to) };
        Observation {
            requests: Some(1),
            ..Observation::missing(Subject::environment("green"), window)
        }
    }

    #[test]
    fn only_whole_periods_in_their_order_are_taken() {
        let source = MemorySource::new(Duration::from_secs(60), Duration::ZERO);
        for (from, to) in [(0, 59), (1, 61), (0, 120), (0, 0), (60, 0)] {
            assert!(source.record(period(from, to)).is_err(), "{from} to {to}");
        }
        assert!(source.record(period(-60, 0)).is_ok());
        assert!(source.record(period(60, 120)).is_ok());
        for from in [-60, 0, 60] {
            let error = source.record(period(from, from + 60)).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("a period from 1970-01-01T00:02:00Z on"), "{text}");
        }
        let instant = MemorySource::new(Duration::ZERO, Duration::ZERO);
        assert!(instant.record(period(0, 0)).is_err());
        assert_eq!(instant.resolution(), Duration::from_nanos(1));
    }

    #[tokio::test]
    async fn a_missing_period_makes_the_answer_unknown_wherever_it_is() {
        let source = MemorySource::per_second();
        for from in [10, 11, 13, 14] {
            source.record(period(from, from + 1)).unwrap();
        }
        let green = Subject::environment("green");
        for (from, to, requests) in [
            (10, 12, Some(2)),
            (13, 15, Some(2)),
            (10, 11, Some(1)),
            (9, 12, None),
            (10, 13, None),
            (11, 14, None),
            (10, 15, None),
            (12, 13, None),
            (13, 16, None),
            (0, 5, None),
            (20, 30, None),
        ] {
            let asked = period(from, to).window;
            let now = period(30, 30).window.to;
            let seen = source.observe(&green, asked, now).await.unwrap();
            assert_eq!((seen.window, seen.requests), (asked, requests));
        }
    }

    #[tokio::test]
    async fn a_subject_of_which_nothing_was_put_in_is_not_found() {
        let source = MemorySource::per_second();
        let asked = period(0, 1).window;
        let blue = Subject::environment("blue");
        let error = source.observe(&blue, asked, asked.to).await.unwrap_err();
        assert_eq!(error.to_string(), "a metric of blue was not found");
        assert!(!error.is_retryable());
    }
}
