//! Virtual time, and an executor that jumps to the next wake-up.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{Clock, Sleep};

/// A clock that stands still until everything waits, and then jumps to the next time somebody waits for.
///
/// [`run`](Self::run) is its executor. Under another one, [`advance`](Self::advance) moves it and wakes those whose time
/// has come.
#[derive(Debug)]
pub struct SimClock {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    now: Timestamp,
    waits: BTreeMap<(Timestamp, u64), Waker>,
    next_wait: u64,
}

impl SimClock {
    /// A clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self { state: Mutex::new(State { now, waits: BTreeMap::new(), next_wait: 0 }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves time on by `by`.
    pub fn advance(&self, by: Duration) {
        let to = self.now().saturating_add(by).unwrap_or(Timestamp::MAX);
        self.advance_to(to);
    }

    /// Moves time on to `to`, if that lies ahead.
    pub fn advance_to(&self, to: Timestamp) {
        let mut due = Vec::new();
        let mut state = self.state();
        state.now = state.now.max(to);
        while let Some(first) = state.waits.first_entry() {
            if first.key().0 > to {
                break;
            }
            due.push(first.remove());
        }
        drop(state);
        due.into_iter().for_each(Waker::wake);
    }

    /// Jumps to the next time somebody waits for, but not beyond `until`. False when nobody waits for any time: then
    /// nothing can ever happen again.
    fn jump(&self, until: Option<Timestamp>) -> bool {
        let state = self.state();
        let until = until.filter(|until| *until > state.now);
        let next = state.waits.keys().next().map(|(time, _)| *time);
        drop(state);
        let Some(to) = next.into_iter().chain(until).min() else {
            return false;
        };
        self.advance_to(to);
        true
    }

    /// Runs a future to its end in virtual time. `None` when it can never end because nobody waits for any time.
    ///
    /// ```
    /// use petswipe_runbook::{Clock, sim::SimClock};
    /// let clock = SimClock::new("2026-11-23T03:10:38Z".parse()?);
    /// let tomorrow = "2026-11-24T03:10:38Z".parse()?;
    /// assert_eq!(clock.run(clock.sleep_until(tomorrow)), Some(()));
    /// assert_eq!(clock.now(), tomorrow);
    /// assert_eq!(clock.run(std::future::pending::<()>()), None);
    /// # Ok::<(), jiff::Error>(())
    /// ```
    pub fn run<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        self.poll_while(std::pin::pin!(future), None, || true)
    }

    /// Like [`run`](Self::run), for a future that is polled again later. It gives up as soon as `go_on` says no between
    /// two steps, and time does not jump over `until`.
    pub(super) fn poll_while<T>(
        &self,
        mut future: Pin<&mut (impl Future<Output = T> + ?Sized)>,
        until: Option<Timestamp>,
        go_on: impl Fn() -> bool,
    ) -> Option<T> {
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return Some(value);
            }
            if !go_on() {
                return None;
            }
            // What one part of the future did may have made another one ready.
            if !woken.0.swap(false, Ordering::Relaxed) && !self.jump(until) {
                return None;
            }
        }
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.state().now
    }

    fn sleep_until(&self, time: Timestamp) -> Sleep<'_> {
        Box::pin(Wait { clock: self, time, registered: None })
    }
}

/// Somebody who waits. Leaves nothing behind when it is dropped.
struct Wait<'a> {
    clock: &'a SimClock,
    time: Timestamp,
    registered: Option<u64>,
}

impl Future for Wait<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.state();
        if state.now >= self.time {
            return Poll::Ready(());
        }
        let number = self.registered.unwrap_or(state.next_wait);
        state.next_wait = state.next_wait.max(number + 1);
        state.waits.insert((self.time, number), context.waker().clone());
        drop(state);
        self.registered = Some(number);
        Poll::Pending
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.registered {
            self.clock.state().waits.remove(&(self.time, number));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use futures_util::stream::FuturesUnordered;

    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn years_pass_in_no_time() {
        let clock = SimClock::new(Timestamp::UNIX_EPOCH);
        let end = second(10 * 365 * 24 * 3600);
        assert_eq!(clock.run(clock.sleep_until(end)), Some(()));
        assert_eq!(clock.now(), end);
    }

    #[test]
    fn a_wait_for_nothing_is_found_out() {
        let clock = SimClock::new(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.run(std::future::pending::<()>()), None);
    }

    #[test]
    fn a_wait_that_is_given_up_is_forgotten() {
        let clock = SimClock::new(Timestamp::UNIX_EPOCH);
        let first = futures_util::future::select(
            clock.sleep_until(second(100)),
            clock.sleep_until(second(3)),
        );
        clock.run(first).unwrap();
        assert!(clock.state().waits.is_empty());
        assert_eq!(clock.run(std::future::pending::<()>()), None);
        assert_eq!(clock.now(), second(3));
    }

    #[test]
    fn waits_whose_waker_is_their_own_are_woken() {
        let clock = SimClock::new(Timestamp::UNIX_EPOCH);
        let waits: FuturesUnordered<_> = [5, 3, 4]
            .map(|at| {
                let clock = &clock;
                async move {
                    clock.sleep_until(second(at)).await;
                    at
                }
            })
            .into_iter()
            .collect();
        assert_eq!(clock.run(waits.collect::<Vec<_>>()), Some(vec![3, 4, 5]));
    }

    #[test]
    fn what_one_part_does_for_another_is_not_lost() {
        let clock = SimClock::new(Timestamp::UNIX_EPOCH);
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let hears = receiver;
        let says = async {
            clock.sleep_until(second(1)).await;
            sender.send("now").unwrap();
        };
        // The one that hears is polled before the one that says.
        assert_eq!(clock.run(futures_util::future::join(hears, says)), Some((Ok("now"), ())));
        assert_eq!(clock.now(), second(1));
    }

    #[test]
    fn time_does_not_jump_over_the_end_that_was_given() {
        let clock = SimClock::new(Timestamp::UNIX_EPOCH);
        let mut wait = clock.sleep_until(second(10));
        let stop_at = |at| move |clock: &SimClock| clock.now() < second(at);
        let go_on = stop_at(4);
        assert_eq!(clock.poll_while(wait.as_mut(), Some(second(4)), || go_on(&clock)), None);
        assert_eq!(clock.now(), second(4));
        assert_eq!(clock.poll_while(wait.as_mut(), Some(second(4)), || true), Some(()));
        assert_eq!(clock.now(), second(10));
    }
}
