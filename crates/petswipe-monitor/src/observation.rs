//! The metric model: what one version did in one window.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Histogram, Window};

/// Whose metrics: an environment (a target group), and within it one revision or all.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// The environment, such as `petswipe-production-green`.
    pub environment: String,
    /// One revision in it; `None` for all that run there.
    pub revision: Option<String>,
}

impl Subject {
    /// All revisions of an environment.
    pub fn environment(name: impl Into<String>) -> Self {
        Self { environment: name.into(), revision: None }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.revision {
            Some(revision) => write!(f, "{} ({revision})", self.environment),
            None => f.write_str(&self.environment),
        }
    }
}

/// Failed requests by class. `None` is "not known", which is not the same as none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errors {
    /// Answered 4xx by the application.
    pub client: Option<u64>,
    /// Answered 5xx by the application.
    pub server: Option<u64>,
    /// Answered 502, 503 or 504 by the load balancer because the application did not answer properly.
    pub balancer: Option<u64>,
}

impl Errors {
    /// Requests that failed through no fault of the client: 5xx of the application and of the load balancer. `None`
    /// while either is unknown.
    pub fn failed(&self) -> Option<u64> {
        Some(self.server?.saturating_add(self.balancer?))
    }

    /// The failures that are known of, where only one of the two counts is: there were at least so many. `None` while
    /// neither is known.
    pub fn failed_at_least(&self) -> Option<u64> {
        match (self.server, self.balancer) {
            (None, None) => None,
            (server, balancer) => {
                Some(server.unwrap_or_default().saturating_add(balancer.unwrap_or_default()))
            }
        }
    }
}

/// How full the targets are, as shares from 0 to 1 (more is possible where bursting is).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Saturation {
    /// Mean CPU use over the targets, share of what is reserved.
    pub cpu: Option<f64>,
    /// Mean memory use over the targets, share of what is reserved.
    pub memory: Option<f64>,
}

/// How many targets passed their health checks at the end of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// Passing.
    pub healthy: u32,
    /// Registered and not passing.
    pub unhealthy: u32,
}

/// What one subject did in one window. What a source did not measure is `None`, never zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Whose.
    pub subject: Subject,
    /// The time the numbers really cover: closed periods only, within what was asked.
    pub window: Window,
    /// Requests that were answered, by the application or in its place.
    pub requests: Option<u64>,
    /// Those that failed.
    pub errors: Errors,
    /// Time to answer.
    pub latency: Option<Histogram>,
    /// Fullness.
    pub saturation: Saturation,
    /// Health at the end.
    pub targets: Option<Targets>,
    /// Which of several sources answered, and why those before it did not, in words for people. `None` from a source that is
    /// only one; of a sum, that of the later part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<String>,
}

impl Observation {
    /// An observation of nothing: no metric is known.
    pub fn missing(subject: Subject, window: Window) -> Self {
        Self {
            subject,
            window,
            requests: None,
            errors: Errors::default(),
            latency: None,
            saturation: Saturation::default(),
            targets: None,
            provenance: None,
        }
    }

    /// Failed requests as a share of all, 0 to 1. `None` without requests or while either count is unknown.
    pub fn error_rate(&self) -> Option<f64> {
        share(self.errors.failed()?, self.requests?)
    }

    /// Failures that are known of as a share of all requests: the error rate is not below it. `None` without requests
    /// or while no failures are known.
    pub fn error_rate_at_least(&self) -> Option<f64> {
        share(self.errors.failed_at_least()?, self.requests?)
    }

    /// Requests answered 4xx as a share of all, 0 to 1.
    pub fn client_error_rate(&self) -> Option<f64> {
        share(self.errors.client?, self.requests?)
    }

    /// Whether no metric is known.
    pub fn is_missing(&self) -> bool {
        self.requests.is_none()
            && self.errors == Errors::default()
            && self.latency.is_none()
            && self.saturation == Saturation::default()
            && self.targets.is_none()
    }

    /// Adds what the same subject did in the window right after. Unknown plus known is unknown; saturation and
    /// targets are those of the later one. An empty window adds nothing. If `later` is of another subject, or does
    /// not begin where this ends, nothing is known of the time from this to `later`: a sum over a gap would hide it.
    ///
    /// ```
    /// use petswipe_monitor::{Observation, Subject, Window};
    /// let at = |second| jiff::Timestamp::from_second(second).unwrap();
    /// let seen = |from, to| -> Result<_, petswipe_monitor::Error> {
    ///     let nothing = Observation::missing(Subject::environment("green"), Window::new(at(from), at(to))?);
    ///     Ok(Observation { requests: Some(10), ..nothing })
    /// };
    /// assert_eq!(seen(0, 60)?.then(seen(60, 120)?).requests, Some(20));
    /// assert_eq!(seen(0, 60)?.then(seen(61, 121)?).requests, None);
    /// # Ok::<(), petswipe_monitor::Error>(())
    /// ```
    #[must_use]
    pub fn then(mut self, later: Observation) -> Self {
        let same = self.subject == later.subject;
        if same && later.window.is_empty() {
            return self;
        }
        if same && self.window.is_empty() {
            return later;
        }
        if !same || self.window.to != later.window.from {
            let whole = Window {
                from: self.window.from.min(later.window.from),
                to: self.window.to.max(later.window.to),
            };
            return Observation::missing(self.subject, whole);
        }
        self.window.to = later.window.to;
        self.add_counts(&later);
        self.saturation = later.saturation;
        self.targets = later.targets;
        self.provenance = later.provenance;
        self
    }

