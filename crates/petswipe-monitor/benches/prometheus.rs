//! What it costs to read answers of Prometheus: `cargo bench -p petswipe-monitor --features prometheus --bench prometheus`.
//!
//! Two answers of about 10 MB: whole numbers, as of counters, and fractions, as of sums of seconds. Beside each are what
//! serde_json needs to walk over the same bytes and keep nothing, below which no parser that rests on it can get, and to
//! build its own document of them. At the end the same is told as ratios, measured in turns, so that a busy machine is as
//! busy for all of them.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use std::fmt::Write;
use std::time::{Duration, Instant};

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use serde::de::IgnoredAny;

fn main() {
    divan::main();
    for values in [WHOLE, FRACTIONS] {
        let body = matrix(values);
        let (mut parse, mut walk, mut document) = (Duration::MAX, Duration::MAX, Duration::MAX);
        for _ in 0..20 {
            parse = parse.min(time(|| petswipe_monitor::prometheus::parse(body.as_bytes())));
            walk = walk.min(time(|| serde_json::from_str::<IgnoredAny>(&body)));
            document = document.min(time(|| serde_json::from_str::<serde_json::Value>(&body)));
        }
        let [parse, walk, document] = [parse, walk, document].map(|time| time.as_secs_f64());
        println!(
            "{values}: {:.0} MB/s at best; {:.2} times a walk of serde_json, {:.2} times its document",
            body.len() as f64 / parse / 1e6,
            parse / walk,
            parse / document
        );
    }
}

fn time<T>(call: impl FnOnce() -> T) -> Duration {
    let begun = Instant::now();
    let answer = black_box(call());
    let taken = begun.elapsed();
    drop(answer);
    taken
}

const WHOLE: &str = "whole numbers";
const FRACTIONS: &str = "fractions";

/// An answer to a range query of about 10 MB: series of 1000 samples, as of counters that are scraped each 15 s.
fn matrix(values: &str) -> String {
    let mut body = r#"{"status":"success","data":{"resultType":"matrix","result":["#.to_owned();
    for series in 0..400_u32 {
        let comma = if series == 0 { "" } else { "," };
        let _ = write!(
            body,
            r#"{comma}{{"metric":{{"__name__":"petswipe_requests_total","class":"success","environment":"shop-production-green","instance":"10.0.0.{series}:9100","job":"petswipe","revision":"shop:42"}},"values":["#
        );
        for sample in 0..1000_u32 {
            let comma = if sample == 0 { "" } else { "," };
            let at = 1_700_000_000 + sample * 15;
            let count = 1_000_000 + sample * 1234 + series;
            let _ = match values {
                WHOLE => write!(body, r#"{comma}[{at}.123,"{count}"]"#),
                _ => write!(body, r#"{comma}[{at}.123,"{}"]"#, f64::from(count) / 7.0),
            };
        }
        body.push_str("]}");
    }
    body.push_str("]}}");
    body
}

#[divan::bench(args = [WHOLE, FRACTIONS])]
fn range_of_10_mb(bencher: Bencher<'_, '_>, values: &str) {
    let body = matrix(values);
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| petswipe_monitor::prometheus::parse(black_box(body.as_bytes())));
}

#[divan::bench(args = [WHOLE, FRACTIONS])]
fn walk_of_serde_json(bencher: Bencher<'_, '_>, values: &str) {
    let body = matrix(values);
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| serde_json::from_str::<IgnoredAny>(black_box(&body)).is_ok());
}

#[divan::bench(args = [WHOLE, FRACTIONS])]
fn document_of_serde_json(bencher: Bencher<'_, '_>, values: &str) {
    let body = matrix(values);
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| serde_json::from_str::<serde_json::Value>(black_box(&body)));
}
