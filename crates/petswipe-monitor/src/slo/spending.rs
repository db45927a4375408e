//! How much of an error budget is left before something is risked: counted over all sides of a service together.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::alert::spoken;
use super::evaluate::{period_of, together, whole_periods};
use super::known::{Counted, before};
use super::{ErrorBudget, Events, Objective, Slo};
use crate::{Error, MetricSource, Observation, Subject, Window, explain};

/// How an objective's error budget stands, as far as a source knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spending {
    /// The budget: what was served, and what of it was bad.
    pub budget: ErrorBudget,
    /// From the first to the last moment that is counted.
    pub window: Window,
    /// How much of that window is known: less than its length where there are gaps in it. Of several subjects that serve, it is
    /// that of the one of which the least is known.
    pub known: Duration,
    /// Whether that is the whole period of the SLO, for every subject that is counted.
    pub is_whole: bool,
    /// The period of the SLO.
    pub period: Duration,
    /// Whose requests are counted.
    pub counted: Vec<Subject>,
}

impl Spending {
    /// Reads what is spent of an objective's budget by several subjects together, such as the two sides of a service between which
    /// its traffic moves.
    ///
    /// All of the SLO's period is read, or else, where the source does not know that much, the longest of the
    /// [windows of its alerts](Slo::windows) that it knows, and what it knows before that: a gap, such as a lost target leaves
    /// behind, is looked around, to a 120th of the period (6 hours of 30 days) and with at most 40 questions more for each subject.
    /// Of a subject that the source knows for only a part of the time, as it does of one that is new, that part counts. So the
    /// budget is that of requests which were really counted, and never one that is projected. What was bad in the rest is not
    /// known: [`window`](Self::window) and [`known`](Self::known) are to be shown to whoever decides.
    ///
    /// Every subject in `serving` has to be known. Of those in `others`, which serve nobody at the moment, what is known is
    /// counted.
    ///
    /// ```
    /// use petswipe_monitor::{Errors, MemorySource, Observation, Subject, Window, slo::*};
    /// use std::time::Duration;
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let source = MemorySource::new(Duration::from_secs(60), Duration::ZERO);
    /// let at = |minute: i64| jiff::Timestamp::from_second(minute * 60).unwrap();
    /// let [blue, green] = ["blue", "green"].map(Subject::environment);
    /// // In the last day a thousand requests an hour, one of which fails; more is not known, and of green nothing.
    /// for hour in 0..24 {
    ///     for minute in hour * 60..(hour + 1) * 60 {
    ///         let served = if minute % 60 == 0 { 1000 } else { 0 };
    ///         source.record(Observation {
    ///             requests: Some(served),
    ///             errors: Errors { client: Some(0), server: Some(served / 1000), balancer: Some(0) },
    ///             ..Observation::missing(blue.clone(), Window::new(at(minute), at(minute + 1))?)
    ///         })?;
    ///     }
    /// }
    /// let slo = Slo::new("checkout", "shop", [Objective::availability(0.99)?], DAYS_30)?;
    /// let now = at(24 * 60);
    /// let objective = &slo.objectives()[0];
    /// let spent = Spending::read(&source, &slo, objective, &[blue.clone()], &[green.clone()], now).await?;
    /// assert_eq!((spent.budget.allowed(), spent.budget.spent()), (240.0, 24));
    /// assert_eq!(spent.to_string(), "10.0 % of the error budget is spent: 24 of 240 bad requests in 24000 of blue in the last 1d, \
    ///     and what was before of its 30d is not known");
    /// // What serves has to be known.
    /// let unknown = Spending::read(&source, &slo, objective, &[green], &[], now).await.unwrap_err();
    /// assert!(unknown.to_string().starts_with("error budget of checkout is not known: a metric of green was not found; allowed:"));
    /// # Ok::<(), petswipe_monitor::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the cause when the requests of a serving subject, and what of them was bad, are not known for any
    /// window, when nothing was served, and when the source fails for one of the subjects, so that trying again may help.
    pub async fn read(
        source: &dyn MetricSource,
        slo: &Slo,
        objective: &Objective,
        serving: &[Subject],
        others: &[Subject],
        now: Timestamp,
    ) -> Result<Self, Error> {
        let step = period_of(source);
        let field = format!("error budget of {}", slo.name());
        let everything = Window { from: Timestamp::MIN, to: now };
        let at = everything.closed(step, source.lag(), now).to;
        let mut why = Vec::new();
        for length in slo.windows().into_iter().rev() {
            let from = at.checked_sub(whole_periods(length, step)).unwrap_or(Timestamp::MIN);
            let window = Window { from, to: at };
            let subjects = || serving.iter().chain(others);
            let answers = together(subjects().map(|subject| source.observe(subject, window, now)));
            let known = |(subject, answer): (&Subject, Result<Observation, Error>)| {
                known(objective, subject, window, answer)
            };
            let answers: Result<Vec<_>, Error> = subjects().zip(answers.await).map(known).collect();
            // What was not answered this time is not the same as what nobody knows: it may be all that was spent.
            let not_read = |error: Error| {
                let found = format!("not read: {}", explain(&error));
                let allowed = format!("one that {} can be asked for; try again", source.name());
                Error::invalid(&field, found, allowed)
            };
            let seen = answers.map_err(not_read)?;
            match Self::of(slo, objective, window, &seen, serving.len()) {
                Ok(spending) if spending.is_whole => return Ok(spending),
                Ok(_) => {
                    let begin = at.checked_sub(whole_periods(slo.period(), step));
                    let begin = begin.unwrap_or(Timestamp::MIN);
                    let all = with_earlier(source, slo, objective, seen, begin, now).await;
                    let (all, whole) = (all.map_err(not_read)?, Window { from: begin, to: at });
                    return Self::of(slo, objective, whole, &all, serving.len())
                        .map_err(|why| Error::invalid(&field, why, "a count"));
                }
                Err(doubt) if why.contains(&doubt) => {}
                Err(doubt) => why.push(doubt),
            }
        }
        let why = match why.is_empty() {
            true => "of no window".to_owned(),
            false => why.join("; "),
        };
        let allowed = format!(
            "one of which {} knows what was served, and what of it was bad ({objective})",
            source.name()
        );
        Err(Error::invalid(field, format!("not known: {why}"), allowed))
    }

