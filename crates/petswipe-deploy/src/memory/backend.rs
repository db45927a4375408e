//! The backend traits of the cloud in memory.

use async_trait::async_trait;

use super::{
    Authority, Deployment, Duration, Environment, Error, Image, MemoryCloud, MetricSource, Metrics,
    Observation, Replacement, RevisionId, Route, ScalingState, ServiceStatus, Split, Subject,
    TargetHealth, Timestamp, Window, unknown,
};
use crate::{AutoScaling, Compute, SmokeResult, SmokeTest, TrafficRouter};

#[async_trait]
impl Compute for MemoryCloud {
    async fn service(&self, environment: &Environment) -> Result<ServiceStatus, Error> {
        let observed_at = self.clock.now();
        let world = self.world();
        let side = world.known(environment)?;
        Ok(ServiceStatus {
            environment: environment.clone(),
            revision: Some(side.revision.clone()),
            image: world.revisions.get(&side.revision).cloned(),
            desired: side.desired,
            running: side.running_now(),
            deployment: side.deployment.clone(),
            failures: side.failures.clone(),
            replacement: side.tells_replacement.then(|| side.replacement.clone()),
            observed_at,
        })
    }

    async fn resolve(&self, image: &Image) -> Result<Image, Error> {
        if self.world().images.contains_key(image) {
            Ok(image.clone())
        } else {
            Err(Error::NotFound { what: format!("image {image}") })
        }
    }

    async fn register(
        &self,
        authority: &Authority,
        from: &RevisionId,
        image: &Image,
    ) -> Result<RevisionId, Error> {
        let mut world = self.change();
        if !world.revisions.contains_key(from) {
            return Err(Error::NotFound { what: format!("revision {from}") });
        }
        if !world.images.contains_key(image) {
            return Err(Error::NotFound { what: format!("image {image}") });
        }
        world.obey(authority)?;
        let key = (authority.operation.to_string(), from.clone(), image.clone());
        if let Some(registered) = world.registered.get(&key) {
            return Ok(registered.clone());
        }
        let revision = RevisionId::new(format!("revision:{}", world.revisions.len() + 1))?;
        world.revisions.insert(revision.clone(), image.clone());
        world.registered.insert(key, revision.clone());
        Ok(revision)
    }

    async fn deploy(
        &self,
        authority: &Authority,
        environment: &Environment,
        deployment: &Deployment,
    ) -> Result<(), Error> {
        deployment.validate()?;
        let mut world = self.change();
        world.known(environment)?;
        if !world.revisions.contains_key(&deployment.revision) {
            return Err(Error::NotFound { what: format!("revision {}", deployment.revision) });
        }
        world.obey(authority)?;
        world.side(environment)?.deploy(deployment);
        Ok(())
    }

    async fn set_back(
        &self,
        authority: &Authority,
        environment: &Environment,
        replacement: &Replacement,
    ) -> Result<(), Error> {
        let mut world = self.change();
        world.known(environment)?;
        world.obey(authority)?;
        world.side(environment)?.replacement.clone_from(replacement);
        Ok(())
    }

    async fn scale(
        &self,
        authority: &Authority,
        environment: &Environment,
        desired: u32,
    ) -> Result<(), Error> {
        let mut world = self.change();
        world.known(environment)?;
        world.obey(authority)?;
        world.side(environment)?.desired = desired;
        Ok(())
    }
}

#[async_trait]
impl TrafficRouter for MemoryCloud {
    async fn route(&self) -> Result<Route, Error> {
        let observed_at = self.clock.now();
        let world = self.world();
        Ok(Route { split: world.split.clone(), test: world.test.clone(), observed_at })
    }

    async fn set_split(
        &self,
        authority: &Authority,
        expected: &[Split],
        to: &Split,
    ) -> Result<(), Error> {
        let mut world = self.change();
        for (environment, _) in to.iter() {
            world.known(environment)?;
        }
        world.obey(authority)?;
        world.router_calls += 1;
        if world.split != *to && !expected.contains(&world.split) {
            let expected: Vec<_> = expected.iter().map(Split::to_string).collect();
            return Err(Error::Conflict {
                what: "the split of the traffic".to_owned(),
                expected: expected.join(" or "),
                found: world.split.to_string(),
            });
        }
        world.split = to.clone();
        Ok(())
    }

