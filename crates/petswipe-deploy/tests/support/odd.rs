//! Backends around the cloud in memory that misbehave in one way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use petswipe_deploy::{
    Authority, Compute, Deployment, Environment, Error, Image, Replacement, RevisionId, Route,
    ServiceStatus, Split, TargetHealth, TrafficRouter,
};
use petswipe_monitor::{Errors, Histogram, MetricSource, Observation, Subject, Window};

/// What a router does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Odd {
    /// Questions for health are not answered.
    HealthFails,
    /// A split is accepted and has no effect, as behind a rule of higher priority.
    SplitHasNoEffect,
    /// A split is not set, and nobody can say whether it was.
    SplitFails,
    /// A test route is accepted and has no effect.
    TestRouteHasNoEffect,
    /// What is answered was true an hour ago.
    RouteIsOld,
}

/// A router that does one thing wrong while it is switched on.
pub struct OddRouter {
    pub router: Arc<dyn TrafficRouter>,
    pub odd: Odd,
    pub on: Arc<AtomicBool>,
}

impl OddRouter {
    fn is(&self, odd: Odd) -> bool {
        self.odd == odd && self.on.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl TrafficRouter for OddRouter {
    async fn route(&self) -> Result<Route, Error> {
        let route = self.router.route().await?;
        let observed_at = match self.is(Odd::RouteIsOld) {
            true => route.observed_at - Duration::from_secs(3600),
            false => route.observed_at,
        };
        Ok(Route { observed_at, ..route })
    }

    async fn set_split(
        &self,
        authority: &Authority,
        expected: &[Split],
        to: &Split,
    ) -> Result<(), Error> {
        if self.is(Odd::SplitHasNoEffect) {
            return Ok(());
        }
        if self.is(Odd::SplitFails) {
            return Err(Error::backend("modifying the listener", "connection reset"));
        }
        self.router.set_split(authority, expected, to).await
    }

    async fn set_test_route<'a>(
        &self,
        authority: &Authority,
        environment: Option<&'a Environment>,
    ) -> Result<(), Error> {
        if self.is(Odd::TestRouteHasNoEffect) {
            return Ok(());
        }
        self.router.set_test_route(authority, environment).await
    }

    async fn health(&self, environment: &Environment) -> Result<TargetHealth, Error> {
        if self.is(Odd::HealthFails) {
            return Err(Error::backend("describing target health", "connection reset"));
        }
        self.router.health(environment).await
    }
}

/// Which commands a compute does not obey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    /// To deploy, for somebody else is at it.
    Deploys,
    /// To scale, for it breaks.
    Scales,
}

/// A compute that does not obey some commands while it is switched on.
pub struct BusyCompute {
    pub compute: Arc<dyn Compute>,
    pub busy: Busy,
    pub on: Arc<AtomicBool>,
}

impl BusyCompute {
    fn is(&self, busy: Busy) -> bool {
        self.busy == busy && self.on.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Compute for BusyCompute {
    async fn service(&self, environment: &Environment) -> Result<ServiceStatus, Error> {
        self.compute.service(environment).await
    }

    async fn resolve(&self, image: &Image) -> Result<Image, Error> {
        self.compute.resolve(image).await
    }

    async fn register(
        &self,
        authority: &Authority,
        from: &RevisionId,
        image: &Image,
    ) -> Result<RevisionId, Error> {
        self.compute.register(authority, from, image).await
    }

    async fn deploy(
        &self,
        authority: &Authority,
        environment: &Environment,
        deployment: &Deployment,
    ) -> Result<(), Error> {
        if self.is(Busy::Deploys) {
            return Err(Error::Conflict {
                what: format!("the service of {environment}"),
                expected: "idle".to_owned(),
                found: "an update".to_owned(),
            });
        }
        self.compute.deploy(authority, environment, deployment).await
    }

    async fn set_back(
        &self,
        authority: &Authority,
        environment: &Environment,
        replacement: &Replacement,
    ) -> Result<(), Error> {
        self.compute.set_back(authority, environment, replacement).await
    }

    async fn scale(
        &self,
        authority: &Authority,
        environment: &Environment,
        desired: u32,
    ) -> Result<(), Error> {
        if self.is(Busy::Scales) {
            return Err(Error::backend("scaling the service", "connection reset"));
        }
        self.compute.scale(authority, environment, desired).await
    }
}

/// What a source makes of an observation of an environment.
pub type Change = fn(&str, Observation) -> Observation;

/// A metric source whose answers are changed.
pub struct OddMetrics {
    pub source: Arc<dyn MetricSource>,
    pub change: Change,
}

#[async_trait]
impl MetricSource for OddMetrics {
    async fn observe(
        &self,
        subject: &Subject,
        window: Window,
        now: Timestamp,
    ) -> Result<Observation, petswipe_monitor::Error> {
        let seen = self.source.observe(subject, window, now).await?;
        Ok((self.change)(&subject.environment, seen))
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

/// Of green, 2 % of the requests are slow while the mean stays low.
pub fn slow_tail(environment: &str, mut seen: Observation) -> Observation {
    if let Some(requests) = seen.requests.filter(|_| environment == super::green().as_str()) {
        let slow = requests.div_ceil(50);
        let mut latency = Histogram::new();
        latency.record_many(Duration::from_millis(5), requests - slow);
        latency.record_many(Duration::from_millis(4000), slow);
        seen.latency = Some(latency);
    }
    seen
}

/// Of green, the load balancer answers 10 % itself.
pub fn balancer_errors(environment: &str, mut seen: Observation) -> Observation {
    if let Some(requests) = seen.requests.filter(|_| environment == super::green().as_str()) {
        seen.errors = Errors { balancer: Some(requests / 10), ..seen.errors };
    }
    seen
}

/// Of green, 30 % are answered 4xx.
pub fn client_errors(environment: &str, mut seen: Observation) -> Observation {
    if let Some(requests) = seen.requests.filter(|_| environment == super::green().as_str()) {
        seen.errors = Errors { client: Some(requests * 3 / 10), ..seen.errors };
    }
    seen
}

/// The numbers are those of ten minutes ago.
pub fn another_minute(_: &str, mut seen: Observation) -> Observation {
    let earlier = |time: Timestamp| time - Duration::from_secs(600);
    seen.window = Window { from: earlier(seen.window.from), to: earlier(seen.window.to) };
    seen
}
