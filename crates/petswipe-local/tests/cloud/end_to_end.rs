//! The whole way once: start, register, deploy, split, test route, metrics, shutdown.

use std::time::Duration;

use jiff::Timestamp;
use petswipe_deploy::{
    Compute, Deployment, DeploymentState, Percent, SmokeTest, Split, TrafficRouter,
};
use petswipe_local::{Cloud, CloudConfig};
use petswipe_monitor::{MetricSource, Subject, Window};

use super::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn four_tasks_are_healthy_within_three_seconds() {
    let started = std::time::Instant::now();
    let cloud = Cloud::start(CloudConfig { tasks: 4, ..config() }).await.unwrap();
    let took = started.elapsed();
    println!("a cloud with four tasks started in {took:?}");
    let live = cloud.client().service(&side(&cloud, "blue")).await.unwrap();
    assert_eq!((live.running, live.desired), (4, 4));
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_goes_from_image_to_traffic() {
    let cloud = cloud().await;
    let client = cloud.client();
    let (blue, green) = (side(&cloud, "blue"), side(&cloud, "green"));
    let live = client.service(&blue).await.unwrap();
    assert_eq!((live.desired, live.running), (2, 2));
    assert_eq!(client.route().await.unwrap().split, Split::all_to(blue.clone()));
    let answer = get(cloud.balancer_address(), "/api/pets?limit=3", &[]).await;
    assert_eq!((answer.status().as_u16(), version(&answer)), (200, "v1"));

    let authority = by("rollout", 1);
    let v2 = image("petswipe:v2");
    assert_eq!(client.resolve(&v2).await.unwrap(), v2);
    let from = live.revision.unwrap();
    let revision = client.register(&authority, &from, &v2).await.unwrap();
    let deployment = Deployment::new(revision.clone(), 2);
    client.deploy(&authority, &green, &deployment).await.unwrap();
    let status = eventually("green runs v2", async || {
        let status = client.service(&green).await.unwrap();
        (status.deployment == DeploymentState::Completed).then_some(status)
    })
    .await;
    assert_eq!((status.revision, status.running), (Some(revision.clone()), 2));
    let health = client.health(&green).await.unwrap();
    assert_eq!((health.healthy, health.unhealthy), (2, 0));

    assert!(client.probe(&green).await.is_err());
    client.set_test_route(&authority, Some(&green)).await.unwrap();
    let smoke = client.probe(&green).await.unwrap();
    assert_eq!((smoke.requests, smoke.failed), (2, 0));
    let tested = [("X-Test-Environment", "green")];
    let answer = get(cloud.balancer_address(), "/health", &tested).await;
    assert_eq!(version(&answer), "v2");
    client.set_test_route(&authority, None).await.unwrap();
    assert_eq!(client.route().await.unwrap().test, None);

    let all_blue = Split::all_to(blue.clone());
    let half = Split::between(green.clone(), Percent::new(50).unwrap(), blue);
    // Whole seconds count; this one, too.
    let before = Timestamp::now() - Duration::from_secs(1);
    client.set_split(&authority, &[all_blue], &half).await.unwrap();
    assert_eq!(client.route().await.unwrap().split, half);
    let mut versions = Vec::new();
    for _ in 0..40 {
        versions.push(version(&get(cloud.balancer_address(), "/api/pets", &[]).await).to_owned());
    }
    assert!(versions.iter().any(|v| v == "v1") && versions.iter().any(|v| v == "v2"));

    let subject = Subject { environment: green.to_string(), revision: Some(revision.to_string()) };
    let asked = Window::new(before, before + Duration::from_secs(60)).unwrap();
    let wanted = versions.iter().filter(|v| *v == "v2").count() as u64;
    let seen = eventually("the requests are in the metrics", async || {
        let seen = client.observe(&subject, asked, Timestamp::now()).await.unwrap();
        (seen.requests >= Some(wanted)).then_some(seen)
    })
    .await;
    assert_eq!(seen.subject, subject);
    assert_eq!(seen.errors.failed(), Some(0));
    assert!(seen.latency.unwrap().quantile(0.5).unwrap() < Duration::from_secs(1));

    let pids: Vec<_> = client.tasks().await.unwrap().iter().filter_map(|task| task.pid).collect();
    assert_eq!(pids.len(), 4);
    cloud.shutdown().await;
    assert!(pids.into_iter().all(|pid| !alive(pid)));
}
