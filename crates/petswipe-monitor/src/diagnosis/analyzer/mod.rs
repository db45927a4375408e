//! From evidence to ranked hypotheses. Pure: no clock, no waiting, the same evidence gives the same answer.

mod beside;
mod capacity;
mod database;
mod deployment;
mod errors;
mod latency;
mod limits;
mod logs;
mod report;
mod rollout;
mod targets;
mod tasks;

use super::{Cause, Collected, Command, Commands, EnvironmentEvidence, NextStep};
pub use limits::Limits;
pub use report::{Certainty, Diagnosis, Evidence, Hypothesis, MissingSource, Verdict};

/// A hypothesis that has no rank yet.
struct Draft {
    cause: Cause,
    environment: Option<String>,
    summary: String,
    /// 0 to 100.
    confidence: u8,
    /// Why that confidence.
    why: &'static str,
    evidence: Vec<Evidence>,
    next: Command,
}

/// What the rules look at.
struct Case<'a> {
    seen: &'a Collected,
    limits: &'a Limits,
    commands: &'a dyn Commands,
}

impl Case<'_> {
    fn command(&self, step: NextStep) -> Command {
        self.commands.command(&step)
    }

    /// The other environments.
    fn others(&self, environment: &str) -> impl Iterator<Item = (&String, &EnvironmentEvidence)> {
        self.seen.environments.iter().filter(move |(name, _)| *name != environment)
    }
}

/// Ranks what may be wrong: the most certain first; of the same certainty what has more evidence.
///
/// Causes that show themselves by one of the symptoms of the scope come first. The others are behind them and marked as found
/// [`beside`](Hypothesis::beside): a fault that was seen is told, whatever was asked for. How certain one is, from 0 to 100, says
/// what it rests upon and is no probability: 90 and more where the platform or the database says it itself, 75 and more where
/// a comparison shows it, about 50 where the symptom was measured and the cause is a guess, and less where only circumstances
/// speak for it. [`Certainty`] has the words for it.
///
/// ```
/// use petswipe_monitor::diagnosis::*;
/// use petswipe_monitor::Window;
/// let at = |second| jiff::Timestamp::from_second(second).unwrap();
/// let seen = Collected {
///     scope: Scope::new(["blue"], Window::new(at(0), at(60))?, at(60)),
///     environments: Default::default(),
///     database: Looked::Seen(DatabaseReport {
///         connections: Some(Connections { used: 97, maximum: 100, reserved: 3 }),
///         ..DatabaseReport::default()
///     }),
///     database_load: Looked::NotAsked,
///     rollout: Looked::NotAsked,
/// };
/// let found = diagnose(&seen, &Limits::default(), &LocalCommands::new("shop", "production"));
/// assert_eq!(found.hypotheses[0].cause, Cause::DatabaseConnections);
/// assert!(found.hypotheses[0].summary.contains("97 of 97"));
/// # Ok::<(), petswipe_monitor::Error>(())
/// ```
pub fn diagnose(seen: &Collected, limits: &Limits, commands: &dyn Commands) -> Diagnosis {
    let case = Case { seen, limits, commands };
    let mut drafts = Vec::new();
    for (environment, evidence) in &seen.environments {
        let mut own = Vec::new();
        tasks::rules(&case, environment, evidence, &mut own);
        targets::rules(&case, environment, evidence, &mut own);
        errors::rules(&case, environment, evidence, &mut own);
        latency::rules(&case, environment, evidence, &mut own);
        capacity::rules(&case, environment, evidence, &mut own);
        deployment::rules(&case, environment, evidence, &mut own);
        logs::rules(&case, environment, evidence, &mut own);
        drafts.append(&mut own);
    }
    database::rules(&case, &mut drafts);
    rollout::rules(&case, &mut drafts);
    drafts.sort_by(|a, b| {
        let asked = |draft: &Draft| seen.scope.asks_for(draft.cause);
        let key = |draft: &Draft| (asked(draft), draft.confidence, draft.evidence.len());
        let by_name = || (a.cause, &a.environment).cmp(&(b.cause, &b.environment));
        key(b).cmp(&key(a)).then_with(by_name)
    });
    report::ranked(seen, limits.requests, drafts)
}

#[cfg(test)]
mod tests;
