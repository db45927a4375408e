//! A cloud in memory: all backends in one, in the time of whatever clock it is given.
//!
//! It is for simulation, dry runs, tests and documentation. Tasks boot, fail and crash as the [`Behaviour`] of their
//! image says; traffic is a constant stream of which every version answers its share; nothing is random.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use petswipe_monitor::{MetricSource, Observation, Subject, Window};
use petswipe_runbook::{Clock, Fence};

use crate::rollout::{Survey, Target};
use crate::{
    Authority, Deployment, DeploymentState, Environment, Error, Image, Replacement, RevisionId,
    Route, ScalingState, ServiceStatus, Split, TargetHealth, TaskFailure,
};

mod backend;
mod native;
mod side;
mod traffic;

pub use native::{HookBehaviour, MemoryNative, NativeSnapshot};
use side::Side;
use traffic::Traffic;

/// How tasks of an image behave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Behaviour {
    /// How long a task takes from its start to its first passed health check.
    pub boot: Duration,
    /// Whether health checks ever pass.
    pub healthy: bool,
    /// How long a task lives, if it crashes.
    pub crash_after: Option<Duration>,
    /// The share of requests it answers 5xx, 0 to 1.
    pub error_rate: f64,
    /// How long it takes to answer.
    pub latency: Duration,
}

impl Default for Behaviour {
    /// Healthy after 5 s, no errors, 20 ms.
    fn default() -> Self {
        Self {
            boot: Duration::from_secs(5),
            healthy: true,
            crash_after: None,
            error_rate: 0.0,
            latency: Duration::from_millis(20),
        }
    }
}

/// Whether metrics can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metrics {
    /// They are there.
    #[default]
    Work,
    /// The source answers, but knows nothing.
    Missing,
    /// The source does not answer.
    Fail,
}

/// The cloud.
pub struct MemoryCloud {
    clock: Arc<dyn Clock>,
    world: Mutex<World>,
}

struct World {
    sides: BTreeMap<Environment, Side>,
    split: Split,
    test: Option<Environment>,
    images: BTreeMap<Image, Behaviour>,
    revisions: BTreeMap<RevisionId, Image>,
    registered: BTreeMap<(String, RevisionId, Image), RevisionId>,
    newest_fence: Fence,
    traffic: Traffic,
    metrics: Metrics,
    router_calls: u32,
    /// Up to when everything has happened that happens by itself; `None` before the first look.
    settled_at: Option<Timestamp>,
}

impl MemoryCloud {
    /// Two sides (and more, if named): all traffic goes to the first one, which runs `tasks` healthy tasks of `image`.
    /// The others have the same revision and no task.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] without an environment.
    pub fn new(
        clock: Arc<dyn Clock>,
        environments: &[Environment],
        image: Image,
        tasks: u32,
    ) -> Result<Self, Error> {
        let Some(live) = environments.first() else {
            return Err(Error::invalid("environments", "none", "at least one"));
        };
        let now = clock.now();
        let revision = RevisionId::new("revision:1")?;
        let behaviour = Behaviour::default();
        let sides = environments.iter().map(|environment| {
            let tasks = if environment == live { tasks } else { 0 };
            (environment.clone(), Side::running(revision.clone(), tasks, now))
        });
        let world = World {
            sides: sides.collect(),
            split: Split::all_to(live.clone()),
            test: None,
            images: BTreeMap::from([(image.clone(), behaviour)]),
            revisions: BTreeMap::from([(revision, image)]),
            registered: BTreeMap::new(),
            newest_fence: Fence(0),
            traffic: Traffic::new(now),
            metrics: Metrics::Work,
            router_calls: 0,
            settled_at: None,
        };
        Ok(Self { clock, world: Mutex::new(world) })
    }

