//! What facts mean for telemetry: spans with their times, events, counts.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use petswipe_runbook::sim::SimClock;
use petswipe_runbook::telemetry::{
    Attribute, Describe, EffectSpan, PrometheusText, Signal, Sink, Telemetry, Value,
};
use petswipe_runbook::{
    AbortHandle, Answer, Approver, AutoApprover, Error, FailureKind, NobodyApproves, OperationId,
    Question,
};

mod support;
use support::*;

impl Describe for Script {
    fn effect(effect: &Effect) -> petswipe_runbook::telemetry::Described {
        petswipe_runbook::telemetry::Described::named(effect.name.clone())
    }

    fn place(&self, state: &State) -> Vec<Attribute> {
        vec![Attribute::integer("results", state.results.len() as u64)]
    }
}

/// Keeps what it is told.
#[derive(Default)]
struct Kept(Mutex<Vec<Signal>>);

impl Sink for Kept {
    fn take(&self, operation: &OperationId, signal: &Signal) {
        assert_eq!(operation.as_str(), "a");
        self.0.lock().unwrap().push(signal.clone());
    }
}

impl Kept {
    fn signals(&self) -> Vec<Signal> {
        self.0.lock().unwrap().clone()
    }

    fn effects(&self) -> Vec<EffectSpan> {
        let only = |signal| match signal {
            Signal::Effect(effect) => Some(effect),
            _ => None,
        };
        self.signals().into_iter().filter_map(only).collect()
    }

    fn moments(&self) -> Vec<&'static str> {
        let only = |signal: &Signal| match signal {
            Signal::Happened { moment, .. } => Some(moment.name),
            _ => None,
        };
        let names = self.signals().iter().filter_map(only).collect::<Vec<_>>();
        names.into_iter().filter(|name| *name != "petswipe.place").collect()
    }

    fn endings(&self) -> Vec<(String, Option<bool>)> {
        let only = |signal: &Signal| match signal {
            Signal::Ended { ending, .. } => Some((ending.word.to_string(), ending.good)),
            _ => None,
        };
        self.signals().iter().filter_map(only).collect()
    }
}

fn attribute(effect: &EffectSpan, key: &str) -> Option<Value> {
    effect.attributes.iter().find(|it| it.key == key).map(|it| it.value.clone())
}

struct Watched {
    house: House,
    clock: Arc<SimClock>,
    kept: Arc<Kept>,
    text: Arc<PrometheusText>,
}

impl Watched {
    fn new() -> Self {
        let clock = Arc::new(SimClock::new(jiff::Timestamp::UNIX_EPOCH));
        let house = House::on(clock.clone());
        Self { house, clock, kept: Arc::default(), text: Arc::default() }
    }

    fn sinks(&self, telemetry: Telemetry<Script>) -> Arc<Telemetry<Script>> {
        Arc::new(telemetry.sink(self.kept.clone()).sink(self.text.clone()))
    }

    /// Starts it and waits for its end or halt.
    fn start(&self, plan: Script, approver: Arc<dyn Approver>) -> Option<Error> {
        let telemetry = self.sinks(Telemetry::new(&operation("a")));
        let driver = self.house.driver().observer(telemetry.clone()).approver(approver);
        let result = self.clock.run(driver.start(operation("a"), plan)).unwrap();
        let error = result.err().map(|halted| halted.error);
        error.iter().for_each(|error| telemetry.halt(error));
        error
    }

    /// Its lines of one metric, without the name of the kind.
    fn lines(&self, name: &str) -> Vec<String> {
        let text = self.text.render().replace(",kind=\"script\"", "");
        let text = text.replace("{kind=\"script\",", "{").replace("kind=\"script\"", "");
        text.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect()
    }
}

