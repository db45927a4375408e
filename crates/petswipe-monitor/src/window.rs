//! Half-open stretches of time.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Error;

/// The time from `from` (included) to `to` (excluded).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The first instant inside.
    pub from: Timestamp,
    /// The first instant after.
    pub to: Timestamp,
}

impl Window {
    /// The window from `from` to `to`.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] when `to` lies before `from`.
    pub fn new(from: Timestamp, to: Timestamp) -> Result<Self, Error> {
        if to < from {
            return Err(Error::invalid(
                "window",
                format!("{from} to {to}"),
                "an end not before its start",
            ));
        }
        Ok(Self { from, to })
    }

    /// The empty window at `at`.
    pub fn empty(at: Timestamp) -> Self {
        Self { from: at, to: at }
    }

    /// Its length.
    pub fn length(&self) -> Duration {
        Duration::try_from(self.to.duration_since(self.from)).unwrap_or_default()
    }

    /// Whether nothing lies in it.
    pub fn is_empty(&self) -> bool {
        self.to <= self.from
    }

    /// Whether all of `other` lies in it.
    pub fn covers(&self, other: &Window) -> bool {
        self.from <= other.from && other.to <= self.to
    }

    /// The whole periods of length `resolution` (aligned to the epoch) that lie in this window and ended at least
    /// `lag` before `now`: what a source with that resolution and publish delay can answer completely.
    ///
    /// ```
    /// use petswipe_monitor::Window;
    /// use std::time::Duration;
    /// let at = |second| jiff::Timestamp::from_second(second).unwrap();
    /// let asked = Window::new(at(61), at(240))?;
    /// // Minutes that are published a minute late: at 250 only the minute 120..180 lies inside and is complete.
    /// let closed = asked.closed(Duration::from_secs(60), Duration::from_secs(60), at(250));
    /// assert_eq!(closed, Window::new(at(120), at(180))?);
    /// # Ok::<(), petswipe_monitor::Error>(())
    /// ```
    pub fn closed(&self, resolution: Duration, lag: Duration, now: Timestamp) -> Window {
        let step = resolution.as_nanos().max(1) as i128;
        let published = now.as_nanosecond() - lag.as_nanos() as i128;
        let from = self.from.as_nanosecond().div_euclid(step) * step;
        let from = if from < self.from.as_nanosecond() { from + step } else { from };
        let to = self.to.as_nanosecond().min(published).div_euclid(step) * step;
        match (Timestamp::from_nanosecond(from), Timestamp::from_nanosecond(to)) {
            (Ok(from), Ok(to)) if from < to => Window { from, to },
            (Ok(from), _) => Window::empty(from.min(self.to).max(self.from)),
            _ => Window::empty(self.from),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.to)
    }
}
