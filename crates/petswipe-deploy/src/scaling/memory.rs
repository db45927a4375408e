//! Target tracking and database instances in memory, for simulation, tests and documentation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use petswipe_runbook::{Clock, Fence};

use super::backend::{DatabaseInstances, TargetTracking};
use super::types::{DatabaseInstance, Limits, Tracking, TrackingPolicy};
use crate::{Authority, Environment, Error, ScalingState};

fn obey(newest: &mut Fence, authority: &Authority) -> Result<(), Error> {
    if authority.fence < *newest {
        return Err(Error::Fenced { fence: authority.fence, newest: *newest });
    }
    *newest = authority.fence;
    Ok(())
}

/// Target tracking that scales nothing.
pub struct MemoryTracking(Mutex<Kept>);

struct Kept {
    services: BTreeMap<Environment, Option<Tracking>>,
    newest: Fence,
}

impl MemoryTracking {
    /// Services without auto scaling.
    pub fn new(environments: impl IntoIterator<Item = Environment>) -> Self {
        let services = environments.into_iter().map(|environment| (environment, None)).collect();
        Self(Mutex::new(Kept { services, newest: Fence(0) }))
    }

    /// Sets how a service is scaled as somebody else would who does not know of any operation.
    pub fn meddle(&self, environment: &Environment, tracking: Option<Tracking>) {
        self.kept().services.insert(environment.clone(), tracking);
    }

