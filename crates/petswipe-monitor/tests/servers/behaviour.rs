//! What only a real server can show: its refusals, its ranges, and targets that come, go and begin anew.

use std::time::Duration;

use jiff::Timestamp;
use petswipe_monitor::prometheus::{PrometheusClient, PrometheusConfig};
use petswipe_monitor::{Error, MetricSource, Observation, Subject, Window, explain};

use super::shop::{Prometheus, Shop, requests, until};

/// What green did since then, once all of it is closed.
async fn since(prometheus: &Prometheus, from: Timestamp) -> Result<Observation, Error> {
    let source = prometheus.source();
    let scraped = Timestamp::now();
    until(scraped + source.lag() + source.resolution()).await;
    let window = Window { from, to: Timestamp::now() };
    source.observe(&Subject::environment("green"), window, window.to).await
}

/// A time from which on everything is known, and each target was scraped since.
pub(crate) async fn begin(prometheus: &Prometheus, targets: usize) -> Timestamp {
    let first = prometheus.next_scrape(targets).await;
    until(first + super::shop::INTERVAL * 3).await;
    let from = Timestamp::now();
    until(from + super::shop::INTERVAL).await;
    prometheus.next_scrape(targets).await;
    from
}

#[tokio::test]
async fn a_process_that_begins_anew_and_a_series_that_appears_lose_nothing() {
    let shop = Shop::open().await;
    shop.set(&requests("green", "success"), 1000.0);
    let prometheus = Prometheus::start(&[&shop]).await;
    let from = begin(&prometheus, 1).await;
    shop.add(&requests("green", "success"), 50.0);
    prometheus.next_scrape(1).await;
    // A new process: smaller, and with its first failures, a series that was not there before.
    shop.set(&requests("green", "success"), 7.0);
    shop.set(&requests("green", "server"), 3.0);
    prometheus.next_scrape(1).await;
    let seen = since(&prometheus, from).await.unwrap();
    assert_eq!((seen.requests, seen.errors.server), (Some(60), Some(3)), "{seen:?}");
}

#[tokio::test]
async fn a_target_that_cannot_be_scraped_makes_the_answer_an_error_with_its_name() {
    let (one, other) = (Shop::open().await, Shop::open().await);
    for shop in [&one, &other] {
        shop.set(&requests("green", "success"), 10.0);
    }
    let prometheus = Prometheus::start(&[&one, &other]).await;
    let from = begin(&prometheus, 2).await;
    one.add(&requests("green", "success"), 5.0);
    other.add(&requests("green", "success"), 5.0);
    prometheus.next_scrape(2).await;
    assert_eq!(since(&prometheus, from).await.unwrap().requests, Some(10));
    let address = other.address.to_string();
    drop(other);
    prometheus.next_scrape(2).await;
    let error = explain(&since(&prometheus, from).await.unwrap_err());
    assert!(error.contains("the scrape of up{") && error.contains(&address), "{error}");
}

#[tokio::test]
async fn a_wrong_query_is_refused_with_what_prometheus_says() {
    let shop = Shop::open().await;
    shop.set("a_total", 1.0);
    let prometheus = Prometheus::start(&[&shop]).await;
    let client = PrometheusClient::new(&prometheus.config()).unwrap();
    let error = client.query("sum(", Timestamp::now()).await.unwrap_err();
    assert!(matches!(error, Error::InvalidPolicy { .. }), "{error:?}");
    assert!(
        error.to_string().contains("`sum(`") && error.to_string().contains("parse error"),
        "{error}"
    );
    let failing = "a_total + on() group_left label_replace(up, \"a\", \"b\", \"c\", \"(\")";
    assert!(client.query(failing, Timestamp::now()).await.is_err());
    let now = Timestamp::now();
    let step = Duration::from_secs(1);
    let series = client.query_range("a_total", now - step * 2, now + step, step).await.unwrap();
    assert_eq!(series[0].label("job"), Some("petswipe"));
    assert!(series[0].samples.iter().all(|sample| sample.value == 1.0));
    let scalar = client.query("1.5", now).await.unwrap();
    assert_eq!(scalar[0].samples[0].value, 1.5);
    let wrong = PrometheusConfig::new(format!("{}/elsewhere", prometheus.url));
    let error = PrometheusClient::new(&wrong).unwrap().query("up", now).await.unwrap_err();
    assert!(explain(&error).contains("is the URL right?"), "{}", explain(&error));
}

#[tokio::test]
async fn names_with_odd_letters_are_found() {
    let shop = Shop::open().await;
    let odd = "a \"b\" \\ c|.*é";
    let escaped = odd.replace('\\', "\\\\").replace('"', "\\\"");
    shop.set(&requests(&escaped, "success"), 1.0);
    shop.set(&requests("other", "success"), 1.0);
    let prometheus = Prometheus::start(&[&shop]).await;
    let from = begin(&prometheus, 1).await;
    shop.add(&requests(&escaped, "success"), 4.0);
    prometheus.next_scrape(1).await;
    let source = prometheus.source();
    until(Timestamp::now() + source.lag() + source.resolution()).await;
    let window = Window { from, to: Timestamp::now() };
    let seen = source.observe(&Subject::environment(odd), window, window.to).await.unwrap();
    assert_eq!(seen.requests, Some(4));
    let unknown = source.observe(&Subject::environment("a"), window, window.to).await;
    assert!(matches!(unknown, Err(Error::NotFound { .. })), "{unknown:?}");
}
