//! What the balancer measured: counts and latencies per target group, revision and second.
//!
//! Recording takes one short lock per request, shared only by requests to the same revision of the same group.
//! The time of a record is read while that lock is held, and a reader takes its own time before it locks. So a second
//! is final the moment it is over: [`Metrics::LAG`] is zero.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use petswipe_monitor::{Errors, Histogram, Observation, Saturation, Subject, Targets, Window};
use serde::{Deserialize, Serialize};

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
        // Read before any series is locked; see the head of this file.
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
        })
    }

    /// Everything counted since the group was created, for all its revisions or one. `None` for an unknown group.
    pub fn totals(&self, group: &str, revision: Option<&str>) -> Option<Counts> {
        Some(self.find(group)?.totals(revision))
    }

    /// Requests that were sent to targets of the group and have not ended. `None` for an unknown group.
    pub fn in_flight(&self, group: &str) -> Option<u64> {
        Some(self.find(group)?.in_flight())
    }

    /// When a request was last given to a target of the group. `None` for an unknown group or if none was.
    pub fn last_request_at(&self, group: &str) -> Option<Timestamp> {
        match self.find(group)?.last_request.load(Ordering::SeqCst) {
            i64::MIN => None,
            nanos => Timestamp::from_nanosecond(i128::from(nanos)).ok(),
        }
    }

    /// The groups that are measured, in alphabetical order.
    pub fn groups(&self) -> Vec<String> {
        let groups = self.0.groups.read().unwrap_or_else(PoisonError::into_inner);
        groups.keys().cloned().collect()
    }
}

const NANOS: i64 = 1_000_000_000;

/// Wall clock time that never goes back, so that a second once over stays over.
#[derive(Debug, Default)]
struct Clock(AtomicI64);

impl Clock {
    fn nanos(&self) -> i64 {
        let now = i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
        self.0.fetch_max(now, Ordering::SeqCst).max(now)
    }
}

/// What is measured of one group.
#[derive(Debug)]
pub(crate) struct GroupMetrics {
    /// The second in which the group was created.
    since: i64,
    retention: i64,
    clock: Arc<Clock>,
    series: Mutex<BTreeMap<Option<String>, Arc<Series>>>,
    /// Totals of series that were dropped because all they held was too old.
    retired: Mutex<Counts>,
    in_flight: AtomicU64,
    last_request: AtomicI64,
}

impl GroupMetrics {
    fn new(clock: Arc<Clock>, retention: i64) -> Self {
        Self {
            since: clock.nanos().div_euclid(NANOS),
            retention,
            clock,
            series: Mutex::default(),
            retired: Mutex::default(),
            in_flight: AtomicU64::new(0),
            last_request: AtomicI64::new(i64::MIN),
        }
    }

    /// The series of a revision; `None` for requests that were answered before a target was chosen.
    pub(crate) fn series(&self, revision: Option<&str>) -> Arc<Series> {
        let mut all = lock(&self.series);
        if let Some(series) = all.get(&revision.map(str::to_owned)) {
            return series.clone();
        }
        // New revisions are rare; this is the moment to forget those that nobody uses and that are too old to be seen.
        let horizon = self.clock.nanos().div_euclid(NANOS) - self.retention;
        all.retain(|_, series| {
            let keep = Arc::strong_count(series) > 1 || lock(&series.data).newest() >= horizon;
            if !keep {
                lock(&self.retired).merge(&lock(&series.data).totals);
            }
            keep
        });
        let fresh = Arc::new(Series {
            retention: self.retention,
            clock: self.clock.clone(),
            data: Mutex::default(),
        });
        all.insert(revision.map(str::to_owned), fresh.clone());
        fresh
    }

