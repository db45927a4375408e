//! Deregistration, and that no request is lost when targets and weights change.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hyper::Response;
use petswipe_local::balancer::{Balancer, Forward, TargetGroupConfig, TargetState};
use petswipe_local::load::{Load, LoadConfig};
use tokio::sync::watch;

use super::support::*;

/// A target that answers when the gate is opened.
async fn gated() -> (Service, watch::Sender<bool>) {
    let gate = watch::Sender::new(false);
    let opened = gate.subscribe();
    let service = Service::start(move |_| {
        let mut opened = opened.clone();
        async move {
            opened.wait_for(|opened| *opened).await.unwrap();
            Response::new(full("finished"))
        }
    })
    .await;
    (service, gate)
}

fn spawn_fetch(balancer: &Balancer) -> tokio::task::JoinHandle<Reply> {
    let balancer = balancer.clone();
    tokio::spawn(async move { fetch(&balancer, "/").await })
}

#[tokio::test]
async fn a_draining_target_finishes_its_request_and_takes_no_new_one() {
    let (slow, gate) = gated().await;
    let other = Service::named("other").await;
    let balancer = balancer().await;
    group_of(&balancer, "group", &[slow.target("slow")]).await;
    let asked = spawn_fetch(&balancer);
    until("the request at the target", || slow.count() == 1).await;
    balancer.register("group", other.target("other")).unwrap();
    healthy(&balancer, "group", 2).await;
    let leaving = tokio::spawn({
        let balancer = balancer.clone();
        async move { balancer.deregister("group", "slow").await }
    });
    let draining = balancer.wait_until("group", |t| t[0].state == TargetState::Draining);
    soon("draining", draining).await.unwrap();
    for _ in 0..20 {
        assert_eq!(fetch(&balancer, "/").await.text, "other");
    }
    assert_eq!(slow.count(), 1);
    assert!(!leaving.is_finished());
    assert_eq!(balancer.targets("group").unwrap().len(), 2);
    gate.send_replace(true);
    assert_eq!(asked.await.unwrap().text, "finished");
    soon("deregistered", leaving).await.unwrap().unwrap();
    let left: Vec<_> = balancer.targets("group").unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].id, "other");
    until("no connection to it", || slow.open.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn the_idle_connections_of_a_draining_target_are_closed_before_its_last_request_ends() {
    let gate = watch::Sender::new(false);
    let opened = gate.subscribe();
    let service = Service::start(move |request| {
        let mut opened = opened.clone();
        async move {
            if request.uri().path() == "/slow" {
                opened.wait_for(|opened| *opened).await.unwrap();
            }
            Response::new(full("finished"))
        }
    })
    .await;
    let open = || service.open.load(Ordering::SeqCst);
    let balancer = balancer().await;
    group_of(&balancer, "group", &[service.target("a")]).await;
    until("the health check's connection closed", || open() == 0).await;
    let asked = tokio::spawn({
        let balancer = balancer.clone();
        async move { fetch(&balancer, "/slow").await }
    });
    until("the request at the target", || service.count() == 1).await;
    fetch(&balancer, "/").await;
    assert_eq!(open(), 2);
    let leaving = tokio::spawn({
        let balancer = balancer.clone();
        async move { balancer.deregister("group", "a").await }
    });
    until("only the busy connection", || open() == 1).await;
    assert!(!leaving.is_finished());
    gate.send_replace(true);
    assert_eq!(asked.await.unwrap().text, "finished");
    soon("deregistered", leaving).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_deregistration_delay_cuts_what_is_stuck() {
    let (stuck, _gate) = gated().await;
    let balancer = balancer().await;
    let config = TargetGroupConfig { deregistration_delay: Duration::from_millis(100), ..calm() };
    balancer.create_target_group("group", config).unwrap();
    balancer.register("group", stuck.target("stuck")).unwrap();
    balancer.set_default(Forward::to("group")).unwrap();
    healthy(&balancer, "group", 1).await;
    let asked = spawn_fetch(&balancer);
    until("the request at the target", || stuck.count() == 1).await;
    let start = Instant::now();
    let gone = balancer.deregister("group", "stuck");
    soon("deregistered", gone).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(100));
    assert!(balancer.targets("group").unwrap().is_empty());
    let reply = asked.await.unwrap();
    assert_eq!(reply.status, 502, "{reply:?}");
    assert_eq!(balancer.metrics().in_flight("group"), Some(0));
    until("no connection", || stuck.open.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn an_idle_target_leaves_at_once_and_its_connections_are_closed() {
    let service = Service::named("a").await;
    let balancer = balancer().await;
    group_of(&balancer, "group", &[service.target("a")]).await;
    assert_eq!(fetch(&balancer, "/").await.text, "a");
    let start = Instant::now();
    soon("deregistered", balancer.deregister("group", "a")).await.unwrap();
    assert!(start.elapsed() < DEADLINE / 2);
    until("no connection", || service.open.load(Ordering::SeqCst) == 0).await;
    assert_eq!(fetch(&balancer, "/").await.status, 503);
    // The name is free again.
    group_of(&balancer, "group", &[service.target("a")]).await;
    assert_eq!(fetch(&balancer, "/").await.text, "a");
}

#[tokio::test]
async fn deregistration_goes_on_when_nobody_waits_and_can_be_waited_for_again() {
    let (slow, gate) = gated().await;
    let balancer = balancer().await;
    group_of(&balancer, "group", &[slow.target("slow")]).await;
    let asked = spawn_fetch(&balancer);
    until("the request at the target", || slow.count() == 1).await;
    let short = Duration::from_millis(10);
    let given_up = tokio::time::timeout(short, balancer.deregister("group", "slow")).await;
    assert!(given_up.is_err());
    // It drains on: no new request is taken, nor may it come back under the same name yet.
    assert_eq!(fetch(&balancer, "/").await.status, 503);
    assert!(balancer.register("group", slow.target("slow")).is_err());
    gate.send_replace(true);
    let again = balancer.deregister("group", "slow").await;
    assert!(again.is_ok() || balancer.targets("group").unwrap().is_empty());
    assert_eq!(asked.await.unwrap().text, "finished");
    let empty = balancer.wait_until("group", |targets| targets.is_empty());
    soon("removed", empty).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changing_weights_and_targets_a_hundred_times_loses_no_request() {
    let balancer = balancer().await;
    let blue = [Service::named("blue").await, Service::named("blue").await];
    let green = [Service::named("green").await, Service::named("green").await];
    group_of(&balancer, "blue", &[blue[0].target("b0")]).await;
    group_of(&balancer, "green", &[green[0].target("g0")]).await;
    let mut config = LoadConfig::new(balancer.address(), 500.0);
    config.timeout = DEADLINE;
    let load = Load::start(config).unwrap();
    for round in 0..100 {
        let split = [
            Forward::to("blue"),
            Forward::weighted([("blue", 95), ("green", 5)]),
            Forward::to("green"),
            Forward::weighted([("blue", 50), ("green", 50)]),
        ];
        balancer.set_default(split[round % 4].clone()).unwrap();
        let (group, services) = [("blue", &blue), ("green", &green)][round % 2];
        let (id, service) = (format!("extra-{round}"), &services[1]);
        balancer.register(group, service.target(&id)).unwrap();
        healthy(&balancer, group, 2).await;
        let sent = load.snapshot().total.requests;
        while load.snapshot().total.requests < sent + 5 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        soon("deregistered", balancer.deregister(group, &id)).await.unwrap();
    }
    let report = load.stop().await;
    assert!(report.total.requests > 500, "{}", report.total.requests);
    assert_eq!(report.total.failed, 0, "{:?}", report.failures);
    assert_eq!(report.total.client_errors, 0);
    let counted: u64 = ["blue", "green"]
        .map(|group| balancer.metrics().totals(group, None).unwrap().success)
        .iter()
        .sum();
    assert_eq!(counted, report.total.requests);
    for service in blue.iter().chain(&green) {
        assert!(service.count() > 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_killed_as_soon_as_it_is_deregistered_loses_no_request() {
    let balancer = balancer().await;
    let steady = Service::named("steady").await;
    group_of(&balancer, "group", &[steady.target("steady")]).await;
    let mut config = LoadConfig::new(balancer.address(), 500.0);
    config.timeout = DEADLINE;
    let load = Load::start(config).unwrap();
    for round in 0..40 {
        let id = format!("short-{round}");
        let short = Service::named("short").await;
        balancer.register("group", short.target(&id)).unwrap();
        until("requests at it", || short.count() > 2).await;
        soon("deregistered", balancer.deregister("group", &id)).await.unwrap();
        let (count, address) = (short.count(), short.address);
        drop(short);
        until("nobody listening", || std::net::TcpStream::connect(address).is_err()).await;
        assert!(count > 2);
    }
    let report = load.stop().await;
    assert_eq!(report.total.failed, 0, "{:?}", report.failures);
}
