//! Health checks: when a target rises and falls, and why.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyper::{Response, StatusCode};
use petswipe_local::balancer::{
    Balancer, Forward, HealthCheck, Target, TargetGroupConfig, TargetState,
};

use super::support::*;

/// A target whose health checks are answered one by one by a script; after its end, with 200.
async fn scripted(script: &[u16]) -> (Service, Seen<TargetState>, Balancer) {
    let script = Arc::new(Mutex::new(script.to_vec()));
    let service = Service::start(move |request| {
        assert_eq!(request.headers()["user-agent"], "ELB-HealthChecker/2.0");
        let mut script = script.lock().unwrap();
        let status = match script.is_empty() {
            true => 200,
            false => script.remove(0),
        };
        let status = StatusCode::from_u16(status).unwrap();
        async move {
            let response = Response::builder().status(status);
            response.body(full("")).unwrap()
        }
    })
    .await;
    let balancer = balancer().await;
    let mut config = quick();
    config.health_check.path = "/script?a=b".to_owned();
    balancer.create_target_group("group", config).unwrap();
    let states = seen();
    let watching = (balancer.clone(), states.clone());
    let mut changes = balancer.changes();
    tokio::spawn(async move {
        let (balancer, states) = watching;
        while changes.changed().await.is_ok() {
            let state = balancer.targets("group").unwrap()[0].state.clone();
            let mut states = states.lock().unwrap();
            if states.last() != Some(&state) {
                states.push(state);
            }
        }
    });
    balancer.register("group", service.target("a")).unwrap();
    (service, states, balancer)
}

fn mismatch(code: u16) -> TargetState {
    TargetState::Unhealthy {
        reason: format!(
            "Target.ResponseCodeMismatch: Health checks failed with these codes: [{code}]"
        ),
    }
}

#[tokio::test]
async fn a_new_target_is_healthy_after_one_passed_check() {
    let (service, states, balancer) = scripted(&[503]).await;
    assert_eq!(balancer.targets("group").unwrap()[0].state, TargetState::Initial);
    healthy(&balancer, "group", 1).await;
    assert_eq!(service.count(), 2);
    until("the states", || states.lock().unwrap().len() == 2).await;
    assert_eq!(*states.lock().unwrap(), [TargetState::Initial, TargetState::Healthy]);
}

#[tokio::test]
async fn a_target_falls_and_rises_by_its_thresholds() {
    // One failure in between is not enough; two in a row are. Two passes in between are not enough; three are.
    let script = [200, 500, 200, 500, 404, 200, 200, 503, 200, 200, 200];
    let (service, states, balancer) = scripted(&script).await;
    until("all checks", || service.count() >= script.len()).await;
    healthy(&balancer, "group", 1).await;
    until("the states", || states.lock().unwrap().len() >= 4).await;
    let states = states.lock().unwrap();
    assert_eq!(states[0], TargetState::Initial);
    assert_eq!(states[1], TargetState::Healthy);
    assert_eq!(states[2], mismatch(404));
    assert_eq!(*states.last().unwrap(), TargetState::Healthy);
    let fallen = states[2..states.len() - 1]
        .iter()
        .all(|state| matches!(state, TargetState::Unhealthy { .. }));
    assert!(fallen, "{states:?}");
}

#[tokio::test]
async fn a_target_that_never_passes_becomes_unhealthy() {
    let (_service, states, balancer) = scripted(&[503; 1000]).await;
    let wanted = balancer.wait_until("group", |t| t[0].state != TargetState::Initial);
    let targets = soon("a state", wanted).await.unwrap();
    assert_eq!(targets[0].state, mismatch(503));
    until("the states", || states.lock().unwrap().len() == 2).await;
}

#[tokio::test]
async fn the_first_check_comes_at_once_and_the_others_at_the_interval() {
    let service = Service::named("a").await;
    let balancer = balancer().await;
    let config = TargetGroupConfig {
        health_check: HealthCheck { interval: Duration::from_secs(3600), ..HealthCheck::default() },
        ..TargetGroupConfig::default()
    };
    balancer.create_target_group("group", config).unwrap();
    let registered = Instant::now();
    balancer.register("group", service.target("a")).unwrap();
    healthy(&balancer, "group", 1).await;
    assert!(registered.elapsed() < DEADLINE);
    assert_eq!(service.count(), 1);
}

#[tokio::test]
async fn a_check_without_an_answer_is_a_timeout() {
    let stuck = Arc::new(AtomicUsize::new(0));
    let counted = stuck.clone();
    let service = Service::start(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        std::future::pending()
    })
    .await;
    let balancer = balancer().await;
    let mut config = quick();
    config.health_check.path = "/stuck".to_owned();
    balancer.create_target_group("group", config).unwrap();
    balancer.register("group", service.target("a")).unwrap();
    let wanted = balancer.wait_until("group", |t| t[0].state != TargetState::Initial);
    let targets = soon("a state", wanted).await.unwrap();
    let reason = "Target.Timeout: Request timed out".to_owned();
    assert_eq!(targets[0].state, TargetState::Unhealthy { reason });
    assert!(stuck.load(Ordering::SeqCst) >= 2);
    // Each check closes its connection.
    balancer.deregister("group", "a").await.unwrap();
    until("no connection", || service.open.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn a_target_where_nobody_listens_is_unhealthy() {
    let balancer = balancer().await;
    balancer.create_target_group("group", quick()).unwrap();
    let gone = target("gone", nobody().await);
    balancer.register("group", gone).unwrap();
    let wanted = balancer.wait_until("group", |t| {
        matches!(&t[0].state, TargetState::Unhealthy { reason }
            if reason.starts_with("Target.FailedHealthChecks: ") && reason.contains("refused"))
    });
    soon("unhealthy", wanted).await.unwrap();
}

#[tokio::test]
async fn health_is_kept_apart_by_group_and_a_matcher_decides() {
    let service = Service::named("a").await;
    service.health.store(302, Ordering::SeqCst);
    let balancer = balancer().await;
    let mut lenient = quick();
    lenient.health_check.matcher = "200-399".parse().unwrap();
    balancer.create_target_group("lenient", lenient).unwrap();
    balancer.create_target_group("strict", quick()).unwrap();
    for group in ["lenient", "strict"] {
        let target = Target { revision: group.to_owned(), ..service.target("a") };
        balancer.register(group, target).unwrap();
    }
    healthy(&balancer, "lenient", 1).await;
    let fallen = balancer.wait_until("strict", |t| t[0].state == mismatch(302));
    soon("unhealthy", fallen).await.unwrap();
}

#[tokio::test]
async fn since_is_the_time_of_the_change_and_not_of_the_last_check() {
    let service = Service::named("a").await;
    let balancer = balancer().await;
    group_with(&balancer, "group", quick(), &[service.target("a")]).await;
    balancer.set_default(Forward::to("group")).unwrap();
    let before = balancer.targets("group").unwrap()[0].since;
    let checks = service.connections.load(Ordering::SeqCst);
    until("more checks", || service.connections.load(Ordering::SeqCst) > checks + 3).await;
    assert_eq!(balancer.targets("group").unwrap()[0].since, before);
    service.health.store(500, Ordering::SeqCst);
    healthy(&balancer, "group", 0).await;
    assert!(balancer.targets("group").unwrap()[0].since > before);
}
