//! What a diagnosis says.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::{
    Cause, Collected, Command, DatabaseReport, Looked, Redacted, RolloutDriver, Symptom,
};
use super::Draft;
use crate::{Observation, Window};

/// Something that speaks for a hypothesis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Where it was seen, such as `stopped tasks of petswipe-production-green`.
    pub source: String,
    /// When it happened, where that is known.
    pub at: Option<Timestamp>,
    /// What.
    pub text: String,
}

impl Evidence {
    pub(super) fn new(source: impl Into<String>, text: impl Into<String>) -> Self {
        Self { source: source.into(), at: None, text: text.into() }
    }

    pub(super) fn at(mut self, at: Timestamp) -> Self {
        self.at = Some(at);
        self
    }
}

/// How certain a hypothesis is, in words that follow its number.
///
/// ```
/// use petswipe_monitor::diagnosis::Certainty;
/// assert_eq!(Certainty::of(60).as_str(), "likely");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// Below 50: only circumstances speak for it.
    Guess,
    /// 50 and more: a symptom was measured, and this explains it.
    Likely,
    /// 75 and more: a comparison shows it.
    VeryLikely,
    /// 90 and more: the platform or the database says so itself.
    NearlyCertain,
}

impl Certainty {
    /// That of a confidence from 0 to 100.
    pub fn of(confidence: u8) -> Self {
        match confidence {
            90.. => Self::NearlyCertain,
            75.. => Self::VeryLikely,
            50.. => Self::Likely,
            _ => Self::Guess,
        }
    }

    /// The words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guess => "a guess",
            Self::Likely => "likely",
            Self::VeryLikely => "very likely",
            Self::NearlyCertain => "nearly certain",
        }
    }
}

/// What may be wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hypothesis {
    /// 1 is the first: of what shows itself by a symptom that was asked for the most certain.
    pub rank: u32,
    /// Whether it shows itself only by other symptoms than those that were asked for.
    #[serde(default)]
    pub beside: bool,
    /// What is behind it.
    pub cause: Cause,
    /// The environment it is about.
    pub environment: Option<String>,
    /// The same in a sentence.
    pub summary: String,
    /// How certain, 0 to 100.
    pub confidence: u8,
    /// What that rests upon.
    pub why: String,
    /// What speaks for it.
    pub evidence: Vec<Evidence>,
    /// What to type next.
    pub next_command: Command,
}

/// A question without an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingSource {
    /// What was asked.
    pub question: String,
    /// Why there is no answer.
    pub cause: Redacted,
}

/// What a diagnosis comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Something may be wrong.
    Found,
    /// Everything that was asked was answered in full, and nothing was found.
    NothingFound,
    /// Nothing was found in what was seen, and not everything was.
    NotKnown,
}

/// What is wrong, as far as can be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// When it was asked.
    pub at: Timestamp,
    /// The time that was looked at.
    pub window: Window,
    /// What somebody sees.
    pub symptoms: Vec<Symptom>,
    /// What may be wrong, by rank.
    pub hypotheses: Vec<Hypothesis>,
    /// What answered.
    pub looked_at: Vec<String>,
    /// What did not: it may hide anything.
    pub missing: Vec<MissingSource>,
    /// What a source that answered could not see.
    pub hidden: Vec<String>,
    /// Kinds of sources that nobody was there for.
    #[serde(default)]
    pub not_asked: Vec<String>,
}

impl Diagnosis {
    /// Whether everything that was asked was answered in full. Only then does no hypothesis mean that nothing was found.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.hidden.is_empty() && !self.looked_at.is_empty()
    }

    /// What it comes to. Without a hypothesis nothing is wrong only if [everything was seen](Self::is_complete).
    pub fn verdict(&self) -> Verdict {
        match (self.hypotheses.is_empty(), self.is_complete()) {
            (false, _) => Verdict::Found,
            (true, true) => Verdict::NothingFound,
            (true, false) => Verdict::NotKnown,
        }
    }
}

