//! Sources that answer, fail, refuse and never answer, on a paused clock.
#![allow(clippy::disallowed_methods, reason = "the paused clock is the test's own")]

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::*;
use crate::diagnosis::{LogLine, MemoryCloud, MemoryDatabase};
use crate::{Cause as Boxed, MemorySource};

const SECOND: Duration = Duration::from_secs(1);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn scope() -> Scope {
    Scope::new(["blue", "green"], Window::new(at(0), at(60)).unwrap(), at(60))
}

/// Never answers.
struct Hangs;

#[async_trait]
impl TargetHealth for Hangs {
    async fn targets(&self, _: &str) -> Result<Vec<TargetReport>, Error> {
        std::future::pending().await
    }
}

#[async_trait]
impl DatabaseActivity for Hangs {
    async fn activity(&self) -> Result<DatabaseReport, Error> {
        std::future::pending().await
    }
}

/// Refuses.
struct Refuses;

#[async_trait]
impl ServiceEvents for Refuses {
    async fn service(&self, _: &str) -> Result<ServiceReport, Error> {
        let source = Boxed::from("not authorized, token=abcdef");
        Err(Error::Denied { operation: "DescribeServices".to_owned(), source })
    }

    async fn stopped_tasks(&self, _: &str) -> Result<StoppedTasks, Error> {
        Err(Error::Throttled { source_name: "ListTasks".to_owned(), retry_after: None })
    }
}

/// Answers when so many are asked at the same moment.
struct Together(AtomicUsize);

#[async_trait]
impl ScalingActivities for Together {
    async fn scaling(&self, _: &str) -> Result<Option<ScalingReport>, Error> {
        self.0.fetch_add(1, Ordering::SeqCst);
        while self.0.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        Ok(None)
    }
}

#[tokio::test(start_paused = true)]
async fn what_hangs_fails_or_refuses_is_missing_with_its_cause_and_stops_nobody() {
    let cloud = Arc::new(MemoryCloud::new());
    let line = LogLine { at: at(5), stream: "a".to_owned(), text: "ERROR x".into() };
    cloud.log("blue", line);
    let sources = Sources {
        metrics: Some(Arc::new(MemorySource::per_second())),
        logs: Some(cloud),
        targets: Some(Arc::new(Hangs)),
        services: Some(Arc::new(Refuses)),
        scaling: Some(Arc::new(Together(AtomicUsize::new(0)))),
        database: Some(Arc::new(Hangs)),
        database_load: Some(Arc::new(measured())),
    };
    let began = tokio::time::Instant::now();
    let deadlines = Deadlines { source: SECOND * 7, whole: SECOND * 30 };
    let seen = collect(&sources, &scope(), deadlines).await;
    assert_eq!(began.elapsed(), SECOND * 7, "all wait at the same time");
    let blue = &seen.environments["blue"];
    assert_eq!(blue.logs.seen().unwrap().lines.len(), 1);
    let missing = |why: Option<&Redacted>| why.unwrap().to_string();
    assert_eq!(missing(blue.targets.missing()), "the load balancer did not answer within 7s");
    assert_eq!(missing(seen.database.missing()), "the database did not answer within 7s");
    assert_eq!(
        missing(blue.service.missing()),
        "DescribeServices was denied: not authorized, token=***"
    );
    assert_eq!(missing(blue.stopped.missing()), "ListTasks throttles");
    assert!(missing(blue.metrics.missing()).contains("not found"));
    assert_eq!(blue.scaling, Looked::Seen(None));
    assert!(missing(seen.environments["green"].logs.missing()).contains("green was not found"));
    assert!(seen.database_load.seen().is_some());
    assert!(seen.is_anything_known());
    assert_eq!(seen.questions().len(), 14);
}

/// A database of which something is known.
fn measured() -> MemoryDatabase {
    let database = MemoryDatabase::new();
    database.measure(at(30), DatabaseGauges { cpu: Some(0.5), ..DatabaseGauges::default() });
    database
}

