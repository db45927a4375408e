//! Native histograms, as a real Prometheus has scraped them.
//!
//! They are told only in protobuf, which is written here by hand: `metrics.proto` of prometheus/client_model, and
//! "Protocol Buffers: Encoding".

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use petswipe_monitor::prometheus::{
    Latency, NativeBucket, PrometheusClient, PrometheusConfig, PrometheusSource, Selector,
};
use petswipe_monitor::{MetricSource, Subject, Window};

use super::behaviour::begin;
use super::shop::{Prometheus, Shop, until};

const DELIMITED: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
const COUNTER: u64 = 0;
const HISTOGRAM: u64 = 4;

/// Requests that took from 1/16 to 1/8 s, and from 1/2 to 1 s.
#[derive(Clone, Copy, Default)]
struct Served {
    quick: u64,
    slow: u64,
}

fn varint(mut number: u64, into: &mut Vec<u8>) {
    while number >= 0x80 {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

fn number(field: u64, number: u64, into: &mut Vec<u8>) {
    varint(field << 3, into);
    varint(number, into);
}

fn signed(field: u64, value: i64, into: &mut Vec<u8>) {
    number(field, ((value << 1) ^ (value >> 63)) as u64, into);
}

fn double(field: u64, value: f64, into: &mut Vec<u8>) {
    varint(field << 3 | 1, into);
    into.extend(value.to_le_bytes());
}

fn message(field: u64, bytes: &[u8], into: &mut Vec<u8>) {
    varint(field << 3 | 2, into);
    varint(bytes.len() as u64, into);
    into.extend(bytes);
}

/// A family of one metric of green, whose `value` is in that field, with its length before it.
fn family(name: &str, kind: u64, field: u64, value: &[u8], into: &mut Vec<u8>) {
    let mut metric = Vec::new();
    for (name, value) in [("environment", "green"), ("class", "success")] {
        let mut label = Vec::new();
        message(1, name.as_bytes(), &mut label);
        message(2, value.as_bytes(), &mut label);
        message(1, &label, &mut metric);
    }
    message(field, value, &mut metric);
    let mut family = Vec::new();
    message(1, name.as_bytes(), &mut family);
    number(3, kind, &mut family);
    message(4, &metric, &mut family);
    varint(family.len() as u64, into);
    into.extend(family);
}

impl Served {
    fn exposed(self) -> Vec<u8> {
        let all = self.quick + self.slow;
        let mut counter = Vec::new();
        double(1, all as f64, &mut counter);
        let mut histogram = Vec::new();
        number(1, all, &mut histogram);
        double(2, self.quick as f64 * 0.1 + self.slow as f64 * 0.75, &mut histogram);
        // Of schema 0, bucket i is from 2^(i-1) to 2^i: those used are -3 and, two further, 0.
        signed(5, 0, &mut histogram);
        double(6, f64::powi(2.0, -128), &mut histogram);
        for offset in [-3, 2] {
            let mut span = Vec::new();
            signed(1, offset, &mut span);
            number(2, 1, &mut span);
            message(12, &span, &mut histogram);
        }
        signed(13, self.quick as i64, &mut histogram);
        signed(13, self.slow as i64 - self.quick as i64, &mut histogram);
        let mut all = Vec::new();
        family("petswipe_requests_total", COUNTER, 3, &counter, &mut all);
        family("seconds", HISTOGRAM, 7, &histogram, &mut all);
        all
    }
}

#[tokio::test]
async fn a_native_histogram_of_a_real_server_is_a_latency() {
    let served = Arc::new(Mutex::new(Served { quick: 5, slow: 0 }));
    let told = served.clone();
    let shop = Shop::telling(DELIMITED, move || told.lock().unwrap().exposed()).await;
    let prometheus =
        Prometheus::start_with(&[&shop], &["--enable-feature=native-histograms"]).await;
    let from = begin(&prometheus, 1).await;
    *served.lock().unwrap() = Served { quick: 15, slow: 10 };
    let scraped = prometheus.next_scrape(1).await;

    let client = PrometheusClient::new(&prometheus.config()).unwrap();
    let now = client.query("seconds", Timestamp::now()).await.unwrap();
    let held = &now[0].histograms[0];
    assert_eq!((held.count, held.sum), (25.0, 9.0));
    let buckets = [(0.0625, 0.125, 15.0), (0.5, 1.0, 10.0)];
    let buckets = buckets.map(|(lower, upper, count)| NativeBucket { lower, upper, count });
    assert_eq!(held.buckets, buckets);
    let step = Duration::from_secs(1);
    let range = client.query_range("seconds", from, Timestamp::now(), step).await.unwrap();
    let counts: Vec<_> = range[0].histograms.iter().map(|held| held.count).collect();
    assert!(counts.contains(&5.0) && counts.last() == Some(&25.0), "{counts:?}");

    let mut config: PrometheusConfig = prometheus.config();
    let histogram = Selector::metric("seconds");
    config.queries.latency = Latency::Native { histogram, unit: Duration::from_secs(1) };
    let source = PrometheusSource::new(config, Timestamp::now).unwrap();
    until(scraped + source.lag() + source.resolution()).await;
    let window = Window { from, to: Timestamp::now() };
    let seen = source.observe(&Subject::environment("green"), window, window.to).await.unwrap();
    assert_eq!(seen.requests, Some(20));
    let latency = seen.latency.unwrap();
    assert_eq!((latency.count(), latency.count_above(Duration::from_millis(200))), (20, 10));
    let median = latency.quantile(0.5).unwrap();
    assert!((125..131).contains(&median.as_millis()), "{median:?}");
}
