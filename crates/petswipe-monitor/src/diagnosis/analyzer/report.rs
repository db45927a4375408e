//! What a diagnosis says.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::{Cause, Collected, Command, DatabaseReport, Redacted, Symptom};
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

/// What may be wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hypothesis {
    /// 1 is the most certain.
    pub rank: u32,
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
}

impl Diagnosis {
    /// Whether everything that was asked was answered in full. Only then does no hypothesis mean that nothing was found.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.hidden.is_empty() && !self.looked_at.is_empty()
    }
}

/// Puts numbers before drafts in their order.
pub(super) fn ranked(seen: &Collected, fewest: u64, drafts: Vec<Draft>) -> Diagnosis {
    let hypotheses = (1..).zip(drafts).map(|(rank, draft)| Hypothesis {
        rank,
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
    for (environment, evidence) in &seen.environments {
        if evidence.logs.seen().is_some_and(|logs| !logs.complete) {
            hidden.push(format!("logs of {environment}: there are more lines than were read"));
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
    }
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
