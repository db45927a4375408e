//! Evaluating SLOs: reading each window once, and saying what it means.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::alert::spoken;
use super::budget::exceeds;
use super::{BurnRateAlert, ErrorBudget, Events, Objective, Slo, Spending, burn_rate};
use crate::{Error, MetricSource, Observation, Subject, Window, explain};

/// The share of the period that has to be known for its budget to count: of less, such as the first hour of a month, what is
/// spent says little about the whole. It is twelve days of thirty, because Prometheus, unless told otherwise, and CloudWatch, of
/// minutes, keep fifteen.
pub const ENOUGH_KNOWN: f64 = 0.4;

/// What is known of an SLO's windows, by their length. What was not measured is not in it.
pub type Seen = BTreeMap<Duration, Observation>;

/// What became of an SLO.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SloReport {
    /// Its name.
    pub name: String,
    /// Its service.
    pub service: String,
    /// The end of all windows.
    pub at: Timestamp,
    /// One for each objective, in their order.
    pub objectives: Vec<ObjectiveReport>,
    /// Why something is not known, where the source said so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
}

/// What became of one objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectiveReport {
    /// The objective.
    pub objective: Objective,
    /// Its error budget over what is known of the period; `None` while nothing is known up to the end.
    pub budget: Option<ErrorBudget>,
    /// How much of the period is known, and which part, where that is not all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partly: Option<Spending>,
    /// Its alerts.
    pub alerts: Vec<AlertReport>,
}

/// What an alert says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertReport {
    /// The alert.
    pub alert: BurnRateAlert,
    /// The burn rate over the long window; `None` while it is not known.
    pub long: Option<f64>,
    /// The burn rate over the short window.
    pub short: Option<f64>,
    /// What follows.
    pub state: AlertState,
}

/// Whether an alert fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Both burn rates are above its factor.
    Firing,
    /// One of them is known not to be.
    Quiet,
    /// It can't be said.
    Unknown,
}

/// An objective in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SloStatus {
    /// All alerts are known, none fires, and there is budget left, with at least [`ENOUGH_KNOWN`] of the period known
    /// ([`ObjectiveReport::known_share`]).
    Ok,
    /// No alert fires, and an alert or too much of the period is not known, or nobody asked for anything in it.
    Unknown,
    /// An alert that makes a ticket fires, or the budget is spent: in [`ENOUGH_KNOWN`] of the period at least, or, as far as all of
    /// the period has as many requests as what is known of it, already by what is known.
    Burning,
    /// An alert that pages fires.
    Page,
}

impl fmt::Display for SloStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Burning => "burning",
            Self::Page => "page",
        })
    }
}

impl SloReport {
    /// The worst of its objectives.
    pub fn status(&self) -> SloStatus {
        let all = self.objectives.iter().map(ObjectiveReport::status);
        all.max().unwrap_or(SloStatus::Unknown)
    }

    /// Adds the budgets of which only parts of the period are known.
    async fn complete(&mut self, source: &dyn MetricSource, slo: &Slo, now: Timestamp) {
        let subject = [slo.subject().clone()];
        for one in self.objectives.iter_mut().filter(|one| one.budget.is_none()) {
            match Spending::read(source, slo, &one.objective, &subject, &[], now).await {
                Ok(spent) => {
                    one.budget = Some(spent.budget);
                    one.partly = Some(spent).filter(|spent| !spent.is_whole);
                }
                Err(error) if self.doubts.is_empty() => self.doubts.push(explain(&error)),
                Err(_) => {}
            }
        }
    }
}

impl ObjectiveReport {
    /// Judges one objective by what is known of its windows.
    pub fn new(slo: &Slo, objective: Objective, seen: &Seen) -> Self {
        let target = objective.target();
        let known: BTreeMap<Duration, Events> = seen
            .iter()
            .filter_map(|(length, seen)| Some((*length, objective.events(seen)?)))
            .collect();
        let burn = |length: Duration| known.get(&length).map(|events| burn_rate(target, *events));
        let alert = |alert: &BurnRateAlert| {
            let (long, short) = (burn(alert.long()), burn(alert.short()));
            let is_above = |rate: f64| exceeds(rate, alert.factor());
            let state = match (long.map(is_above), short.map(is_above)) {
                (Some(true), Some(true)) => AlertState::Firing,
                (Some(false), _) | (_, Some(false)) => AlertState::Quiet,
                _ => AlertState::Unknown,
            };
            AlertReport { alert: *alert, long, short, state }
        };
        Self {
            objective,
            budget: known.get(&slo.period()).map(|events| ErrorBudget::new(target, *events)),
            partly: None,
            alerts: slo.alerts().iter().map(alert).collect(),
        }
    }

