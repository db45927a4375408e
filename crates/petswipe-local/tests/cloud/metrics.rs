//! The client held to the contract of a source of metrics: real requests, answered by real processes.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use petswipe_local::{Cloud, CloudConfig, LocalClient};
use petswipe_monitor::conformance::MetricWorld;
use petswipe_monitor::{MetricSource, Subject};

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
