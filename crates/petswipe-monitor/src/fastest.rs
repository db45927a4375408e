//! Several sources as one: the first fresh answer counts.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{Error, MetricSource, Observation, Subject, Window, explain};

/// Asks several sources at once and takes the first fresh answer.
///
/// An answer is fresh if it knows the requests, and which of them failed, up to [a time](Self::fresh_within) before the end that
/// was asked for. One that is not waits for the others: so an outdated, an empty or a failed answer never hides a fresh one. Without any fresh one,
/// that which reaches furthest counts, and if none knows anything, all reasons are the error. A source that never
/// answers delays the others' outdated answers, so each needs a time-out of its own.
///
/// Which source answered, and why others did not, stands in [`Observation::provenance`], and from there in the judgement
/// and the report of a rollout.
///
/// The counts of one window are of one source, never a mixture. Sources date the same requests a little differently: after a
/// change from one to another, windows that meet may tell a request twice or not at all.
///
/// ```
/// use petswipe_monitor::{Fastest, MemorySource, MetricSource, Observation, Subject, Window};
/// use std::sync::Arc;
/// use std::time::Duration;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let at = |second| jiff::Timestamp::from_second(second).unwrap();
/// let (quick, slow) = (MemorySource::per_second(), MemorySource::new(Duration::from_secs(60), Duration::ZERO));
/// let (green, minute) = (Subject::environment("green"), Window::new(at(0), at(60))?);
/// slow.record(Observation { requests: Some(7), ..Observation::missing(green.clone(), minute) })?;
/// let source = Fastest::new(vec![Arc::new(quick), Arc::new(slow)])?;
/// let answered = source.answer(&green, minute, at(60)).await?;
/// assert_eq!((answered.observation.requests, answered.source), (Some(7), 1));
/// assert_eq!(answered.others, [(0, "a metric of green was not found".to_owned())]);
/// # Ok::<(), petswipe_monitor::Error>(()) }).unwrap();
/// ```
pub struct Fastest {
    sources: Vec<Arc<dyn MetricSource>>,
    resolution: Duration,
    lag: Duration,
    fresh_within: Duration,
}

/// An answer, who gave it, and why the others did not.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// What happened.
    pub observation: Observation,
    /// Which source says so, as its place in the list.
    pub source: usize,
    /// Why others do not count: their places, and what they said. Those that had not answered yet are not among them.
    pub others: Vec<(usize, String)>,
}

impl fmt::Debug for Fastest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fastest").field("sources", &self.name()).finish_non_exhaustive()
    }
}

impl Fastest {
    /// These sources. An answer is fresh within two periods after the lag of the quickest.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] without a source, and for periods that are no multiples of the shortest: then windows would
    /// not meet.
    pub fn new(sources: Vec<Arc<dyn MetricSource>>) -> Result<Self, Error> {
        let shortest = sources.iter().map(|source| source.resolution()).min();
        let lag = sources.iter().map(|source| source.lag()).min();
        let (Some(resolution), Some(lag)) = (shortest, lag) else {
            return Err(Error::invalid("number of sources", 0, "at least one"));
        };
        let shortest = resolution.as_nanos().max(1);
        for source in &sources {
            if source.resolution().as_nanos() % shortest != 0 {
                let field = format!("period of {}", source.name());
                let allowed =
                    format!("a multiple of {resolution:?}, the shortest among the sources");
                return Err(Error::invalid(field, format!("{:?}", source.resolution()), allowed));
            }
        }
        Ok(Self { sources, resolution, lag, fresh_within: lag + resolution * 2 })
    }

    /// An answer is fresh that reaches up to so long before the end asked for, or before now if that is earlier.
    #[must_use]
    pub fn fresh_within(mut self, time: Duration) -> Self {
        self.fresh_within = time;
        self
    }

    /// The first fresh answer, with who gave it and why others did not.
    ///
    /// # Errors
    /// That of the only source; else, when none can answer, [`Error::NotFound`] if all say so, or [`Error::Backend`], with
    /// the reasons of all.
    pub async fn answer(
        &self,
        subject: &Subject,
        window: Window,
        now: Timestamp,
    ) -> Result<Answered, Error> {
        let mut asked: Vec<_> =
            self.sources.iter().map(|source| Some(source.observe(subject, window, now))).collect();
        let end = window.to.min(now).as_nanosecond() - self.fresh_within.as_nanos() as i128;
        let mut answers: Vec<(usize, Result<Observation, Error>)> = Vec::new();
        let fresh = poll_fn(|context| {
            for (place, call) in asked.iter_mut().enumerate() {
                let Some(polled) = call.as_mut().map(|call| call.as_mut().poll(context)) else {
                    continue;
                };
                if let Poll::Ready(answer) = polled {
                    *call = None;
                    let is_fresh = answer.as_ref().is_ok_and(|seen| {
                        knows(seen) == (true, true) && seen.window.to.as_nanosecond() >= end
                    });
                    answers.push((place, answer));
                    if is_fresh {
                        return Poll::Ready(Some(answers.len() - 1));
                    }
                }
            }
            match asked.iter().all(Option::is_none) {
                true => Poll::Ready(None),
                false => Poll::Pending,
            }
        })
        .await;
        let best = fresh.or_else(|| furthest(&answers));
        let best = best.filter(|best| answers.get(*best).is_some_and(|(_, answer)| answer.is_ok()));
        let Some((place, Ok(observation))) = best.map(|best| answers.remove(best)) else {
            return Err(self.none(answers));
        };
        let others = answers.iter().map(|(place, answer)| (*place, why_not(answer))).collect();
        Ok(Answered { observation, source: place, others })
    }

