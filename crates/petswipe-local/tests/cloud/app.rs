//! The sample application and its faults.

use std::time::{Duration, Instant};

use petswipe_local::{Cloud, CloudConfig, Fault};

use super::support::*;

async fn cloud_with(fault: Fault) -> Cloud {
    let variables = [("PETSWIPE_FAULT".to_owned(), fault.to_string())].into();
    Cloud::start(CloudConfig { tasks: 1, variables, ..config() }).await.unwrap()
}

/// The status of an answer and how long it took.
async fn timed(cloud: &Cloud, path: &str) -> (u16, Duration) {
    let started = Instant::now();
    let answer = get(cloud.balancer_address(), path, &[]).await;
    (answer.status().as_u16(), started.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn pets_are_listed() {
    let cloud = cloud().await;
    for (path, status) in [
        ("/health", 200),
        ("/api/pets", 200),
        ("/api/pets?limit=100", 200),
        ("/api/pets?limit=101", 400),
        ("/api/owners", 404),
        ("/", 404),
    ] {
        let answer = get(cloud.balancer_address(), path, &[]).await;
        assert_eq!((answer.status().as_u16(), version(&answer)), (status, "v1"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_rate_is_for_the_api_alone() {
    let cloud = cloud_with(Fault::ErrorRate(1.0)).await;
    assert_eq!(timed(&cloud, "/api/pets").await.0, 500);
    assert_eq!(timed(&cloud, "/health").await.0, 200);
    let cloud = cloud_with(Fault::ErrorRate(0.3)).await;
    let mut failed = 0;
    for _ in 0..200 {
        failed += u32::from(timed(&cloud, "/api/pets").await.0 == 500);
    }
    // Outside of this range once in a million runs.
    assert!((29..=94).contains(&failed), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn latency_is_added_to_every_answer_of_the_api() {
    let latency = Duration::from_millis(400);
    let cloud = cloud_with(Fault::Latency(latency)).await;
    for _ in 0..2 {
        let (status, took) = timed(&cloud, "/api/pets").await;
        assert!(status == 200 && took >= latency, "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cold_caches_are_slow_from_the_first_request_on_and_then_warm() {
    let cold = Duration::from_secs(2);
    let cloud = cloud_with(Fault::SlowStart(Duration::from_secs(1))).await;
    let (status, took) = timed(&cloud, "/api/pets").await;
    assert!(status == 200 && took >= cold, "{took:?}");
    // Cold for one second from the first request, which took longer than that: warm by now.
    let (status, took) = timed(&cloud, "/api/pets").await;
    assert!(status == 200 && took < cold, "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_crashes_later_is_replaced() {
    let cloud = cloud_with(Fault::CrashAfter(Duration::from_millis(300))).await;
    let client = cloud.client();
    let failure = eventually("it crashes", async || {
        client.services().await.unwrap()[0].failures.first().cloned()
    })
    .await;
    assert_eq!(failure.reason, "exited with code 1: fault crash-after=300ms");
}
