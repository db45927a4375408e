//! What the control API can ask of a cloud: every command in one place, each checked before it acts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use petswipe_deploy::{
    Authority, Deployment, Environment, Error, Image, RevisionId, Route, ScalingState,
    ServiceStatus, Split, TargetHealth,
};
use petswipe_monitor::diagnosis::{
    LogLines, LogQuery, Redacted, ServiceReport, StoppedTask, TargetCondition, TargetReport,
};
use petswipe_monitor::{Observation, Subject, Window};
use petswipe_runbook::Error as LeaseError;
use petswipe_runbook::lease::{Lease, LeaseRequest};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::authority::Authorities;
use super::router::{Router, not_found};
use crate::Token;
use crate::balancer::{Balancer, TargetState};
use crate::registry::{ImageSource, Registry, Revision};
use crate::service::{Service, TaskStatus, percents};

/// What a cloud is, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudSummary {
    /// Which cloud it is, such as `local-5f3a9c1e77d2`: made up at its start, and never that of another one.
    pub id: String,
    /// The first part of all names.
    pub project: String,
    /// The second part of all names.
    pub environment: String,
    /// Where the load balancer listens.
    pub balancer: SocketAddr,
    /// Environments by short name.
    pub environments: BTreeMap<String, Environment>,
    /// The process that is the cloud.
    pub pid: u32,
    /// Since when it runs.
    pub started_at: Timestamp,
}

/// The state behind the control API.
#[derive(Debug)]
pub(crate) struct Control {
    pub(super) summary: CloudSummary,
    pub(crate) token: Token,
    pub(super) services: Vec<Arc<Service>>,
    pub(super) registry: Mutex<Registry>,
    pub(super) router: Router,
    pub(super) balancer: Balancer,
    pub(super) authorities: Mutex<Authorities>,
    pub(super) stop_asked: watch::Sender<bool>,
}

impl Control {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn authorities(&self) -> MutexGuard<'_, Authorities> {
        self.authorities.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn name(&self) -> String {
        format!("{}-{}", self.summary.project, self.summary.environment)
    }

    fn service_of(&self, environment: &Environment) -> Result<&Arc<Service>, Error> {
        let found = self.services.iter().find(|service| service.environment == *environment);
        found.ok_or_else(|| not_found(environment, &self.name()))
    }

    pub(crate) fn summary(&self) -> CloudSummary {
        self.summary.clone()
    }

    pub(crate) fn ask_to_stop(&self) {
        self.stop_asked.send_replace(true);
    }

    pub(crate) fn services(&self) -> Vec<ServiceStatus> {
        self.services.iter().map(|service| service.status()).collect()
    }

    pub(crate) fn service(&self, environment: &Environment) -> Result<ServiceStatus, Error> {
        self.service_of(environment).map(|service| service.status())
    }

    pub(crate) fn deploy(
        &self,
        authority: &Authority,
        environment: &Environment,
        deployment: Deployment,
    ) -> Result<(), Error> {
        let service = self.service_of(environment)?;
        self.authorities().obey(authority, || {
            let revision = self.registry().revision(&deployment.revision)?;
            check(&deployment)?;
            service.deploy(Some(&authority.operation), revision, deployment);
            Ok(())
        })
    }

    pub(crate) fn scale(
        &self,
        authority: &Authority,
        environment: &Environment,
        desired: u32,
    ) -> Result<(), Error> {
        let service = self.service_of(environment)?;
        self.authorities().obey(authority, || {
            check_count("desired", desired)?;
            service.scale(desired);
            Ok(())
        })
    }

    pub(crate) fn revisions(&self) -> Vec<Revision> {
        self.registry().revisions().iter().map(|revision| (**revision).clone()).collect()
    }

    pub(crate) fn revision(&self, id: &RevisionId) -> Result<Revision, Error> {
        self.registry().revision(id).map(|revision| (*revision).clone())
    }

    pub(crate) fn register(
        &self,
        authority: &Authority,
        from: &RevisionId,
        image: &Image,
        variables: &BTreeMap<String, String>,
    ) -> Result<Revision, Error> {
        self.authorities().obey(authority, || {
            let mut registry = self.registry();
            let revision = registry.register(&authority.operation, from, image, variables)?;
            Ok((*revision).clone())
        })
    }

    pub(crate) fn images(&self) -> Vec<ImageSource> {
        self.registry().images().to_vec()
    }

    pub(crate) fn add_image(&self, source: ImageSource) -> Result<(), Error> {
        self.registry().add(source)
    }

    pub(crate) fn resolve(&self, image: &Image) -> Result<Image, Error> {
        self.registry().resolve(image).map(|_| image.clone())
    }

    pub(crate) fn route(&self) -> Result<Route, Error> {
        self.router.route()
    }

    pub(crate) fn set_split(
        &self,
        authority: &Authority,
        expected: &[Split],
        to: &Split,
    ) -> Result<(), Error> {
        self.authorities().obey(authority, || self.router.set_split(expected, to))
    }

    pub(crate) fn set_test_route(
        &self,
        authority: &Authority,
        environment: Option<&Environment>,
    ) -> Result<(), Error> {
        self.authorities().obey(authority, || self.router.set_test_route(environment))
    }

    pub(crate) fn health(&self, environment: &Environment) -> Result<TargetHealth, Error> {
        self.router.health(environment)
    }

