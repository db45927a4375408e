//! What this crate does with CloudWatch against ministack, over HTTP: what was put there is read, and nothing else.
//!
//! `PETSWIPE_MINISTACK` says where it is. Without it these tests fail. What is asked of moto is in `logs`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and an emulator lives on the clock of the wall"
)]

use std::time::Duration;

mod definitions;
mod logs;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::BehaviorVersion;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum};
use aws_smithy_types::DateTime;
use aws_types::SdkConfig;
use aws_types::region::Region;
use jiff::Timestamp;
use petswipe_monitor::aws::{CloudWatchMetrics, CloudWatchSource};
use petswipe_monitor::{Errors, MetricSource, Subject, Targets, Window};

/// A configuration that leads to ministack, where twelve digits for a key are an account of one's own.
fn config(account: &str) -> SdkConfig {
    let url = std::env::var("PETSWIPE_MINISTACK").unwrap_or_else(|_| {
        panic!("PETSWIPE_MINISTACK does not say where ministack is, such as http://127.0.0.1:4566")
    });
    let credentials = Credentials::from_keys(account, "nobody checks it", None);
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(url)
        .build()
}

/// Another account each time: ministack forgets nothing until it ends.
fn account(digits: &str) -> String {
    let now = Timestamp::now().as_nanosecond();
    format!("{digits}{:010}", now / 1000 % 10_000_000_000)
}

/// What load balancers put into CloudWatch.
struct Balancer(Client);

impl Balancer {
    async fn put(&self, at: Timestamp, group: Option<&str>, metric: &str, value: f64, times: f64) {
        let dimension =
            |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
        let group = group.map(|group| {
            dimension("TargetGroup", &format!("targetgroup/{group}/73e2d6bc24d8a067"))
        });
        let dimensions = [dimension("LoadBalancer", "app/shop/50dc6c495c0c9188")];
        let datum = MetricDatum::builder()
            .metric_name(metric)
            .set_dimensions(Some(dimensions.into_iter().chain(group).collect()))
            .timestamp(DateTime::from_secs(at.as_second()))
            .values(value)
            .counts(times)
            .build();
        let put = self.0.put_metric_data().namespace("AWS/ApplicationELB").metric_data(datum);
        put.send().await.unwrap();
    }
}

#[tokio::test]
async fn what_was_put_is_read_minute_by_minute_and_what_was_not_is_unknown() {
    let now = Timestamp::now();
    let config = config(&account("24"));
    let balancer = Balancer(Client::new(&config));
    let minute =
        |ago: i64| Timestamp::from_second((now.as_second().div_euclid(60) - ago) * 60).unwrap();
    // Six minutes ago there were requests, five minutes ago none, and four minutes ago nothing was published.
    for ago in [6, 5] {
        let at = minute(ago) + Duration::from_secs(10);
        balancer.put(at, Some("green"), "HealthyHostCount", 2.0, 3.0).await;
        balancer.put(at, Some("green"), "UnHealthyHostCount", 1.0, 3.0).await;
    }
    let at = minute(6) + Duration::from_secs(59);
    for (metric, times) in [
        ("RequestCount", 100.0),
        ("HTTPCode_Target_2XX_Count", 90.0),
        ("HTTPCode_Target_4XX_Count", 4.0),
        ("HTTPCode_Target_5XX_Count", 3.0),
    ] {
        balancer.put(at, Some("green"), metric, 1.0, times).await;
    }
    balancer.put(at, Some("green"), "TargetResponseTime", 0.03, 90.0).await;
    balancer.put(at, Some("green"), "TargetResponseTime", 0.2, 7.0).await;
    balancer.put(at, Some("blue"), "RequestCount", 1.0, 1000.0).await;
    balancer.put(at, None, "HTTPCode_ELB_504_Count", 1.0, 8.0).await;

    let groups = [("green", "targetgroup/green/73e2d6bc24d8a067")];
    let metrics = CloudWatchMetrics::new("app/shop/50dc6c495c0c9188", groups);
    let source = CloudWatchSource::new(&config, metrics).unwrap();
    let green = Subject::environment("green");
    let seen = async |from: i64, to: i64| {
        let window = Window { from: minute(from), to: minute(to) };
        let seen = source.observe(&green, window, now).await.unwrap();
        assert_eq!(seen.window, window);
        seen
    };
    let busy = seen(6, 5).await;
    assert_eq!(busy.requests, Some(100));
    assert_eq!(busy.errors, Errors { client: Some(4), server: Some(3), balancer: Some(3) });
    assert_eq!(busy.targets, Some(Targets { healthy: 2, unhealthy: 1 }));
    // ministack knows no trimmed counts and answers with the mean: so all that is known is the longest.
    let latency = busy.latency.unwrap();
    assert_eq!((latency.count(), latency.max()), (97, Some(Duration::from_millis(200))));
    assert_eq!(latency.quantile(0.5), Some(Duration::from_millis(200)));

    let quiet = seen(5, 4).await;
    assert_eq!((quiet.requests, quiet.errors.failed()), (Some(0), Some(0)));
    let both = seen(6, 4).await;
    assert_eq!((both.requests, both.errors.failed()), (Some(100), Some(6)));
    assert!(seen(4, 3).await.is_missing());
    assert_eq!(seen(6, 3).await.requests, None);
}
