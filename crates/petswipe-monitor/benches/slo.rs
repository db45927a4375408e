//! What evaluating SLOs costs: `cargo bench -p petswipe-monitor --bench slo`.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use divan::Bencher;
use jiff::Timestamp;
use petswipe_monitor::slo::{BurnRateAlert, DAYS_30, Objective, Slo, SloReport, evaluate_all};
use petswipe_monitor::{Errors, Histogram, MemorySource, Observation, Subject, Window};

fn main() {
    divan::main();
}

const MINUTE: Duration = Duration::from_secs(60);
const MONTH: u32 = 30 * 24 * 60;

/// So many services, each with a month of minutes in memory.
fn source(services: u32, latency: bool) -> MemorySource {
    let source = MemorySource::new(MINUTE, Duration::ZERO);
    for service in 0..services {
        for minute in 0..MONTH {
            let from = Timestamp::UNIX_EPOCH + MINUTE * minute;
            let mut seen = Observation::missing(
                Subject::environment(format!("service-{service}")),
                Window { from, to: from + MINUTE },
            );
            seen.requests = Some(1000);
            let failed = Some(u64::from(minute % 7 == 0));
            seen.errors = Errors { client: Some(3), server: failed, balancer: Some(0) };
            if latency {
                let mut times = Histogram::new();
                for bucket in 1..20 {
                    times.record_many(Duration::from_millis(bucket * 20), 50);
                }
                seen.latency = Some(times);
            }
            source.record(seen).ok();
        }
    }
    source
}

/// A thousand SLOs, about so many services in turns.
fn slos(services: u32, objective: Option<Objective>, alerts: usize) -> Vec<Slo> {
    let slo = |n: u32| {
        let name = format!("slo-{n}");
        let slo = Slo::new(name, format!("service-{}", n % services), objective, DAYS_30).ok()?;
        let standard = BurnRateAlert::standard(DAYS_30).ok()?;
        slo.with_alerts(standard.into_iter().take(alerts)).ok()
    };
    (0..1000).filter_map(slo).collect()
}

/// A source in memory never waits.
fn evaluated(source: &MemorySource, slos: &[Slo]) -> Vec<SloReport> {
    let now = Timestamp::UNIX_EPOCH + MINUTE * MONTH;
    let answer = pin!(evaluate_all(source, slos, now));
    match answer.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(reports)) => reports,
        _ => Vec::new(),
    }
}

/// A thousand SLOs with two alerts, so four windows, and the period of 30 days.
#[divan::bench]
fn thousand_slos_4_windows_and_the_period(bencher: Bencher<'_, '_>) {
    let (source, slos) = (source(20, false), slos(20, Objective::availability(0.999).ok(), 2));
    assert_eq!(evaluated(&source, &slos).len(), 1000);
    bencher.bench(|| evaluated(&source, &slos));
}

/// A thousand SLOs with the four standard alerts, so eight windows, and the period of 30 days.
#[divan::bench]
fn thousand_slos_standard_alerts(bencher: Bencher<'_, '_>) {
    let (source, slos) = (source(20, false), slos(20, Objective::availability(0.999).ok(), 4));
    assert_eq!(evaluated(&source, &slos).len(), 1000);
    bencher.bench(|| evaluated(&source, &slos));
}

/// The same about latency: histograms of 19 buckets.
#[divan::bench]
fn thousand_slos_of_latency_standard_alerts(bencher: Bencher<'_, '_>) {
    let objective = Objective::latency(0.99, Duration::from_millis(250)).ok();
    let (source, slos) = (source(5, true), slos(5, objective, 4));
    assert_eq!(evaluated(&source, &slos).len(), 1000);
    bencher.bench(|| evaluated(&source, &slos));
}
