//! The last runs of canaries: synthetic checks that somebody else runs, such as CloudWatch Synthetics.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Run, StepRun};
use crate::Error;
use crate::diagnosis::Redacted;

/// Where the last runs of canaries are read.
///
/// # Contract
/// - `every_name_has_its_answer_in_its_place`: there are as many answers as names, in the order of the names.
/// - `a_canary_without_a_run_is_unknown`: it is neither an error nor a pass.
/// - `a_last_run_is_told_as_it_was`: with its state, and when it began and was over, as far as it is over.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Canaries: Send + Sync {
    /// The last run of each of these. One of which no run is known is [`CanaryState::Unknown`].
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for what is no name; what the service says otherwise.
    async fn last_runs(&self, names: &[String]) -> Result<Vec<CanaryRun>, Error>;
}

/// How a run of a canary is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CanaryState {
    /// It is over, and all was as expected.
    Passed,
    /// It is over, and something was not.
    Failed,
    /// It is not over.
    Running,
    /// Nothing is known: there is no such canary, or it never ran.
    Unknown,
}

/// The last run of a canary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CanaryRun {
    /// Of which canary.
    pub canary: String,
    /// How it is.
    pub state: CanaryState,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// Why it failed, as far as that was said.
    pub reason: Option<Redacted>,
}

/// What the last run of a canary says about now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "standing", rename_all = "kebab-case")]
pub enum Standing {
    /// The last run passed, lately.
    Passed,
    /// The last run failed, lately.
    Failed {
        /// Why.
        why: String,
    },
    /// It says nothing about now, which is no pass.
    Missing {
        /// Why not.
        why: String,
    },
}

impl CanaryRun {
    /// A canary of which no run is known.
    pub fn unknown(canary: impl Into<String>) -> Self {
        let canary = canary.into();
        Self { canary, state: CanaryState::Unknown, started: None, ended: None, reason: None }
    }

    /// What it says about now, when a run that was over longer than `oldest` ago says nothing any more.
    pub fn standing(&self, now: Timestamp, oldest: Duration) -> Standing {
        let missing = |why: String| Standing::Missing { why };
        let ended = match (self.state, self.ended) {
            (CanaryState::Unknown, _) => {
                return missing(
                    "no run is known: there is no such canary, or it never ran".to_owned(),
                );
            }
            (CanaryState::Running, _) => return missing("its last run is not over".to_owned()),
            (_, None) => return missing("nobody knows when its last run was over".to_owned()),
            (_, Some(ended)) => ended,
        };
        // A clock that is behind makes no run old.
        let age = Duration::try_from(now.duration_since(ended)).unwrap_or_default();
        if age > oldest {
            let (word, age) = (self.state.word(), age.as_secs());
            return missing(format!(
                "its last run {word}, but was over {age} s ago: is it stopped?"
            ));
        }
        match self.state {
            CanaryState::Passed => Standing::Passed,
            _ => Standing::Failed { why: self.why() },
        }
    }

    /// It as a run of a check, for [`Results::of_canaries`](super::Results::of_canaries): one step, that was not answered when it
    /// failed, because nobody says more. `None` unless it is over and both times are known.
    pub fn as_run(&self) -> Option<Run> {
        let failure = match self.state {
            CanaryState::Passed => None,
            CanaryState::Failed => Some(self.why()),
            CanaryState::Running | CanaryState::Unknown => return None,
        };
        let started = self.started?;
        let took = Duration::try_from(self.ended?.duration_since(started)).ok()?;
        let step = StepRun { step: "all of it".to_owned(), status: None, took, failure };
        Some(Run { check: self.canary.clone(), started, took, steps: vec![step] })
    }

    fn why(&self) -> String {
        let said = self.reason.as_ref().map(Redacted::as_str).filter(|said| !said.is_empty());
        said.unwrap_or("does not say why").to_owned()
    }
}

impl CanaryState {
    fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Running => "runs",
            Self::Unknown => "is unknown",
        }
    }
}

/// Canaries in memory.
#[derive(Debug, Default)]
pub struct MemoryCanaries(Mutex<BTreeMap<String, CanaryRun>>);

impl MemoryCanaries {
    /// From now on this is the last run of its canary.
    pub fn set(&self, run: CanaryRun) {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.insert(run.canary.clone(), run);
    }
}

