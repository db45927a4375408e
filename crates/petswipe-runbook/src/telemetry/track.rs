//! The translation: recorded facts of one operation in, signals out. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::describe::{Attribute, Describe, Ending, Moment};
use super::measure::{
    ABORTS, EFFECT_DURATION, EFFECTS, Instrument, LAST_EVENT, Label, Measure, OPERATION_DURATION,
    OPERATIONS, QUESTIONS, RESUMED, RUNNING,
};
use crate::log::History;
use crate::runbook::{Event, EventOf, FailureKind, Recorded};
use crate::{EffectId, Error, OperationId};

/// What a fact means.
#[derive(Clone, Debug, PartialEq)]
pub enum Signal {
    /// This driver's part of the operation began: from here on there is a span.
    Began {
        /// When.
        at: Timestamp,
        /// The name of the span: the kind of operation.
        name: &'static str,
        /// More about it.
        attributes: Vec<Attribute>,
    },
    /// An effect came to its end: a child span.
    Effect(EffectSpan),
    /// Something happened: an event of the span.
    Happened {
        /// When.
        at: Timestamp,
        /// What.
        moment: Moment,
    },
    /// Something was measured.
    Measured(Measure),
    /// The part ended: so does the span.
    Ended {
        /// When.
        at: Timestamp,
        /// How.
        ending: Ending,
    },
}

/// An effect from its intent to its outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectSpan {
    /// Its number.
    pub id: EffectId,
    /// How it is called.
    pub name: Cow<'static, str>,
    /// When its intent was recorded.
    pub began: Timestamp,
    /// When its outcome was recorded, or its driver was found to be gone.
    pub ended: Timestamp,
    /// `succeeded`, the kind of the failure such as `timed_out`, or `unknown` when its driver left it behind.
    pub result: &'static str,
    /// Why it failed. An effect that was dropped because of an abort did not.
    pub error: Option<String>,
    /// More about it: target, attempt, place.
    pub attributes: Vec<Attribute>,
}

/// An effect that is under way.
struct Open {
    id: EffectId,
    name: Cow<'static, str>,
    target: Option<String>,
    began: Timestamp,
    attributes: Vec<Attribute>,
}

/// What came of an effect.
struct Came<'a> {
    result: &'static str,
    error: Option<String>,
    answer: Vec<Attribute>,
    at: Timestamp,
    labels: &'a [Label],
}

/// How far one operation is, as far as telemetry minds.
pub struct Track<R: Describe> {
    operation: OperationId,
    /// The beginning of the whole operation, once it is known.
    since: Option<Timestamp>,
    /// Whether this driver's part has begun, and not ended.
    live: bool,
    last: Timestamp,
    labels: Vec<Label>,
    place: Vec<Attribute>,
    under_way: Vec<Open>,
    /// How many effects of a name and target failed in a row.
    failed: BTreeMap<(Cow<'static, str>, Option<String>), u64>,
    kind: std::marker::PhantomData<fn(&R)>,
}

impl<R: Describe> Track<R> {
    /// Of an operation that is about to be started.
    pub fn new(operation: &OperationId) -> Self {
        Self {
            operation: operation.clone(),
            since: None,
            live: false,
            last: Timestamp::UNIX_EPOCH,
            labels: Vec::new(),
            place: Vec::new(),
            under_way: Vec::new(),
            failed: BTreeMap::new(),
            kind: std::marker::PhantomData,
        }
    }

    /// Of an operation that is about to be resumed. What an earlier driver has told is not told again.
    pub fn resuming(history: &History<R>) -> Self {
        let opening = &history.opening;
        let mut track = Self::new(&opening.operation);
        track.since = Some(opening.at);
        let mut state = opening.plan.begin(opening.at);
        for recorded in &history.records {
            opening.plan.evolve(&mut state, &recorded.event, recorded.at);
            track.take(&opening.plan, recorded, &state);
        }
        track.live = false;
        track
    }

    /// Which operation.
    pub fn operation(&self) -> &OperationId {
        &self.operation
    }

