//! What the balancer measured: counts and latencies per target group, revision and second.
//!
//! A second is final the moment it is over: [`Metrics::LAG`] is zero.

mod exposition;
mod series;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use petswipe_monitor::{Errors, Observation, Saturation, Subject, Window};
use serde::{Deserialize, Serialize};

pub(crate) use exposition::CONTENT_TYPE;
use series::{Clock, NANOS};
pub(crate) use series::{GroupMetrics, Series};

/// Requests that were answered, by kind of answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All of the following together.
    pub requests: u64,
    /// Answered 2xx by the target.
    pub success: u64,
    /// Answered 3xx by the target.
    pub redirect: u64,
    /// Answered 4xx by the target.
    pub client_error: u64,
    /// Answered 5xx by the target.
    pub target_error: u64,
    /// Answered 502, 503 or 504 by the balancer in its place.
    pub balancer_error: u64,
}

impl Counts {
    fn add(&mut self, answer: Answer) {
        self.requests += 1;
        let class = match answer {
            Answer::Balancer => &mut self.balancer_error,
            Answer::Target { status, .. } => match status {
                500.. => &mut self.target_error,
                400.. => &mut self.client_error,
                300.. => &mut self.redirect,
                _ => &mut self.success,
            },
        };
        *class += 1;
    }

    fn merge(&mut self, other: &Counts) {
        self.requests += other.requests;
        self.success += other.success;
        self.redirect += other.redirect;
        self.client_error += other.client_error;
        self.target_error += other.target_error;
        self.balancer_error += other.balancer_error;
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// The target answered; the time is from the request's arrival to the head of the answer.
    Target { status: u16, latency: Duration },
    /// The balancer answered 502, 503 or 504 itself.
    Balancer,
}

/// The metrics of a balancer. Cheap to clone.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use petswipe_local::balancer::{Balancer, BalancerConfig, TargetGroupConfig};
/// use petswipe_monitor::Window;
/// use std::time::Duration;
///
/// let balancer = Balancer::start(BalancerConfig::default()).await?;
/// balancer.create_target_group("live", TargetGroupConfig::default())?;
/// let now = jiff::Timestamp::now();
/// let asked = Window::new(now - Duration::from_secs(60), now)?;
/// // The group is known, but no second since its creation is over: nothing was measured yet.
/// let seen = balancer.metrics().observe("live", None, asked, now).expect("the group exists");
/// assert!(seen.requests.is_none() || seen.requests == Some(0));
/// assert!(balancer.metrics().observe("other", None, asked, now).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    retention: i64,
    clock: Arc<Clock>,
    groups: RwLock<BTreeMap<String, Arc<GroupMetrics>>>,
}

impl Metrics {
    /// The length of a period: one second.
    pub const RESOLUTION: Duration = Duration::from_secs(1);

    /// How long after its end a second may still change: not at all.
    pub const LAG: Duration = Duration::ZERO;

    pub(crate) fn new(retention: Duration) -> Self {
        Self(Arc::new(Inner {
            retention: i64::try_from(retention.as_secs()).unwrap_or(i64::MAX),
            clock: Arc::default(),
            groups: RwLock::default(),
        }))
    }

    /// Begins to measure a group, if that has not begun.
    pub(crate) fn group(&self, name: &str) -> Arc<GroupMetrics> {
        let groups = &self.0.groups;
        let mut groups = groups.write().unwrap_or_else(PoisonError::into_inner);
        let fresh = || GroupMetrics::new(self.0.clock.clone(), self.0.retention);
        let group = groups.entry(name.to_owned());
        group.or_insert_with(|| Arc::new(fresh())).clone()
    }

    fn find(&self, name: &str) -> Option<Arc<GroupMetrics>> {
        let groups = self.0.groups.read().unwrap_or_else(PoisonError::into_inner);
        groups.get(name).cloned()
    }

    /// What a group, or one revision in it, did in the whole seconds inside `window` that are over at `now`. `None`
    /// for a group that does not exist.
    ///
    /// It keeps the contract of [`MetricSource`](petswipe_monitor::MetricSource) with a resolution of one second and
    /// [no lag](Self::LAG): a request counts in the second in which it was answered, seconds without requests since
    /// the group was created count as measured zeros (those of a revision never seen, too), and time before that or
    /// beyond the retention is cut off the window of the answer.
    pub fn observe(
        &self,
        group: &str,
        revision: Option<&str>,
        window: Window,
        now: Timestamp,
    ) -> Option<Observation> {
        let group_metrics = self.find(group)?;
        let subject =
            Subject { environment: group.to_owned(), revision: revision.map(str::to_owned) };
        // Read before any series is locked; see `series`.
        let clock = self.0.clock.nanos();
        let known = Timestamp::from_nanosecond(i128::from(clock)).unwrap_or(now);
        let closed = window.closed(Self::RESOLUTION, Self::LAG, now.min(known));
        let horizon = (clock.div_euclid(NANOS) - self.0.retention).max(group_metrics.since);
        let from = closed.from.as_second().max(horizon);
        let to = closed.to.as_second();
        let Some(start) = Timestamp::from_second(from).ok().filter(|_| from < to) else {
            return Some(Observation::missing(subject, Window::empty(closed.to)));
        };
        let sum = group_metrics.sum(revision, from, to);
        Some(Observation {
            subject,
            window: Window { from: start, to: closed.to },
            requests: Some(sum.counts.requests),
            errors: Errors {
                client: Some(sum.counts.client_error),
                server: Some(sum.counts.target_error),
                balancer: Some(sum.counts.balancer_error),
            },
            latency: Some(sum.latency),
            saturation: Saturation::default(),
            targets: Some(sum.targets),
            provenance: None,
        })
    }

    /// Everything counted since the group was created, for all its revisions or one. `None` for an unknown group.
    pub fn totals(&self, group: &str, revision: Option<&str>) -> Option<Counts> {
        Some(self.find(group)?.totals(revision))
    }

    /// The same for what came by [rules for tests](crate::balancer::Rule::test), which is in no other count; revisions
    /// that have long been gone are forgotten.
    pub fn test_totals(&self, group: &str, revision: Option<&str>) -> Option<Counts> {
        Some(self.find(group)?.test_totals(revision))
    }

    /// All counters since the start in the text format that Prometheus scrapes, each group under the name that `named`
    /// gives it; groups without one are left out.
    pub(crate) fn exposition(&self, named: impl Fn(&str) -> Option<String>) -> String {
        let groups = self.0.groups.read().unwrap_or_else(PoisonError::into_inner).clone();
        let named = groups.iter().filter_map(|(group, held)| Some((named(group)?, held)));
        exposition::text(named.map(|(name, held)| (name, held.snapshot(), held.in_flight())))
    }

    /// Requests that were sent to targets of the group and have not ended. `None` for an unknown group.
    pub fn in_flight(&self, group: &str) -> Option<u64> {
        Some(self.find(group)?.in_flight())
    }

    /// When a request was last given to a target of the group. `None` for an unknown group or if none was.
    pub fn last_request_at(&self, group: &str) -> Option<Timestamp> {
        self.find(group)?.last_request_at()
    }

    /// The groups that are measured, in alphabetical order.
    pub fn groups(&self) -> Vec<String> {
        let groups = self.0.groups.read().unwrap_or_else(PoisonError::into_inner);
        groups.keys().cloned().collect()
    }
}
