//! Asking all sources at the same moment, with deadlines. What does not answer is missing, and stops nobody else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all, join5};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Cause, DatabaseActivity, DatabaseGauges, DatabaseLoad, DatabaseReport, LogLines, LogQuery,
    LogSearch, Redacted, RolloutReport, ScalingActivities, ScalingReport, ServiceEvents,
    ServiceReport, StoppedTasks, Symptom, TargetHealth, TargetReport,
};
use crate::{Error, MetricSource, Observation, Subject, Window, explain};

/// The words that lines about errors have.
const WORDS: [&str; 13] = [
    "ERROR",
    "Error",
    "error",
    "FATAL",
    "Fatal",
    "fatal",
    "PANIC",
    "panic",
    "Exception",
    "CRITICAL",
    "Traceback",
    "refused",
    "timed out",
];
/// At most so many lines of an environment.
const MOST_LINES: usize = 1000;
/// Into so many parts the window is divided.
const SLICES: u32 = 6;

/// Who is asked. What is `None` is not.
#[derive(Clone, Default)]
pub struct Sources {
    /// Requests, errors, latencies, saturation.
    pub metrics: Option<Arc<dyn MetricSource>>,
    /// Logs.
    pub logs: Option<Arc<dyn LogSearch>>,
    /// The load balancer's targets.
    pub targets: Option<Arc<dyn TargetHealth>>,
    /// Services, their events and stopped tasks.
    pub services: Option<Arc<dyn ServiceEvents>>,
    /// Auto scaling.
    pub scaling: Option<Arc<dyn ScalingActivities>>,
    /// The database itself.
    pub database: Option<Arc<dyn DatabaseActivity>>,
    /// The metrics of its instance.
    pub database_load: Option<Arc<dyn DatabaseLoad>>,
}

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The environments, such as `petswipe-production-blue` and `-green`.
    pub environments: Vec<String>,
    /// The time that matters.
    pub window: Window,
    /// The time of asking.
    pub now: Timestamp,
    /// What somebody sees.
    pub symptoms: Vec<Symptom>,
}

impl Scope {
    /// All symptoms of these environments.
    pub fn new<E: Into<String>>(
        environments: impl IntoIterator<Item = E>,
        window: Window,
        now: Timestamp,
    ) -> Self {
        let environments = environments.into_iter().map(Into::into).collect();
        Self { environments, window, now, symptoms: Symptom::ALL.to_vec() }
    }

    /// Whether a cause shows itself by one of the symptoms that somebody sees.
    pub fn asks_for(&self, cause: Cause) -> bool {
        cause.symptoms().iter().any(|symptom| self.symptoms.contains(symptom))
    }
}

/// How long is waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// For each question.
    pub source: Duration,
    /// For all of them together.
    pub whole: Duration,
}

impl Default for Deadlines {
    /// 10 s for each, 20 s in all.
    fn default() -> Self {
        Self { source: Duration::from_secs(10), whole: Duration::from_secs(20) }
    }
}

/// What came of a question.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Looked<T> {
    /// The answer.
    Seen(T),
    /// There is none, with why.
    Missing(Redacted),
    /// Nobody was there to be asked.
    #[default]
    NotAsked,
}

impl<T> Looked<T> {
    /// The answer, if there is one.
    pub fn seen(&self) -> Option<&T> {
        match self {
            Self::Seen(answer) => Some(answer),
            _ => None,
        }
    }

    /// Why there is none.
    pub fn missing(&self) -> Option<&Redacted> {
        match self {
            Self::Missing(why) => Some(why),
            _ => None,
        }
    }
}

/// What is known of an environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentEvidence {
    /// Parts of the window in the order of time.
    pub metrics: Looked<Vec<Observation>>,
    /// Lines about errors.
    pub logs: Looked<LogLines>,
    /// Its targets.
    pub targets: Looked<Vec<TargetReport>>,
    /// Its service.
    pub service: Looked<ServiceReport>,
    /// Tasks that ended.
    pub stopped: Looked<StoppedTasks>,
    /// Auto scaling; `None` within where there is none.
    pub scaling: Looked<Option<ScalingReport>>,
}

