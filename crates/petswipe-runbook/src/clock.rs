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
