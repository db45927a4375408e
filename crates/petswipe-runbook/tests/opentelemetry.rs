//! Operations as spans and metrics of OpenTelemetry, taken in by the exporters in memory of its SDK.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{SpanId, Status, TraceId, TracerProvider};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::telemetry::{
    Describe, Described, Ending, OpenTelemetry, Telemetry, parent_span_id, trace_id,
};
use petswipe_runbook::{Error, FailureKind};

mod support;
use support::*;

impl Describe for Script {
    fn effect(effect: &Effect) -> Described {
        Described::named(effect.name.clone())
    }

    fn ending(outcome: &String) -> Ending {
        let good = outcome == "done";
        Ending { word: outcome.clone().into(), good: Some(good), why: format!("it is {outcome}") }
    }
}

/// One process with its own SDK.
struct Process {
    spans: InMemorySpanExporter,
    tracers: SdkTracerProvider,
    numbers: InMemoryMetricExporter,
    meters: SdkMeterProvider,
}

impl Process {
    fn new() -> Self {
        let spans = InMemorySpanExporter::default();
        let tracers = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
        let numbers = InMemoryMetricExporter::default();
        let meters = SdkMeterProvider::builder().with_periodic_exporter(numbers.clone()).build();
        Self { spans, tracers, numbers, meters }
    }

    fn sink(&self) -> Arc<impl petswipe_runbook::telemetry::Sink + use<>> {
        Arc::new(OpenTelemetry::new(self.tracers.tracer("petswipe"), self.meters.meter("petswipe")))
    }

    fn spans(&self) -> Vec<SpanData> {
        self.spans.get_finished_spans().unwrap()
    }
}

fn second(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn the_effects_are_children_of_the_operation_in_a_trace_that_goes_on_in_another_process() {
    let clock = Arc::new(SimClock::new(jiff::Timestamp::UNIX_EPOCH));
    let house = House::on(clock.clone());
    let [first, second_one] = [Process::new(), Process::new()];
    let plan = script([
        Act::Pause(2),
        perform([failing("a", FailureKind::Refused)]),
        Act::Suspend,
        perform([change("b", 3)]),
    ]);

    let telemetry = Arc::new(Telemetry::new(&operation("a")).sink(first.sink()));
    let driver = house.driver().observer(telemetry.clone());
    let halted = clock.run(driver.start(operation("a"), plan)).unwrap().unwrap_err();
    assert!(matches!(halted.error, Error::Suspended { .. }));
    telemetry.halt(&halted.error);

    let history = clock.run(house.driver().history()).unwrap().unwrap().unwrap();
    let telemetry = Arc::new(Telemetry::resuming(&history).sink(second_one.sink()));
    clock.run(house.driver().observer(telemetry).resume()).unwrap().unwrap();

    let trace = TraceId::from_bytes(trace_id(&operation("a")));
    let parent = SpanId::from_bytes(parent_span_id(&operation("a")));
    for (process, name, times, status) in [
        (&first, "a", (2, 2), Status::error("the script says so")),
        (&second_one, "b", (2, 5), Status::Ok),
    ] {
        let spans = process.spans();
        assert_eq!(spans.len(), 2, "{spans:?}");
        let [effect, whole] = [&spans[0], &spans[1]];
        assert_eq!((effect.name.as_ref(), whole.name.as_ref()), (name, "script"));
        for span in [effect, whole] {
            assert_eq!(span.span_context.trace_id(), trace);
            assert_eq!((span.start_time, span.end_time), (second(times.0), second(times.1)));
        }
        assert_eq!(effect.parent_span_id, whole.span_context.span_id());
        assert_eq!(effect.status, status);
        assert_eq!(whole.parent_span_id, parent);
        assert!(whole.parent_span_is_remote);
    }
    let [suspended, done] = [&first, &second_one].map(|it| it.spans()[1].status.clone());
    assert!(
        matches!(suspended, Status::Error { description } if description.contains("somebody has to look"))
    );
    assert_eq!(done, Status::Ok);
    let spans = second_one.spans();
    let events: Vec<_> =
        spans[1].events.iter().map(|it| (it.name.as_ref(), it.timestamp)).collect();
    assert_eq!(events, [("petswipe.resumed", second(2))]);
}

#[test]
fn counts_and_durations_reach_the_meter() {
    let clock = Arc::new(SimClock::new(jiff::Timestamp::UNIX_EPOCH));
    let house = House::on(clock.clone());
    let process = Process::new();
    let telemetry = Arc::new(Telemetry::new(&operation("a")).sink(process.sink()));
    let plan = script([perform([change("a", 3)]), perform([change("a", 4)])]);
    clock.run(house.driver().observer(telemetry).start(operation("a"), plan)).unwrap().unwrap();
    process.meters.force_flush().unwrap();
    let batches = process.numbers.get_finished_metrics().unwrap();
    let metrics: Vec<_> =
        batches.iter().flat_map(|it| it.scope_metrics()).flat_map(|it| it.metrics()).collect();
    let find = |name: &str| metrics.iter().find(|it| it.name() == name).unwrap();
    let AggregatedMetrics::U64(MetricData::Sum(sum)) = find("petswipe.effects").data() else {
        panic!("{metrics:?}");
    };
    assert_eq!(sum.data_points().map(|it| it.value()).collect::<Vec<_>>(), [2]);
    let duration = find("petswipe.effect.duration");
    assert_eq!(duration.unit(), "s");
    let AggregatedMetrics::F64(MetricData::Histogram(times)) = duration.data() else {
        panic!("{metrics:?}");
    };
    let points: Vec<_> = times.data_points().map(|it| (it.count(), it.sum())).collect();
    assert_eq!(points, [(2, 7.0)]);
    let AggregatedMetrics::F64(MetricData::Gauge(running)) =
        find("petswipe.operations.running").data()
    else {
        panic!("{metrics:?}");
    };
    assert_eq!(running.data_points().map(|it| it.value()).collect::<Vec<_>>(), [0.0]);
}
