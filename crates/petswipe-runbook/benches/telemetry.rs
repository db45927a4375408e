//! What telemetry costs the driver for each fact.
//!
//! `cargo bench -p petswipe-runbook --bench telemetry`

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark may fail by panicking")]

use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use jiff::Timestamp;
use petswipe_runbook::telemetry::{Describe, PrometheusText, Telemetry};
use petswipe_runbook::{
    Decision, EffectId, Error, Event, EventOf, Fence, Observer, OperationId, Recorded, Runbook,
};
use serde::{Deserialize, Serialize};

const EVENTS: u64 = 10_000;

fn main() {
    divan::main();
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Resize;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Effect {
    SetCount { service: String, tasks: u32 },
}

impl Runbook for Resize {
    type State = ();
    type Effect = Effect;
    type Output = u32;
    type Outcome = ();
    const KIND: &'static str = "resize";
    const VERSION: u32 = 1;

    fn validate(&self) -> Result<(), Error> {
        Ok(())
    }

    fn begin(&self, _: Timestamp) {}

    fn decide(&self, (): &(), _: Timestamp) -> Decision<Effect, ()> {
        Decision::Finish(())
    }

    fn evolve(&self, (): &mut (), _: &EventOf<Self>, _: Timestamp) {}
}

impl Describe for Resize {
    fn labels(&self) -> Vec<(&'static str, String)> {
        vec![("service", "petswipe-production".to_owned())]
    }
}

fn facts() -> Vec<Recorded<EventOf<Resize>>> {
    let fact = |seq: u64| {
        let id = EffectId(seq / 2);
        let effect = Effect::SetCount { service: "petswipe-production".to_owned(), tasks: 4 };
        let event = match seq % 2 {
            0 => Event::Intended { id, effect, deadline: Timestamp::MAX },
            _ => Event::Succeeded { id, output: 4 },
        };
        Recorded { seq: seq + 1, at: Timestamp::UNIX_EPOCH, fence: Fence(1), event }
    };
    (0..EVENTS).map(fact).collect()
}

/// The translation and the sums in memory.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn notice_10_000_events(bencher: Bencher<'_, '_>) {
    let facts = facts();
    let operation = OperationId::new("resize-1").unwrap();
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| {
        let text = Arc::new(PrometheusText::new());
        let telemetry = Telemetry::new(&operation).sink(text.clone());
        for fact in &facts {
            telemetry.notice(&Resize, fact, &());
        }
        text
    });
}

/// The text of a program that has done one operation.
#[divan::bench]
fn render(bencher: Bencher<'_, '_>) {
    let text = Arc::new(PrometheusText::new());
    let telemetry = Telemetry::new(&OperationId::new("resize-1").unwrap()).sink(text.clone());
    for fact in &facts() {
        telemetry.notice(&Resize, fact, &());
    }
    bencher.bench_local(|| text.render());
}