    pub(crate) fn scaling(&self, environment: &Environment) -> Result<Option<ScalingState>, Error> {
        self.service_of(environment).map(|service| service.scaling())
    }

    pub(crate) fn suspend_scaling(
        &self,
        authority: &Authority,
        environment: &Environment,
    ) -> Result<(), Error> {
        let service = self.service_of(environment)?;
        self.authorities().obey(authority, || {
            service.suspend_scaling();
            Ok(())
        })
    }

    pub(crate) fn restore_scaling(
        &self,
        authority: &Authority,
        environment: &Environment,
        state: &ScalingState,
    ) -> Result<(), Error> {
        let service = self.service_of(environment)?;
        self.authorities().obey(authority, || service.restore_scaling(state))
    }

    pub(crate) fn report(&self, environment: &Environment) -> Result<ServiceReport, Error> {
        self.service_of(environment).map(|service| service.report())
    }

    pub(crate) fn stopped(&self, environment: &Environment) -> Result<Vec<StoppedTask>, Error> {
        self.service_of(environment).map(|service| service.stopped())
    }

    pub(crate) fn search(&self, query: &LogQuery) -> Result<LogLines, Error> {
        let environment = Environment::new(query.environment.as_str())?;
        self.service_of(&environment).map(|service| service.search(query))
    }

    pub(crate) fn targets(&self, environment: &Environment) -> Result<Vec<TargetReport>, Error> {
        let group = &self.service_of(environment)?.group;
        let targets = self
            .balancer
            .targets(group)
            .map_err(|why| Error::backend(format!("targets of {environment}"), why))?;
        let report = targets.into_iter().map(|target| {
            let (condition, reason) = match target.state {
                TargetState::Initial => (TargetCondition::Initial, None),
                TargetState::Healthy => (TargetCondition::Healthy, None),
                TargetState::Unhealthy { reason } => (TargetCondition::Unhealthy, Some(reason)),
                TargetState::Draining => (TargetCondition::Draining, None),
            };
            // The balancer says both in one text, as AWS's console does.
            let reason = reason.as_ref().map(|text| text.split_once(": ").unwrap_or((text, "")));
            TargetReport {
                id: target.id,
                condition,
                code: reason.map(|(code, _)| code.to_owned()),
                description: reason.map(|(_, text)| Redacted::line(text)),
            }
        });
        Ok(report.collect())
    }

    pub(crate) fn observe(
        &self,
        subject: &Subject,
        window: Window,
        now: Timestamp,
    ) -> Result<Observation, Error> {
        let environment = Environment::new(subject.environment.as_str())?;
        let service = self.service_of(&environment)?;
        let metrics = self.balancer.metrics();
        match metrics.observe(&service.group, subject.revision.as_deref(), window, now) {
            Some(seen) => Ok(Observation { subject: subject.clone(), ..seen }),
            None => Err(Error::NotFound { what: format!("metrics of {}", service.group) }),
        }
    }

    /// The counters of all environments as Prometheus scrapes them.
    pub(crate) fn exposition(&self) -> String {
        self.balancer.metrics().exposition(|group| {
            let found = self.services.iter().find(|service| service.group == group)?;
            Some(found.environment.to_string())
        })
    }

    pub(crate) fn tasks(&self) -> Vec<TaskStatus> {
        self.services.iter().flat_map(|service| service.tasks()).collect()
    }

    pub(crate) fn kill(&self, task: &str) -> Result<(), Error> {
        match self.services.iter().any(|service| service.kill(task)) {
            true => Ok(()),
            false => Err(Error::NotFound { what: format!("running task {task}") }),
        }
    }

    pub(crate) fn acquire(&self, request: &LeaseRequest) -> Result<Lease, LeaseError> {
        self.authorities().acquire(request, Timestamp::now())
    }

    pub(crate) fn renew(&self, lease: &Lease) -> Result<Lease, LeaseError> {
        self.authorities().renew(lease, Timestamp::now())
    }

    pub(crate) fn release(&self, lease: &Lease) -> Result<(), LeaseError> {
        self.authorities().release(lease)
    }

    pub(crate) fn lease(&self, key: &str) -> Result<Option<Lease>, LeaseError> {
        self.authorities().current(key, Timestamp::now())
    }
}

/// More tasks than that are a mistake on one machine.
const MOST_TASKS: u32 = 200;

pub(super) fn check_count(field: &str, desired: u32) -> Result<(), Error> {
    if desired > MOST_TASKS {
        return Err(Error::invalid(field, desired, format!("0 to {MOST_TASKS}")));
    }
    Ok(())
}

fn check(deployment: &Deployment) -> Result<(), Error> {
    let (minimum, maximum) = percents(deployment);
    check_count("desired", deployment.desired)?;
    if minimum > 100 {
        return Err(Error::invalid("minimum_healthy_percent", minimum, "0 to 100"));
    }
    if !(100..=200).contains(&maximum) {
        return Err(Error::invalid("maximum_percent", maximum, "100 to 200"));
    }
    if minimum == 100 && maximum == 100 {
        let allowed = "above 100 when minimum_healthy_percent is 100: else no task can be replaced";
        return Err(Error::invalid("maximum_percent", maximum, allowed));
    }
    Ok(())
}
