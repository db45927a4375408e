//! The load generator on real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods)] // Real sockets take real time.

#[path = "balancer/support.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::{Response, StatusCode};
use petswipe_local::load::{FailureCause, Load, LoadConfig, LoadReport, NO_VERSION, Spacing};

use support::*;

/// Waits until so many requests have a result.
async fn results(load: &Load, count: u64) {
    until("results", || load.snapshot().total.requests >= count).await;
}

/// Answers with its version.
async fn versioned(version: &'static str, status: u16) -> Service {
    Service::start(move |_| async move {
        Response::builder()
            .status(StatusCode::from_u16(status).unwrap())
            .header("x-app-version", version)
            .body(full("hello"))
            .unwrap()
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_go_out_at_the_rate_whatever_the_spacing() {
    let service = versioned("v1", 200).await;
    for spacing in [Spacing::Uniform, Spacing::Poisson { seed: 3 }] {
        let mut config = LoadConfig::new(service.address, 400.0);
        config.spacing = spacing;
        let before = service.count();
        let load = Load::start(config).unwrap();
        // More than two seconds of it, so that one whole second is among them.
        results(&load, 900).await;
        let report = load.stop().await;
        assert_eq!(report.total.failed, 0, "{:?}", report.failures);
        assert_eq!(report.in_flight, 0);
        assert_eq!(service.count() - before, report.total.requests as usize);
        // By when they were due, not by how fast this machine is: at 400/s, second by second.
        let rate = |second: i64| -> u64 {
            let of_second = |s: &&petswipe_local::load::SecondTally| s.second.as_second() == second;
            report.seconds.iter().filter(of_second).map(|s| s.tally.requests).sum()
        };
        let second = report.started_at.as_second() + 1;
        match spacing {
            Spacing::Uniform => assert!((399..=401).contains(&rate(second)), "{}", rate(second)),
            // Within 5 standard deviations.
            Spacing::Poisson { .. } => assert!((300..=500).contains(&rate(second))),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn latency_counts_from_when_a_request_was_due() {
    // One request at a time gets through, in 20 ms; 100 a second are due. A generator that waited for its answers
    // would see 20 ms; here the queue grows, and with it the latency.
    let turn = Arc::new(tokio::sync::Mutex::new(()));
    let service = Service::start(move |_| {
        let turn = turn.clone();
        async move {
            let _turn = turn.lock().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            Response::new(full(""))
        }
    })
    .await;
    let mut config = LoadConfig::new(service.address, 100.0);
    config.timeout = DEADLINE;
    let load = Load::start(config).unwrap();
    results(&load, 30).await;
    let report = load.stop().await;
    let latency = &report.total.latency;
    assert!(latency.quantile(0.0).unwrap() >= Duration::from_millis(20));
    assert!(latency.max().unwrap() >= Duration::from_millis(200), "{:?}", latency.max());
    assert_eq!(report.total.failed, 0);
}

#[tokio::test]
async fn a_rate_of_zero_is_no_traffic() {
    let load = Load::start(LoadConfig::new(nobody().await, 0.0)).unwrap();
    let report = soon("stop", load.stop()).await;
    assert_eq!(report.total.requests, 0);
    assert!(report.seconds.is_empty() && report.versions.is_empty());
}

#[tokio::test]
async fn results_are_told_apart_by_version_and_kind() {
    let turn = AtomicUsize::new(0);
    let turn = Arc::new(turn);
    let service = Service::start(move |request| {
        assert_eq!(request.headers()["x-test"], "green");
        assert_eq!(request.uri(), "/pets?page=2");
        let turn = turn.fetch_add(1, Ordering::SeqCst);
        let (status, version) = [(200, "v1"), (404, "v1"), (500, "v2"), (200, "")][turn % 4];
        let mut response = Response::builder().status(status);
        if !version.is_empty() {
            response = response.header("X-Version", version);
        }
        async move { response.body(full("")).unwrap() }
    })
    .await;
    let mut config = LoadConfig::new(service.address, 200.0);
    config.path = "/pets?page=2".to_owned();
    config.headers.insert("x-test".to_owned(), "green".to_owned());
    config.version_header = "x-version".to_owned();
    config.failures_kept = 3;
    let load = Load::start(config).unwrap();
    results(&load, 40).await;
    let report = load.stop().await;
    let [none, one, two] = [NO_VERSION, "v1", "v2"].map(|v| report.versions[v].clone());
    let all = report.total.requests;
    assert_eq!(none.tally.requests + one.tally.requests + two.tally.requests, all);
    assert_eq!(one.tally.client_errors, report.total.client_errors);
    assert!(one.tally.client_errors >= 10 && one.tally.failed == 0);
    assert_eq!(two.tally.failed, two.tally.requests);
    assert_eq!(report.total.failed, two.tally.requests);
    assert_eq!(none.tally.failed, 0);
    assert_eq!(report.total.latency.count(), all);
    let by_second: u64 = report.seconds.iter().map(|s| s.tally.requests).sum();
    assert_eq!(by_second, all);
    assert_eq!(report.failures.len(), 3);
    for failure in &report.failures {
        assert_eq!(failure.version, "v2");
        assert_eq!(failure.cause, FailureCause::Status { status: 500 });
        assert!(report.started_at <= failure.due_at && failure.due_at <= failure.failed_at);
    }
    assert!(one.first_answer_at.unwrap() <= one.last_answer_at.unwrap());
    assert!(one.last_answer_at.unwrap() <= report.reported_at);
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<LoadReport>(&json).unwrap(), report);
}

#[tokio::test]
async fn what_gets_no_answer_failed_with_its_cause() {
    let cause = async |config: LoadConfig| {
        let load = Load::start(config).unwrap();
        results(&load, 3).await;
        let report = load.stop().await;
        assert_eq!(report.total.failed, report.total.requests);
        assert!(report.total.latency.is_empty());
        let none = &report.versions[NO_VERSION];
        assert_eq!(none.tally.requests, report.total.requests);
        assert_eq!(none.last_answer_at, None);
        report.failures[0].cause.clone()
    };
    let refused = cause(LoadConfig::new(nobody().await, 100.0)).await;
    assert!(matches!(&refused, FailureCause::Connection { error } if error.contains("refused")));
    let stuck = Service::start(|_| std::future::pending()).await;
    let mut config = LoadConfig::new(stuck.address, 100.0);
    config.timeout = Duration::from_millis(50);
    assert_eq!(cause(config).await, FailureCause::Timeout);
    let closing = raw_target(|stream, _| async move { drop(stream) }).await;
    let broken = cause(LoadConfig::new(closing, 100.0)).await;
    assert!(matches!(broken, FailureCause::Connection { .. }), "{broken:?}");
    let mut config = LoadConfig::new(stuck.address, 100.0);
    config.max_in_flight = 0;
    assert_eq!(cause(config).await, FailureCause::Overload);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_in_flight_fail_at_once_and_stop_waits_for_the_rest() {
    let gate = tokio::sync::watch::Sender::new(false);
    let opened = gate.subscribe();
    let service = Service::start(move |_| {
        let mut opened = opened.clone();
        async move {
            opened.wait_for(|opened| *opened).await.unwrap();
            Response::new(full("late"))
        }
    })
    .await;
    let mut config = LoadConfig::new(service.address, 500.0);
    config.max_in_flight = 10;
    config.timeout = DEADLINE;
    let load = Load::start(config).unwrap();
    // The ten have no result yet; every result so far is an overload.
    results(&load, 20).await;
    let snapshot = load.snapshot();
    assert_eq!(snapshot.in_flight, 10);
    assert_eq!(snapshot.total.failed, snapshot.total.requests);
    let stopping = tokio::spawn(load.stop());
    tokio::task::yield_now().await;
    assert!(!stopping.is_finished());
    gate.send_replace(true);
    let report = soon("stop", stopping).await.unwrap();
    assert_eq!(report.in_flight, 0);
    assert!(report.total.requests - report.total.failed >= 10);
    let overload = |f: &petswipe_local::load::FailedRequest| f.cause == FailureCause::Overload;
    assert!(report.failures.iter().all(overload));
}

#[tokio::test]
async fn nothing_is_sent_once_a_load_is_stopped_or_dropped() {
    let service = versioned("v1", 200).await;
    let load = Load::start(LoadConfig::new(service.address, 500.0)).unwrap();
    results(&load, 5).await;
    let report = load.stop().await;
    assert_eq!(service.count() as u64, report.total.requests);
    let load = Load::start(LoadConfig::new(service.address, 500.0)).unwrap();
    results(&load, 5).await;
    drop(load);
    let mut last = usize::MAX;
    until("silence", || {
        let count = service.count();
        std::thread::sleep(Duration::from_millis(20));
        std::mem::replace(&mut last, count) == count
    })
    .await;
}

#[tokio::test]
async fn connections_are_kept_and_a_closed_one_costs_no_request() {
    let service = versioned("v1", 200).await;
    let load = Load::start(LoadConfig::new(service.address, 200.0)).unwrap();
    results(&load, 100).await;
    let report = load.stop().await;
    assert_eq!(report.total.failed, 0);
    assert!(service.connections.load(Ordering::SeqCst) < 50);
}

#[tokio::test]
async fn illegal_settings_are_refused() {
    let address = nobody().await;
    let ok = || LoadConfig::new(address, 1.0);
    let refused = |config: LoadConfig| assert!(Load::start(config).is_err());
    for rate in [-1.0, f64::NAN, f64::INFINITY] {
        refused(LoadConfig::new(address, rate));
    }
    for path in ["", "pets", "http://other/", "/a b"] {
        let path = path.to_owned();
        refused(LoadConfig { path, ..ok() });
    }
    let headers = [("bad name".to_owned(), "x".to_owned())].into();
    refused(LoadConfig { headers, ..ok() });
    let version_header = "bad name".to_owned();
    refused(LoadConfig { version_header, ..ok() });
    let json = serde_json::to_string(&ok()).unwrap();
    assert_eq!(serde_json::from_str::<LoadConfig>(&json).unwrap(), ok());
    let short = format!(r#"{{"address": "{address}", "rate": 1.0}}"#);
    assert_eq!(serde_json::from_str::<LoadConfig>(&short).unwrap(), ok());
}

#[test]
fn outside_a_runtime_it_is_an_error() {
    let config = LoadConfig::new("127.0.0.1:1".parse().unwrap(), 1.0);
    assert!(Load::start(config).is_err());
}
