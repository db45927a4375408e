//! Metrics in memory: for tests, simulations and documentation, and to feed gates with numbers of one's own.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{Error, MetricSource, Observation, Subject, Window};

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
    periods: Mutex<HashMap<Subject, Vec<Observation>>>,
}

impl MemorySource {
    /// A source with periods of a second that are known as soon as they are over.
    pub fn per_second() -> Self {
        Self::new(Duration::from_secs(1), Duration::ZERO)
    }

    /// A source with periods of `resolution` that are known `lag` after they are over.
    pub fn new(resolution: Duration, lag: Duration) -> Self {
        Self { resolution, lag, periods: Mutex::new(HashMap::new()) }
    }

    /// Puts in what a subject did in one period. A subject's periods must be put in by rising time.
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
            return Err(Error::NotFound { what: format!("metrics of {subject}") });
        };
        let first = held.partition_point(|period| period.window.from < closed.from);
        let inside = held[first..].iter().take_while(|period| closed.covers(&period.window));
        // A gap in the middle is missing data, and a sum over it would hide that.
        let mut sum: Option<Observation> = None;
        for period in inside {
            sum = match sum {
                None if period.window.from != closed.from => None,
                None => Some(period.clone()),
                Some(before) if before.window.to != period.window.from => None,
                Some(before) => Some(before.then(period.clone())),
            };
            if sum.is_none() {
                break;
            }
        }
        match sum {
            Some(sum) if sum.window == closed => Ok(sum),
            _ => Ok(Observation::missing(subject.clone(), closed)),
        }
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