    /// Takes the next fact in; `state` is the one after it.
    pub fn take(
        &mut self,
        plan: &R,
        recorded: &Recorded<EventOf<R>>,
        state: &R::State,
    ) -> Vec<Signal> {
        let at = recorded.at;
        let mut signals = Vec::new();
        self.last = at;
        if !self.live {
            self.begin(plan, recorded, &mut signals);
        }
        let place = plan.place(state);
        if place != self.place {
            self.place = place;
            let moment = Moment { name: "petswipe.place", attributes: self.place.clone() };
            signals.push(Signal::Happened { at, moment });
        }
        self.event(&recorded.event, at, &mut signals);
        if let Some(moment) = plan.moment(&recorded.event, state) {
            signals.push(Signal::Happened { at, moment });
        }
        for mut measure in plan.measures(&recorded.event, state) {
            measure.labels.extend(self.labels.iter().cloned());
            signals.push(Signal::Measured(measure));
        }
        let seconds = at.as_duration().as_secs_f64();
        signals.push(self.measured(&LAST_EVENT, seconds, []));
        if let Event::Finished { outcome } = &recorded.event {
            self.end(R::ending(outcome), true, &mut signals);
        }
        signals
    }

    /// The driver stopped without an end: because of that error, or nobody knows why.
    pub fn halt(&mut self, error: Option<&Error>) -> Vec<Signal> {
        let mut signals = Vec::new();
        if !self.live {
            return signals;
        }
        let why = error.map_or_else(|| "its driver is gone".to_owned(), ToString::to_string);
        self.leave_behind(&mut signals);
        let word = match error {
            Some(Error::Suspended { .. }) => "suspended",
            _ => "halted",
        };
        self.end(Ending { word: word.into(), good: Some(false), why }, false, &mut signals);
        signals
    }

    fn begin(&mut self, plan: &R, recorded: &Recorded<EventOf<R>>, signals: &mut Vec<Signal>) {
        self.live = true;
        let at = recorded.at;
        self.since.get_or_insert(at);
        self.labels = plan.labels();
        self.labels.push(("kind", R::KIND.to_owned()));
        let resumed = matches!(recorded.event, Event::Resumed { .. });
        let mut attributes = plan.attributes();
        attributes.push(Attribute::text("petswipe.operation", self.operation.as_str()));
        attributes.push(Attribute::text("petswipe.kind", R::KIND));
        attributes.push(Attribute::flag("petswipe.resumed", resumed));
        attributes.push(Attribute::integer("petswipe.fence", recorded.fence.0));
        signals.push(Signal::Began { at, name: R::KIND, attributes });
        signals.push(self.measured(&RUNNING, 1.0, []));
    }

    fn event(&mut self, event: &EventOf<R>, at: Timestamp, signals: &mut Vec<Signal>) {
        let mut happened = |name: &'static str, attributes: Vec<Attribute>| {
            signals.push(Signal::Happened { at, moment: Moment { name, attributes } });
        };
        match event {
            Event::Intended { id, effect, .. } => {
                let described = R::effect(effect);
                let key = (described.name, described.target);
                let attempt = 1 + self.failed.get(&key).copied().unwrap_or(0);
                let (name, target) = key;
                let mut attributes = described.attributes;
                attributes.push(Attribute::integer("petswipe.effect.id", id.0));
                attributes.push(Attribute::integer("petswipe.effect.attempt", attempt));
                attributes.extend(
                    target.as_deref().map(|it| Attribute::text("petswipe.effect.target", it)),
                );
                attributes.extend(
                    described.changes.map(|it| Attribute::flag("petswipe.effect.changes", it)),
                );
                attributes.extend(self.place.iter().cloned());
                self.under_way.push(Open { id: *id, name, target, began: at, attributes });
            }
            Event::Succeeded { id, output } => {
                let answer = R::answer(output);
                self.settle(*id, at, "succeeded", None, answer, signals);
            }
            Event::Failed { id, failure } => {
                let error = Some(failure.message.clone())
                    .filter(|_| failure.kind != FailureKind::Interrupted);
                self.settle(*id, at, word_of(failure.kind), error, Vec::new(), signals);
            }
            Event::Asked { question } => {
                let text = Attribute::text("petswipe.question", &question.text);
                happened(
                    "petswipe.asked",
                    vec![Attribute::text("petswipe.key", &question.key), text],
                );
                signals.push(self.counted(&QUESTIONS, [("event", "asked".to_owned())]));
            }
            Event::Answered { key, answer } => {
                let word = if answer.approved { "approved" } else { "denied" };
                happened(
                    "petswipe.answered",
                    vec![
                        Attribute::text("petswipe.key", key),
                        Attribute::text("petswipe.answer", word),
                        Attribute::text("petswipe.by", &answer.by),
                        Attribute::text("petswipe.reason", &answer.reason),
                    ],
                );
                signals.push(self.counted(&QUESTIONS, [("event", word.to_owned())]));
            }
            Event::Unanswered { key } => {
                happened("petswipe.unanswered", vec![Attribute::text("petswipe.key", key)]);
                signals.push(self.counted(&QUESTIONS, [("event", "unanswered".to_owned())]));
            }
            Event::AbortRequested { by, reason } => {
                let by = Attribute::text("petswipe.by", by);
                happened("petswipe.abort", vec![by, Attribute::text("petswipe.reason", reason)]);
                signals.push(self.counted(&ABORTS, []));
            }
            Event::Resumed { holder, fence } => {
                let holder = Attribute::text("petswipe.holder", holder);
                let fence = Attribute::integer("petswipe.fence", fence.0);
                happened("petswipe.resumed", vec![holder, fence]);
                self.leave_behind(signals);
                signals.push(self.counted(&RESUMED, []));
            }
            Event::Finished { .. } => {}
        }
    }

