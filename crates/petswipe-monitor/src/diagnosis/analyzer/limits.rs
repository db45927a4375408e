//! From where on something is too much.

use std::time::Duration;

use crate::Error;

/// Limits of a diagnosis. They are lower than those of alarms: who asks knows already that something is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Failed requests as a share of all, above which they are too many. 0.01, as in the guide's alarm.
    pub error_rate: f64,
    /// Nothing is said about fewer requests. 20.
    pub requests: u64,
    /// The 95th percentile of latency, above which it is slow. 500 ms.
    pub latency: Duration,
    /// CPU use, 0 to 1, above which it is the limit. 0.85, as in the guide's alarm.
    pub cpu: f64,
    /// Memory use, 0 to 1, above which it is the limit. 0.9.
    pub memory: f64,
    /// A deployment that takes longer is stuck. 5 minutes.
    pub deployment: Duration,
    /// Waiting longer for a lock is too long. 1 s.
    pub blocked: Duration,
    /// A transaction whose client does nothing for longer is left open. 60 s.
    pub idle_in_transaction: Duration,
    /// A query that runs longer is slow. 30 s; the guide looks for 5 minutes.
    pub slow_query: Duration,
    /// Connections in use, 0 to 1, above which they run out. 0.8.
    pub connections: f64,
    /// Blocks found in the cache, 0 to 1, below which they are too few. 0.9.
    pub cache: f64,
    /// Bytes of storage, below which the database is short of it. 2 GiB.
    pub free_storage: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            error_rate: 0.01,
            requests: 20,
            latency: Duration::from_millis(500),
            cpu: 0.85,
            memory: 0.9,
            deployment: Duration::from_secs(300),
            blocked: Duration::from_secs(1),
            idle_in_transaction: Duration::from_secs(60),
            slow_query: Duration::from_secs(30),
            connections: 0.8,
            cache: 0.9,
            free_storage: 2.0 * 1024.0 * 1024.0 * 1024.0,
        }
    }
}

impl Limits {
    /// Refuses limits that mean nothing.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for a share that is not above 0 and at most 1.
    pub fn check(&self) -> Result<(), Error> {
        let shares = [
            ("error rate", self.error_rate),
            ("CPU limit", self.cpu),
            ("memory limit", self.memory),
            ("connections limit", self.connections),
            ("cache limit", self.cache),
        ];
        for (field, share) in shares {
            if !(share > 0.0 && share <= 1.0) {
                return Err(Error::invalid(field, share, "above 0, at most 1"));
            }
        }
        Ok(())
    }
}

/// A share as percent.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A time in words: `2h 5m`, `3m 4s`, `12.3s`, `80ms`.
pub(super) fn lasting(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{}ms", time.as_millis()),
        1..60 => format!("{:.1}s", time.as_secs_f64()),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_that_is_none_is_refused_with_its_name() {
        assert!(Limits::default().check().is_ok());
        for share in [0.0, -0.1, 1.1, f64::NAN] {
            let error = Limits { cpu: share, ..Limits::default() }.check().unwrap_err();
            assert!(error.to_string().starts_with("CPU limit is "), "{error}");
        }
    }

    #[test]
    fn times_are_read_easily() {
        let times = [80, 12_300, 184_000, 7_500_000].map(Duration::from_millis);
        assert_eq!(times.map(lasting), ["80ms", "12.3s", "3m 4s", "2h 5m"]);
        assert_eq!(percent(0.2048), "20.5 %");
    }
}