    /// Who answered, and why others did not, in the order in which they spoke.
    fn provenance(&self, answered: &Answered) -> String {
        let name = |place: usize| self.sources.get(place).map(|source| source.name());
        let mut said = name(answered.source).unwrap_or_default();
        for (place, why) in &answered.others {
            said.push_str(&format!("; not {}: {why}", name(*place).unwrap_or_default()));
        }
        said
    }

    fn none(&self, mut answers: Vec<(usize, Result<Observation, Error>)>) -> Error {
        if let [(_, Err(_))] = answers[..]
            && let Some((_, Err(error))) = answers.pop()
        {
            return error;
        }
        let told = answers.iter().filter_map(|(place, answer)| {
            Some(format!("{}: {}", self.sources.get(*place)?.name(), why_not(answer)))
        });
        let told = told.collect::<Vec<_>>().join("; ");
        let unknown = |answer: &Result<_, _>| matches!(answer, Err(Error::NotFound { .. }));
        match answers.iter().all(|(_, answer)| unknown(answer)) {
            true => Error::NotFound { what: format!("what all sources were asked for ({told})") },
            false => Error::backend("asking all sources", told),
        }
    }
}

/// Whether an answer knows the requests, and which of them failed.
fn knows(seen: &Observation) -> (bool, bool) {
    (seen.requests.is_some(), seen.errors.failed().is_some())
}

/// The answer with requests and failures that reaches furthest, or else with requests; if there is none, the first that is no
/// error.
fn furthest(answers: &[(usize, Result<Observation, Error>)]) -> Option<usize> {
    let known = answers.iter().enumerate().filter_map(|(index, (_, answer))| {
        let seen = answer.as_ref().ok()?;
        Some((knows(seen), seen.window.to, std::cmp::Reverse(index)))
    });
    known.max().map(|(_, _, std::cmp::Reverse(index))| index)
}

fn why_not(answer: &Result<Observation, Error>) -> String {
    match answer {
        Err(error) => explain(error),
        Ok(seen) if seen.requests.is_none() => format!("it knows no requests from {}", seen.window),
        Ok(seen) if seen.errors.failed().is_none() => {
            format!("it does not know which requests failed from {}", seen.window)
        }
        Ok(seen) => format!("it knows the requests up to {} only", seen.window.to),
    }
}

#[async_trait]
impl MetricSource for Fastest {
    async fn observe(
        &self,
        subject: &Subject,
        window: Window,
        now: Timestamp,
    ) -> Result<Observation, Error> {
        let answered = self.answer(subject, window, now).await?;
        let provenance = Some(self.provenance(&answered));
        Ok(Observation { provenance, ..answered.observation })
    }

    fn resolution(&self) -> Duration {
        self.resolution
    }

    fn lag(&self) -> Duration {
        self.lag
    }

