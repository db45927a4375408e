//! What is measured, by which names and units.

/// A metric: what it is called, what it counts, and how.
///
/// The name is that of OpenTelemetry, such as `petswipe.effect.duration`; its name in Prometheus text follows from it by
/// the rules of the specification *Prometheus and OpenMetrics Compatibility*: dots become underlines, the unit comes
/// next, a counter ends in `_total`.
#[derive(Debug, PartialEq)]
pub struct Instrument {
    /// Its name, in lower case, with dots.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub help: &'static str,
    /// How values of it are put together.
    pub kind: Kind,
}

/// How values of a metric are put together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A whole number that only rises; values are added.
    Counter,
    /// A number that is as it was said last.
    Gauge,
    /// A share of a whole, 0 to 1, that is as it was said last.
    Ratio,
    /// A time in seconds since 1970 that is as it was said last.
    Moment,
    /// Durations in seconds, counted by these upper bounds, which rise.
    Seconds(&'static [f64]),
}

/// One value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// Of which metric.
    pub instrument: &'static Instrument,
    /// What tells it from others of the same metric.
    pub labels: Vec<Label>,
    /// How much.
    pub value: f64,
}

/// A label: a name, and a value out of a small fixed set.
pub type Label = (&'static str, String);

impl Measure {
    /// A value with its labels.
    pub fn new(instrument: &'static Instrument, value: f64, labels: Vec<Label>) -> Self {
        Self { instrument, labels, value }
    }
}

impl Instrument {
    /// Its name in Prometheus text.
    pub(super) fn prometheus_name(&self) -> String {
        let mut name = self.name.replace('.', "_");
        name += match self.kind {
            Kind::Counter => "_total",
            Kind::Gauge => "",
            Kind::Ratio => "_ratio",
            Kind::Moment | Kind::Seconds(_) => "_seconds",
        };
        name
    }
}

pub(super) static EFFECTS: Instrument = Instrument {
    name: "petswipe.effects",
    help: "Effects that came to their end, by what came of them.",
    kind: Kind::Counter,
};

pub(super) static EFFECT_DURATION: Instrument = Instrument {
    name: "petswipe.effect.duration",
    help: "Time from the intent of an effect to its outcome.",
    kind: Kind::Seconds(&[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0]),
};

pub(super) static OPERATIONS: Instrument = Instrument {
    name: "petswipe.operations",
    help: "Operations that came to their end or were left half-way, by outcome.",
    kind: Kind::Counter,
};

pub(super) static OPERATION_DURATION: Instrument = Instrument {
    name: "petswipe.operation.duration",
    help: "Time from the beginning of an operation to its end, over all its drivers.",
    kind: Kind::Seconds(&[1.0, 10.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 14400.0, 86400.0]),
};

pub(super) static RESUMED: Instrument = Instrument {
    name: "petswipe.operations.resumed",
    help: "How many times a driver went on with the operation of another.",
    kind: Kind::Counter,
};

pub(super) static RUNNING: Instrument = Instrument {
    name: "petswipe.operations.running",
    help: "Operations that are being driven.",
    kind: Kind::Gauge,
};

pub(super) static QUESTIONS: Instrument = Instrument {
    name: "petswipe.questions",
    help: "Questions to people that were asked, and how they were answered.",
    kind: Kind::Counter,
};

pub(super) static ABORTS: Instrument = Instrument {
    name: "petswipe.aborts",
    help: "Requests to end an operation early.",
    kind: Kind::Counter,
};

pub(super) static LAST_EVENT: Instrument = Instrument {
    name: "petswipe.last_event.timestamp",
    help: "When the last fact of an operation was recorded, in seconds since 1970.",
    kind: Kind::Moment,
};

/// The metrics that every kind of operation has.
pub static OPERATION_INSTRUMENTS: [&Instrument; 9] = [
    &EFFECTS,
    &EFFECT_DURATION,
    &OPERATIONS,
    &OPERATION_DURATION,
    &RESUMED,
    &RUNNING,
    &QUESTIONS,
    &ABORTS,
    &LAST_EVENT,
];
