//! The suites over the implementations of this crate, and what they would find in others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::MetricWorld;
use crate::{
    AbsolutePolicy, All, Error, Errors, Gate, Histogram, LatencyRegression, MemorySource,
    MetricSource, NoData, Observation, Saturation, Subject, Targets, Window,
};

/// A world on a clock of its own, watched by a source in memory.
pub(super) struct MemoryWorld {
    source: MemorySource,
    /// How much time each request and each look at the clock take, as they do on the clock of the wall.
    restless: Duration,
    present: Mutex<Present>,
}

struct Present {
    now: Timestamp,
    requests: u64,
    failed: u64,
}

impl MemoryWorld {
    pub(super) fn new(resolution: u64, lag: u64, restless: Duration) -> Self {
        let [resolution, lag] = [resolution, lag].map(Duration::from_secs);
        let world = Self {
            source: MemorySource::new(resolution, lag),
            restless,
            present: Mutex::new(Present {
                now: "2026-05-04T12:00:00.7Z".parse().unwrap(),
                requests: 0,
                failed: 0,
            }),
        };
        // A source in memory knows only whom something was put in about.
        world.pass(&mut world.present(), resolution);
        world
    }

    fn present(&self) -> MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the clock, and puts in what was done in each period that ends on the way.
    fn pass(&self, present: &mut Present, time: Duration) {
        let length = self.source.resolution();
        let until = present.now + time;
        loop {
            let ahead = Window { from: present.now, to: present.now + length * 2 };
            let next = ahead.closed(length, Duration::ZERO, ahead.to).from;
            let end = if next > present.now { next } else { next + length };
            if end > until {
                present.now = until;
                return;
            }
            present.now = end;
            let over = Window { from: end - length, to: end };
            let requests = std::mem::take(&mut present.requests);
            let failed = std::mem::take(&mut present.failed);
            self.record(self.subject(), over, requests, failed);
            self.record(Subject::environment("idle"), over, 0, 0);
        }
    }

    fn record(&self, subject: Subject, window: Window, requests: u64, failed: u64) {
        let mut latency = Histogram::new();
        latency.record_many(Duration::from_millis(20), requests);
        let period = Observation {
            subject,
            window,
            requests: Some(requests),
            errors: Errors {
                client: Some(0),
                server: Some(failed - failed / 2),
                balancer: Some(failed / 2),
            },
            latency: Some(latency),
            saturation: Saturation::default(),
            targets: Some(Targets { healthy: 1, unhealthy: 0 }),
            provenance: None,
        };
        self.source.record(period).unwrap();
    }
}

#[async_trait]
impl MetricWorld for MemoryWorld {
    fn source(&self) -> &dyn MetricSource {
        &self.source
    }

    fn subject(&self) -> Subject {
        Subject::environment("green")
    }

    fn idle_subject(&self) -> Option<Subject> {
        Some(Subject::environment("idle"))
    }

    fn unknown_subject(&self) -> Subject {
        Subject::environment("unknown")
    }

    fn now(&self) -> Timestamp {
        let mut present = self.present();
        self.pass(&mut present, self.restless);
        present.now
    }

    async fn serve(&self, requests: u64, failed: u64) {
        let mut present = self.present();
        for request in 0..requests {
            self.pass(&mut present, self.restless);
            present.requests += 1;
            present.failed += u64::from(request < failed);
        }
    }

    async fn let_time_pass(&self, periods: u32) {
        let time = self.source.resolution() * periods;
        self.pass(&mut self.present(), time + self.restless);
    }
}

/// The same world, watched through something in between.
struct Through<S>(Arc<MemoryWorld>, S);

/// A world as its source.
struct Watched(Arc<MemoryWorld>);

impl<S> Through<S> {
    fn new(resolution: u64, lag: u64, between: impl FnOnce(Watched) -> S) -> Self {
        let world = Arc::new(MemoryWorld::new(resolution, lag, Duration::ZERO));
        Self(world.clone(), between(Watched(world)))
    }
}

#[async_trait]
impl MetricSource for Watched {
    async fn observe(
        &self,
        subject: &Subject,
        window: Window,
        now: Timestamp,
    ) -> Result<Observation, Error> {
        self.0.source.observe(subject, window, now).await
    }

    fn resolution(&self) -> Duration {
        self.0.source.resolution()
    }

    fn lag(&self) -> Duration {
        self.0.source.lag()
    }

    fn name(&self) -> String {
        self.0.source.name()
    }
}

#[async_trait]
impl<S: MetricSource> MetricWorld for Through<S> {
    fn source(&self) -> &dyn MetricSource {
        &self.1
    }

    fn subject(&self) -> Subject {
        self.0.subject()
    }