#[test]
fn an_effect_is_a_span_from_its_intent_to_its_outcome() {
    let watched = Watched::new();
    let plan =
        script([Act::Pause(5), perform([change("a", 1), failing("b", FailureKind::Refused)])]);
    assert!(watched.start(plan, Arc::new(NobodyApproves)).is_none());
    let effects = watched.kept.effects();
    let seconds = |at: jiff::Timestamp| at.as_second();
    let told: Vec<_> = effects
        .iter()
        .map(|it| (&*it.name, seconds(it.began), seconds(it.ended), it.result, it.error.as_deref()))
        .collect();
    let why = Some("the script says so");
    assert_eq!(told, [("b", 5, 5, "refused", why), ("a", 5, 6, "succeeded", None)]);
    assert_eq!(attribute(&effects[0], "petswipe.effect.attempt"), Some(Value::Integer(1)));
    assert_eq!(
        attribute(&effects[1], "results"),
        Some(Value::Integer(0)),
        "the place at its intent"
    );
    assert_eq!(watched.kept.endings(), [("ended".to_owned(), None)]);
    assert_eq!(
        watched.lines("petswipe_effects_total"),
        [
            "petswipe_effects_total{effect=\"a\",result=\"succeeded\"} 1",
            "petswipe_effects_total{effect=\"b\",result=\"refused\"} 1",
        ]
    );
    let sum = watched.lines("petswipe_effect_duration_seconds_sum{effect=\"a\"}");
    assert_eq!(sum, ["petswipe_effect_duration_seconds_sum{effect=\"a\"} 1"]);
    assert_eq!(watched.lines("petswipe_operations_running"), ["petswipe_operations_running{} 0"]);
    let last = watched.lines("petswipe_last_event_timestamp_seconds");
    assert_eq!(last, ["petswipe_last_event_timestamp_seconds{} 6"]);
}

#[test]
fn attempts_are_counted_until_one_succeeds() {
    let watched = Watched::new();
    let bad = || perform([failing("a", FailureKind::Transient)]);
    let plan = script([bad(), bad(), perform([change("a", 1)]), bad(), perform([change("b", 1)])]);
    watched.start(plan, Arc::new(NobodyApproves));
    let attempts: Vec<_> = watched
        .kept
        .effects()
        .iter()
        .map(|it| attribute(it, "petswipe.effect.attempt").unwrap())
        .collect();
    assert_eq!(attempts, [1, 2, 3, 1, 1].map(Value::Integer));
    let places: Vec<_> =
        watched.kept.effects().iter().filter_map(|it| attribute(it, "results")).collect();
    assert_eq!(places, [0, 1, 2, 3, 4].map(Value::Integer));
}

struct SaysNo;

#[async_trait::async_trait]
impl Approver for SaysNo {
    async fn ask(&self, _: &Question) -> Answer {
        Answer::no("somebody", "not today")
    }
}

struct Silent;

#[async_trait::async_trait]
impl Approver for Silent {
    async fn ask(&self, _: &Question) -> Answer {
        std::future::pending().await
    }
}

#[test]
fn questions_and_how_they_are_answered_are_events() {
    let yes = AutoApprover { by: "a test".to_owned() };
    for (approver, moment, word) in [
        (Arc::new(yes) as Arc<dyn Approver>, "petswipe.answered", "approved"),
        (Arc::new(SaysNo), "petswipe.answered", "denied"),
        (Arc::new(Silent), "petswipe.unanswered", "unanswered"),
    ] {
        let watched = Watched::new();
        watched.start(script([Act::Ask("go".to_owned(), 9)]), approver);
        assert_eq!(watched.kept.moments(), ["petswipe.asked", moment]);
        let line = |word: &str| format!("petswipe_questions_total{{event=\"{word}\"}} 1");
        let mut expected = vec![line("asked"), line(word)];
        expected.sort();
        assert_eq!(watched.lines("petswipe_questions_total"), expected);
    }
}

#[test]
fn what_an_abort_drops_is_no_error() {
    let watched = Watched::new();
    let abort = AbortHandle::new();
    let telemetry = watched.sinks(Telemetry::new(&operation("a")));
    let driver = watched.house.driver().observer(telemetry).abort(abort.clone());
    let plan = script([perform([look("look", 60)])]);
    let story = async {
        let aborting = async {
            watched.house.after(3).await;
            abort.abort("Ctrl-C", "enough");
        };
        futures_util::join!(driver.start(operation("a"), plan), aborting).0
    };
    watched.clock.run(story).unwrap().unwrap();
    assert_eq!(watched.kept.moments(), ["petswipe.abort"]);
    let effects = watched.kept.effects();
    let told: Vec<_> =
        effects.iter().map(|it| (&*it.name, it.result, it.error.is_some())).collect();
    assert_eq!(told, [("look", "interrupted", false), ("undo", "succeeded", false)]);
    assert_eq!(watched.lines("petswipe_aborts_total"), ["petswipe_aborts_total{} 1"]);
}