/// Puts numbers before drafts in their order.
pub(super) fn ranked(seen: &Collected, fewest: u64, drafts: Vec<Draft>) -> Diagnosis {
    let hypotheses = (1..).zip(drafts).map(|(rank, draft)| Hypothesis {
        rank,
        beside: !seen.scope.asks_for(draft.cause),
        cause: draft.cause,
        environment: draft.environment,
        summary: draft.summary,
        confidence: draft.confidence,
        why: draft.why.to_owned(),
        evidence: draft.evidence,
        next_command: draft.next,
    });
    let (mut looked_at, mut missing) = (Vec::new(), Vec::new());
    for (question, without) in seen.questions() {
        match without {
            None => looked_at.push(question),
            Some(cause) => missing.push(MissingSource { question, cause: cause.clone() }),
        }
    }
    let mut hidden = seen.database.seen().map_or_else(Vec::new, of_database);
    hidden.extend([of_silence(seen), of_no_database(seen), of_rollout(seen)].into_iter().flatten());
    for (environment, evidence) in &seen.environments {
        if evidence.logs.seen().is_some_and(|logs| !logs.complete) {
            hidden.push(format!("logs of {environment}: there are more lines than were read"));
        }
        let left_out = evidence.stopped.seen().map_or(0, |stopped| stopped.left_out);
        if left_out > 0 {
            hidden.push(format!(
                "stopped tasks of {environment}: {left_out} more were not looked at"
            ));
        }
        let parts = evidence.metrics.seen().into_iter();
        hidden.extend(parts.flat_map(|parts| of_metrics(environment, parts, fewest)));
    }
    if let Some(gauges) = seen.database_load.seen() {
        let gauges = [("CPU use", gauges.cpu), ("free storage", gauges.free_storage)];
        let unknown = gauges.iter().filter(|(_, value)| value.is_none());
        hidden
            .extend(unknown.map(|(name, _)| format!("database metrics: {name} was not measured")));
    }
    Diagnosis {
        at: seen.scope.now,
        window: seen.scope.window,
        symptoms: seen.scope.symptoms.clone(),
        hypotheses: hypotheses.collect(),
        looked_at,
        missing,
        hidden,
        not_asked: seen.not_asked().into_iter().map(str::to_owned).collect(),
    }
}

/// What only requests show, where nobody asked anything of any environment. One that is idle beside another that serves is
/// as it should be.
fn of_silence(seen: &Collected) -> Option<String> {
    let served = seen.environments.values().filter_map(|one| one.metrics.seen()).flatten();
    let mut counts = served.filter_map(|part| part.requests).peekable();
    counts.peek()?;
    (counts.sum::<u64>() == 0).then(|| {
        "metrics: not a single request was served in that time, so errors and latency are unknown"
            .to_owned()
    })
}

/// What is not known of a database that somebody complains about, and of which nothing was asked.
fn of_no_database(seen: &Collected) -> Option<String> {
    let symptoms = &seen.scope.symptoms;
    let complains = symptoms.contains(&Symptom::Database) && symptoms.len() < Symptom::ALL.len();
    let nobody = seen.database == Looked::NotAsked && seen.database_load == Looked::NotAsked;
    (complains && nobody).then(|| {
        "database: none was named, so the symptom that was asked for could not be looked at"
            .to_owned()
    })
}

/// What is not known of a rollout that somebody may be at work on.
fn of_rollout(seen: &Collected) -> Option<String> {
    let driver = match &seen.rollout.seen()?.driver {
        Looked::Missing(why) => {
            return Some(format!("rollout: who holds the service could not be asked: {why}"));
        }
        driver => driver.seen()?.as_ref()?,
    };
    let RolloutDriver { operation, holder, until } = driver;
    Some(format!(
        "rollout: operation {operation} ({holder}) holds the service until {until:.0}; whether its process still lives shows only \
         after that"
    ))
}

/// What a database could not show.
fn of_database(report: &DatabaseReport) -> Vec<String> {
    let mut hidden = report.hidden.clone();
    match &report.refuses {
        Some(_) => hidden.push(
            "database activity: it refuses connections, so sessions, locks and queries are unknown"
                .to_owned(),
        ),
        None if report.connections.is_none() => {
            hidden.push("database activity: how many connections are open is unknown".to_owned());
        }
        None => {}
    }
    hidden
}

/// What of requests, failures and latencies is not known, and would else look like none.
fn of_metrics(environment: &str, parts: &[Observation], fewest: u64) -> Vec<String> {
    let tell = |what: &str| format!("metrics of {environment}: {what}");
    if parts.iter().all(|part| part.requests.is_none()) {
        return vec![tell("no request was measured in that time")];
    }
    let mut hidden = Vec::new();
    if parts.last().is_some_and(|newest| newest.requests.is_none()) {
        hidden.push(tell("no request was measured in the newest part of the time"));
    }
    let mut unknown = |what: &str, is_unknown: fn(&Observation) -> bool| {
        let serving = |part: &&Observation| part.requests.is_some_and(|requests| requests > 0);
        let count = parts.iter().filter(serving).filter(|part| is_unknown(part)).count();
        if count > 0 {
            hidden.push(tell(&format!("{what} in {count} of {} parts of the time", parts.len())));
        }
    };
    unknown("not all failures were measured", |part| part.errors.failed().is_none());
    unknown("latency was not measured", |part| part.latency.is_none());
    let requests: u64 = parts.iter().filter_map(|part| part.requests).sum();
    if (1..fewest).contains(&requests) {
        let few = format!("{requests} requests are too few to judge: it takes {fewest}");
        hidden.push(tell(&few));
    }
    hidden
}
