//! A platform in memory that carries deployments out by itself, on top of a cloud in memory whose two sides it uses.
//!
//! Time passes when somebody looks: whatever was due since then happens in its order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use jiff::Timestamp;
use petswipe_runbook::{Clock, Fence};
use serde_json::json;

use super::MemoryCloud;
use crate::native::{
    DeploymentId, DeploymentStatus, LifecycleStage, Monitor, NativeDeployment, NativeDeployments,
    NativeService, NativeStatus, Pause, PerMille, ServiceConfiguration,
};
use crate::{Authority, Compute, Environment, Error, RevisionId, Split};

mod course;

use course::Course;

/// How a function answers that is called at a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookBehaviour {
    /// It agrees after a while.
    Agrees(Duration),
    /// It says no.
    Refuses,
    /// It never answers.
    Silent,
}

/// A service with two sides that is deployed natively.
pub struct MemoryNative {
    cloud: Arc<MemoryCloud>,
    clock: Arc<dyn Clock>,
    world: Mutex<World>,
}

struct World {
    environment: Environment,
    sides: [Environment; 2],
    /// Which of them serves.
    live: usize,
    revision: RevisionId,
    desired: u32,
    configuration: ServiceConfiguration,
    courses: BTreeMap<DeploymentId, Course>,
    newest: DeploymentId,
    made: u32,
    newest_fence: Fence,
    hooks: BTreeMap<LifecycleStage, HookBehaviour>,
    /// Alarms that went off.
    alarms: Vec<String>,
    /// Whether going back fails.
    cannot_go_back: bool,
}

/// Everything that an operation may change, as it is now: to compare before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeSnapshot {
    /// The revision that the service asks for.
    pub revision: RevisionId,
    /// The side by which it serves.
    pub live: Environment,
    /// How many tasks it asks for.
    pub desired: u32,
    /// How it is deployed.
    pub configuration: ServiceConfiguration,
    /// How traffic is divided.
    pub split: Split,
}

impl MemoryNative {
    /// A service of `environment` that serves by the first of `sides`, which the cloud has and gives all traffic.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the cloud does not have that side.
    pub fn new(
        cloud: Arc<MemoryCloud>,
        clock: Arc<dyn Clock>,
        environment: Environment,
        sides: [Environment; 2],
    ) -> Result<Self, Error> {
        let known = cloud.configuration();
        let (revision, desired, _) = known
            .sides
            .get(&sides[0])
            .ok_or_else(|| Error::NotFound { what: format!("environment {}", sides[0]) })?;
        let newest = DeploymentId("deployment-1".to_owned());
        let world = World {
            environment,
            sides,
            live: 0,
            revision: revision.clone(),
            desired: *desired,
            configuration: ServiceConfiguration(json!({
                "strategy": "ROLLING", "minimumHealthyPercent": 100, "maximumPercent": 200
            })),
            courses: BTreeMap::new(),
            newest,
            made: 1,
            newest_fence: Fence(0),
            hooks: BTreeMap::new(),
            alarms: Vec::new(),
            cannot_go_back: false,
        };
        Ok(Self { cloud, clock, world: Mutex::new(world) })
    }

    /// Sets how the function answers that is called at a stage. Without this it agrees at once.
    pub fn set_hook(&self, stage: LifecycleStage, behaviour: HookBehaviour) {
        self.world().hooks.insert(stage, behaviour);
    }

    /// Sets off an alarm.
    pub fn set_off_alarm(&self, name: &str) {
        self.world().alarms.push(name.to_owned());
    }

    /// From now on no deployment can go back.
    pub fn forbid_going_back(&self) {
        self.world().cannot_go_back = true;
    }

