//! Which target gets a request.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::header::SET_COOKIE;
use petswipe_local::balancer::{Balancer, Condition, Forward, Rule};

use super::support::*;

/// How often each target answered.
async fn answers(balancer: &Balancer, requests: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let mut client = Client::connect(balancer.address()).await;
    for _ in 0..requests {
        *counts.entry(client.get("/").await.text).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn a_split_fits_its_weights() {
    const REQUESTS: usize = 20_000;
    let (blue, green) = (Service::named("blue").await, Service::named("green").await);
    let balancer = balancer().await;
    group_of(&balancer, "blue", &[blue.target("blue")]).await;
    group_of(&balancer, "green", &[green.target("green")]).await;
    let split = Forward::weighted([("blue", 95), ("green", 5)]);
    balancer.set_default(split).unwrap();
    let counts = answers(&balancer, REQUESTS).await;
    let (got, expected) = (counts["green"] as f64, REQUESTS as f64 * 0.05);
    let off = (got - expected).powi(2);
    let chi_square = off / expected + off / (REQUESTS as f64 - expected);
    // The critical value for one degree of freedom at p = 0.001.
    assert!(chi_square < 10.83, "{got} of {REQUESTS}: {chi_square}");
}

#[tokio::test]
async fn the_same_seed_divides_the_same_requests_the_same_way() {
    let (blue, green) = (Service::named("blue").await, Service::named("green").await);
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let balancer = start(|config| config.seed = Some(seed)).await;
        group_of(&balancer, "blue", &[blue.target("blue")]).await;
        group_of(&balancer, "green", &[green.target("green")]).await;
        let split = Forward::weighted([("blue", 1), ("green", 1)]);
        balancer.set_default(split).unwrap();
        let mut client = Client::connect(balancer.address()).await;
        let mut run = String::new();
        for _ in 0..64 {
            run += &client.get("/").await.text[..1];
        }
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test]
async fn a_weight_of_zero_gets_nothing_and_a_change_holds_for_the_very_next_request() {
    let (blue, green) = (Service::named("blue").await, Service::named("green").await);
    let balancer = balancer().await;
    group_of(&balancer, "blue", &[blue.target("blue")]).await;
    group_of(&balancer, "green", &[green.target("green")]).await;
    let mut client = Client::connect(balancer.address()).await;
    for round in 0..200 {
        let (to, other) = [("blue", "green"), ("green", "blue")][round % 2];
        let split = Forward::weighted([(other, 0), (to, 999)]);
        balancer.set_default(split).unwrap();
        assert_eq!(client.get("/").await.text, to, "round {round}");
    }
}

#[tokio::test]
async fn targets_of_a_group_take_turns() {
    let services =
        [Service::named("a").await, Service::named("b").await, Service::named("c").await];
    let balancer = balancer().await;
    let targets: Vec<_> =
        ["a", "b", "c"].iter().zip(&services).map(|(id, service)| service.target(id)).collect();
    group_of(&balancer, "group", &targets).await;
    let counts = answers(&balancer, 300).await;
    assert!(counts.values().all(|count| *count == 100), "{counts:?}");
}

#[tokio::test]
async fn weights_hold_whatever_the_health_of_the_group() {
    let blue = Service::named("blue").await;
    let balancer = balancer().await;
    group_of(&balancer, "blue", &[blue.target("blue")]).await;
    balancer.create_target_group("empty", quick()).unwrap();
    let split = Forward::weighted([("blue", 1), ("empty", 1)]);
    balancer.set_default(split).unwrap();
    let counts = answers(&balancer, 1000).await;
    let lost = 1000 - counts["blue"];
    // Within 4 standard deviations of one half.
    assert!((437..=563).contains(&lost), "{counts:?}");
}

#[tokio::test]
async fn the_lowest_priority_whose_conditions_hold_decides() {
    let balancer = balancer().await;
    let mut services = Vec::new();
    for name in ["rest", "api", "admin", "test"] {
        let service = Service::named(name).await;
        group_of(&balancer, name, &[service.target(name)]).await;
        services.push(service);
    }
    let path = |pattern: &str| Condition::Path(pattern.to_owned());
    let header =
        |value: &str| Condition::Header { name: "X-Test".to_owned(), value: value.to_owned() };
    let rules = [
        (30, vec![path("/api/*")], "api"),
        (20, vec![path("/api/admin*")], "admin"),
        (10, vec![header("green-?"), path("/api/*")], "test"),
    ];
    for (priority, conditions, group) in rules {
        let forward = Forward::to(group);
        let rule = Rule { priority, conditions, forward, test: false };
        balancer.set_rule(rule).unwrap();
    }
    let cases = [
        ("/", None, "rest"),
        ("/api/pets", None, "api"),
        ("/api/pets?path=/other", None, "api"),
        ("/API/pets", None, "rest"),
        ("/x?/api/", None, "rest"),
        ("/api/admin/users", None, "admin"),
        ("/api/admin/users", Some("GREEN-1"), "test"),
        ("/api/pets", Some("green-1"), "test"),
        ("/api/pets", Some("green-10"), "api"),
        ("/", Some("green-1"), "rest"),
    ];
    let mut client = Client::connect(balancer.address()).await;
    for (path, test, expected) in cases {
        let headers: Vec<_> = test.iter().map(|value| ("x-test", *value)).collect();
        let reply = client.send(request("GET", path, &headers, "")).await;
        assert_eq!(reply.text, expected, "{path} {test:?}");
    }
    assert!(balancer.remove_rule(10).unwrap());
    let reply = client.send(request("GET", "/api/pets", &[("x-test", "green-1")], "")).await;
    assert_eq!(reply.text, "api");
}

#[tokio::test]
async fn a_sticky_client_stays_with_its_group_while_that_has_a_weight() {
    let balancer = balancer().await;
    let (blue, green) = (Service::named("blue").await, Service::named("green").await);
    group_of(&balancer, "blue", &[blue.target("blue")]).await;
    group_of(&balancer, "green", &[green.target("green")]).await;
    let sticky = |blue, green| Forward {
        stickiness: Some(Duration::from_secs(60)),
        ..Forward::weighted([("blue", blue), ("green", green)])
    };
    balancer.set_default(sticky(1, 1)).unwrap();
    let mut client = Client::connect(balancer.address()).await;
    let first = client.get("/").await;
    let cookie = |reply: &Reply| {
        let cookie = reply.headers[SET_COOKIE].to_str().unwrap();
        assert!(cookie.starts_with("AWSALBTG="), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    };
    let kept = cookie(&first);
    assert!(!kept.contains(&first.text), "the value is opaque: {kept}");
    let mut stay = async |kept: &str| {
        let reply = client.send(request("GET", "/", &[("cookie", kept)], ""));
        reply.await
    };
    for _ in 0..50 {
        assert_eq!(stay(&kept).await.text, first.text);
    }
    // Almost everything for the others: the client stays, and its cookie is renewed.
    let mine = first.text == "blue";
    balancer.set_default(if mine { sticky(1, 999) } else { sticky(999, 1) }).unwrap();
    for _ in 0..50 {
        let reply = stay(&kept).await;
        assert_eq!(reply.text, first.text);
        cookie(&reply);
    }
    // No weight is left: the cookie is ignored, and a new one names the other group.
    balancer.set_default(if mine { sticky(0, 1) } else { sticky(1, 0) }).unwrap();
    let moved = stay(&kept).await;
    assert_ne!(moved.text, first.text);
    let renewed = cookie(&moved);
    balancer.set_default(sticky(500, 500)).unwrap();
    for _ in 0..20 {
        assert_eq!(stay(&renewed).await.text, moved.text);
    }
    // The group is no longer named at all.
    balancer.set_default(Forward::to(&first.text)).unwrap();
    let reply = stay(&renewed).await;
    assert_eq!(reply.text, first.text);
    assert!(!reply.headers.contains_key(SET_COOKIE));
}
