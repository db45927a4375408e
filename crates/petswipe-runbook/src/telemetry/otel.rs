//! Signals as spans and metrics of OpenTelemetry.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use jiff::Timestamp;
use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter};
use opentelemetry::trace::{
    Span, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
    Tracer,
};
use opentelemetry::{Context, KeyValue};

use super::describe::{Attribute, Ending, Value};
use super::measure::{Kind, Measure};
use super::sink::Sink;
use super::track::{EffectSpan, Signal};
use super::{parent_span_id, trace_id};
use crate::OperationId;

/// A sink that makes spans with the caller's tracer and records metrics with the caller's meter. Sampling, batching and
/// exporting are theirs; it sets nothing global.
///
/// Each driver's part of an operation is one span, with a child for every effect. All parts are children of one remote
/// parent, whose ids follow from the operation's name ([`trace_id`], [`parent_span_id`]): so whoever resumes an operation,
/// in whatever process, goes on with the same trace. That parent is never exported, and it is marked as sampled, so a
/// sampler that asks the parent takes all of them.
pub struct OpenTelemetry<T> {
    tracer: T,
    meter: Meter,
    open: Mutex<BTreeMap<OperationId, Context>>,
    instruments: Mutex<HashMap<&'static str, Recorder>>,
}

enum Recorder {
    Counter(Counter<u64>),
    Gauge(Gauge<f64>),
    Histogram(Histogram<f64>),
}

impl<T> fmt::Debug for OpenTelemetry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenTelemetry").finish_non_exhaustive()
    }
}

impl<T> OpenTelemetry<T>
where
    T: Tracer,
    T::Span: Send + Sync + 'static,
{
    /// With a tracer and a meter, whose name says who is watched: `petswipe`, unless there is a better one.
    pub fn new(tracer: T, meter: Meter) -> Self {
        Self { tracer, meter, open: Mutex::default(), instruments: Mutex::default() }
    }

    fn begin(
        &self,
        operation: &OperationId,
        at: Timestamp,
        name: &'static str,
        more: &[Attribute],
    ) {
        let remote = SpanContext::new(
            TraceId::from_bytes(trace_id(operation)),
            SpanId::from_bytes(parent_span_id(operation)),
            TraceFlags::SAMPLED,
            true,
            TraceState::NONE,
        );
        let parent = Context::new().with_remote_span_context(remote);
        let builder = self.tracer.span_builder(name).with_kind(SpanKind::Internal);
        let builder =
            builder.with_start_time(SystemTime::from(at)).with_attributes(key_values(more));
        let span = self.tracer.build_with_context(builder, &parent);
        lock(&self.open).insert(operation.clone(), parent.with_span(span));
    }

    fn effect(&self, operation: &OperationId, effect: &EffectSpan) {
        let Some(parent) = lock(&self.open).get(operation).cloned() else { return };
        let builder = self.tracer.span_builder(effect.name.clone()).with_kind(SpanKind::Internal);
        let builder = builder.with_start_time(SystemTime::from(effect.began));
        let builder = builder.with_attributes(key_values(&effect.attributes));
        let mut span = self.tracer.build_with_context(builder, &parent);
        match &effect.error {
            Some(error) => span.set_status(Status::error(error.clone())),
            None if effect.result == "succeeded" => span.set_status(Status::Ok),
            None => {}
        }
        span.end_with_timestamp(effect.ended.into());
    }

    fn end(&self, operation: &OperationId, at: Timestamp, ending: &Ending) {
        let Some(context) = lock(&self.open).remove(operation) else { return };
        let span = context.span();
        span.set_attribute(KeyValue::new("petswipe.outcome", ending.word.clone()));
        if !ending.why.is_empty() {
            let why = Attribute::text("petswipe.why", &ending.why);
            key_values(&[why]).into_iter().for_each(|it| span.set_attribute(it));
        }
        match ending.good {
            Some(true) => span.set_status(Status::Ok),
            Some(false) => span.set_status(Status::error(ending.why.clone())),
            None => {}
        }
        span.end_with_timestamp(at.into());
    }

    fn record(&self, measure: &Measure) {
        let Measure { instrument, labels, value } = measure;
        let labels: Vec<_> =
            labels.iter().map(|(key, value)| KeyValue::new(*key, value.clone())).collect();
        let mut instruments = lock(&self.instruments);
        let recorder = instruments.entry(instrument.name).or_insert_with(|| {
            let (meter, name, help) = (&self.meter, instrument.name, instrument.help);
            let gauge = || meter.f64_gauge(name).with_description(help);
            match instrument.kind {
                Kind::Counter => {
                    Recorder::Counter(meter.u64_counter(name).with_description(help).build())
                }
                Kind::Gauge => Recorder::Gauge(gauge().build()),
                Kind::Ratio => Recorder::Gauge(gauge().with_unit("1").build()),
                Kind::Moment => Recorder::Gauge(gauge().with_unit("s").build()),
                Kind::Seconds(bounds) => {
                    let histogram = meter.f64_histogram(name).with_description(help).with_unit("s");
                    Recorder::Histogram(histogram.with_boundaries(bounds.to_vec()).build())
                }
            }
        });
        match recorder {
            // Counters count whole things; a number below 0 becomes 0.
            Recorder::Counter(counter) => counter.add(*value as u64, &labels),
            Recorder::Gauge(gauge) => gauge.record(*value, &labels),
            Recorder::Histogram(histogram) => histogram.record(*value, &labels),
        }
    }
}

impl<T> Sink for OpenTelemetry<T>
where
    T: Tracer + Send + Sync,
    T::Span: Send + Sync + 'static,
{
    fn take(&self, operation: &OperationId, signal: &Signal) {
        match signal {
            Signal::Began { at, name, attributes } => self.begin(operation, *at, name, attributes),
            Signal::Effect(effect) => self.effect(operation, effect),
            Signal::Happened { at, moment } => {
                let open = lock(&self.open).get(operation).cloned();
                if let Some(context) = open {
                    let attributes = key_values(&moment.attributes);
                    context.span().add_event_with_timestamp(moment.name, (*at).into(), attributes);
                }
            }
            Signal::Measured(measure) => self.record(measure),
            Signal::Ended { at, ending } => self.end(operation, *at, ending),
        }
    }
}

/// What a sink that panicked holds is still good enough to look on.
fn lock<V>(held: &Mutex<V>) -> MutexGuard<'_, V> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key_values(attributes: &[Attribute]) -> Vec<KeyValue> {
    let value = |value: &Value| match value {
        Value::Text(text) => opentelemetry::Value::from(text.clone()),
        Value::Integer(number) => (*number).into(),
        Value::Number(number) => (*number).into(),
        Value::Flag(flag) => (*flag).into(),
    };
    attributes.iter().map(|it| KeyValue::new(it.key, value(&it.value))).collect()
}