    /// How much of the period the budget was counted over, 0 to 1: 0 where it is not known.
    pub fn known_share(&self) -> f64 {
        let partly = self.partly.as_ref().map(Spending::known_share);
        partly.unwrap_or(if self.budget.is_some() { 1.0 } else { 0.0 })
    }

    /// In one word.
    pub fn status(&self) -> SloStatus {
        let firing = self.alerts.iter().filter(|alert| alert.state == AlertState::Firing);
        let worst = firing.map(|alert| alert.alert.severity()).max();
        let known = self.known_share();
        let budget = self.budget.filter(|budget| {
            let is_enough = known >= ENOUGH_KNOWN || exceeds(budget.spent_share() * known, 1.0);
            is_enough && budget.events().total() > 0
        });
        let unknown = self.alerts.iter().any(|alert| alert.state == AlertState::Unknown);
        match (worst, budget) {
            (Some(super::Severity::Page), _) => SloStatus::Page,
            (Some(super::Severity::Ticket), _) => SloStatus::Burning,
            (None, Some(budget)) if budget.is_overspent() => SloStatus::Burning,
            (None, None) => SloStatus::Unknown,
            (None, Some(_)) if unknown => SloStatus::Unknown,
            (None, Some(_)) => SloStatus::Ok,
        }
    }
}

impl fmt::Display for SloReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}: {}", self.name, self.service, self.status())?;
        for objective in &self.objectives {
            write!(f, "\n  {objective}")?;
        }
        for doubt in &self.doubts {
            write!(f, "\n  {doubt}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ObjectiveReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; ", self.objective, self.status())?;
        match (&self.partly, &self.budget) {
            (Some(partly), _) => {
                let share = partly.known_share() * 100.0;
                write!(f, "{partly} ({share:.2} % of it is known)")?;
            }
            (None, Some(budget)) => write!(f, "{budget}")?,
            (None, None) => f.write_str("what is spent of the error budget is not known")?,
        }
        for AlertReport { alert, long, short, state } in &self.alerts {
            let rate = |rate: &Option<f64>| {
                rate.map_or_else(|| "unknown".to_owned(), |rate| format!("{rate:.2}x"))
            };
            let word = match state {
                AlertState::Quiet => continue,
                AlertState::Firing => "fires",
                AlertState::Unknown => "is not known",
            };
            let (over, and) = (spoken(alert.long()), spoken(alert.short()));
            write!(f, "; {alert} {word}: {} over {over}, {} over {and}", rate(long), rate(short))?;
        }
        Ok(())
    }
}

/// Evaluates an SLO: reads each of its windows once, and judges every objective.
///
/// All windows end where the last period of the source that can't change any more does, so that a source that publishes late
/// makes the answer late, and not wrong. A window of an alert that a source can't answer, or only in part, is not known. Of the
/// period those parts count that are known, as [`Spending::read`] finds them; with less than [`ENOUGH_KNOWN`] of it the status is
/// unknown, unless an alert fires or what is known is more than the whole budget.
///
/// ```
/// use petswipe_monitor::{Errors, MemorySource, Observation, Subject, Window, slo::*};
/// use std::time::Duration;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let source = MemorySource::new(Duration::from_secs(60), Duration::ZERO);
/// let at = |minute: i64| jiff::Timestamp::from_second(minute * 60).unwrap();
/// // Thirty days without a fault, and in the last hour two requests of 100 fail.
/// let days_30 = 30 * 24 * 60;
/// for minute in 0..days_30 {
///     let failed = if minute >= days_30 - 60 { 2 } else { 0 };
///     source.record(Observation {
///         requests: Some(100),
///         errors: Errors { client: Some(0), server: Some(failed), balancer: Some(0) },
///         ..Observation::missing(Subject::environment("shop"), Window::new(at(minute), at(minute + 1))?)
///     })?;
/// }
/// let slo = Slo::new("checkout", "shop", [Objective::availability(0.999)?], DAYS_30)?;
/// let report = evaluate(&source, &slo, at(days_30)).await?;
/// assert_eq!(report.status(), SloStatus::Page);
/// assert_eq!(
///     report.to_string(),
///     "checkout of shop: page\n  99.9 % of requests do not fail: page; \
///      2.8 % of the error budget is spent: 120 of 4320 bad requests in 4320000; \
///      page at 14.4x over 1h and 5m fires: 20.00x over 1h, 20.00x over 5m"
/// );
/// # Ok::<(), petswipe_monitor::Error>(()) }).unwrap();
/// ```
///
/// # Errors
/// [`Error::InvalidPolicy`] for a window that is shorter than the periods of the source. Everything that the source itself
/// says is in the report's [`doubts`](SloReport::doubts).
pub async fn evaluate(
    source: &dyn MetricSource,
    slo: &Slo,
    now: Timestamp,
) -> Result<SloReport, Error> {
    let plan = Plan::new(source, slo, now)?;
    let answers = together(plan.asked.iter().map(|(_, window)| ask(source, slo, *window, now)));
    let mut report = plan.report(slo, answers.await);
    report.complete(source, slo, now).await;
    Ok(report)
}