    /// A copy of what a survey found, to rehearse on: `image` and `target` exist and behave well, everything is healthy.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] when the survey knows no environment.
    pub fn copy_of(
        clock: Arc<dyn Clock>,
        survey: &Survey,
        target: &Target,
        image: &Image,
    ) -> Result<Self, Error> {
        let environments: Vec<_> = survey.sides.keys().cloned().collect();
        let cloud = Self::new(clock, &environments, image.clone(), 0)?;
        {
            let now = cloud.clock.now();
            let mut world = cloud.change();
            world.split = survey.route.split.clone();
            world.test = survey.route.test.clone();
            for (environment, found) in &survey.sides {
                let revision = found.service.revision.clone();
                let revision = revision.map_or_else(|| RevisionId::new("none"), Ok)?;
                let mut side = Side::running(revision.clone(), found.service.desired, now);
                side.scaling.clone_from(&found.scaling);
                side.tells_replacement = found.service.replacement.is_some();
                if let Some(replacement) = &found.service.replacement {
                    side.replacement.clone_from(replacement);
                }
                let count = found.health.healthy.min(found.service.desired);
                side.limit((count < found.service.desired).then_some(count));
                world.sides.insert(environment.clone(), side);
                let old = Image::new(format!("image-of:{revision}"))?;
                world.images.insert(old.clone(), Behaviour::default());
                world.revisions.insert(revision, old);
            }
            if let Target::Revision(revision) = target {
                world.revisions.insert(revision.clone(), image.clone());
            }
        }
        Ok(cloud)
    }

    /// Makes an image known.
    pub fn add_image(&self, image: Image, behaviour: Behaviour) {
        self.change().images.insert(image, behaviour);
    }

    /// Makes a revision known that runs an image.
    pub fn add_revision(&self, revision: RevisionId, image: Image) {
        self.change().revisions.insert(revision, image);
    }

    /// Sets how many requests a second all versions get together.
    pub fn set_traffic(&self, requests_per_second: f64) {
        let mut world = self.change();
        world.traffic.requests_per_second = requests_per_second;
    }

    /// Sets whether metrics can be read.
    pub fn set_metrics(&self, metrics: Metrics) {
        self.world().metrics = metrics;
    }

    /// Gives an environment auto scaling. While it is not suspended, it keeps the desired count within its limits.
    pub fn set_scaling(&self, environment: &Environment, state: Option<ScalingState>) {
        if let Some(side) = self.change().sides.get_mut(environment) {
            side.scaling = state;
        }
    }

    /// Sets how an environment replaces its tasks.
    pub fn set_replacement(&self, environment: &Environment, replacement: Replacement) {
        if let Some(side) = self.change().sides.get_mut(environment) {
            side.replacement = replacement;
        }
    }

    /// Divides traffic as somebody else would who does not know of any operation.
    pub fn meddle(&self, split: Split) {
        self.change().split = split;
    }

    /// Runs an image in an environment as somebody else would who does not know of any operation. Gives its revision;
    /// `None` where there is no such environment.
    pub fn redeploy(&self, environment: &Environment, image: Image) -> Option<RevisionId> {
        let count = self.world().revisions.len();
        let revision = RevisionId::new(format!("revision:{}", count + 1)).ok()?;
        self.add_revision(revision.clone(), image);
        self.redeploy_revision(environment, revision.clone()).then_some(revision)
    }

    /// The same with a revision that exists. `false` where there is no such environment or revision.
    pub fn redeploy_revision(&self, environment: &Environment, revision: RevisionId) -> bool {
        let mut world = self.change();
        if !world.revisions.contains_key(&revision) {
            return false;
        }
        let Some(side) = world.sides.get_mut(environment) else { return false };
        side.deploy(&Deployment::new(revision, side.desired));
        true
    }

    /// Sets the number of tasks of an environment as somebody else would who does not know of any operation.
    pub fn rescale(&self, environment: &Environment, desired: u32) {
        if let Some(side) = self.change().sides.get_mut(environment) {
            side.desired = desired;
        }
    }

    /// Leaves room for so many tasks only in an environment, as an exhausted zone would; `None` for as many as anybody
    /// wants. Tasks beyond that die.
    pub fn limit_tasks(&self, environment: &Environment, most: Option<u32>) {
        let mut world = self.change();
        if let Some(side) = world.sides.get_mut(environment) {
            side.limit(most);
        }
    }

    /// How many commands to divide traffic reached the router, also those that met with a conflict.
    pub fn router_calls(&self) -> u32 {
        self.world().router_calls
    }

