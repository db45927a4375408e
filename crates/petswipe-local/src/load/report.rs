//! What came of a load.

use std::collections::BTreeMap;

use jiff::Timestamp;
use petswipe_monitor::Histogram;
use serde::{Deserialize, Serialize};

/// The version of what was not answered, or answered without naming one.
pub const NO_VERSION: &str = "none";

/// More versions than that are counted together as `other`.
const MOST_VERSIONS: usize = 64;

/// Results added up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// All.
    pub requests: u64,
    /// No answer, or a status of 500 or more.
    pub failed: u64,
    /// A status from 400 to 499.
    pub client_errors: u64,
    /// From the intended start to the end of the answer, of all that were answered.
    pub latency: Histogram,
}

impl Tally {
    fn add(&mut self, outcome: &Outcome) {
        self.requests += 1;
        match outcome.result {
            Ok(status) => {
                self.latency.record(outcome.latency);
                self.failed += u64::from(status >= 500);
                self.client_errors += u64::from((400..500).contains(&status));
            }
            Err(_) => self.failed += 1,
        }
    }
}

/// What one version answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionTally {
    /// Added up.
    pub tally: Tally,
    /// When its first answer was complete; `None` for requests without an answer.
    pub first_answer_at: Option<Timestamp>,
    /// When its last answer was complete.
    pub last_answer_at: Option<Timestamp>,
}

/// What one version answered of the requests that were due in one second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondTally {
    /// The beginning of the second.
    pub second: Timestamp,
    /// The version.
    pub version: String,
    /// Added up.
    pub tally: Tally,
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum FailureCause {
    /// It was answered with that status, 500 or more.
    Status {
        /// The status.
        status: u16,
    },
    /// Connecting failed, or the connection broke.
    Connection {
        /// Why.
        error: String,
    },
    /// It was not answered in time.
    Timeout,
    /// Too many were in flight, so it was not sent.
    Overload,
}

/// One request that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRequest {
    /// When it was due.
    pub due_at: Timestamp,
    /// When it had failed.
    pub failed_at: Timestamp,
    /// Who answered it.
    pub version: String,
    /// Why.
    #[serde(flatten)]
    pub cause: FailureCause,
}

/// What came of a load, so far or in the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadReport {
    /// When the load began.
    pub started_at: Timestamp,
    /// When this was true.
    pub reported_at: Timestamp,
    /// Requests that were due and have no result yet; 0 in the report of a stopped load.
    pub in_flight: u64,
    /// All results added up.
    pub total: Tally,
    /// The results of each version.
    pub versions: BTreeMap<String, VersionTally>,
    /// The results by second and version, in order of time.
    pub seconds: Vec<SecondTally>,
    /// The first failures.
    pub failures: Vec<FailedRequest>,
}

/// The result of one request.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) due_at: Timestamp,
    pub(crate) ended_at: Timestamp,
    pub(crate) latency: std::time::Duration,
    pub(crate) version: Option<String>,
    /// The status of the answer.
    pub(crate) result: Result<u16, FailureCause>,
}

/// Adds up results as they come.
#[derive(Debug)]
pub(crate) struct Recorder {
    started_at: Timestamp,
    failures_kept: usize,
    total: Tally,
    versions: BTreeMap<String, VersionTally>,
    seconds: BTreeMap<(i64, String), Tally>,
    failures: Vec<FailedRequest>,
}

impl Recorder {
    pub(crate) fn new(started_at: Timestamp, failures_kept: usize) -> Self {
        Self {
            started_at,
            failures_kept,
            total: Tally::default(),
            versions: BTreeMap::new(),
            seconds: BTreeMap::new(),
            failures: Vec::new(),
        }
    }

    pub(crate) fn record(&mut self, outcome: Outcome) {
        let named = outcome.version.as_deref().unwrap_or(NO_VERSION);
        let known = self.versions.contains_key(named) || self.versions.len() < MOST_VERSIONS;
        let version = if known { named } else { "other" }.to_owned();
        self.total.add(&outcome);
        let of_version = self.versions.entry(version.clone()).or_default();
        of_version.tally.add(&outcome);
        if outcome.result.is_ok() {
            of_version.first_answer_at.get_or_insert(outcome.ended_at);
            of_version.last_answer_at = of_version.last_answer_at.max(Some(outcome.ended_at));
        }
        let second = outcome.due_at.as_second();
        let of_second = self.seconds.entry((second, version.clone())).or_default();
        of_second.add(&outcome);
        let cause = match outcome.result {
            Ok(status) if status >= 500 => FailureCause::Status { status },
            Ok(_) => return,
            Err(cause) => cause,
        };
        if self.failures.len() < self.failures_kept {
            self.failures.push(FailedRequest {
                due_at: outcome.due_at,
                failed_at: outcome.ended_at,
                version,
                cause,
            });
        }
    }

    pub(crate) fn report(&self, reported_at: Timestamp, in_flight: u64) -> LoadReport {
        let second = |((second, version), tally): (&(i64, String), &Tally)| SecondTally {
            second: Timestamp::from_second(*second).unwrap_or(Timestamp::MIN),
            version: version.clone(),
            tally: tally.clone(),
        };
        LoadReport {
            started_at: self.started_at,
            reported_at,
            in_flight,
            total: self.total.clone(),
            versions: self.versions.clone(),
            seconds: self.seconds.iter().map(second).collect(),
            failures: self.failures.clone(),
        }
    }
}
