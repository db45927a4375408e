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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn window(from: i64, to: i64) -> Window {
        Window::new(at(from), at(to)).unwrap()
    }

    #[test]
    fn a_window_does_not_end_before_it_starts() {
        let error = Window::new(at(2), at(1)).unwrap_err().to_string();
        assert!(error.contains("an end not before its start"), "{error}");
        assert!(window(1, 1).is_empty());
        assert_eq!(Window { from: at(2), to: at(1) }.length(), Duration::ZERO);
    }

    #[test]
    fn whole_published_periods_are_closed() {
        // asked, periods of, published after, now, answered
        let cases = [
            ((0, 120), 60, 0, 120, (0, 120)),
            ((0, 120), 60, 0, 119, (0, 60)),
            ((0, 120), 60, 1, 120, (0, 60)),
            ((0, 120), 60, 60, 180, (0, 120)),
            ((1, 119), 60, 0, 500, (60, 60)),
            ((1, 121), 60, 0, 500, (60, 120)),
            ((1, 2), 60, 0, 500, (2, 2)),
            ((0, 120), 60, 0, 59, (0, 0)),
            ((0, 120), 60, 0, -59, (0, 0)),
            ((-120, 0), 60, 0, 0, (-120, 0)),
            ((-121, -1), 60, 0, 0, (-120, -60)),
            ((-90, -30), 60, 0, 500, (-60, -60)),
            ((-61, 61), 60, 0, 500, (-60, 60)),
        ];
        for ((from, to), resolution, lag, now, (first, last)) in cases {
            let asked = window(from, to);
            let [resolution, lag] = [resolution, lag].map(Duration::from_secs);
            let closed = asked.closed(resolution, lag, at(now));
            assert_eq!(closed, window(first, last), "{asked} at {now}");
        }
    }

    #[test]
    fn the_ends_of_time_are_no_trouble() {
        let all = Window::new(Timestamp::MIN, Timestamp::MAX).unwrap();
        let nothing = Window::empty(Timestamp::MIN);
        let closed = all.closed(SECOND, Duration::ZERO, Timestamp::MAX);
        assert_eq!(closed.from, Timestamp::MIN);
        assert!(!closed.is_empty());
        assert!(all.closed(Duration::MAX, Duration::ZERO, at(0)).is_empty());
        assert!(all.closed(SECOND, Duration::MAX, Timestamp::MAX).is_empty());
        assert!(all.closed(SECOND, SECOND, Timestamp::MIN).is_empty());
        assert!(nothing.closed(Duration::from_secs(7), SECOND, Timestamp::MIN).is_empty());
        let no_resolution = window(3, 5).closed(Duration::ZERO, Duration::ZERO, at(4));
        assert_eq!(no_resolution, window(3, 4));
        let reversed = Window { from: at(9), to: at(3) };
        assert!(reversed.closed(SECOND, Duration::ZERO, at(99)).is_empty());
    }

    proptest! {
        #[test]
        fn what_is_closed_is_inside_aligned_published_and_all_there_is(
            from in -10_000i64..10_000, length in 0i64..10_000,
            resolution in 1i64..400, lag in 0i64..400, now in -10_000i64..20_000,
        ) {
            let asked = window(from, from + length);
            let [step, late] = [resolution, lag].map(|s| Duration::from_secs(s as u64));
            let closed = asked.closed(step, late, at(now));
            prop_assert!(asked.covers(&closed));
            // The same, second by second.
            let inside = |start: &i64| *start >= from && start + resolution <= from + length;
            let out = |start: &i64| start + resolution + lag <= now;
            let first = (from..=from + length).find(|start| start % resolution == 0);
            let periods = first.into_iter().flat_map(|first| (first..).step_by(resolution as usize));
            let last = periods.take_while(|start| inside(start) && out(start)).last();
            match (first, last) {
                (Some(first), Some(last)) => prop_assert_eq!(closed, window(first, last + resolution)),
                _ => prop_assert!(closed.is_empty()),
            }
        }
    }
}