    fn name(&self) -> String {
        let names: Vec<_> = self.sources.iter().map(|source| source.name()).collect();
        format!("the fastest of {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Errors;

    /// What a source does.
    #[derive(Clone, Copy)]
    enum Does {
        Answers(u64, i64),
        KnowsNothing,
        Fails,
        Hangs,
        KnowsNoFailures,
    }

    const NONE_FAILED: Errors = Errors { client: Some(0), server: Some(0), balancer: Some(0) };

    struct Acts(Does, Duration, usize);

    #[async_trait]
    impl MetricSource for Acts {
        async fn observe(
            &self,
            subject: &Subject,
            window: Window,
            _: Timestamp,
        ) -> Result<Observation, Error> {
            let missing = Observation::missing(subject.clone(), window);
            match self.0 {
                Does::Answers(requests, to) => {
                    let window = Window { from: window.from, to: at(to) };
                    Ok(Observation {
                        requests: Some(requests),
                        errors: NONE_FAILED,
                        window,
                        ..missing
                    })
                }
                Does::KnowsNothing => Ok(missing),
                Does::KnowsNoFailures => Ok(Observation { requests: Some(9), ..missing }),
                Does::Fails => Err(Error::backend("asking", "refused")),
                Does::Hangs => std::future::pending().await,
            }
        }

        fn resolution(&self) -> Duration {
            self.1
        }

        fn lag(&self) -> Duration {
            Duration::from_secs(1)
        }

        fn name(&self) -> String {
            format!("acts {}", self.2)
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn of(acts: &[Does]) -> Fastest {
        let second = Duration::from_secs(1);
        let sources = acts
            .iter()
            .enumerate()
            .map(|(place, does)| Arc::new(Acts(*does, second, place)) as Arc<dyn MetricSource>);
        Fastest::new(sources.collect()).unwrap()
    }

    async fn asked(acts: &[Does]) -> Result<Answered, Error> {
        let window = Window { from: at(0), to: at(100) };
        of(acts).answer(&Subject::environment("green"), window, at(100)).await
    }

    #[tokio::test]
    async fn nothing_hides_a_fresh_answer() {
        use Does::{Answers, Fails, Hangs, KnowsNothing};
        for others in
            [[Fails, Hangs], [Answers(9, 60), Hangs], [KnowsNothing, Fails], [Hangs, Hangs]]
        {
            for place in 0..3 {
                let mut acts = others.to_vec();
                acts.insert(place, Answers(7, 98));
                let answered = asked(&acts).await.unwrap();
                assert_eq!((answered.observation.requests, answered.source), (Some(7), place));
            }
        }
        let answered = asked(&[Fails, Answers(9, 60), Answers(7, 97)]).await.unwrap();
        let told =
            ["asking failed: refused", "it knows the requests up to 1970-01-01T00:01:00Z only"];
        assert_eq!(answered.others, [(0, told[0].to_owned()), (1, told[1].to_owned())]);
    }

    #[tokio::test]
    async fn an_observation_says_who_answered_and_why_others_did_not() {
        use Does::{Answers, Fails, Hangs};
        let told = async |acts: &[Does]| {
            let window = Window { from: at(0), to: at(100) };
            of(acts).observe(&Subject::environment("green"), window, at(100)).await.unwrap()
        };
        let seen = told(&[Fails, Answers(9, 60), Answers(7, 98), Hangs]).await;
        assert_eq!(seen.requests, Some(7));
        let said = "acts 2; not acts 0: asking failed: refused; \
                    not acts 1: it knows the requests up to 1970-01-01T00:01:00Z only";
        assert_eq!(seen.provenance.as_deref(), Some(said));
        assert_eq!(told(&[Answers(7, 98)]).await.provenance.as_deref(), Some("acts 0"));
    }

    #[tokio::test]
    async fn without_a_fresh_one_the_one_that_reaches_furthest_counts() {
        use Does::{Answers, Fails, KnowsNothing};
        let answered = asked(&[Answers(9, 60), Answers(8, 80), KnowsNothing, Fails]).await.unwrap();
        assert_eq!((answered.source, answered.observation.requests), (1, Some(8)));
        let answered = asked(&[Fails, KnowsNothing]).await.unwrap();
        assert_eq!((answered.source, answered.observation.requests), (1, None));
    }

    #[tokio::test]
    async fn who_does_not_know_which_requests_failed_hides_nobody_who_does() {
        use Does::{Answers, Fails, KnowsNoFailures};
        for acts in [[KnowsNoFailures, Answers(7, 98)], [KnowsNoFailures, Answers(7, 60)]] {
            let answered = asked(&acts).await.unwrap();
            assert_eq!(answered.observation.requests, Some(7));
            assert!(answered.others[0].1.starts_with("it does not know which requests failed"));
        }
        let answered = asked(&[KnowsNoFailures, Fails]).await.unwrap();
        assert_eq!((answered.source, answered.observation.requests), (0, Some(9)));
    }

    #[tokio::test]
    async fn if_none_can_answer_all_reasons_are_told() {
        let error = asked(&[Does::Fails, Does::Fails]).await.unwrap_err();
        let told = "asking all sources failed: acts 0: asking failed: refused; acts 1: asking failed: refused";
        assert_eq!(explain(&error), told);
        assert_eq!(explain(&asked(&[Does::Fails]).await.unwrap_err()), "asking failed: refused");
    }

    #[test]
    fn periods_must_be_multiples_of_the_shortest() {
        let source = |seconds| {
            Arc::new(Acts(Does::Fails, Duration::from_secs(seconds), 0)) as Arc<dyn MetricSource>
        };
        let error = Fastest::new(vec![source(2), source(5)]).unwrap_err().to_string();
        assert!(error.contains("period of acts 0 is 5s; allowed: a multiple of 2s"), "{error}");
        assert!(Fastest::new(Vec::new()).is_err());
        let both = Fastest::new(vec![source(60), source(15)]).unwrap();
        assert_eq!(
            (both.resolution(), both.name()),
            (Duration::from_secs(15), "the fastest of acts 0, acts 0".to_owned())
        );
    }
}
