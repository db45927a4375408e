//! What the metrics say of what happened.

use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::{Response, StatusCode};
use jiff::Timestamp;
use petswipe_local::balancer::{Balancer, Forward};
use petswipe_local::metrics::{Counts, Metrics};
use petswipe_monitor::{Observation, Targets, Window};

use super::support::*;

/// Answers with the status that the path names, as in `/404`.
async fn echo_status() -> Service {
    Service::start(|request| async move {
        let status: u16 = request.uri().path()[1..].parse().unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        Response::builder().status(status).body(full("")).unwrap()
    })
    .await
}

/// Waits for the end of the current second.
async fn next_second() -> Timestamp {
    let now = Timestamp::now();
    let next = now.as_second() + 1;
    until("the next second", || Timestamp::now().as_second() >= next).await;
    Timestamp::from_second(next).unwrap()
}

fn observe(balancer: &Balancer, revision: Option<&str>, window: Window) -> Observation {
    let metrics = balancer.metrics();
    let now = Timestamp::now();
    metrics.observe("group", revision, window, now).unwrap()
}

fn window(from: Timestamp, to: Timestamp) -> Window {
    Window::new(from, to).unwrap()
}

#[tokio::test]
async fn every_answer_counts_once_in_its_class_group_revision_and_second() {
    let services = [echo_status().await, echo_status().await];
    let balancer = balancer().await;
    group_of(&balancer, "group", &[services[0].target("one"), services[1].target("two")]).await;
    let from = next_second().await;
    let mut client = Client::connect(balancer.address()).await;
    for status in [200, 201, 204, 301, 404, 403, 500, 503] {
        // Twice: the targets take turns, and each gets every status once.
        for _ in 0..2 {
            client.get(&format!("/{status}")).await;
        }
    }
    let to = next_second().await;
    let both = observe(&balancer, None, window(from, to));
    assert_eq!(both.requests, Some(16));
    assert_eq!(both.errors.client, Some(4));
    assert_eq!(both.errors.server, Some(4));
    assert_eq!(both.errors.balancer, Some(0));
    let latency = both.latency.as_ref().unwrap();
    assert_eq!(latency.count(), 16);
    assert!(latency.max().unwrap() > Duration::ZERO);
    let targets = Targets { healthy: 2, unhealthy: 0 };
    assert_eq!(both.targets, Some(targets));
    let one = observe(&balancer, Some("one:1"), window(from, to));
    assert_eq!(one.requests, Some(8));
    assert_eq!(one.subject.revision.as_deref(), Some("one:1"));
    assert_eq!(one.targets.unwrap().healthy, 1);
    let expected = Counts {
        requests: 8,
        success: 3,
        redirect: 1,
        client_error: 2,
        target_error: 2,
        balancer_error: 0,
    };
    let totals = balancer.metrics().totals("group", Some("two:1"));
    assert_eq!(totals, Some(expected));
    let never = observe(&balancer, Some("three:1"), window(from, to));
    assert_eq!(never.requests, Some(0));
    assert!(balancer.metrics().totals("other", None).is_none());
}

#[tokio::test]
async fn adjacent_windows_add_up_and_an_open_second_is_never_answered() {
    let service = echo_status().await;
    let balancer = balancer().await;
    group_of(&balancer, "group", &[service.target("a")]).await;
    let from = next_second().await;
    let mut client = Client::connect(balancer.address()).await;
    let mut sent = 0;
    let mut whole: Option<Observation> = None;
    let mut last = from;
    // While requests go on, every closed second is read once, as soon as it is over.
    while last.as_second() < from.as_second() + 3 {
        client.get("/200").await;
        sent += 1;
        let now = Timestamp::now();
        let seen = balancer.metrics().observe(
            "group",
            None,
            window(last, now + Duration::from_secs(5)),
            now,
        );
        let seen = seen.unwrap();
        assert!(seen.window.to <= now);
        if seen.window.is_empty() {
            assert_eq!(seen.requests, None);
            continue;
        }
        assert_eq!(seen.window.from, last);
        assert_eq!(seen.window.to.subsec_nanosecond(), 0);
        last = seen.window.to;
        whole = Some(match whole {
            None => seen,
            Some(before) => before.then(seen),
        });
    }
    let whole = whole.unwrap();
    let again = observe(&balancer, None, whole.window);
    assert_eq!(again, whole, "a second that is over never changes");
    let counted = whole.requests.unwrap();
    // The last answers may have come in the second that is still open.
    let open = balancer.metrics().totals("group", None).unwrap().requests - counted;
    assert_eq!(counted + open, sent);
    assert!(counted > 0);
}