    /// Deploys as somebody else would who does not know of any operation: what goes on is stopped, and the new one is
    /// done at once.
    pub fn redeploy(&self, revision: RevisionId) -> DeploymentId {
        let now = self.clock.now();
        let mut world = self.world();
        let id = world.name();
        let newest = world.newest.clone();
        if let Some(course) = world.courses.get_mut(&newest)
            && !course.status.is_over()
        {
            course.stop(now);
        }
        world.revision = revision.clone();
        world.newest = id.clone();
        let live = world.sides[world.live].clone();
        drop(world);
        self.cloud.redeploy_revision(&live, revision);
        self.cloud.meddle(Split::all_to(live));
        id
    }

    /// Sets how the service is deployed as somebody else would.
    pub fn configure(&self, configuration: ServiceConfiguration) {
        let mut world = self.world();
        world.configuration = configuration;
    }

    /// Answers a pause as somebody else would.
    pub fn proceed_by_hand(&self) {
        let now = self.clock.now();
        let mut world = self.world();
        let newest = world.newest.clone();
        if let Some(course) = world.courses.get_mut(&newest) {
            course.answer(now);
        }
    }

    /// Everything that an operation may change.
    pub fn snapshot(&self) -> NativeSnapshot {
        let world = self.world();
        NativeSnapshot {
            revision: world.revision.clone(),
            live: world.sides[world.live].clone(),
            desired: world.desired,
            configuration: world.configuration.clone(),
            split: self.cloud.split(),
        }
    }

    /// The world as it is now.
    fn world(&self) -> MutexGuard<'_, World> {
        let now = self.clock.now();
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        while world.happens(&self.cloud, now) {}
        world
    }
}

impl World {
    fn name(&mut self) -> DeploymentId {
        self.made += 1;
        DeploymentId(format!("deployment-{}", self.made))
    }

    fn known(&self, environment: &Environment) -> Result<(), Error> {
        if *environment == self.environment {
            return Ok(());
        }
        Err(Error::NotFound { what: format!("a service of environment {environment}") })
    }

    fn obey(&mut self, authority: &Authority, environment: &Environment) -> Result<(), Error> {
        self.known(environment)?;
        if authority.fence < self.newest_fence {
            return Err(Error::Fenced { fence: authority.fence, newest: self.newest_fence });
        }
        self.newest_fence = authority.fence;
        Ok(())
    }

    fn course(&mut self, id: &DeploymentId) -> Result<&mut Course, Error> {
        self.courses.get_mut(id).ok_or_else(|| Error::NotFound { what: format!("deployment {id}") })
    }

    fn candidate(&self) -> &Environment {
        &self.sides[1 - self.live]
    }
}

/// How a service is deployed while a deployment of ours goes on.
fn configured(deployment: &NativeDeployment) -> ServiceConfiguration {
    ServiceConfiguration(json!({
        "strategy": deployment.strategy.name(),
        "bakeTimeInMinutes": deployment.bake_minutes,
        "hooks": deployment.hooks,
        "pauses": deployment.pause_minutes,
        "alarms": deployment.alarms,
    }))
}

fn conflict(what: &str, expected: &str, found: impl ToString) -> Error {
    Error::Conflict {
        what: what.to_owned(),
        expected: expected.to_owned(),
        found: found.to_string(),
    }
}

#[async_trait]
impl NativeDeployments for MemoryNative {
    async fn service(&self, environment: &Environment) -> Result<NativeService, Error> {
        let world = self.world();
        world.known(environment)?;
        let live = world.sides[world.live].clone();
        let running = self.cloud.healthy(&live);
        let newest = world.courses.get(&world.newest);
        let pauses = world.configuration.0.get("pauses").is_some_and(|pauses| !pauses.is_null());
        Ok(NativeService {
            environment: environment.clone(),
            revision: Some(world.revision.clone()),
            image: self.cloud.image(&world.revision),
            desired: world.desired,
            running,
            live,
            newest: Some(world.newest.clone()),
            newest_revision: newest.map(|course| course.deployment.revision.clone()),
            in_progress: newest.is_some_and(|course| !course.status.is_over()),
            configuration: world.configuration.clone(),
            pauses: if pauses { LifecycleStage::PAUSED.to_vec() } else { Vec::new() },
            observed_at: self.clock.now(),
        })
    }

