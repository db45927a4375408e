//! One source for many gates: a cache, one call for all who ask the same, and a budget of calls.

mod budget;
mod flight;

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
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
/// - What is known of closed periods does not change, so it is kept. An error, an answer without requests, or one that knows
///   neither 4xx nor 5xx of them, is kept only for a moment: then a hundred gates that ask again at once are one call, and the
///   next look is a new one.
/// - Nobody waits for ever: who has waited for a minute gets [`Error::TimedOut`], and who asks after that begins a new call.
///   A call for which nobody waits any more is given up.
/// - There are only so many calls to the source in a time. Who comes too late gets [`Error::Throttled`], with the time to
///   wait, and never silence.
///
/// It has no clock but that of the deadline: time is the `now` of those who ask. Where it has to wait for a source, it must be used
/// within a tokio runtime with its time enabled.
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
    deadline: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    flights: HashMap<Key, Held>,
    budget: Option<Budget>,
    /// How often each answer was asked for, in the order of asking.
    asked: u64,
}

type Key = (Subject, i128, i128);

struct Held {
    flight: Arc<Flight>,
    /// How many wait for it.
    waiting: usize,
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
    /// Shares a source: keeps 1000 answers, and errors for a second; nobody waits longer than a minute.
    pub fn new(source: impl MetricSource + 'static) -> Self {
        Self {
            source: Arc::new(source),
            most: 1000,
            moment: Duration::from_secs(1),
            deadline: Duration::from_secs(60),
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

    /// Nobody waits longer than so for an answer, whatever the source does. It should be longer than the source's own time-out,
    /// which says more.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One who waits for the call under way or done for that question, or for a new one.
    fn flight(
        &self,
        subject: &Subject,
        closed: Window,
        now: Timestamp,
    ) -> Result<Waiter<'_>, Error> {
        let mut state = self.state();
        state.asked += 1;
        let used = state.asked;
        let key = (subject.clone(), closed.from.as_nanosecond(), closed.to.as_nanosecond());
        if let Some(held) = state.flights.get_mut(&key) {
            let age = now.duration_since(held.begun).unsigned_abs();
            if held.flight.is_lasting() || age < self.moment || held.flight.is_under_way() {
                held.used = used;
                held.waiting += 1;
                return Ok(Waiter { shared: self, key, flight: held.flight.clone() });
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
        let held = Held { flight: flight.clone(), waiting: 1, begun: now, used };
        state.flights.insert(key.clone(), held);
        Ok(Waiter { shared: self, key, flight })
    }
}

/// One who waits for a call.
struct Waiter<'a> {
    shared: &'a Shared,
    key: Key,
    flight: Arc<Flight>,
}

impl Waiter<'_> {
    /// The answer.
    ///
    /// # Errors
    /// [`Error::TimedOut`] after the deadline; then the next one who asks begins a new call.
    async fn answer(&self) -> Result<Observation, Error> {
        let mut answer = pin!(self.flight.answer());
        // What is there costs no timer.
        let polled = poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await;
        if let Poll::Ready(answer) = polled {
            return answer;
        }
        let waited = self.shared.deadline;
        match tokio::time::timeout(waited, answer).await {
            Ok(answer) => answer,
            Err(_) => {
                drop(self.forget());
                Err(Error::TimedOut { source_name: self.shared.source.name(), waited })
            }
        }
    }

    /// Takes the call off the list, if it is there still. It ends when the last one who waits for it lets go of it.
    fn forget(&self) -> Option<Held> {
        let mut state = self.shared.state();
        let held = state.flights.get(&self.key);
        held.filter(|held| Arc::ptr_eq(&held.flight, &self.flight))?;
        state.flights.remove(&self.key)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        let Some(held) = state.flights.get_mut(&self.key) else { return };
        if !Arc::ptr_eq(&held.flight, &self.flight) {
            return;
        }
        held.waiting -= 1;
        let abandoned = held.waiting == 0 && held.flight.is_under_way();
        let abandoned = abandoned.then(|| state.flights.remove(&self.key));
        // The call is dropped once nobody is locked out by it.
        drop(state);
        drop(abandoned);
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
        let waiter = self.flight(subject, closed, now)?;
        waiter.answer().await
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