/// Evaluates many SLOs, of up to 100 of which the questions are asked at the same moment, so that a source can answer several
/// with one call.
///
/// # Errors
/// [`Error::InvalidPolicy`] for two SLOs of the same name, and for windows shorter than the periods of the source.
pub async fn evaluate_all(
    source: &dyn MetricSource,
    slos: &[Slo],
    now: Timestamp,
) -> Result<Vec<SloReport>, Error> {
    Slo::check_unique(slos)?;
    let plans: Result<Vec<_>, Error> = slos.iter().map(|slo| Plan::new(source, slo, now)).collect();
    let mut reports = Vec::with_capacity(slos.len());
    for (slos, plans) in slos.chunks(100).zip(plans?.chunks(100)) {
        let asked = slos.iter().zip(plans).flat_map(|(slo, plan)| {
            plan.asked.iter().map(move |(_, window)| ask(source, slo, *window, now))
        });
        let mut answers = together(asked).await.into_iter();
        for (slo, plan) in slos.iter().zip(plans) {
            let mine = answers.by_ref().take(plan.asked.len()).collect();
            let mut report = plan.report(slo, mine);
            report.complete(source, slo, now).await;
            reports.push(report);
        }
    }
    Ok(reports)
}

/// Which windows to read.
struct Plan {
    at: Timestamp,
    asked: Vec<(Duration, Window)>,
}

impl Plan {
    fn new(source: &dyn MetricSource, slo: &Slo, now: Timestamp) -> Result<Self, Error> {
        let step = period_of(source);
        let lag = source.lag();
        let everything = Window { from: Timestamp::MIN, to: now };
        let at = everything.closed(step, lag, now).to;
        let mut asked = Vec::new();
        for length in slo.windows() {
            if length < step {
                let field = format!("window of the SLO {}", slo.name());
                let allowed = format!("at least the {step:?} of {}", source.name());
                return Err(Error::invalid(field, spoken(length), allowed));
            }
            let from = at.checked_sub(whole_periods(length, step)).unwrap_or(Timestamp::MIN);
            asked.push((length, Window { from, to: at }));
        }
        Ok(Self { at, asked })
    }

    fn report(&self, slo: &Slo, answers: Vec<Result<Observation, Error>>) -> SloReport {
        let mut seen = Seen::new();
        let mut doubts = Vec::new();
        for ((length, window), answer) in self.asked.iter().zip(answers) {
            match answer {
                Ok(answer) if is_whole(&answer, slo.subject(), *window) => {
                    seen.insert(*length, answer);
                }
                Ok(_) => {}
                Err(error) => {
                    let doubt = format!("not known: {}", explain(&error));
                    if !doubts.contains(&doubt) {
                        doubts.push(doubt);
                    }
                }
            }
        }
        let report = |objective: &Objective| ObjectiveReport::new(slo, *objective, &seen);
        SloReport {
            name: slo.name().to_owned(),
            service: slo.service().to_owned(),
            at: self.at,
            objectives: slo.objectives().iter().map(report).collect(),
            doubts,
        }
    }
}

/// The period of a source, which is never zero.
pub(super) fn period_of(source: &dyn MetricSource) -> Duration {
    source.resolution().max(Duration::from_nanos(1))
}

/// A whole number of periods of a source, and no less than asked.
pub(super) fn whole_periods(length: Duration, step: Duration) -> Duration {
    let periods = length.as_nanos().div_ceil(step.as_nanos().max(1));
    step.saturating_mul(u32::try_from(periods).unwrap_or(u32::MAX))
}

/// Whether it is about all of the window and the right subject.
fn is_whole(answer: &Observation, subject: &Subject, window: Window) -> bool {
    answer.subject == *subject && answer.window == window && !window.is_empty()
}

async fn ask(
    source: &dyn MetricSource,
    slo: &Slo,
    window: Window,
    now: Timestamp,
) -> Result<Observation, Error> {
    source.observe(slo.subject(), window, now).await
}

/// What is waited for, or its answer.
enum Asked<F: Future> {
    Running(Pin<Box<F>>),
    Answered(F::Output),
}

/// Waits for all, which are begun in the same moment.
pub(super) async fn together<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures.map(|future| Asked::Running(Box::pin(future))).collect();
    poll_fn(|context| {
        let mut all = true;
        for asked in &mut waiting {
            let Asked::Running(running) = asked else { continue };
            match running.as_mut().poll(context) {
                Poll::Ready(output) => *asked = Asked::Answered(output),
                Poll::Pending => all = false,
            }
        }
        if all { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    let answers = waiting.into_iter().filter_map(|asked| match asked {
        Asked::Answered(answer) => Some(answer),
        Asked::Running(_) => None,
    });
    answers.collect()
}
