//! Which requests a service in a file of objectives means: the one reading of rollouts and of `slo`.
//!
//! `PROJECT-ENVIRONMENT` and each of its sides, `-blue` and `-green`, mean the service: traffic moves between the sides, and an
//! error budget is that of both. Any other name is an environment of that name.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use petswipe_monitor::{Error, MetricSource, Observation, Subject, Window};

/// The sides of a service.
const SIDES: [&str; 2] = ["blue", "green"];

/// A service whose traffic moves between two sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    name: String,
}

impl Service {
    /// That of a project in an environment.
    pub(crate) fn new(project: &str, environment: &str) -> Self {
        Self { name: format!("{project}-{environment}") }
    }

    /// Its sides.
    pub(crate) fn sides(&self) -> [Subject; 2] {
        SIDES.map(|side| Subject::environment(format!("{}-{side}", self.name)))
    }

    /// All that it may be called in a file.
    pub(crate) fn names(&self) -> [String; 3] {
        let [blue, green] = self.sides();
        [self.name.clone(), blue.environment, green.environment]
    }

    /// Whether that is one of its names.
    pub(crate) fn is_meant_by(&self, subject: &Subject) -> bool {
        subject.revision.is_none() && self.names().contains(&subject.environment)
    }
}

/// A source in which a service is its two sides together.
pub(super) struct BothSides {
    pub(super) source: Arc<dyn MetricSource>,
    pub(super) service: Service,
}

impl BothSides {
    /// What each side did in the window. One of which the source knows nothing served nobody, if the other served somebody:
    /// else it may be the live one, and unmeasured.
    async fn ask(&self, window: Window, now: Timestamp) -> Result<Vec<Observation>, Error> {
        let [blue, green] = self.service.sides();
        let ask = |side: Subject| async move { self.source.observe(&side, window, now).await };
        let answers = futures_util::future::join(ask(blue), ask(green)).await;
        match <[_; 2]>::from(answers) {
            [Err(error @ Error::NotFound { .. }), Err(Error::NotFound { .. })] => Err(error),
            [Err(error @ Error::NotFound { .. }), Ok(other)]
            | [Ok(other), Err(error @ Error::NotFound { .. })] => match other.requests {
                Some(0) => Err(error),
                _ => Ok(vec![other]),
            },
            answers => answers.into_iter().collect(),
        }
    }
}

#[async_trait]
impl MetricSource for BothSides {
    async fn observe(
        &self,
        subject: &Subject,
        window: Window,
        now: Timestamp,
    ) -> Result<Observation, Error> {
        if !self.service.is_meant_by(subject) {
            return self.source.observe(subject, window, now).await;
        }
        let mut asked = window;
        loop {
            let seen = self.ask(asked, now).await?;
            let from = seen.iter().map(|seen| seen.window.from).max().unwrap_or(asked.from);
            let to = seen.iter().map(|seen| seen.window.to).min().unwrap_or(asked.to);
            let common = Window { from, to };
            if seen.iter().all(|one| one.window == common) {
                let mut sides = seen.into_iter();
                let missing = || Observation::missing(subject.clone(), common);
                let mut sum = sides.next().unwrap_or_else(missing);
                sides.for_each(|side| sum.add_counts(&side));
                return Ok(Observation { subject: subject.clone(), ..sum });
            }
            // Of two answers about different times only what both are about can be added up: they are asked for that, which is
            // less each time.
            if common == asked || !asked.covers(&common) || common.is_empty() {
                return Ok(Observation::missing(subject.clone(), asked));
            }
            asked = common;
        }
    }

    fn resolution(&self) -> Duration {
        self.source.resolution()
    }

    fn lag(&self) -> Duration {
        self.source.lag()
    }