    /// How traffic is divided now.
    pub fn split(&self) -> Split {
        self.world().split.clone()
    }

    /// The image of a revision, if there is such a revision.
    pub fn image(&self, revision: &RevisionId) -> Option<Image> {
        self.world().revisions.get(revision).cloned()
    }

    /// How many healthy tasks an environment has now; 0 where there is none of that name.
    pub fn healthy(&self, environment: &Environment) -> u32 {
        let now = self.clock.now();
        let world = self.world();
        world.sides.get(environment).map_or(0, |side| side.healthy(now))
    }

    /// Requests answered and failed so far, over all versions.
    pub fn served(&self) -> (u64, u64) {
        let now = self.clock.now();
        self.world().traffic.totals(now)
    }

    /// Everything that a rollout may change, as it is now: to compare before and after.
    pub fn configuration(&self) -> Configuration {
        let world = self.world();
        let sides = world.sides.iter().map(|(environment, side)| {
            let kept = (side.revision.clone(), side.desired, side.scaling.clone());
            (environment.clone(), kept)
        });
        let replacements = world
            .sides
            .iter()
            .map(|(environment, side)| (environment.clone(), side.replacement.clone()));
        Configuration {
            split: world.split.clone(),
            test: world.test.clone(),
            sides: sides.collect(),
            replacements: replacements.collect(),
        }
    }

    /// The world as it is now, about to be changed.
    fn change(&self) -> Changing<'_> {
        let now = self.clock.now();
        Changing { world: self.world(), now }
    }

    /// The world as it is now.
    fn world(&self) -> MutexGuard<'_, World> {
        let now = self.clock.now();
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        if world.settled_at != Some(now) {
            world.settle(now);
        }
        world
    }
}

/// The world about to be changed. What follows from the change follows at once, and not when somebody looks next.
struct Changing<'a> {
    world: MutexGuard<'a, World>,
    now: Timestamp,
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.world.settle(self.now);
    }
}

impl Deref for Changing<'_> {
    type Target = World;
    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for Changing<'_> {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}

/// Everything that a rollout may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// How traffic is divided.
    pub split: Split,
    /// Where test traffic goes.
    pub test: Option<Environment>,
    /// Revision, desired count and auto scaling of each environment.
    pub sides: BTreeMap<Environment, (RevisionId, u32, Option<ScalingState>)>,
    /// How each environment replaces its tasks.
    pub replacements: BTreeMap<Environment, Replacement>,
}

impl World {
    /// Lets everything happen that happens by itself until `now`.
    fn settle(&mut self, now: Timestamp) {
        self.settled_at = Some(now);
        for (environment, side) in &mut self.sides {
            let behaviour = behaviour(&self.images, &self.revisions, &side.revision);
            side.settle(environment, behaviour, now);
        }
        for (environment, side) in &self.sides {
            let behaviour = behaviour(&self.images, &self.revisions, &side.revision);
            let share = f64::from(self.split.share(environment).get()) / 100.0;
            self.traffic.set(environment, share, side.healthy(now), behaviour, now);
        }
    }

    fn obey(&mut self, authority: &Authority) -> Result<(), Error> {
        if authority.fence < self.newest_fence {
            return Err(Error::Fenced { fence: authority.fence, newest: self.newest_fence });
        }
        self.newest_fence = authority.fence;
        Ok(())
    }

    fn known(&self, environment: &Environment) -> Result<&Side, Error> {
        self.sides.get(environment).ok_or_else(|| unknown(environment))
    }

    fn side(&mut self, environment: &Environment) -> Result<&mut Side, Error> {
        self.sides.get_mut(environment).ok_or_else(|| unknown(environment))
    }
}

fn unknown(environment: &Environment) -> Error {
    Error::NotFound { what: format!("environment {environment}") }
}

fn behaviour(
    images: &BTreeMap<Image, Behaviour>,
    revisions: &BTreeMap<RevisionId, Image>,
    revision: &RevisionId,
) -> Behaviour {
    let image = revisions.get(revision);
    image.and_then(|image| images.get(image)).copied().unwrap_or_default()
}
