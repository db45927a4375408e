//! What a judgement and a histogram cost: `cargo bench -p petswipe-monitor --bench gate`.

use std::time::Duration;

use divan::{Bencher, black_box};
use petswipe_monitor::{
    AbsolutePolicy, Carried, Comparison, Errors, Gate, Histogram, Observation, Step, Subject,
    Window,
};

fn main() {
    divan::main();
}

/// Latencies from 1 ms to about 4 s, in 183 buckets.
fn latencies() -> impl Iterator<Item = Duration> {
    (0..1_000_u32)
        .map(|n| Duration::from_micros(1_000) + Duration::from_micros(4).mul_f64(f64::from(n * n)))
}

fn histogram() -> Histogram {
    let mut histogram = Histogram::new();
    latencies().for_each(|latency| histogram.record(latency));
    histogram
}

#[divan::bench]
fn absolute_judgement(bencher: Bencher<'_, '_>) {
    let second = |second| jiff::Timestamp::UNIX_EPOCH + Duration::from_secs(second);
    let step = Step {
        started: second(0),
        judged_until: second(0),
        now: second(60),
        weight: 5,
        reference_weight: 95,
    };
    let window = Window { from: second(0), to: second(60) };
    let seen = [Comparison {
        candidate: Observation {
            requests: Some(1_000),
            errors: Errors { client: Some(2), server: Some(1), balancer: Some(0) },
            latency: Some(histogram()),
            ..Observation::missing(Subject::environment("green"), window)
        },
        reference: None,
    }];
    let policy = AbsolutePolicy::default();
    let carried = Carried::default();
    bencher.bench(|| policy.judge(black_box(&step), black_box(&seen), &carried));
}

#[divan::bench]
fn histogram_record_1000(bencher: Bencher<'_, '_>) {
    let latencies: Vec<_> = latencies().collect();
    bencher.with_inputs(Histogram::new).bench_values(|mut histogram| {
        for latency in black_box(&latencies) {
            histogram.record(*latency);
        }
        histogram
    });
}

#[divan::bench]
fn histogram_merge(bencher: Bencher<'_, '_>) {
    let other = histogram();
    bencher.with_inputs(histogram).bench_refs(|histogram| histogram.merge(black_box(&other)));
}

#[divan::bench]
fn histogram_quantile(bencher: Bencher<'_, '_>) {
    let histogram = histogram();
    bencher.bench(|| black_box(&histogram).quantile(black_box(0.99)));
}