    /// A request was given to a target.
    pub(crate) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        self.last_request.fetch_max(self.clock.nanos(), Ordering::SeqCst);
    }

    /// A request given to a target has ended, one way or another.
    pub(crate) fn end(&self) {
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// The health of the group's targets by revision is this now. Revisions not named have no targets.
    pub(crate) fn set_targets(&self, by_revision: &BTreeMap<&str, Targets>) {
        for revision in by_revision.keys() {
            self.series(Some(revision));
        }
        for (revision, series) in lock(&self.series).iter() {
            let revision = revision.as_deref().unwrap_or_default();
            series.set_targets(by_revision.get(revision).copied().unwrap_or(NO_TARGETS));
        }
    }

    fn selected(&self, revision: Option<&str>) -> Vec<Arc<Series>> {
        lock(&self.series)
            .iter()
            .filter(|(name, _)| revision.is_none() || name.as_deref() == revision)
            .map(|(_, series)| series.clone())
            .collect()
    }

    fn totals(&self, revision: Option<&str>) -> Counts {
        let mut totals = match revision {
            None => *lock(&self.retired),
            Some(_) => Counts::default(),
        };
        for series in self.selected(revision) {
            totals.merge(&lock(&series.data).totals);
        }
        totals
    }

    fn sum(&self, revision: Option<&str>, from: i64, to: i64) -> Sum {
        let mut sum =
            Sum { counts: Counts::default(), latency: Histogram::new(), targets: NO_TARGETS };
        for series in self.selected(revision) {
            let data = lock(&series.data);
            let start = data.seconds.partition_point(|s| s.second < from);
            let end = data.seconds.partition_point(|s| s.second < to);
            for second in data.seconds.range(start..end) {
                sum.counts.merge(&second.counts);
                sum.latency.merge(&second.latency);
            }
            let changes = data.targets.partition_point(|(second, _)| *second < to);
            if let Some((_, targets)) = changes.checked_sub(1).and_then(|i| data.targets.get(i)) {
                sum.targets.healthy += targets.healthy;
                sum.targets.unhealthy += targets.unhealthy;
            }
        }
        sum
    }
}

const NO_TARGETS: Targets = Targets { healthy: 0, unhealthy: 0 };

struct Sum {
    counts: Counts,
    latency: Histogram,
    targets: Targets,
}

/// What one revision of one group did.
#[derive(Debug)]
pub(crate) struct Series {
    retention: i64,
    clock: Arc<Clock>,
    data: Mutex<Data>,
}

#[derive(Debug, Default)]
struct Data {
    /// Seconds with requests, in rising order.
    seconds: VecDeque<Second>,
    /// Targets since the second, in rising order; at most one entry for a second.
    targets: VecDeque<(i64, Targets)>,
    totals: Counts,
}

#[derive(Debug)]
struct Second {
    second: i64,
    counts: Counts,
    latency: Histogram,
}

impl Data {
    fn newest(&self) -> i64 {
        let answered = self.seconds.back().map(|s| s.second);
        let changed = self.targets.back().map(|(second, _)| *second);
        answered.max(changed).unwrap_or(i64::MIN)
    }
}

impl Series {
    /// A request was answered now.
    pub(crate) fn record(&self, answer: Answer) {
        let mut data = lock(&self.data);
        let second = self.clock.nanos().div_euclid(NANOS);
        data.totals.add(answer);
        if data.seconds.back().is_none_or(|last| last.second != second) {
            let horizon = second - self.retention;
            while data.seconds.front().is_some_and(|s| s.second < horizon) {
                data.seconds.pop_front();
            }
            data.seconds.push_back(Second {
                second,
                counts: Counts::default(),
                latency: Histogram::new(),
            });
        }
        if let Some(current) = data.seconds.back_mut() {
            current.counts.add(answer);
            if let Answer::Target { latency, .. } = answer {
                current.latency.record(latency);
            }
        }
    }

    fn set_targets(&self, targets: Targets) {
        let mut data = lock(&self.data);
        let second = self.clock.nanos().div_euclid(NANOS);
        match data.targets.back_mut() {
            Some((_, last)) if *last == targets => return,
            Some((at, last)) if *at == second => *last = targets,
            _ => data.targets.push_back((second, targets)),
        }
        // The last change before the horizon still says how things were at the horizon.
        let horizon = second - self.retention;
        while data.targets.get(1).is_some_and(|(at, _)| *at <= horizon) {
            data.targets.pop_front();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