    fn idle_subject(&self) -> Option<Subject> {
        self.0.idle_subject()
    }

    fn unknown_subject(&self) -> Subject {
        self.0.unknown_subject()
    }

    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn serve(&self, requests: u64, failed: u64) {
        self.0.serve(requests, failed).await;
    }

    async fn let_time_pass(&self, periods: u32) {
        self.0.let_time_pass(periods).await;
    }
}

crate::metric_source_conformance!(shared, Through::new(10, 25, crate::Shared::new));
crate::metric_source_conformance!(
    fastest_of_one_that_fails_and_one_that_answers,
    Through::new(10, 25, |watched| {
        let blind = MemorySource::new(Duration::from_secs(10), Duration::from_secs(25));
        crate::Fastest::new(vec![Arc::new(blind), Arc::new(watched)]).unwrap()
    })
);

const STILL: Duration = Duration::ZERO;

crate::metric_source_conformance!(memory_by_the_second, MemoryWorld::new(1, 0, STILL));
crate::metric_source_conformance!(memory_by_the_minute, MemoryWorld::new(60, 0, STILL));
crate::metric_source_conformance!(memory_published_late, MemoryWorld::new(60, 60, STILL));
crate::metric_source_conformance!(memory_published_between, MemoryWorld::new(10, 25, STILL));
crate::metric_source_conformance!(
    memory_while_time_passes,
    MemoryWorld::new(1, 1, Duration::from_millis(90))
);
crate::metric_source_conformance!(
    memory_while_much_time_passes,
    MemoryWorld::new(1, 0, Duration::from_millis(2_700))
);

fn strict(no_data: NoData) -> AbsolutePolicy {
    AbsolutePolicy {
        cpu: Some(0.85),
        memory: Some(0.9),
        unhealthy_targets: Some(0),
        no_data,
        ..AbsolutePolicy::default()
    }
}

crate::gate_conformance!(absolute_by_default, AbsolutePolicy::default());
crate::gate_conformance!(absolute_that_holds, strict(NoData::Hold));
crate::gate_conformance!(absolute_that_fails, strict(NoData::Fail));
crate::gate_conformance!(absolute_that_ignores, strict(NoData::Ignore));
crate::gate_conformance!(evidence, crate::EvidencePolicy::default());
crate::gate_conformance!(
    evidence_that_ignores,
    crate::EvidencePolicy { no_data: NoData::Ignore, ..crate::EvidencePolicy::default() }
);
crate::gate_conformance!(regression, LatencyRegression::default());
crate::gate_conformance!(budget, budget(1e6));
crate::gate_conformance!(budget_that_is_spent, budget(10.0));
crate::gate_conformance!(all_of_none, All::new(Vec::new()));
crate::gate_conformance!(
    all_of_several,
    All::new(vec![
        Box::new(strict(NoData::Ignore)),
        Box::new(All::new(vec![
            Box::new(LatencyRegression::default()),
            Box::new(AbsolutePolicy::default()),
        ])),
    ])
);
crate::gate_conformance!(
    all_where_everything_is_ignored,
    All::new(vec![Box::new(LatencyRegression::default()), Box::new(strict(NoData::Ignore)),])
);
crate::gate_conformance!(
    behind_pointers,
    std::sync::Arc::new(Box::new(AbsolutePolicy::default()) as Box<dyn Gate>)
);

/// A rollout that may have half of so many bad requests.
fn budget(budget: f64) -> crate::BudgetPolicy {
    crate::BudgetPolicy {
        slo: "checkout".to_owned(),
        objective: crate::slo::Objective::availability(0.999).unwrap(),
        budget,
        share: 0.5,
        stale_after: Duration::from_secs(300),
    }
}

/// The sentences in the `# Contract` sections of a source file.
fn sentences(source: &str) -> Vec<&str> {
    let names = source.lines().filter_map(|line| line.strip_prefix("/// - `"));
    names.filter_map(|rest| rest.split_once("`:")).map(|(name, _)| name).collect()
}

/// The names in the macro call of a suite's source file.
fn listed(suite: &str) -> Vec<&str> {
    let (_, list) = suite.split_once("[\n").unwrap();
    let (list, _) = list.split_once(']').unwrap();
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect()
}

#[test]
fn every_sentence_of_a_contract_has_its_test() {
    let suite = include_str!("source.rs");
    let mut said = sentences(include_str!("../source.rs"));
    assert!(said.len() >= 6);
    said.extend(sentences(suite));
    assert_eq!(said, listed(suite));
    let said = sentences(include_str!("../gate/mod.rs"));
    assert!(said.len() >= 4);
    assert_eq!(said, listed(include_str!("gate.rs")));
}