    /// Adds what can be counted together, such as what another side of a service did in the same window: requests, errors and
    /// latency. What is unknown in one of them is unknown.
    pub fn add_counts(&mut self, other: &Observation) {
        let add = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
        self.requests = add(self.requests, other.requests);
        self.errors.client = add(self.errors.client, other.errors.client);
        self.errors.server = add(self.errors.server, other.errors.server);
        self.errors.balancer = add(self.errors.balancer, other.errors.balancer);
        self.latency = self.latency.take().zip(other.latency.as_ref()).map(|(mut sum, other)| {
            sum.merge(other);
            sum
        });
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use std::time::Duration;

    fn seen(subject: &str, from: i64, to: i64) -> Observation {
        let at = |second| Timestamp::from_second(second).unwrap();
        let window = Window::new(at(from), at(to)).unwrap();
        let mut latency = Histogram::new();
        latency.record_many(Duration::from_millis(20), 10);
        Observation {
            requests: Some(10),
            errors: Errors { client: Some(1), server: Some(2), balancer: Some(3) },
            latency: Some(latency),
            saturation: Saturation { cpu: Some(to as f64), memory: None },
            targets: Some(Targets { healthy: 1, unhealthy: 0 }),
            ..Observation::missing(Subject::environment(subject), window)
        }
    }

    #[test]
    fn adjacent_observations_add_up() {
        let both = seen("green", 0, 60).then(seen("green", 60, 90));
        assert_eq!(both.window, seen("green", 0, 90).window);
        assert_eq!((both.requests, both.errors.failed()), (Some(20), Some(10)));
        assert_eq!(both.errors.client, Some(2));
        assert_eq!(both.latency.as_ref().map(Histogram::count), Some(20));
        assert_eq!(both.saturation.cpu, Some(90.0));
    }

    #[test]
    fn unknown_plus_known_is_unknown() {
        let unknown = |window| Observation::missing(Subject::environment("green"), window);
        let known = seen("green", 60, 90);
        let sum = unknown(seen("green", 0, 60).window).then(known.clone());
        assert_eq!((sum.requests, sum.errors.failed()), (None, None));
        assert_eq!(sum.latency, None);
        let sum = known.then(unknown(seen("green", 90, 120).window));
        assert!(sum.is_missing());
    }

    #[test]
    fn a_sum_over_a_gap_an_overlap_or_two_subjects_is_unknown() {
        for (later, from, to) in [
            (seen("green", 61, 90), 0, 90),
            (seen("green", 59, 90), 0, 90),
            (seen("green", 0, 60), 0, 60),
            (seen("blue", 60, 90), 0, 90),
        ] {
            let sum = seen("green", 0, 60).then(later.clone());
            assert!(sum.is_missing(), "{later:?}");
            assert_eq!(sum.window, seen("green", from, to).window);
        }
    }

    #[test]
    fn an_empty_window_adds_nothing() {
        let (empty, full) = (seen("green", 60, 60), seen("green", 60, 90));
        assert_eq!(empty.clone().then(full.clone()), full);
        assert_eq!(full.clone().then(empty), full);
    }

    #[test]
    fn rates_without_requests_or_with_unknown_counts_are_unknown() {
        let full = seen("green", 0, 60);
        let with = |change: fn(&mut Observation)| {
            let mut changed = full.clone();
            change(&mut changed);
            let least = changed.error_rate_at_least();
            (changed.error_rate(), changed.client_error_rate(), least)
        };
        assert_eq!(with(|_| {}), (Some(0.5), Some(0.1), Some(0.5)));
        assert_eq!(with(|o| o.requests = Some(0)), (None, None, None));
        assert_eq!(with(|o| o.requests = None), (None, None, None));
        let one_unknown = with(|o| o.errors.balancer = None);
        assert_eq!(one_unknown, (None, Some(0.1), Some(0.2)));
        assert_eq!(with(|o| o.errors = Errors::default()), (None, None, None));
        let huge = with(|o| o.errors.server = Some(u64::MAX));
        assert!(huge.0.is_some_and(|rate| rate > 1e18));
    }
}
