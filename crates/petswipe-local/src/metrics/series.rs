//! Counters per second: one series per revision, collected by group.
//!
//! Recording takes one short lock per request, shared only by requests to the same revision of the same group. The
//! time of a record is read while that lock is held, and a reader takes its own time before it locks: either the
//! reader sees a record, or the record's time is not before the reader's. So no record can appear in a second that a
//! reader has seen the end of.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use petswipe_monitor::{Histogram, Targets};

use super::{Answer, Counts};

pub(super) const NANOS: i64 = 1_000_000_000;

/// Wall clock time that never goes back, so that a second once over stays over.
#[derive(Debug, Default)]
pub(super) struct Clock(AtomicI64);

impl Clock {
    pub(super) fn nanos(&self) -> i64 {
        let now = i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
        self.0.fetch_max(now, Ordering::SeqCst).max(now)
    }
}

/// What is measured of one group.
#[derive(Debug)]
pub(crate) struct GroupMetrics {
    /// The second in which the group was created.
    pub(super) since: i64,
    retention: i64,
    clock: Arc<Clock>,
    series: Mutex<BTreeMap<Option<String>, Arc<Series>>>,
    /// Totals of series that were dropped because all they held was too old.
    retired: Mutex<Counts>,
    in_flight: AtomicU64,
    last_request: AtomicI64,
}

impl GroupMetrics {
    pub(super) fn new(clock: Arc<Clock>, retention: i64) -> Self {
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

    pub(super) fn last_request_at(&self) -> Option<Timestamp> {
        match self.last_request.load(Ordering::SeqCst) {
            i64::MIN => None,
            nanos => Timestamp::from_nanosecond(i128::from(nanos)).ok(),
        }
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

    pub(super) fn totals(&self, revision: Option<&str>) -> Counts {
        let mut totals = match revision {
            None => *lock(&self.retired),
            Some(_) => Counts::default(),
        };
        for series in self.selected(revision) {
            totals.merge(&lock(&series.data).totals);
        }
        totals
    }

    /// Everything since the group was created, by revision. `None`, what was answered before a target was chosen, is
    /// always there, so that a group without traffic is known for one.
    pub(super) fn snapshot(&self) -> BTreeMap<Option<String>, Snapshot> {
        let series = lock(&self.series).clone();
        let mut all: BTreeMap<_, _> = series
            .into_iter()
            .map(|(revision, series)| {
                let data = lock(&series.data);
                let targets = data.targets.back().map(|(_, targets)| *targets);
                let snapshot =
                    Snapshot { counts: data.totals, latency: data.latency.clone(), targets };
                (revision, snapshot)
            })
            .collect();
        all.entry(None).or_default();
        all
    }

    pub(super) fn test_totals(&self, revision: Option<&str>) -> Counts {
        let mut totals = Counts::default();
        for series in self.selected(revision) {
            totals.merge(&lock(&series.data).tests);
        }
        totals
    }

    pub(super) fn sum(&self, revision: Option<&str>, from: i64, to: i64) -> Sum {
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

/// Several seconds of several series added up.
pub(super) struct Sum {
    pub(super) counts: Counts,
    pub(super) latency: Histogram,
    pub(super) targets: Targets,
}

/// What one series has counted so far, and its targets at present, if it ever had any.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) counts: Counts,
    pub(super) latency: Histogram,
    pub(super) targets: Option<Targets>,
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
    /// All latencies since the beginning.
    latency: Histogram,
    tests: Counts,
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
    /// A request was answered now. One that came by the rule for tests says nothing about what users get.
    pub(crate) fn record(&self, answer: Answer, test: bool) {
        let mut data = lock(&self.data);
        if test {
            return data.tests.add(answer);
        }
        let second = self.clock.nanos().div_euclid(NANOS);
        data.totals.add(answer);
        if let Answer::Target { latency, .. } = answer {
            data.latency.record(latency);
        }
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
