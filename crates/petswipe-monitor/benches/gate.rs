//! What a judgement and a histogram cost: `cargo bench -p petswipe-monitor --bench gate`.

use std::time::Duration;

use divan::{Bencher, black_box};
use petswipe_monitor::{
    AbsolutePolicy, Carried, Comparison, Errors, EvidencePolicy, Gate, Histogram, Observation,
    Policy, Saturation, Step, Subject, Targets, Window,
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
    let seen = [Comparison::new(
        Observation {
            requests: Some(1_000),
            errors: Errors { client: Some(2), server: Some(1), balancer: Some(0) },
            latency: Some(histogram()),
            ..Observation::missing(Subject::environment("green"), window)
        },
        None,
    )];
    let policy = AbsolutePolicy::default();
    let carried = Carried::default();
    bencher.bench(|| policy.judge(black_box(&step), black_box(&seen), &carried));
}

/// Ten seconds of one side: `requests`, one in 200 of which fails, in 183 buckets below 800 ms.
fn ten_seconds(side: &str, from: u64, requests: u64) -> Observation {
    let mut latency = Histogram::new();
    latencies().for_each(|time| latency.record_many(time / 5, requests / 1_000));
    let second = |second| jiff::Timestamp::UNIX_EPOCH + Duration::from_secs(second);
    let window = Window { from: second(from), to: second(from + 10) };
    Observation {
        requests: Some(requests),
        errors: Errors { client: Some(2), server: Some(requests / 200), balancer: Some(0) },
        latency: Some(latency),
        saturation: Saturation { cpu: Some(0.4), memory: Some(0.5) },
        targets: Some(Targets { healthy: 4, unhealthy: 0 }),
        ..Observation::missing(Subject::environment(side), window)
    }
}

/// One tick of the gate that rollouts have by default, in the middle of a stage: limits for error rate, latency, CPU, memory
/// and unhealthy targets; evidence about errors, slow requests at five quantiles, and the division of traffic.
#[divan::bench]
fn standard_tick(bencher: Bencher<'_, '_>) {
    let second = |second| jiff::Timestamp::UNIX_EPOCH + Duration::from_secs(second);
    let gate = Policy::gate(&Policy::standard(EvidencePolicy::default()));
    let step = |now| Step {
        started: second(0),
        judged_until: second(now - 10),
        now: second(now),
        weight: 5,
        reference_weight: 95,
    };
    let seen = |step: &Step, carried: &Carried, from| {
        let windows = gate.windows(step, carried);
        let sides = windows.iter().map(|_| {
            Comparison::new(
                ten_seconds("green", from, 1_000),
                Some(ten_seconds("blue", from, 19_000)),
            )
        });
        sides.collect::<Vec<_>>()
    };
    let first = step(10);
    let nothing = Carried::default();
    let carried = gate.judge(&first, &seen(&first, &nothing, 0), &nothing).carried;
    let (second, third) = (step(20), step(30));
    let carried = gate.judge(&second, &seen(&second, &carried, 10), &carried).carried;
    let seen = seen(&third, &carried, 20);
    let judged = gate.judge(&third, &seen, &carried);
    assert!(judged.verdict.is_pass(), "{}", judged.verdict);
    bencher.bench(|| gate.judge(black_box(&third), black_box(&seen), black_box(&carried)));
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