    fn name(&self) -> String {
        self.source.name()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use petswipe_monitor::slo::{DAYS_30, Objective, Slo, evaluate};
    use petswipe_monitor::{Errors, MemorySource};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Ten minutes, in each second of which so many were asked for and so many of them failed.
    fn record(source: &MemorySource, side: &str, (requests, failed): (u64, u64)) {
        for second in 0..600 {
            let window = Window::new(at(second), at(second + 1)).unwrap();
            let subject = Subject::environment(side);
            source
                .record(Observation {
                    requests: Some(requests),
                    errors: Errors { client: Some(0), server: Some(failed), balancer: Some(0) },
                    ..Observation::missing(subject, window)
                })
                .unwrap();
        }
    }

    async fn counted(sides: &[(&str, u64)], name: &str) -> Option<(u64, u64)> {
        let source = MemorySource::per_second();
        sides.iter().for_each(|(side, failed)| record(&source, side, (10, *failed)));
        let service = Service::new("petswipe", "production");
        let both = BothSides { source: Arc::new(source), service };
        let seen = both
            .observe(&Subject::environment(name), Window::new(at(0), at(600)).unwrap(), at(600))
            .await
            .ok()?;
        Some((seen.requests?, seen.errors.failed()?))
    }

    #[tokio::test]
    async fn every_name_of_a_service_means_both_of_its_sides() {
        let sides = [("petswipe-production-blue", 0), ("petswipe-production-green", 2)];
        for name in Service::new("petswipe", "production").names() {
            assert_eq!(counted(&sides, &name).await, Some((12_000, 1200)), "{name}");
            // A side that nobody ever measured served nothing, where the other did.
            assert_eq!(counted(&sides[1..], &name).await, Some((6000, 1200)), "{name}");
            assert_eq!(counted(&[], &name).await, None);
        }
        // Another name is that environment alone.
        assert_eq!(counted(&[("shop", 1)], "shop").await, Some((6000, 600)));
        assert_eq!(counted(&sides, "petswipe-staging").await, None);
    }

    #[tokio::test]
    async fn where_one_side_served_nobody_the_other_has_to_be_known() {
        let source = MemorySource::per_second();
        let window = Window::new(at(0), at(600)).unwrap();
        record(&source, "petswipe-production-blue", (0, 0));
        let service = Service::new("petswipe", "production");
        let both = BothSides { source: Arc::new(source), service };
        let subject = Subject::environment("petswipe-production");
        let seen = both.observe(&subject, window, at(600));
        assert!(matches!(seen.await, Err(Error::NotFound { .. })));
    }

    /// Of each side another part of any window is known: the second half of blue, the first half of green.
    struct Halves;

    #[async_trait]
    impl MetricSource for Halves {
        async fn observe(
            &self,
            subject: &Subject,
            window: Window,
            _: Timestamp,
        ) -> Result<Observation, Error> {
            let half = window.from.checked_add(window.length() / 2).unwrap();
            let window = match subject.environment.ends_with("blue") {
                true => Window { from: half, to: window.to },
                false => Window { from: window.from, to: half },
            };
            Ok(Observation { requests: Some(1), ..Observation::missing(subject.clone(), window) })
        }

        fn resolution(&self) -> Duration {
            Duration::from_secs(1)
        }

        fn lag(&self) -> Duration {
            Duration::ZERO
        }

        fn name(&self) -> String {
            "halves".to_owned()
        }
    }

    #[tokio::test]
    async fn answers_about_different_times_are_not_added_up() {
        let service = Service::new("petswipe", "production");
        let both = BothSides { source: Arc::new(Halves), service };
        let window = Window::new(at(0), at(600)).unwrap();
        let subject = Subject::environment("petswipe-production");
        let seen = both.observe(&subject, window, at(600));
        assert!(seen.await.unwrap().is_missing());
    }

    #[tokio::test]
    async fn the_objective_of_a_service_is_evaluated_from_both_sides() {
        let source = MemorySource::per_second();
        record(&source, "petswipe-production-blue", (10, 0));
        record(&source, "petswipe-production-green", (10, 1));
        let service = Service::new("petswipe", "production");
        let both = BothSides { source: Arc::new(source), service };
        let promise = Objective::availability(0.9).unwrap();
        let slo = Slo::new("pets", "petswipe-production", [promise], DAYS_30).unwrap();
        let report = evaluate(&both, &slo, at(600)).await.unwrap();
        let budget = report.objectives[0].budget.unwrap();
        assert_eq!(budget.spent() * 20, budget.events().total(), "{report}");
        assert!(report.objectives[0].known_share() < 0.001, "{report}");
    }
}
