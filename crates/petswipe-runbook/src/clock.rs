//! The only place where time is read and waited for.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;

/// A boxed wait.
pub type Sleep<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Time, for the driver. Decision cores get it as a parameter.
pub trait Clock: Send + Sync {
    /// The time now. Never goes back.
    fn now(&self) -> Timestamp;

    /// Waits until `time`; ready at once if that has passed.
    fn sleep_until(&self, time: Timestamp) -> Sleep<'_>;
}

/// The system's time on a tokio runtime: wall time at the start, counted on by the monotonic clock, so that a step of
/// the system clock during an operation neither cuts a wait short nor stretches it.
#[derive(Debug)]
pub struct SystemClock {
    started: Timestamp,
    anchor: tokio::time::Instant,
}

impl SystemClock {
    /// A clock that begins now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn new() -> Self {
        Self { started: Timestamp::now(), anchor: tokio::time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.started.saturating_add(self.anchor.elapsed()).unwrap_or(Timestamp::MAX)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn sleep_until(&self, time: Timestamp) -> Sleep<'_> {
        let wait = Duration::try_from(time.duration_since(self.started)).unwrap_or_default();
        let elapsed = self.anchor.elapsed();
        // Tokio's timer can't hold a time centuries away; whoever waits that long looks again after a year.
        let left = wait.saturating_sub(elapsed).min(Duration::from_secs(60 * 60 * 24 * 365));
        Box::pin(tokio::time::sleep_until(self.anchor + elapsed + left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_wait_is_as_long_as_asked_even_after_years() {
        let clock = SystemClock::new();
        for _ in 0..3 {
            tokio::time::advance(Duration::from_secs(300 * 24 * 3600)).await;
            let end = clock.now() + Duration::from_secs(10);
            clock.sleep_until(end).await;
            let late = clock.now().duration_since(end);
            assert!(!late.is_negative() && late.as_secs() == 0, "{late:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_that_has_passed_is_not_waited_for() {
        let clock = SystemClock::new();
        let before = clock.now();
        clock.sleep_until(Timestamp::MIN).await;
        clock.sleep_until(before).await;
        assert_eq!(clock.now(), before);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_time_can_be_waited_for() {
        let clock = SystemClock::new();
        tokio::select! {
            () = clock.sleep_until(Timestamp::MAX) => unreachable!("it is far away"),
            () = clock.sleep_until(clock.now() + Duration::from_secs(3600)) => {}
        }
    }
}
