//! So many calls in a time, purely.

use std::time::Duration;

use jiff::Timestamp;

use crate::Error;

/// A token bucket: it holds `calls` and fills up in `time`.
#[derive(Debug)]
pub(super) struct Budget {
    calls: u32,
    time: Duration,
    /// When it will be full again.
    full_at: Option<Timestamp>,
}

impl Budget {
    pub(super) fn new(calls: u32, time: Duration) -> Result<Self, Error> {
        match calls > 0 && !time.is_zero() {
            true => Ok(Self { calls, time, full_at: None }),
            false => {
                let given = format!("{calls} calls in {time:?}");
                Err(Error::invalid("budget", given, "at least one call in some time"))
            }
        }
    }

    /// Takes a call, or tells how long to wait for one.
    pub(super) fn take(&mut self, now: Timestamp) -> Result<(), Duration> {
        let one = self.time / self.calls;
        // A clock that was set back must not lock everybody out: more than empty it can't be.
        let latest = now.saturating_add(self.time).unwrap_or(now);
        let full_at = self.full_at.map_or(now, |at| at.clamp(now, latest));
        let then = full_at.saturating_add(one).unwrap_or(full_at);
        // The rounding of a part of the time must not make the last call wait.
        let over = Duration::try_from(then.duration_since(latest)).unwrap_or_default();
        if over > Duration::from_nanos(u64::from(self.calls)) {
            self.full_at = Some(full_at);
            return Err(over);
        }
        self.full_at = Some(then);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    #[test]
    fn it_is_spent_at_once_and_comes_back_by_and_by() {
        let mut budget = Budget::new(3, Duration::from_secs(3)).unwrap();
        for _ in 0..3 {
            assert_eq!(budget.take(at(0)), Ok(()));
        }
        assert_eq!(budget.take(at(0)), Err(Duration::from_secs(1)));
        assert_eq!(budget.take(at(400)), Err(Duration::from_millis(600)));
        assert_eq!(budget.take(at(1000)), Ok(()));
        assert!(budget.take(at(1000)).is_err());
        assert_eq!(budget.take(at(-999_000)), Err(Duration::from_secs(1)), "a clock set back");
        assert_eq!(budget.take(at(-998_000)), Ok(()));
    }

    #[test]
    fn a_budget_of_nothing_is_refused() {
        assert!(Budget::new(0, Duration::from_secs(1)).is_err());
        assert!(Budget::new(1, Duration::ZERO).is_err());
    }

    proptest! {
        #[test]
        fn never_more_than_twice_the_calls_in_any_time_and_always_as_many_in_the_long_run(
            calls in 1u32..20, steps in prop::collection::vec(0i64..400, 1..300),
        ) {
            let mut budget = Budget::new(calls, Duration::from_secs(1)).unwrap();
            let (mut now, mut taken) = (0, Vec::new());
            for step in steps {
                now += step;
                match budget.take(at(now)) {
                    Ok(()) => taken.push(now),
                    Err(wait) => {
                        let then = now + i64::try_from(wait.as_millis()).unwrap() + 1;
                        prop_assert!(wait <= Duration::from_secs(1));
                        let mut later = Budget { full_at: budget.full_at, ..Budget::new(calls, budget.time).unwrap() };
                        prop_assert_eq!(later.take(at(then)), Ok(()), "it waited as it was told");
                    }
                }
            }
            for (index, from) in taken.iter().enumerate() {
                let inside = taken[index..].iter().take_while(|t| **t < from + 1000).count();
                prop_assert!(inside <= 2 * calls as usize);
            }
        }
    }
}
