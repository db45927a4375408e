//! When a deployment is given up, and how long to wait before a failed task is replaced. Pure.

use std::time::Duration;

/// How many tasks may fail before the circuit breaker opens: half of the desired ones, at least 3 and at most 200.
///
/// Source: Amazon ECS Developer Guide, "How the Amazon ECS deployment circuit breaker detects failures".
pub(crate) fn threshold(desired: u32) -> u32 {
    desired.div_ceil(2).clamp(3, 200)
}

/// How fast failed tasks are replaced: the first at once, and each further one in a row after twice as long, up to a
/// limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the second failure in a row.
    pub first: Duration,
    /// The longest wait. When nothing fails for twice as long, the row has ended.
    pub limit: Duration,
}

impl Default for Backoff {
    /// 500 ms, up to 10 s. ECS waits in the same way, but for minutes.
    fn default() -> Self {
        Self { first: Duration::from_millis(500), limit: Duration::from_secs(10) }
    }
}

impl Backoff {
    /// The wait after `failures` in a row.
    pub(crate) fn after(&self, failures: u32) -> Duration {
        match failures {
            0 | 1 => Duration::ZERO,
            many => self.first.saturating_mul(1 << (many - 2).min(20)).min(self.limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_breaker_opens_after_half_of_the_tasks_within_3_and_200() {
        for (desired, failures) in
            [(0, 3), (1, 3), (4, 3), (6, 3), (7, 4), (25, 13), (400, 200), (800, 200)]
        {
            assert_eq!(threshold(desired), failures, "{desired}");
        }
    }

    #[test]
    fn the_wait_doubles_up_to_its_limit() {
        let backoff = Backoff::default();
        let waits: Vec<_> = (0..9).map(|failures| backoff.after(failures).as_millis()).collect();
        assert_eq!(waits, [0, 0, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
        assert_eq!(backoff.after(u32::MAX), backoff.limit);
    }
}