/// All that is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Collected {
    /// What was asked about.
    pub scope: Scope,
    /// By environment.
    pub environments: BTreeMap<String, EnvironmentEvidence>,
    /// What happens in the database.
    pub database: Looked<DatabaseReport>,
    /// How full its instance is.
    pub database_load: Looked<DatabaseGauges>,
    /// How traffic is divided, and what operation has not ended. [`collect`] does not ask that: journals and leases are no
    /// matter of monitoring, so whoever knows them puts it here.
    #[serde(default)]
    pub rollout: Looked<RolloutReport>,
}

impl Collected {
    /// Each question, with whether it was answered, and if not, why.
    pub fn questions(&self) -> Vec<(String, Option<&Redacted>)> {
        fn add<'a, T>(
            all: &mut Vec<(String, Option<&'a Redacted>)>,
            name: String,
            looked: &'a Looked<T>,
        ) {
            if !matches!(looked, Looked::NotAsked) {
                all.push((name, looked.missing()));
            }
        }
        let mut all = Vec::new();
        for (environment, seen) in &self.environments {
            add(&mut all, format!("metrics of {environment}"), &seen.metrics);
            add(&mut all, format!("logs of {environment}"), &seen.logs);
            add(&mut all, format!("targets of {environment}"), &seen.targets);
            add(&mut all, format!("service {environment}"), &seen.service);
            add(&mut all, format!("stopped tasks of {environment}"), &seen.stopped);
            add(&mut all, format!("auto scaling of {environment}"), &seen.scaling);
        }
        add(&mut all, "database activity".to_owned(), &self.database);
        add(&mut all, "database metrics".to_owned(), &self.database_load);
        add(&mut all, "rollout".to_owned(), &self.rollout);
        all
    }

    /// Kinds of sources that nobody was there for, so nothing is known of what only they show.
    pub fn not_asked(&self) -> Vec<&'static str> {
        fn absent<T>(looked: &Looked<T>) -> bool {
            matches!(looked, Looked::NotAsked)
        }
        let everywhere = |is: fn(&EnvironmentEvidence) -> bool| self.environments.values().all(is);
        let kinds = [
            ("metrics", everywhere(|seen| absent(&seen.metrics))),
            ("logs", everywhere(|seen| absent(&seen.logs))),
            ("targets", everywhere(|seen| absent(&seen.targets))),
            ("services and stopped tasks", everywhere(|seen| absent(&seen.service))),
            ("auto scaling", everywhere(|seen| absent(&seen.scaling))),
            ("database activity", absent(&self.database)),
            ("database metrics", absent(&self.database_load)),
            ("rollout", absent(&self.rollout)),
        ];
        kinds.into_iter().filter(|(_, absent)| *absent).map(|(kind, _)| kind).collect()
    }

    /// Whether anything is known.
    pub fn is_anything_known(&self) -> bool {
        self.questions().iter().any(|(_, missing)| missing.is_none())
    }
}

/// Asks all sources at the same moment, and waits until each has answered or its time is over.
///
/// It needs a runtime of tokio with its time enabled. A source that never yields, or panics, is beyond its deadlines.
pub async fn collect(sources: &Sources, scope: &Scope, deadlines: Deadlines) -> Collected {
    let limit = deadlines.source.min(deadlines.whole);
    let environments = scope.environments.iter().map(|environment| async move {
        (environment.clone(), of_environment(sources, scope, environment, limit).await)
    });
    let database = async {
        let Some(source) = &sources.database else { return Looked::NotAsked };
        within(limit, "the database", source.activity()).await
    };
    let load = async {
        let Some(source) = &sources.database_load else { return Looked::NotAsked };
        let asked = source.gauges(scope.window, scope.now);
        match within(limit, "the metrics of the database", asked).await {
            Looked::Seen(gauges) if gauges.is_blank() => {
                let of = match gauges.instance.as_str() {
                    "" => "the database",
                    name => name,
                };
                nothing(format!("nothing was measured of {of} in the window"))
            }
            looked => looked,
        }
    };
    let (environments, (database, database_load)) =
        join(join_all(environments), join(database, load)).await;
    let environments = environments.into_iter().collect();
    let rollout = Looked::NotAsked;
    Collected { scope: scope.clone(), environments, database, database_load, rollout }
}