#[test]
fn a_driver_that_halts_leaves_nothing_open_and_the_next_one_goes_on() {
    let watched = Watched::new();
    let plan = script([perform([failing("a", FailureKind::Transient)]), Act::Suspend]);
    let plan = Script([plan.0, vec![perform([change("a", 4)])]].concat());
    let error = watched.start(plan, Arc::new(NobodyApproves)).unwrap();
    assert!(matches!(error, Error::Suspended { .. }));
    assert_eq!(watched.kept.endings(), [("suspended".to_owned(), Some(false))]);

    let history = watched.clock.run(watched.house.driver().history()).unwrap().unwrap().unwrap();
    let telemetry = watched.sinks(Telemetry::resuming(&history));
    let driver = watched.house.driver().observer(telemetry);
    watched.clock.run(driver.resume()).unwrap().unwrap();
    let effects = watched.kept.effects();
    assert_eq!(effects.len(), 2, "what the first driver told is not told again: {effects:?}");
    assert_eq!(attribute(&effects[1], "petswipe.effect.attempt"), Some(Value::Integer(2)));
    assert_eq!(watched.kept.moments(), ["petswipe.resumed"]);
    let begins = watched.kept.signals().into_iter().filter_map(|signal| match signal {
        Signal::Began { attributes, .. } => {
            attributes.into_iter().find(|it| it.key == "petswipe.resumed").map(|it| it.value)
        }
        _ => None,
    });
    assert_eq!(begins.collect::<Vec<_>>(), [Value::Flag(false), Value::Flag(true)]);
    assert_eq!(
        watched.lines("petswipe_operations_total"),
        [
            "petswipe_operations_total{outcome=\"ended\"} 1",
            "petswipe_operations_total{outcome=\"suspended\"} 1",
        ]
    );
    let resumed = watched.lines("petswipe_operations_resumed_total");
    assert_eq!(resumed, ["petswipe_operations_resumed_total{} 1"]);
    // Over both drivers, and only once.
    let count = watched.lines("petswipe_operation_duration_seconds_count");
    assert_eq!(count, ["petswipe_operation_duration_seconds_count{outcome=\"ended\"} 1"]);
}

#[test]
fn an_effect_whose_driver_is_gone_has_a_span_of_unknown_result() {
    let watched = Watched::new();
    let telemetry = Telemetry::<Script>::new(&operation("a"));
    let driver = watched.house.driver().observer(watched.sinks(telemetry));
    let plan = script([perform([silent("a", 50)])]);
    {
        // Dropped with the effect under way, as by a crash.
        let story = async {
            let gone = watched.house.after(7);
            let (driving, gone) = (driver.start(operation("a"), plan), gone);
            futures_util::pin_mut!(driving, gone);
            futures_util::future::select(driving, gone).await;
        };
        watched.clock.run(story).unwrap();
    }
    drop(driver);
    let told = |effect: &EffectSpan| {
        (effect.result, effect.began.as_second(), effect.ended.as_second(), effect.error.is_some())
    };
    // It was in this process, so it could say so itself.
    assert_eq!(
        watched.kept.effects().iter().map(told).collect::<Vec<_>>(),
        [("unknown", 0, 0, true)]
    );
    assert_eq!(watched.kept.endings(), [("halted".to_owned(), Some(false))]);

    // In another process whoever resumes it has the span.
    watched.kept.0.lock().unwrap().clear();
    let history = watched.clock.run(watched.house.driver().history()).unwrap().unwrap().unwrap();
    let driver = watched.house.driver();
    let driver = driver.observer(watched.sinks(Telemetry::resuming(&history)));
    watched.clock.run(driver.resume()).unwrap().unwrap();
    let effects = watched.kept.effects();
    assert_eq!(told(&effects[0]), ("unknown", 0, 7, true));
    assert_eq!(effects[1].result, "timed_out");
}
