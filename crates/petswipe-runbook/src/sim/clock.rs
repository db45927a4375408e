//! Virtual time, and an executor that jumps to the next wake-up.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{Clock, Sleep};

/// A clock that stands still until everything waits, and then jumps to the next time somebody waits for.
#[derive(Debug)]
pub struct SimClock {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    now: Timestamp,
    waits: BinaryHeap<Reverse<Timestamp>>,
}

impl SimClock {
    /// A clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self { state: Mutex::new(State { now, waits: BinaryHeap::new() }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves time on by `by`.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state();
        state.now = state.now.saturating_add(by).unwrap_or(Timestamp::MAX);
    }

    /// Moves time on to `to`, if that lies ahead.
    pub fn advance_to(&self, to: Timestamp) {
        let mut state = self.state();
        state.now = state.now.max(to);
    }

    /// Jumps to the next time somebody waits for. False when nobody waits: then nothing can ever happen again.
    fn jump(&self) -> bool {
        let mut state = self.state();
        while let Some(Reverse(next)) = state.waits.pop() {
            if next > state.now {
                state.now = next;
                return true;
            }
        }
        false
    }

    fn forget_waits(&self) {
        self.state().waits.clear();
    }

    /// Runs a future to its end in virtual time. `None` when it can never end because nobody waits for any time.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        self.run_while(future, || true)
    }

    /// Like [`run`](Self::run), but gives up as soon as `go_on` says no between two steps.
    pub(super) fn run_while<T>(
        &self,
        future: impl Future<Output = T>,
        go_on: impl Fn() -> bool,
    ) -> Option<T> {
        let mut future = std::pin::pin!(future);
        self.poll_while(future.as_mut(), go_on)
    }

    /// Like [`run_while`](Self::run_while), for a future that is polled again later.
    pub(super) fn poll_while<T>(
        &self,
        mut future: Pin<&mut (impl Future<Output = T> + ?Sized)>,
        go_on: impl Fn() -> bool,
    ) -> Option<T> {
        let mut context = Context::from_waker(Waker::noop());
        self.forget_waits();
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return Some(value);
            }
            if !go_on() || !self.jump() {
                return None;
            }
        }
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.state().now
    }

    fn sleep_until(&self, time: Timestamp) -> Sleep<'_> {
        Box::pin(std::future::poll_fn(move |_| {
            let mut state = self.state();
            if state.now >= time {
                return Poll::Ready(());
            }
            // A wait that is given up leaves its entry behind: one needless poll, no harm.
            state.waits.push(Reverse(time));
            Poll::Pending
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_pass_in_no_time() {
        let clock = SimClock::new(Timestamp::UNIX_EPOCH);
        let end = Timestamp::from_second(10 * 365 * 24 * 3600).unwrap();
        assert_eq!(clock.run(clock.sleep_until(end)), Some(()));
        assert_eq!(clock.now(), end);
    }

    #[test]
    fn a_wait_for_nothing_is_found_out() {
        let clock = SimClock::new(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.run(std::future::pending::<()>()), None);
    }
}
