//! What came of the checks and of the canaries, for people and for programs.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use petswipe_monitor::probe::{CanaryRun, Paced, Run, Standing};
use serde::Serialize;

/// So many of the last runs are in a report.
const LAST_RUNS: usize = 300;

/// What came of one check.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Summary {
    pub(super) name: String,
    pub(super) passed: u32,
    pub(super) failed: u32,
    pub(super) slow: bool,
    /// How fast it is, compared with its baseline; `None` without a baseline, and until a run passed.
    pub(super) baseline: Option<Compared>,
    pub(super) last: Option<Run>,
    /// The last runs, the oldest first.
    pub(super) runs: VecDeque<Point>,
}

/// How long one run took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Point {
    pub(super) started: Timestamp,
    /// In seconds.
    pub(super) took: f64,
    pub(super) passed: bool,
}

/// How fast a check is, compared with those before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Compared {
    pub(super) state: &'static str,
    /// The longest that is not slow, in seconds; `None` while it learns.
    pub(super) limit: Option<f64>,
    /// How many slower ones there were in a row.
    pub(super) slower_in_a_row: u32,
}

impl From<Paced> for Compared {
    fn from(paced: Paced) -> Self {
        let (state, limit, slower_in_a_row) = match paced {
            Paced::Learning => ("learning", None, 0),
            Paced::AsBefore { limit } => ("as-before", Some(limit), 0),
            Paced::Slower { limit, in_a_row } => ("slower", Some(limit), in_a_row),
            Paced::Slow { limit, in_a_row } => ("slow", Some(limit), in_a_row),
        };
        Self { state, limit: limit.map(|limit| limit.as_secs_f64()), slower_in_a_row }
    }
}

/// What one canary says about now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct CanarySummary {
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) standing: Standing,
    pub(super) last: CanaryRun,
}

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) operation: &'static str,
    /// `well`, or `not-well`.
    pub(super) outcome: &'static str,
    pub(super) started_at: Timestamp,
    pub(super) finished_at: Timestamp,
    pub(super) checks: Vec<Summary>,
    pub(super) canaries: Vec<CanarySummary>,
}

impl Summary {
    /// Of a check that did not run yet.
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            passed: 0,
            failed: 0,
            slow: false,
            baseline: None,
            last: None,
            runs: VecDeque::new(),
        }
    }

    /// Takes a run in.
    pub(super) fn add(&mut self, run: Run, paced: Option<Paced>) {
        let passed = run.failure().is_none();
        match passed {
            true => self.passed += 1,
            false => self.failed += 1,
        }
        if let Some(paced) = paced {
            self.slow = matches!(paced, Paced::Slow { .. });
            self.baseline = Some(paced.into());
        }
        let took = run.took.as_secs_f64();
        self.runs.push_back(Point { started: run.started, took, passed });
        if self.runs.len() > LAST_RUNS {
            self.runs.pop_front();
        }
        self.last = Some(run);
    }

    pub(super) fn is_well(&self) -> bool {
        let failed = self.last.as_ref().is_none_or(|run| run.failure().is_some());
        !failed && !self.slow
    }

    pub(super) fn line(&self) -> String {
        let Self { name, passed, failed, .. } = self;
        let all = passed + failed;
        let slow = if self.slow { ", and it became slow" } else { "" };
        match &self.last {
            None => format!("{name}: did not run"),
            Some(run) => format!("{run} ({passed} of {all} runs passed{slow})"),
        }
    }
}

impl CanarySummary {
    /// What the last run says, when one that was over longer than `oldest` ago says nothing.
    pub(super) fn new(last: CanaryRun, now: Timestamp, oldest: Duration) -> Self {
        Self { name: last.canary.clone(), standing: last.standing(now, oldest), last }
    }

    pub(super) fn is_well(&self) -> bool {
        self.standing == Standing::Passed
    }

    pub(super) fn line(&self) -> String {
        let name = &self.name;
        match &self.standing {
            Standing::Passed => format!("{name} passed"),
            Standing::Failed { why } => format!("{name} failed: {why}"),
            Standing::Missing { why } => format!("{name} is not known to be well: {why}"),
        }
    }
}

impl Report {
    pub(super) fn new(
        started_at: Timestamp,
        finished_at: Timestamp,
        checks: Vec<Summary>,
        canaries: Vec<CanarySummary>,
    ) -> Self {
        let well =
            checks.iter().all(Summary::is_well) && canaries.iter().all(CanarySummary::is_well);
        // With nothing to be well about nothing is.
        let well = well && !(checks.is_empty() && canaries.is_empty());
        let outcome = if well { "well" } else { "not-well" };
        Self { operation: "probe", outcome, started_at, finished_at, checks, canaries }
    }

    pub(super) fn is_well(&self) -> bool {
        self.outcome == "well"
    }

    /// A line for each.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        let checks = self.checks.iter().map(Summary::line);
        checks.chain(self.canaries.iter().map(CanarySummary::line))
    }
}