    /// How a service is scaled.
    pub fn of(&self, environment: &Environment) -> Option<Tracking> {
        self.kept().services.get(environment).cloned().flatten()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(
        &self,
        authority: &Authority,
        environment: &Environment,
        change: impl FnOnce(&mut Option<Tracking>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let kept = &mut *self.kept();
        let tracking = kept.services.get_mut(environment);
        let tracking = tracking.ok_or_else(|| unknown(environment))?;
        obey(&mut kept.newest, authority)?;
        change(tracking)
    }
}

fn unknown(environment: &Environment) -> Error {
    Error::NotFound { what: format!("environment {environment}") }
}

#[async_trait]
impl TargetTracking for MemoryTracking {
    async fn tracking(&self, environment: &Environment) -> Result<Option<Tracking>, Error> {
        let kept = self.kept();
        kept.services.get(environment).cloned().ok_or_else(|| unknown(environment))
    }

    async fn register(
        &self,
        authority: &Authority,
        environment: &Environment,
        limits: Limits,
    ) -> Result<(), Error> {
        limits.validate()?;
        let Limits { minimum, maximum } = limits;
        self.change(authority, environment, |tracking| {
            let new = || Tracking {
                scaling: ScalingState::active(minimum, maximum),
                policies: Vec::new(),
                others: Vec::new(),
            };
            let scaling = &mut tracking.get_or_insert_with(new).scaling;
            (scaling.minimum, scaling.maximum) = (minimum, maximum);
            Ok(())
        })
    }

    async fn deregister(
        &self,
        authority: &Authority,
        environment: &Environment,
    ) -> Result<(), Error> {
        self.change(authority, environment, |tracking| {
            *tracking = None;
            Ok(())
        })
    }

    async fn put(
        &self,
        authority: &Authority,
        environment: &Environment,
        policy: &TrackingPolicy,
    ) -> Result<(), Error> {
        policy.validate()?;
        self.change(authority, environment, |tracking| {
            let what = || format!("auto scaling of {environment}");
            let tracking = tracking.as_mut().ok_or_else(|| Error::NotFound { what: what() })?;
            tracking.policies.retain(|other| other.name != policy.name);
            tracking.policies.push(policy.clone());
            tracking.policies.sort_by(|one, two| one.name.cmp(&two.name));
            Ok(())
        })
    }

    async fn delete(
        &self,
        authority: &Authority,
        environment: &Environment,
        policy: &str,
    ) -> Result<(), Error> {
        self.change(authority, environment, |tracking| {
            if let Some(tracking) = tracking {
                tracking.policies.retain(|other| other.name != policy);
            }
            Ok(())
        })
    }
}

/// Database instances that take their time.
pub struct MemoryDatabases {
    clock: Arc<dyn Clock>,
    offered: BTreeSet<String>,
    kept: Mutex<Instances>,
}

struct Instances {
    by_name: BTreeMap<String, Held>,
    newest: Fence,
}

struct Held {
    instance: DatabaseInstance,
    /// A change: to which class, since when, and whether it comes to something.
    change: Option<(String, Timestamp, bool)>,
    fails: bool,
}

/// So long after the command the instance still says that it is available.
const LAG: Duration = Duration::from_secs(20);
/// So long after the command the change is over.
const TAKES: Duration = Duration::from_secs(400);

impl Held {
    fn settle(&mut self, now: Timestamp) {
        let Some((class, since, good)) = self.change.clone() else { return };
        let passed = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        if passed < LAG {
            self.instance.pending_class = Some(class);
        } else if passed < TAKES {
            self.instance.pending_class = Some(class);
            self.instance.status = "modifying".to_owned();
        } else {
            self.instance.pending_class = None;
            self.instance.status = DatabaseInstance::AVAILABLE.to_owned();
            if good {
                self.instance.class = class;
            }
            self.change = None;
        }
    }
}

impl MemoryDatabases {
    /// No instance yet; every one could have these classes.
    pub fn new<C: Into<String>>(
        clock: Arc<dyn Clock>,
        offered: impl IntoIterator<Item = C>,
    ) -> Self {
        let offered = offered.into_iter().map(Into::into).collect();
        let kept = Mutex::new(Instances { by_name: BTreeMap::new(), newest: Fence(0) });
        Self { clock, offered, kept }
    }

    /// Adds an instance, or puts another one in the place of its namesake.
    pub fn add(&self, instance: DatabaseInstance) {
        let held = Held { instance, change: None, fails: false };
        self.kept().by_name.insert(held.instance.name.clone(), held);
    }

    /// From now on changes of that instance come to nothing: it goes back to the class it had.
    pub fn fail(&self, name: &str) {
        if let Some(held) = self.kept().by_name.get_mut(name) {
            held.fails = true;
        }
    }

    /// An instance as it is now, if it is there.
    pub fn of(&self, name: &str) -> Option<DatabaseInstance> {
        let now = self.clock.now();
        let mut kept = self.kept();
        let held = kept.by_name.get_mut(name)?;
        held.settle(now);
        Some(held.instance.clone())
    }

    fn kept(&self) -> MutexGuard<'_, Instances> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_instance(name: &str) -> Error {
    Error::NotFound { what: format!("database instance {name}") }
}

#[async_trait]
impl DatabaseInstances for MemoryDatabases {
    async fn instance(&self, name: &str) -> Result<DatabaseInstance, Error> {
        self.of(name).ok_or_else(|| no_instance(name))
    }

    async fn offered_classes(&self, name: &str) -> Result<BTreeSet<String>, Error> {
        self.of(name).map(|_| self.offered.clone()).ok_or_else(|| no_instance(name))
    }

    async fn modify_class(
        &self,
        authority: &Authority,
        name: &str,
        class: &str,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let kept = &mut *self.kept();
        let held = kept.by_name.get_mut(name).ok_or_else(|| no_instance(name))?;
        held.settle(now);
        if !self.offered.contains(class) {
            let offered: Vec<_> = self.offered.iter().map(String::as_str).collect();
            return Err(Error::invalid("class", class, offered.join(", ")));
        }
        obey(&mut kept.newest, authority)?;
        if !held.instance.is_available() {
            return Err(Error::Conflict {
                what: format!("the status of {name}"),
                expected: DatabaseInstance::AVAILABLE.to_owned(),
                found: held.instance.status.clone(),
            });
        }
        if held.instance.class != class && held.change.is_none() {
            held.change = Some((class.to_owned(), now, !held.fails));
            held.settle(now);
        }
        Ok(())
    }
}