#[tokio::test]
async fn time_before_the_group_is_cut_off_and_quiet_seconds_are_zero() {
    let balancer = balancer().await;
    balancer.create_target_group("group", quick()).unwrap();
    let created = Timestamp::now().as_second();
    let to = next_second().await;
    let long_ago = Timestamp::from_second(created - 1000).unwrap();
    let quiet = observe(&balancer, None, window(long_ago, to));
    assert!(quiet.window.from.as_second() >= created - 1, "{:?}", quiet.window);
    assert_eq!(quiet.window.to, to);
    assert_eq!(quiet.requests, Some(0));
    assert_eq!(quiet.errors.failed(), Some(0));
    assert!(quiet.latency.unwrap().is_empty());
    let before = window(long_ago, Timestamp::from_second(created - 10).unwrap());
    let nothing = observe(&balancer, None, before);
    assert!(nothing.window.is_empty() && before.covers(&nothing.window));
    assert_eq!(nothing.requests, None);
    // As known at an earlier time, nothing was over.
    let earlier =
        balancer.metrics().observe("group", None, window(long_ago, to), long_ago).unwrap();
    assert!(earlier.window.is_empty());
    assert_eq!(earlier.requests, None);
}

#[tokio::test]
async fn only_the_retention_is_remembered_but_totals_stay() {
    let service = echo_status().await;
    let balancer = start(|config| config.metrics_retention = Duration::from_secs(1)).await;
    group_of(&balancer, "group", &[service.target("a")]).await;
    let from = next_second().await;
    fetch(&balancer, "/200").await;
    let to = next_second().await;
    assert_eq!(observe(&balancer, None, window(from, to)).requests, Some(1));
    next_second().await;
    let late = next_second().await;
    fetch(&balancer, "/200").await;
    let seen = observe(&balancer, None, window(from, late));
    assert!(seen.window.from > from, "{:?}", seen.window);
    assert_eq!(seen.requests.unwrap_or(0), 0);
    let totals = balancer.metrics().totals("group", None).unwrap();
    assert_eq!(totals.requests, 2);
    // A revision nobody uses any more is forgotten; what it did is not.
    balancer.deregister("group", "a").await.unwrap();
    next_second().await;
    next_second().await;
    let other =
        petswipe_local::balancer::Target { revision: "other".to_owned(), ..service.target("b") };
    balancer.register("group", other).unwrap();
    assert_eq!(balancer.metrics().totals("group", None), Some(totals));
    let gone = balancer.metrics().totals("group", Some("a:1")).unwrap();
    assert_eq!(gone, Counts::default());
}

#[tokio::test]
async fn health_is_that_at_the_end_of_the_window() {
    let service = Service::named("a").await;
    let balancer = balancer().await;
    group_with(&balancer, "group", quick(), &[service.target("a")]).await;
    next_second().await;
    let well = Timestamp::now();
    let until_well = next_second().await;
    service.health.store(500, Ordering::SeqCst);
    healthy(&balancer, "group", 0).await;
    let until_ill = next_second().await;
    let at = |to| observe(&balancer, None, window(well - Duration::from_secs(1), to));
    let targets = |healthy, unhealthy| Some(Targets { healthy, unhealthy });
    assert_eq!(at(until_well).targets, targets(1, 0));
    assert_eq!(at(until_ill).targets, targets(0, 1));
    balancer.deregister("group", "a").await.unwrap();
    let until_gone = next_second().await;
    assert_eq!(at(until_gone).targets, targets(0, 0));
}

#[tokio::test]
async fn what_is_in_flight_and_when_the_last_request_was_sent_are_known() {
    let gate = tokio::sync::watch::Sender::new(false);
    let opened = gate.subscribe();
    let service = Service::start(move |_| {
        let mut opened = opened.clone();
        async move {
            opened.wait_for(|opened| *opened).await.unwrap();
            Response::new(full(""))
        }
    })
    .await;
    let balancer = balancer().await;
    group_of(&balancer, "group", &[service.target("a")]).await;
    let metrics = balancer.metrics();
    assert_eq!(metrics.in_flight("group"), Some(0));
    assert_eq!(metrics.last_request_at("group"), None);
    let before = Timestamp::now();
    let asked: Vec<_> = (0..3)
        .map(|_| {
            let balancer = balancer.clone();
            tokio::spawn(async move { fetch(&balancer, "/").await })
        })
        .collect();
    until("the requests at the target", || service.count() == 3).await;
    assert_eq!(metrics.in_flight("group"), Some(3));
    let last = metrics.last_request_at("group").unwrap();
    assert!(before <= last && last <= Timestamp::now());
    gate.send_replace(true);
    for asked in asked {
        assert_eq!(asked.await.unwrap().status, 200);
    }
    until("nothing in flight", || metrics.in_flight("group") == Some(0)).await;
    assert_eq!(metrics.last_request_at("group"), Some(last));
    // Latency runs until the head of the answer, in-flight until its end.
    assert_eq!(Metrics::LAG, Duration::ZERO);
    assert_eq!(metrics.groups(), ["group"]);
    balancer.set_default(Forward::to("group")).unwrap();
}
