//! What the balancer refuses, and what it tells of itself.

use std::time::Duration;

use petswipe_local::balancer::{
    Balancer, BalancerConfig, Condition, Error, Forward, HealthCheck, Rule, Target,
    TargetGroupConfig,
};

use super::support::*;

fn rule(priority: u32, group: &str) -> Rule {
    Rule {
        priority,
        conditions: vec![Condition::Path("/*".to_owned())],
        forward: Forward::to(group),
        test: false,
    }
}

#[tokio::test]
async fn unknown_groups_and_targets_are_not_found_and_change_nothing() {
    let balancer = balancer().await;
    balancer.create_target_group("known", TargetGroupConfig::default()).unwrap();
    balancer.set_default(Forward::to("known")).unwrap();
    let split = Forward::weighted([("known", 1), ("unknown", 1)]);
    let not_found = |result: Result<(), Error>| {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
    };
    not_found(balancer.set_default(split.clone()));
    not_found(balancer.set_rule(rule(1, "unknown")));
    not_found(balancer.register("unknown", target("a", nobody().await)));
    not_found(balancer.deregister("unknown", "a").await);
    not_found(balancer.deregister("known", "a").await);
    not_found(balancer.targets("unknown").map(drop));
    assert_eq!(balancer.default_action(), Forward::to("known"));
    assert!(balancer.rules().is_empty());
}

#[tokio::test]
async fn settings_out_of_range_are_refused() {
    let balancer = balancer().await;
    let refused = |config: TargetGroupConfig| {
        let error = balancer.create_target_group("group", config).unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
    };
    let check = |health_check: HealthCheck| TargetGroupConfig {
        health_check,
        ..TargetGroupConfig::default()
    };
    let ok = HealthCheck::default;
    let path = |path: &str| HealthCheck { path: path.to_owned(), ..ok() };
    refused(check(path("health")));
    refused(check(path("/with space")));
    refused(check(HealthCheck {
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(2),
        ..ok()
    }));
    refused(check(HealthCheck { timeout: Duration::ZERO, ..ok() }));
    refused(check(HealthCheck { healthy_threshold: 0, ..ok() }));
    refused(check(HealthCheck { unhealthy_threshold: 0, ..ok() }));
    refused(TargetGroupConfig {
        deregistration_delay: Duration::from_secs(3601),
        ..TargetGroupConfig::default()
    });
    let config = TargetGroupConfig::default();
    assert!(balancer.create_target_group("", config).is_err());
    let no_wait = BalancerConfig { idle_timeout: Duration::ZERO, ..BalancerConfig::default() };
    assert!(Balancer::start(no_wait).await.is_err());
    assert!(balancer.remove_rule(0).is_err());
}

#[tokio::test]
async fn the_same_command_again_changes_nothing_and_another_is_refused() {
    let balancer = balancer().await;
    let service = Service::named("a").await;
    group_of(&balancer, "group", &[service.target("a")]).await;
    balancer.create_target_group("group", calm()).unwrap();
    balancer.register("group", service.target("a")).unwrap();
    assert_eq!(balancer.targets("group").unwrap().len(), 1);
    let other = TargetGroupConfig::default();
    let error = balancer.create_target_group("group", other).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    let moved = Target { address: nobody().await, ..service.target("a") };
    let error = balancer.register("group", moved).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
}

#[tokio::test]
async fn rules_are_listed_by_priority_replaced_and_removed() {
    let balancer = balancer().await;
    for name in ["a", "b"] {
        balancer.create_target_group(name, quick()).unwrap();
    }
    for (priority, group) in [(50_000, "a"), (1, "a"), (20, "a"), (20, "b")] {
        balancer.set_rule(rule(priority, group)).unwrap();
    }
    let expected = vec![rule(1, "a"), rule(20, "b"), rule(50_000, "a")];
    assert_eq!(balancer.rules(), expected);
    assert!(balancer.remove_rule(20).unwrap());
    assert!(!balancer.remove_rule(20).unwrap());
    assert_eq!(balancer.rules().len(), 2);
}

#[tokio::test]
async fn a_port_in_use_is_an_error_and_a_balancer_shut_down_frees_it() {
    let first = balancer().await;
    let port = first.address().port();
    let config = BalancerConfig { port, ..BalancerConfig::default() };
    let error = Balancer::start(config.clone()).await.unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    soon("shutdown", first.shutdown()).await;
    soon("another shutdown", first.shutdown()).await;
    let second = Balancer::start(config).await.unwrap();
    assert_eq!(second.address().port(), port);
}

#[tokio::test]
async fn shutdown_lets_a_request_in_flight_end() {
    let slow = Service::start(|_| async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        hyper::Response::new(full("late"))
    })
    .await;
    let balancer = balancer().await;
    group_of(&balancer, "slow", &[slow.target("slow")]).await;
    let asked = tokio::spawn({
        let balancer = balancer.clone();
        async move { fetch(&balancer, "/").await }
    });
    until("the request at the target", || slow.count() == 1).await;
    soon("shutdown", balancer.shutdown()).await;
    assert_eq!(asked.await.unwrap().text, "late");
}

#[tokio::test]
async fn dropping_the_last_handle_stops_it() {
    let service = Service::named("a").await;
    let balancer = balancer().await;
    group_of(&balancer, "group", &[service.target("a")]).await;
    assert_eq!(fetch(&balancer, "/").await.text, "a");
    let address = balancer.address();
    drop(balancer);
    soon("no listener", async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    until("no connection", || service.open.load(std::sync::atomic::Ordering::SeqCst) == 0).await;
}

#[test]
fn configurations_survive_json() {
    let rule = Rule {
        priority: 10,
        conditions: vec![
            Condition::Path("/api/*".to_owned()),
            Condition::Header { name: "x-test".to_owned(), value: "green".to_owned() },
        ],
        forward: Forward {
            stickiness: Some(Duration::from_secs(90)),
            ..Forward::weighted([("a", 1), ("b", 9)])
        },
        test: true,
    };
    let json = serde_json::to_string(&rule).unwrap();
    assert_eq!(serde_json::from_str::<Rule>(&json).unwrap(), rule, "{json}");
    let group = quick();
    let json = serde_json::to_string(&group).unwrap();
    assert!(json.contains(r#""interval":"100ms""#), "{json}");
    let read: TargetGroupConfig = serde_json::from_str(&json).unwrap();
    assert_eq!(read, group);
    let partial = r#"{"health_check": {"path": "/health", "matcher": "200-299"}}"#;
    let read: TargetGroupConfig = serde_json::from_str(partial).unwrap();
    assert_eq!(read.health_check.unhealthy_threshold, 2);
    assert!(read.health_check.matcher.matches(204));
    assert!(serde_json::from_str::<TargetGroupConfig>(r#"{"helth_check": {}}"#).is_err());
}