async fn of_environment(
    sources: &Sources,
    scope: &Scope,
    environment: &str,
    limit: Duration,
) -> EnvironmentEvidence {
    let metrics = async {
        let Some(source) = &sources.metrics else { return Looked::NotAsked };
        let subject = Subject::environment(environment);
        let slices = slices(scope.window, source.resolution(), source.lag(), scope.now);
        if slices.is_empty() {
            let (period, lag) = (source.resolution(), source.lag());
            return nothing(format!(
                "no period of {period:?} lies in the window and was over {lag:?} ago, so nothing was asked: look back further"
            ));
        }
        let slices = slices.into_iter().map(|slice| source.observe(&subject, slice, scope.now));
        let all = async { join_all(slices).await.into_iter().collect::<Result<Vec<_>, _>>() };
        match within(limit, "the metrics", all).await {
            Looked::Seen(parts) if parts.iter().all(is_blank) => {
                nothing(format!("{} has measured nothing in the window", source.name()))
            }
            looked => looked,
        }
    };
    let logs = async {
        let Some(source) = &sources.logs else { return Looked::NotAsked };
        let query = LogQuery {
            environment: environment.to_owned(),
            window: scope.window,
            words: WORDS.map(str::to_owned).to_vec(),
            most: MOST_LINES,
        };
        within(limit, "the logs", source.search(&query)).await
    };
    let targets = async {
        let Some(source) = &sources.targets else { return Looked::NotAsked };
        within(limit, "the load balancer", source.targets(environment)).await
    };
    let services = async {
        let Some(source) = &sources.services else {
            return (Looked::NotAsked, Looked::NotAsked);
        };
        let service = within(limit, "the service", source.service(environment));
        join(service, within(limit, "the stopped tasks", source.stopped_tasks(environment))).await
    };
    let scaling = async {
        let Some(source) = &sources.scaling else { return Looked::NotAsked };
        within(limit, "auto scaling", source.scaling(environment)).await
    };
    let (metrics, logs, targets, (service, stopped), scaling) =
        join5(metrics, logs, targets, services, scaling).await;
    EnvironmentEvidence { metrics, logs, targets, service, stopped, scaling }
}

/// A source that answers and says nothing is missing: silence is no sign of health.
fn nothing<T>(why: String) -> Looked<T> {
    Looked::Missing(Redacted::line(why))
}

fn is_blank(part: &Observation) -> bool {
    Observation { provenance: None, ..part.clone() }
        == Observation::missing(part.subject.clone(), part.window)
}

async fn within<T>(
    limit: Duration,
    source: &str,
    asked: impl Future<Output = Result<T, Error>>,
) -> Looked<T> {
    let late = || Error::TimedOut { source_name: source.to_owned(), waited: limit };
    let answer = tokio::time::timeout(limit, asked).await;
    match answer.unwrap_or_else(|_| Err(late())) {
        Ok(answer) => Looked::Seen(answer),
        Err(error) => Looked::Missing(Redacted::line(explain(&error))),
    }
}

/// The closed part of the window in up to six parts of whole periods, the oldest first.
fn slices(window: Window, resolution: Duration, lag: Duration, now: Timestamp) -> Vec<Window> {
    let closed = window.closed(resolution, lag, now);
    let period = resolution.as_nanos().max(1);
    let periods = closed.length().as_nanos() / period;
    let Ok(nanos) = u64::try_from(periods.div_ceil(u128::from(SLICES)).max(1) * period) else {
        return vec![closed];
    };
    let length = Duration::from_nanos(nanos);
    let mut slices = Vec::new();
    let mut from = closed.from;
    while from < closed.to {
        let to = from.saturating_add(length).unwrap_or(closed.to).min(closed.to);
        slices.push(Window { from, to });
        from = to;
    }
    slices
}

#[cfg(test)]
mod tests;
