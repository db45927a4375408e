//! When which check is due.

use std::time::Duration;

use jiff::Timestamp;

use super::Check;

/// When checks are due: each at whole multiples of its interval, shifted by a part of it that depends on its name, so that many
/// checks do not all ask at once. What was missed is not made up for.
#[derive(Clone, Debug)]
pub struct Schedule {
    next: Vec<(Timestamp, Duration)>,
}

impl Schedule {
    /// All checks are due for the first time within their interval after `now`.
    pub fn new(checks: &[Check], now: Timestamp) -> Self {
        let first = |check: &Check| (after(now, check.every, shift(check)), check.every);
        Self { next: checks.iter().map(first).collect() }
    }

    /// The checks that are due, as indices, each once however often it was missed.
    pub fn due(&mut self, now: Timestamp) -> Vec<usize> {
        let mut due = Vec::new();
        for (index, (next, every)) in self.next.iter_mut().enumerate() {
            if *next <= now {
                due.push(index);
                let shift = next.as_nanosecond().rem_euclid(every.as_nanos().max(1) as i128);
                *next = after(now, *every, shift);
            }
        }
        due
    }

    /// When the next one is; `None` without checks.
    pub fn next(&self) -> Option<Timestamp> {
        self.next.iter().map(|(next, _)| *next).min()
    }
}

/// The first time after `now` that is `shift` nanoseconds behind a multiple of `every`.
fn after(now: Timestamp, every: Duration, shift: i128) -> Timestamp {
    let every = every.as_nanos().max(1) as i128;
    let periods = (now.as_nanosecond() - shift).div_euclid(every) + 1;
    Timestamp::from_nanosecond(periods * every + shift).unwrap_or(Timestamp::MAX)
}

/// A part of the first half of the interval: the other half is for the run, so that it ends in the period in which it began.
fn shift(check: &Check) -> i128 {
    let half = (check.every.as_nanos() as i128 / 2).max(1);
    let hash = check.name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    i128::from(hash).rem_euclid(half)
}
