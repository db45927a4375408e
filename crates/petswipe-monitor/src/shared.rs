//! One source for many gates: a cache, one call for all who ask the same, and a budget of calls.

mod budget;
mod flight;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use self::budget::Budget;
use self::flight::Flight;
use crate::{Error, MetricSource, Observation, Subject, Window};

/// A source that many ask at once, such as the gates of a hundred rollouts.
///
/// - Who asks the same as another gets the same answer from one call: the same subject, and windows with the same closed
///   periods in them. It does not matter who asked first, or gave up.
/// - What is known of closed periods does not change, so it is kept. An error, or an answer without requests, is kept only
///   for a moment: then a hundred gates that ask again at once are one call, and the next look is a new one.
/// - There are only so many calls to the source in a time. Who comes too late gets [`Error::Throttled`], with the time to
///   wait, and never silence.
///
/// It has no clock: time is the `now` of those who ask.
///
/// ```
/// use petswipe_monitor::{MemorySource, MetricSource, Shared, Subject, Window};
/// use std::time::Duration;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let at = |second| jiff::Timestamp::from_second(second).unwrap();
/// let source = Shared::new(MemorySource::per_second()).with_budget(1, Duration::from_secs(60))?;
/// let (green, minute) = (Subject::environment("green"), Window::new(at(0), at(60))?);
/// // A source in memory says of an unknown subject that there is none: twice, from one call.
/// for _ in 0..2 {
///     let error = source.observe(&green, minute, at(60)).await.unwrap_err();
///     assert_eq!(error.to_string(), "a metric of green was not found");
/// }
/// let later = source.observe(&green, minute, at(63)).await.unwrap_err();
/// assert_eq!(later.to_string(), "memory throttles");
/// # Ok::<(), petswipe_monitor::Error>(()) }).unwrap();
/// ```
pub struct Shared {
    source: Arc<dyn MetricSource>,
    most: usize,
    moment: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    flights: HashMap<(Subject, i128, i128), Held>,
    budget: Option<Budget>,
    /// How often each answer was asked for, in the order of asking.
    asked: u64,
}

struct Held {
    flight: Arc<Flight>,
    begun: Timestamp,
    /// When it was last asked for, as a number that rises.
    used: u64,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("source", &self.source.name()).finish_non_exhaustive()
    }
}

impl Shared {
    /// Shares a source: keeps 1000 answers, and errors for a second.
    pub fn new(source: impl MetricSource + 'static) -> Self {
        Self {
            source: Arc::new(source),
            most: 1000,
            moment: Duration::from_secs(1),
            state: Mutex::default(),
        }
    }

    /// At most `calls` calls to the source in each `time`.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] when either is nothing.
    pub fn with_budget(self, calls: u32, time: Duration) -> Result<Self, Error> {
        self.state().budget = Some(Budget::new(calls, time)?);
        Ok(self)
    }

    /// Keeps so many answers, at least one; the one that nobody has asked for the longest goes first.
    #[must_use]
    pub fn with_capacity(mut self, answers: usize) -> Self {
        self.most = answers.max(1);
        self
    }

    /// Keeps an error, or an answer without requests, for so long.
    #[must_use]
    pub fn with_moment(mut self, moment: Duration) -> Self {
        self.moment = moment;
        self
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The call under way or done for that question, or a new one.
    fn flight(
        &self,
        subject: &Subject,
        closed: Window,
        now: Timestamp,
    ) -> Result<Arc<Flight>, Error> {
        let mut state = self.state();
        state.asked += 1;
        let used = state.asked;
        let key = (subject.clone(), closed.from.as_nanosecond(), closed.to.as_nanosecond());
        if let Some(held) = state.flights.get_mut(&key) {
            let age = now.duration_since(held.begun).unsigned_abs();
            if held.flight.is_lasting() || age < self.moment || held.flight.is_under_way() {
                held.used = used;
                return Ok(held.flight.clone());
            }
        }
        if let Some(wait) = state.budget.as_mut().and_then(|budget| budget.take(now).err()) {
            let source_name = self.source.name();
            return Err(Error::Throttled { source_name, retry_after: Some(wait) });
        }
        while state.flights.len() >= self.most && !state.flights.contains_key(&key) {
            let oldest = state.flights.iter().min_by_key(|(_, held)| held.used);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { break };
            state.flights.remove(&oldest);
        }
        let (source, subject) = (self.source.clone(), subject.clone());
        let answer = async move { source.observe(&subject, closed, now).await };
        let flight = Arc::new(Flight::new(answer));
        state.flights.insert(key, Held { flight: flight.clone(), begun: now, used });
        Ok(flight)
    }
}

#[async_trait]
impl MetricSource for Shared {
    async fn observe(
        &self,
        subject: &Subject,
        window: Window,
        now: Timestamp,
    ) -> Result<Observation, Error> {
        let closed = window.closed(self.resolution(), self.lag(), now);
        if closed.is_empty() {
            return Ok(Observation::missing(subject.clone(), closed));
        }
        let flight = self.flight(subject, closed, now)?;
        flight.answer().await
    }

    fn resolution(&self) -> Duration {
        self.source.resolution()
    }

    fn lag(&self) -> Duration {
        self.source.lag()
    }

    fn name(&self) -> String {
        self.source.name()
    }
}

#[cfg(test)]
mod tests;