    fn settle(
        &mut self,
        id: EffectId,
        at: Timestamp,
        result: &'static str,
        error: Option<String>,
        answer: Vec<Attribute>,
        signals: &mut Vec<Signal>,
    ) {
        let Some(index) = self.under_way.iter().position(|open| open.id == id) else { return };
        let open = self.under_way.swap_remove(index);
        let key = (open.name.clone(), open.target.clone());
        match result {
            "succeeded" => {
                self.failed.remove(&key);
            }
            _ => *self.failed.entry(key).or_insert(0) += 1,
        }
        close(open, Came { result, error, answer, at, labels: &self.labels }, signals);
    }

    /// Nobody will ever say what came of what is under way.
    fn leave_behind(&mut self, signals: &mut Vec<Signal>) {
        for open in std::mem::take(&mut self.under_way) {
            let error = Some("its driver was gone before its outcome was recorded".to_owned());
            let (at, labels) = (self.last, self.labels.as_slice());
            close(open, Came { result: "unknown", error, answer: Vec::new(), at, labels }, signals);
        }
    }

    fn end(&mut self, ending: Ending, whole: bool, signals: &mut Vec<Signal>) {
        self.live = false;
        let outcome = [("outcome", ending.word.clone().into_owned())];
        signals.push(self.counted(&OPERATIONS, outcome.clone()));
        if let (true, Some(since)) = (whole, self.since) {
            let seconds = self.last.duration_since(since).as_secs_f64().max(0.0);
            signals.push(self.measured(&OPERATION_DURATION, seconds, outcome));
        }
        signals.push(self.measured(&RUNNING, 0.0, []));
        signals.push(Signal::Ended { at: self.last, ending });
    }

    fn counted<const N: usize>(&self, what: &'static Instrument, labels: [Label; N]) -> Signal {
        self.measured(what, 1.0, labels)
    }

    fn measured<const N: usize>(
        &self,
        instrument: &'static Instrument,
        value: f64,
        labels: [Label; N],
    ) -> Signal {
        let labels = labels.into_iter().chain(self.labels.iter().cloned()).collect();
        Signal::Measured(Measure { instrument, labels, value })
    }
}

fn close(open: Open, came: Came<'_>, signals: &mut Vec<Signal>) {
    let Open { id, name, began, mut attributes, .. } = open;
    let Came { result, error, answer, at: ended, labels } = came;
    let with = |more: &[(&'static str, &str)]| {
        let more = more.iter().map(|(key, value)| (*key, (*value).to_owned()));
        more.chain(labels.iter().cloned()).collect::<Vec<_>>()
    };
    let count = with(&[("effect", &name), ("result", result)]);
    let time = with(&[("effect", &name)]);
    let seconds = ended.duration_since(began).as_secs_f64().max(0.0);
    attributes.push(Attribute::text("petswipe.effect.result", result));
    attributes.extend(answer);
    signals.push(Signal::Effect(EffectSpan { id, name, began, ended, result, error, attributes }));
    signals.push(Signal::Measured(Measure::new(&EFFECTS, 1.0, count)));
    signals.push(Signal::Measured(Measure::new(&EFFECT_DURATION, seconds, time)));
}

fn word_of(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Transient => "transient",
        FailureKind::Refused => "refused",
        FailureKind::Conflict => "conflict",
        FailureKind::Fenced => "fenced",
        FailureKind::TimedOut => "timed_out",
        FailureKind::Interrupted => "interrupted",
    }
}