    /// Sums up what is known, of which the first `serving` have to be.
    fn of(
        slo: &Slo,
        objective: &Objective,
        asked: Window,
        seen: &[Known],
        serving: usize,
    ) -> Result<Self, String> {
        let doubt = |seen: &Known| match seen {
            Known::Counted(..) => None,
            Known::Nobody(doubt) | Known::Not(doubt) => Some(doubt.clone()),
        };
        if let Some(doubt) = seen.iter().take(serving).find_map(doubt) {
            return Err(doubt);
        }
        let known: Vec<_> = seen
            .iter()
            .filter_map(|seen| match seen {
                Known::Counted(subject, counted) => Some((subject, counted)),
                _ => None,
            })
            .collect();
        let all_known = !seen.iter().any(|seen| matches!(seen, Known::Not(_)));
        let events =
            known.iter().try_fold(Events::default(), |sum, (_, counted)| sum.and(counted.events));
        let events = events.filter(|events| events.total() > 0);
        let events = events.ok_or("nothing was served")?;
        let from = known.iter().map(|(_, counted)| counted.window.from).min().unwrap_or(asked.to);
        let length = asked.length();
        Ok(Self {
            budget: ErrorBudget::new(objective.target(), events),
            window: Window { from, to: asked.to },
            known: known.iter().take(serving).map(|(_, one)| one.time).min().unwrap_or_default(),
            is_whole: all_known
                && length >= slo.period()
                && known.iter().all(|(_, counted)| counted.time >= length),
            period: slo.period(),
            counted: known.iter().map(|(subject, _)| (*subject).clone()).collect(),
        })
    }

    /// How much of the period is known, 0 to 1.
    pub fn known_share(&self) -> f64 {
        match self.is_whole {
            true => 1.0,
            false => (self.known.as_secs_f64() / self.period.as_secs_f64()).min(1.0),
        }
    }
}

impl fmt::Display for Spending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted: Vec<_> = self.counted.iter().map(ToString::to_string).collect();
        let (whose, length) = (counted.join(" and "), self.window.length());
        write!(f, "{} of {whose} in ", self.budget)?;
        let period = spoken(self.period);
        match (self.is_whole, self.known < length) {
            (true, _) => write!(f, "the last {}", spoken(length)),
            (false, false) => write!(
                f,
                "the last {}, and what was before of its {period} is not known",
                spoken(length)
            ),
            (false, true) => write!(
                f,
                "{} of the last {}, and the rest of its {period} is not known",
                spoken(self.known),
                spoken(length)
            ),
        }
    }
}

/// What is known of one subject.
enum Known {
    /// What it served, and when.
    Counted(Subject, Counted),
    /// Nobody ever measured it: it served nothing.
    Nobody(String),
    /// It was measured, and what of it was bad is not known.
    Not(String),
}

/// The same with what is known before it, from `begin` on.
///
/// # Errors
/// That of a source which may know, and did not answer.
async fn with_earlier(
    source: &dyn MetricSource,
    slo: &Slo,
    objective: &Objective,
    seen: Vec<Known>,
    begin: Timestamp,
    now: Timestamp,
) -> Result<Vec<Known>, Error> {
    let mut all = Vec::with_capacity(seen.len());
    for one in seen {
        all.push(match one {
            Known::Counted(subject, counted) => {
                let more = before(source, slo, objective, &subject, begin, &counted, now).await?;
                Known::Counted(subject, counted.and(more))
            }
            other => other,
        });
    }
    Ok(all)
}

/// What is known of one subject up to the end of a window.
///
/// # Errors
/// That of a source which may know, and did not answer.
fn known(
    objective: &Objective,
    subject: &Subject,
    window: Window,
    answer: Result<Observation, Error>,
) -> Result<Known, Error> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error @ Error::NotFound { .. }) => return Ok(Known::Nobody(explain(&error))),
        Err(error) if error.is_retryable() => return Err(error),
        Err(error) => return Ok(Known::Not(explain(&error))),
    };
    let about = answer.subject == *subject && !answer.window.is_empty();
    let until_the_end = window.covers(&answer.window) && answer.window.to == window.to;
    let events = objective.events(&answer).filter(|_| about && until_the_end);
    Ok(match events {
        Some(events) => Known::Counted(subject.clone(), Counted::of(answer.window, events)),
        None => Known::Not(format!("nothing is known of {subject}")),
    })
}