    async fn begin(
        &self,
        authority: &Authority,
        environment: &Environment,
        deployment: &NativeDeployment,
    ) -> Result<DeploymentId, Error> {
        let mut world = self.world();
        world.obey(authority, environment)?;
        if Some(&world.newest) != deployment.after.as_ref() {
            let newest = world.newest.clone();
            return match world.courses.get(&newest) {
                Some(course) if course.deployment == *deployment => Ok(newest),
                _ => Err(conflict("the newest deployment", "ours", newest)),
            };
        }
        if self.cloud.image(&deployment.revision).is_none() {
            return Err(Error::NotFound { what: format!("revision {}", deployment.revision) });
        }
        let id = world.name();
        let course = Course::new(deployment.clone(), world.revision.clone(), self.clock.now());
        world.courses.insert(id.clone(), course);
        world.newest = id.clone();
        world.revision = deployment.revision.clone();
        world.configuration = configured(deployment);
        Ok(id)
    }

    async fn deployment(
        &self,
        environment: &Environment,
        id: &DeploymentId,
    ) -> Result<NativeStatus, Error> {
        let mut world = self.world();
        world.known(environment)?;
        let newest = world.newest.clone();
        let desired = world.desired;
        let candidate = world.candidate().clone();
        let alarms = world.alarms.clone();
        let course = world.course(id)?;
        let failures = Compute::service(&*self.cloud, &candidate).now_or_never();
        let failures = failures.and_then(Result::ok).map_or(Vec::new(), |side| side.failures);
        let started = course.stage.is_some_and(|stage| stage > LifecycleStage::PreScaleUp);
        Ok(NativeStatus {
            id: id.clone(),
            newest,
            state: course.status,
            reason: course.reason.clone(),
            stage: course.stage,
            weight: course.weight,
            requested: if started { desired } else { 0 },
            running: if started { self.cloud.healthy(&candidate) } else { 0 },
            pause: course.pause.clone(),
            failed_hooks: course.failed_hooks.clone(),
            circuit_breaker: course.circuit_breaker,
            alarms: match (course.deployment.alarms.is_empty(), course.alarmed) {
                (true, _) => Monitor::Disabled,
                (false, false) => Monitor::Monitoring,
                (false, true) => Monitor::Triggered,
            },
            triggered_alarms: if course.alarmed { alarms } else { Vec::new() },
            failures: if started { failures } else { Vec::new() },
            observed_at: self.clock.now(),
        })
    }

    async fn proceed(
        &self,
        authority: &Authority,
        environment: &Environment,
        id: &DeploymentId,
        hook: &str,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let mut world = self.world();
        world.obey(authority, environment)?;
        let course = world.course(id)?;
        if course.answered.iter().any(|answered| answered == hook) {
            return Ok(());
        }
        match &course.pause {
            Some(pause) if pause.hook == hook => course.answer(now),
            _ => {
                let found = course.status.word();
                return Err(conflict("the deployment", "waiting for an answer", found));
            }
        }
        drop(world);
        drop(self.world());
        Ok(())
    }

    async fn stop(
        &self,
        authority: &Authority,
        environment: &Environment,
        id: &DeploymentId,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let mut world = self.world();
        world.obey(authority, environment)?;
        let course = world.course(id)?;
        match course.status {
            DeploymentStatus::Pending | DeploymentStatus::InProgress => {
                course.go_back(now, "stopped by a caller");
            }
            DeploymentStatus::Successful | DeploymentStatus::Stopped => {
                let found = course.status.word();
                return Err(conflict("the deployment", "in progress", found));
            }
            _ => {}
        }
        Ok(())
    }

    async fn restore(
        &self,
        authority: &Authority,
        environment: &Environment,
        configuration: &ServiceConfiguration,
    ) -> Result<(), Error> {
        let mut world = self.world();
        world.obey(authority, environment)?;
        world.configuration = configuration.clone();
        Ok(())
    }
}