#[async_trait]
impl Canaries for MemoryCanaries {
    async fn last_runs(&self, names: &[String]) -> Result<Vec<CanaryRun>, Error> {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = |name: &String| runs.get(name).cloned();
        Ok(names
            .iter()
            .map(|name| last(name).unwrap_or_else(|| CanaryRun::unknown(name)))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Results;
    use crate::{MetricSource, Subject, Window};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn run(state: CanaryState, started: i64, ended: i64) -> CanaryRun {
        let (started, ended) = (Some(at(started)), Some(at(ended)));
        CanaryRun { canary: "shop".to_owned(), state, started, ended, reason: None }
    }

    fn missing(run: &CanaryRun, now: i64) -> String {
        match run.standing(at(now), Duration::from_secs(600)) {
            Standing::Missing { why } => why,
            other => panic!("{other:?} of {run:?}"),
        }
    }

    #[tokio::test]
    async fn canaries_in_memory_keep_the_contract() {
        use crate::conformance::canaries::*;
        let canaries = MemoryCanaries::default();
        let ran = |run: &CanaryRun| canaries.set(run.clone());
        every_name_has_its_answer_in_its_place(&canaries, &ran).await;
        a_canary_without_a_run_is_unknown(&canaries, &ran).await;
        a_last_run_is_told_as_it_was(&canaries, &ran).await;
    }

    #[test]
    fn only_a_run_that_passed_lately_is_a_pass() {
        let passed = run(CanaryState::Passed, 100, 120);
        assert_eq!(passed.standing(at(720), Duration::from_secs(600)), Standing::Passed);
        // A clock that is behind.
        assert_eq!(passed.standing(at(90), Duration::from_secs(600)), Standing::Passed);
        assert!(missing(&passed, 721).contains("passed, but was over 601 s ago"));
        assert!(
            missing(&CanaryRun { ended: None, ..passed.clone() }, 130).contains("nobody knows")
        );
        assert!(missing(&run(CanaryState::Running, 100, 120), 130).contains("not over"));
        assert!(missing(&CanaryRun::unknown("shop"), 130).contains("no such canary"));
    }

    #[test]
    fn a_failure_says_why_as_long_as_it_is_new() {
        let failed = run(CanaryState::Failed, 100, 120);
        let why = |run: &CanaryRun| match run.standing(at(130), Duration::from_secs(600)) {
            Standing::Failed { why } => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(why(&failed), "does not say why");
        let reason = Some(Redacted::line("password=hunter2 refused"));
        let failed = CanaryRun { reason, ..failed };
        assert!(why(&failed).contains("refused") && !why(&failed).contains("hunter2"));
        assert!(missing(&failed, 9999).contains("failed, but"));
    }

    #[tokio::test]
    async fn the_last_runs_are_metrics_and_each_counts_once() {
        let names = ["shop".to_owned(), "gone".to_owned()];
        let (minute, second) = (Duration::from_secs(60), Duration::from_secs(1));
        let results = Results::of_canaries(&names, minute, second, minute * 60).unwrap();
        let canaries = MemoryCanaries::default();
        for (state, started) in
            [(CanaryState::Passed, 0), (CanaryState::Failed, 60), (CanaryState::Failed, 60)]
        {
            canaries.set(run(state, started, started + 3));
            for run in canaries.last_runs(&names).await.unwrap() {
                run.as_run().map(|run| results.record(&run).unwrap());
            }
        }
        let window = Window { from: at(0), to: at(120) };
        let seen = results.observe(&Subject::environment("shop"), window, at(200)).await.unwrap();
        assert_eq!((seen.requests, seen.errors.balancer), (Some(2), Some(1)));
        let gone = results.observe(&Subject::environment("gone"), window, at(200)).await.unwrap();
        assert_eq!(gone.requests, None);
        // Minutes without a run are missing.
        let window = Window { from: at(0), to: at(180) };
        let seen = results.observe(&Subject::environment("shop"), window, at(200)).await.unwrap();
        assert_eq!(seen.requests, None);
    }

    #[test]
    fn what_is_not_over_is_no_run() {
        assert_eq!(run(CanaryState::Running, 1, 2).as_run(), None);
        assert_eq!(CanaryRun::unknown("shop").as_run(), None);
        assert_eq!(run(CanaryState::Passed, 2, 1).as_run(), None, "it ended before it began");
    }

    #[test]
    fn canaries_without_a_name_or_an_interval_are_refused() {
        let second = Duration::from_secs(1);
        let refused = |names: &[&str], every: Duration| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            Results::of_canaries(&names, every, second, second).unwrap_err().to_string()
        };
        assert_eq!(refused(&[], second), "canaries is none; allowed: at least one");
        assert!(refused(&["a", "a"], second).contains("`a`, twice"));
        assert!(refused(&["a"], Duration::ZERO).contains("positive"));
    }
}
