//! The client held to the contract of a source of metrics: real requests, answered by real processes.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use petswipe_deploy::TrafficRouter;
use petswipe_local::{Cloud, CloudConfig, LocalClient};
use petswipe_monitor::conformance::MetricWorld;
use petswipe_monitor::{MetricSource, Subject, Window};

use super::support::*;

/// A cloud whose tasks answer 500 at `/health` and 200 at `/api/pets`, by which they are checked.
struct World {
    cloud: Cloud,
    client: LocalClient,
}

impl World {
    async fn new() -> Self {
        let variables = [("PETSWIPE_FAULT".to_owned(), "unhealthy".to_owned())].into();
        let mut config = CloudConfig { variables, ..config() };
        config.target_group.health_check.path = "/api/pets".to_owned();
        let cloud = Cloud::start(config).await.unwrap();
        let client = cloud.client();
        Self { cloud, client }
    }
}

#[async_trait]
impl MetricWorld for World {
    fn source(&self) -> &dyn MetricSource {
        &self.client
    }

    fn subject(&self) -> Subject {
        let revision = Some("petswipe:1".to_owned());
        Subject { revision, ..Subject::environment(side(&self.cloud, "blue").as_str()) }
    }

    fn idle_subject(&self) -> Option<Subject> {
        Some(Subject::environment(side(&self.cloud, "green").as_str()))
    }

    fn unknown_subject(&self) -> Subject {
        Subject::environment("petswipe-production-red")
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn serve(&self, requests: u64, failed: u64) {
        for number in 0..requests {
            let (path, status) =
                if number < failed { ("/health", 500) } else { ("/api/pets", 200) };
            let answer = get(self.cloud.balancer_address(), path, &[]).await;
            assert_eq!(answer.status(), status);
        }
    }

    async fn let_time_pass(&self, periods: u32) {
        tokio::time::sleep(self.client.resolution() * periods + Duration::from_millis(5)).await;
    }
}

petswipe_monitor::metric_source_conformance!(over_http, World::new().await);

/// A gate would else judge a version by requests of which no user knows.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_by_the_test_route_is_no_production_traffic() {
    let cloud = cloud().await;
    let (client, blue) = (cloud.client(), side(&cloud, "blue"));
    let began = Timestamp::now() - Duration::from_secs(1);
    client.set_test_route(&by("rollout", 1), Some(&blue)).await.unwrap();
    for number in 0..8 {
        let header = [("X-Test-Environment", "blue")];
        let headers = if number < 5 { &header[..] } else { &[] };
        let answer = get(cloud.balancer_address(), "/api/pets", headers).await;
        assert_eq!((answer.status().as_u16(), version(&answer)), (200, "v1"));
    }
    let over = Timestamp::now() + client.resolution();
    eventually("the second is over", async || (Timestamp::now() > over).then_some(())).await;
    for revision in [None, Some("petswipe:1".to_owned())] {
        let subject = Subject { revision, ..Subject::environment(blue.as_str()) };
        let window = Window::new(began, over).unwrap();
        let seen = client.observe(&subject, window, Timestamp::now()).await.unwrap();
        assert_eq!(seen.requests, Some(3), "{seen:?}");
    }
    let metrics = cloud.balancer().metrics();
    let counts = [
        metrics.totals("petswipe-production-blue-tg", None),
        metrics.test_totals("petswipe-production-blue-tg", None),
    ];
    assert_eq!(counts.map(|counts| counts.unwrap().success), [3, 5]);
    assert_eq!(metrics.test_totals("no-such-tg", None), None);
    cloud.shutdown().await;
}

/// Whoever can read the counters could as well count the users, so they are guarded like everything else.
#[tokio::test(flavor = "multi_thread")]
async fn prometheus_gets_the_counters_for_the_token_alone() {
    let cloud = cloud().await;
    let api = cloud.url().address();
    for _ in 0..7 {
        assert_eq!(get(cloud.balancer_address(), "/api/pets", &[]).await.status(), 200);
    }
    let refused = get(api, "/metrics", &[]).await;
    assert_eq!(refused.status(), 401);
    assert!(!refused.body().contains("petswipe_"), "{}", refused.body());
    let revealed = cloud.url().reveal();
    let token = revealed.trim_start_matches("http://").split('@').next().unwrap();
    let bearer = format!("Bearer {token}");
    let scraped = get(api, "/metrics", &[("Authorization", &bearer)]).await;
    assert_eq!(scraped.status(), 200);
    assert_eq!(scraped.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let (blue, green) = (side(&cloud, "blue"), side(&cloud, "green"));
    for line in [
        format!(
            r#"petswipe_requests_total{{environment="{blue}",revision="petswipe:1",class="success"}} 7"#
        ),
        format!(
            r#"petswipe_request_duration_seconds_count{{environment="{blue}",revision="petswipe:1"}} 7"#
        ),
        format!(
            r#"petswipe_targets{{environment="{blue}",revision="petswipe:1",health="healthy"}} 2"#
        ),
        format!(r#"petswipe_requests_total{{environment="{green}",revision="",class="server"}} 0"#),
        format!(r#"petswipe_requests_in_flight{{environment="{green}"}} 0"#),
    ] {
        assert!(scraped.body().lines().any(|found| found == line), "{line} in\n{}", scraped.body());
    }
    assert!(!scraped.body().contains(token));
    cloud.shutdown().await;
}
