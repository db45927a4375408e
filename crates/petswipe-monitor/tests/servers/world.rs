//! The source held to the contract of a source of metrics, over a real server.

use async_trait::async_trait;
use jiff::Timestamp;
use petswipe_monitor::conformance::MetricWorld;
use petswipe_monitor::prometheus::PrometheusSource;
use petswipe_monitor::{MetricSource, Subject};

use super::shop::{Prometheus, Shop, requests, until};

struct World {
    shop: Shop,
    prometheus: Prometheus,
    source: PrometheusSource,
}

impl World {
    async fn new() -> Self {
        let shop = Shop::open().await;
        for environment in ["green", "idle"] {
            for class in ["success", "client", "server", "balancer"] {
                shop.set(&requests(environment, class), 0.0);
            }
        }
        let prometheus = Prometheus::start(&[&shop]).await;
        let source = prometheus.source();
        // An interval after its first scrape, all that is asked about is known.
        let begun = prometheus.next_scrape(1).await;
        until(begun + source.resolution() * 2).await;
        Self { shop, prometheus, source }
    }
}

#[async_trait]
impl MetricWorld for World {
    fn source(&self) -> &dyn MetricSource {
        &self.source
    }

    fn subject(&self) -> Subject {
        Subject::environment("green")
    }

    fn idle_subject(&self) -> Option<Subject> {
        Some(Subject::environment("idle"))
    }

    fn unknown_subject(&self) -> Subject {
        Subject::environment("red")
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// A request counts in the period of the last scrape before it, so there is one between whatever was before and it.
    async fn serve(&self, number: u64, failed: u64) {
        self.prometheus.next_scrape(1).await;
        self.shop.add(&requests("green", "server"), failed as f64);
        self.shop.add(&requests("green", "success"), (number - failed) as f64);
    }

    async fn let_time_pass(&self, periods: u32) {
        until(Timestamp::now() + self.source.resolution() * periods).await;
    }
}

petswipe_monitor::metric_source_conformance!(over_a_real_prometheus, World::new().await);
