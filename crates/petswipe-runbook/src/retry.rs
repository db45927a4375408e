//! When to try again: a pure policy for decision cores.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How often and how soon an effect is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// How many times in all, at least 1.
    pub attempts: u32,
    /// The wait before the second attempt; each further wait is twice as long.
    pub first_wait: Duration,
    /// No wait is longer.
    pub longest_wait: Duration,
}

impl Default for Retry {
    /// 5 attempts, after 0.2, 0.4, 0.8 and 1.6 s.
    fn default() -> Self {
        Self {
            attempts: 5,
            first_wait: Duration::from_millis(200),
            longest_wait: Duration::from_secs(10),
        }
    }
}

impl Retry {
    /// The wait after `failed` attempts failed, or `None` when there is none left.
    ///
    /// ```
    /// # use petswipe_runbook::Retry;
    /// # use std::time::Duration;
    /// let retry = Retry { attempts: 3, first_wait: Duration::from_secs(4), longest_wait: Duration::from_secs(6) };
    /// assert_eq!(retry.wait_after(1), Some(Duration::from_secs(4)));
    /// assert_eq!(retry.wait_after(2), Some(Duration::from_secs(6)));
    /// assert_eq!(retry.wait_after(3), None);
    /// ```
    pub fn wait_after(&self, failed: u32) -> Option<Duration> {
        if failed >= self.attempts {
            return None;
        }
        let doublings = failed.saturating_sub(1).min(31);
        Some(self.first_wait.saturating_mul(1 << doublings).min(self.longest_wait))
    }
}