/// Answers that nothing was measured, or only the CPU.
struct Blank(Option<f64>, Duration);

#[async_trait]
impl MetricSource for Blank {
    async fn observe(
        &self,
        subject: &Subject,
        window: Window,
        _: Timestamp,
    ) -> Result<Observation, Error> {
        let mut seen = Observation::missing(subject.clone(), window);
        seen.saturation.cpu = self.0;
        Ok(seen)
    }
    fn resolution(&self) -> Duration {
        SECOND * 60
    }
    fn lag(&self) -> Duration {
        self.1
    }
    fn name(&self) -> String {
        "Blank".to_owned()
    }
}

#[tokio::test]
async fn a_source_that_answers_with_nothing_is_missing() {
    let ask = async |cpu, lag, database: MemoryDatabase| {
        let sources = Sources {
            metrics: Some(Arc::new(Blank(cpu, SECOND * lag))),
            database_load: Some(Arc::new(database)),
            ..Sources::default()
        };
        collect(&sources, &scope(), Deadlines::default()).await
    };
    let why = |seen: &Collected| {
        let all = seen
            .questions()
            .into_iter()
            .map(|(_, why)| why.map_or("", Redacted::as_str).to_owned());
        all.collect::<Vec<_>>()
    };
    // Neither has measured anything.
    let blank = "Blank has measured nothing in the window";
    let seen = ask(None, 0, MemoryDatabase::new()).await;
    assert_eq!(why(&seen), [blank, blank, "nothing was measured of the database in the window"]);
    assert!(!seen.is_anything_known());
    // The only period of the window is not published yet, so nobody was asked.
    let seen = ask(Some(0.5), 1, measured()).await;
    assert!(why(&seen)[0].starts_with("no period of 60s lies in the window"), "{seen:?}");
    assert_eq!(why(&seen)[2], "");
    // What is known in part is known.
    let seen = ask(Some(0.5), 0, measured()).await;
    assert_eq!(why(&seen), ["", "", ""]);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_all_holds_for_each() {
    let sources = Sources { database: Some(Arc::new(Hangs)), ..Sources::default() };
    let began = tokio::time::Instant::now();
    let seen =
        collect(&sources, &scope(), Deadlines { source: SECOND * 9, whole: SECOND * 2 }).await;
    assert_eq!(began.elapsed(), SECOND * 2);
    assert!(!seen.is_anything_known());
    assert_eq!(seen.environments["blue"].logs, Looked::NotAsked);
    let json = serde_json::to_string(&seen).unwrap();
    assert_eq!(serde_json::from_str::<Collected>(&json).unwrap(), seen);
}

#[test]
fn the_window_is_divided_into_whole_closed_periods() {
    let ends = |from, to, resolution, lag, now| {
        let window = Window::new(at(from), at(to)).unwrap();
        let parts = slices(window, SECOND * resolution, SECOND * lag, at(now));
        let seconds = |window: &Window| (window.from.as_second(), window.to.as_second());
        parts.iter().map(seconds).collect::<Vec<_>>()
    };
    assert_eq!(ends(0, 60, 1, 0, 60).len(), 6);
    assert_eq!(ends(0, 60, 1, 0, 60)[5], (50, 60));
    assert_eq!(
        ends(0, 600, 60, 120, 600),
        (0..8).step_by(2).map(|m| (m * 60, m * 60 + 120)).collect::<Vec<_>>()
    );
    assert_eq!(ends(0, 60, 60, 0, 60), [(0, 60)]);
    assert_eq!(ends(0, 3, 1, 0, 60), [(0, 1), (1, 2), (2, 3)]);
    assert_eq!(ends(0, 30, 60, 0, 60), []);
    assert_eq!(ends(0, 7, 1, 0, 60), [(0, 2), (2, 4), (4, 6), (6, 7)]);
}