    async fn set_test_route<'a>(
        &self,
        authority: &Authority,
        environment: Option<&'a Environment>,
    ) -> Result<(), Error> {
        let mut world = self.change();
        if let Some(environment) = environment {
            world.known(environment)?;
        }
        world.obey(authority)?;
        world.test = environment.cloned();
        Ok(())
    }

    async fn health(&self, environment: &Environment) -> Result<TargetHealth, Error> {
        let observed_at = self.clock.now();
        let world = self.world();
        let side = world.known(environment)?;
        let healthy = side.healthy(observed_at);
        let unhealthy = side.registered().saturating_sub(healthy);
        let reasons =
            if unhealthy > 0 { vec!["health checks fail".to_owned()] } else { Vec::new() };
        Ok(TargetHealth {
            environment: environment.clone(),
            healthy,
            unhealthy,
            reasons,
            observed_at,
        })
    }
}

#[async_trait]
impl AutoScaling for MemoryCloud {
    async fn scaling(&self, environment: &Environment) -> Result<Option<ScalingState>, Error> {
        Ok(self.world().known(environment)?.scaling.clone())
    }

    async fn suspend(&self, authority: &Authority, environment: &Environment) -> Result<(), Error> {
        let mut world = self.change();
        world.known(environment)?;
        world.obey(authority)?;
        if let Some(scaling) = &mut world.side(environment)?.scaling {
            scaling.suspended = true;
            scaling.partly = None;
        }
        Ok(())
    }

    async fn restore(
        &self,
        authority: &Authority,
        environment: &Environment,
        state: &ScalingState,
    ) -> Result<(), Error> {
        let mut world = self.change();
        world.known(environment)?;
        world.obey(authority)?;
        match &mut world.side(environment)?.scaling {
            Some(scaling) => {
                scaling.clone_from(state);
                Ok(())
            }
            None => Err(Error::NotFound { what: format!("auto scaling of {environment}") }),
        }
    }
}

#[async_trait]
impl MetricSource for MemoryCloud {
    async fn observe(
        &self,
        subject: &Subject,
        window: Window,
        now: Timestamp,
    ) -> Result<Observation, petswipe_monitor::Error> {
        let world = self.world();
        let closed = window.closed(self.resolution(), self.lag(), now);
        match world.metrics {
            Metrics::Work => world.traffic.observe(subject, closed).ok_or_else(|| {
                petswipe_monitor::Error::NotFound { what: format!("metrics of {subject}") }
            }),
            Metrics::Missing => Ok(Observation::missing(subject.clone(), closed)),
            Metrics::Fail => Err(petswipe_monitor::Error::TimedOut {
                source_name: MetricSource::name(self),
                waited: Duration::from_secs(10),
            }),
        }
    }

    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn lag(&self) -> Duration {
        Duration::ZERO
    }

    fn name(&self) -> String {
        "memory cloud".to_owned()
    }
}

#[async_trait]
impl SmokeTest for MemoryCloud {
    async fn probe(&self, environment: &Environment) -> Result<SmokeResult, Error> {
        let now = self.clock.now();
        let world = self.world();
        if world.test.as_ref() != Some(environment) {
            // Requests with the test header follow the rules like any other and reach the live side.
            let what = format!("a test route to {environment}");
            return Err(Error::NotFound { what });
        }
        let side = world.sides.get(environment).ok_or_else(|| unknown(environment))?;
        let behaviour = super::behaviour(&world.images, &world.revisions, &side.revision);
        let fails = side.healthy(now) == 0 || behaviour.error_rate >= 0.5;
        Ok(SmokeResult {
            requests: 2,
            failed: if fails { 2 } else { 0 },
            reasons: if fails { vec!["answered 500".to_owned()] } else { Vec::new() },
        })
    }
}
