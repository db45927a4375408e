//! Amazon ECS's own blue/green, linear and canary deployments.
//!
//! A service serves by one of two target groups, which take turns: the one of its load balancer and the alternate one of
//! its advanced configuration. Which one it is, ECS says of the service revision that serves. `config.rs` keeps how a
//! service is deployed.
//!
//! Sources: Amazon ECS Developer Guide, "Amazon ECS blue/green deployments", "View service history using Amazon ECS service
//! deployments", "Stopping Amazon ECS service deployments", "Pause hooks for Amazon ECS service deployments"; API Reference,
//! UpdateService (a changed deploymentConfiguration starts no deployment), ServiceDeployment, ServiceRevision.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_ecs::types::{
    CreatedAt, DeploymentConfiguration, DeploymentLifecycleHookAction,
    DeploymentLifecycleHookStatus, DeploymentLifecycleHookTargetType, Service, ServiceDeployment,
    ServiceDeploymentBrief, ServiceDeploymentRollbackMonitorsStatus, ServiceDeploymentStatus,
    StopServiceDeploymentStopType,
};
use aws_smithy_types::DateTime;

mod config;

use super::ecs::{EcsCompute, newest, revision_of, timestamp};
use super::error::error;
use crate::native::{
    DeploymentId, DeploymentStatus, Monitor, NativeDeployment, NativeDeployments, NativeService,
    NativeStatus, Pause, PerMille, ServiceConfiguration,
};
use crate::{Authority, Environment, Error, RevisionId, TaskFailure};

/// Deploys by ECS's own strategies. It shares services, images and revisions with an [`EcsCompute`].
///
/// AWS keeps no fencing numbers, and compares nothing when a service is updated: a conflict is as good as the read just
/// before the update.
pub struct EcsNative {
    compute: Arc<EcsCompute>,
    /// The name of each side's target group.
    target_groups: BTreeMap<Environment, String>,
    /// Service revisions that were read once: nothing about them changes any more.
    revisions: Mutex<HashMap<String, Revision>>,
}

#[derive(Clone)]
struct Revision {
    definition: RevisionId,
    /// The target groups by which it serves.
    target_groups: Vec<String>,
}

impl EcsNative {
    /// `target_groups` names the target group of each side.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] without exactly two different ones.
    pub fn new(
        compute: Arc<EcsCompute>,
        target_groups: BTreeMap<Environment, String>,
    ) -> Result<Self, Error> {
        let mut names: Vec<_> = target_groups.values().collect();
        names.sort_unstable();
        names.dedup();
        if names.len() != 2 || target_groups.len() != 2 {
            let found = names.len();
            return Err(Error::invalid("number of target groups", found, "2 different ones"));
        }
        Ok(Self { compute, target_groups, revisions: Mutex::default() })
    }

    /// The deployments of a service that were created since then, the newest first. ECS remembers 90 days.
    async fn deployments(
        &self,
        name: &str,
        since: Option<&DateTime>,
    ) -> Result<Vec<ServiceDeploymentBrief>, Error> {
        let what = format!("deployments of {}", self.compute.described(name));
        let list = self.compute.client.list_service_deployments();
        let list = list.cluster(&self.compute.services.cluster).service(name);
        // What is compared may have been cut to whole seconds.
        let after = since.map(|time| DateTime::from_secs(time.secs() - 1));
        let mut list = list
            .set_created_at(after.map(|after| CreatedAt::builder().after(after).build()))
            .max_results(100);
        let mut found = Vec::new();
        loop {
            let page = list.clone().send().await;
            let page = page.map_err(|e| error("ListServiceDeployments", &what, e))?;
            found.extend(page.service_deployments().iter().cloned());
            match page.next_token().filter(|token| !token.is_empty()) {
                Some(token) => list = list.next_token(token),
                None => break,
            }
        }
        found.sort_by_key(|brief| {
            std::cmp::Reverse(brief.created_at().map(|at| (at.secs(), at.subsec_nanos())))
        });
        Ok(found)
    }

    async fn described(&self, name: &str, id: &str) -> Result<ServiceDeployment, Error> {
        let what = format!("deployment {id} of {}", self.compute.described(name));
        let describe = self.compute.client.describe_service_deployments();
        let answer = describe.service_deployment_arns(id).send().await;
        let answer = answer.map_err(|e| error("DescribeServiceDeployments", &what, e))?;
        let named = |found: &&ServiceDeployment| found.service_deployment_arn() == Some(id);
        let ours = answer.service_deployments().iter().find(named);
        let of_service = |found: &&ServiceDeployment| {
            found.service_arn().and_then(|arn| arn.rsplit('/').next()) == Some(name)
        };
        ours.filter(of_service).cloned().ok_or(Error::NotFound { what })
    }

    async fn revision(&self, arn: &str) -> Result<Revision, Error> {
        let known = self.revisions.lock().unwrap_or_else(PoisonError::into_inner).get(arn).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let what = format!("service revision {arn}");
        let describe = self.compute.client.describe_service_revisions();
        let answer = describe.service_revision_arns(arn).send().await;
        let answer = answer.map_err(|e| error("DescribeServiceRevisions", &what, e))?;
        let not_found = || Error::NotFound { what: what.clone() };
        let found = answer.service_revisions().first().ok_or_else(not_found)?;
        let definition = revision_of(found.task_definition().ok_or_else(not_found)?)?;
        let resolved = found.resolved_configuration();
        let balancers = resolved.map_or(&[][..], |resolved| resolved.load_balancers());
        let target_groups = balancers.iter().filter_map(|it| it.target_group_arn()).map(group_name);
        let revision = Revision { definition, target_groups: target_groups.collect() };
        // Until it is given its target group there is more to come.
        if !revision.target_groups.is_empty() {
            let mut known = self.revisions.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(arn.to_owned(), revision.clone());
        }
        Ok(revision)
    }

    /// The side of the first of these target groups that is one of ours.
    fn side(&self, groups: &[String]) -> Option<&Environment> {
        let side_of = |group: &String| {
            self.target_groups.iter().find(|(_, name)| *name == group).map(|(side, _)| side)
        };
        groups.iter().find_map(side_of)
    }

    /// The side of the service's own target group; an error unless it and the alternate one are ours.
    fn own_side(&self, service: &Service) -> Result<&Environment, Error> {
        let what = self.compute.described(service.service_name().unwrap_or_default());
        let mut own = Vec::new();
        let mut alternate = Vec::new();
        for balancer in service.load_balancers() {
            own.extend(balancer.target_group_arn().map(group_name));
            let advanced = balancer.advanced_configuration();
            alternate
                .extend(advanced.and_then(|it| it.alternate_target_group_arn()).map(group_name));
        }
        let ours = || self.target_groups.values().cloned().collect::<Vec<_>>().join(" and ");
        if alternate.is_empty() {
            let allowed = format!(
                "one of {}; without it ECS can only replace the tasks of the service where they are",
                ours()
            );
            let field = format!("alternate target group of {what}");
            return Err(Error::invalid(field, "missing", allowed));
        }
        let (Some(own), Some(other)) = (self.side(&own), self.side(&alternate)) else {
            let found = own.iter().chain(&alternate).cloned().collect::<Vec<_>>().join(", ");
            let field = format!("target group and alternate target group of {what}");
            return Err(Error::invalid(field, found, ours()));
        };
        debug_assert_ne!(own, other, "the two groups have different names");
        Ok(own)
    }

    /// By which side a service serves: what served when its newest deployment came to its end, or before it.
    async fn live(
        &self,
        own: &Environment,
        newest: Option<&ServiceDeployment>,
    ) -> Result<Environment, Error> {
        let serving = newest.and_then(|newest| {
            let target = newest.target_service_revision().and_then(|it| it.arn());
            let source = newest.source_service_revisions().first().and_then(|it| it.arn());
            let back = newest.rollback().and_then(|rollback| rollback.service_revision_arn());
            match newest.status() {
                Some(ServiceDeploymentStatus::Successful) => target,
                Some(ServiceDeploymentStatus::RollbackSuccessful) => back.or(source),
                _ => source.or(target),
            }
        });
        let side = match serving {
            Some(arn) => self.side(&self.revision(arn).await?.target_groups).cloned(),
            None => None,
        };
        Ok(side.unwrap_or_else(|| own.clone()))
    }

    async fn failures(&self, environment: &Environment) -> Result<Vec<TaskFailure>, Error> {
        let service = self.compute.describe(environment).await?;
        match newest(&service) {
            Some(newest) => self.compute.failures(&service, newest).await,
            None => Ok(Vec::new()),
        }
    }

    async fn update(
        &self,
        name: &str,
        revision: Option<&RevisionId>,
        configuration: DeploymentConfiguration,
    ) -> Result<Option<Service>, Error> {
        let update = self
            .compute
            .client
            .update_service()
            .cluster(&self.compute.services.cluster)
            .service(name)
            .set_task_definition(revision.map(ToString::to_string))
            .deployment_configuration(configuration);
        let answer = update.send().await;
        let what = self.compute.described(name);
        Ok(answer.map_err(|e| error("UpdateService", &what, e))?.service)
    }
}

#[async_trait]
impl NativeDeployments for EcsNative {
    async fn service(&self, environment: &Environment) -> Result<NativeService, Error> {
        let observed_at = self.compute.clock.now();
        let service = self.compute.describe(environment).await?;
        let own = self.own_side(&service)?;
        let name = self.compute.name(environment)?;
        let all = self.deployments(name, None).await?;
        let newest = all.first().and_then(|brief| brief.service_deployment_arn());
        let newest = match newest {
            Some(id) => Some(self.described(name, id).await?),
            None => None,
        };
        let target = newest.as_ref().and_then(|newest| newest.target_service_revision()?.arn());
        let newest_revision = match target {
            Some(arn) => Some(self.revision(arn).await?.definition),
            None => None,
        };
        let revision = service.task_definition().map(revision_of).transpose()?;
        let image = match &revision {
            Some(revision) => Some(self.compute.image_of(revision).await?),
            None => None,
        };
        let count = |count: i32| u32::try_from(count).unwrap_or(0);
        let configuration = service.deployment_configuration();
        let over = newest.as_ref().is_none_or(|newest| status_of(newest).is_over());
        let id = newest.as_ref().and_then(|newest| newest.service_deployment_arn());
        Ok(NativeService {
            environment: environment.clone(),
            revision,
            image,
            desired: count(service.desired_count()),
            running: count(service.running_count()),
            live: self.live(own, newest.as_ref()).await?,
            newest: id.map(|id| DeploymentId(id.to_owned())),
            newest_revision,
            in_progress: !over,
            configuration: config::read(configuration),
            pauses: config::pauses(configuration),
            observed_at,
        })
    }

    async fn begin(
        &self,
        _authority: &Authority,
        environment: &Environment,
        deployment: &NativeDeployment,
    ) -> Result<DeploymentId, Error> {
        let service = self.compute.describe(environment).await?;
        let name = self.compute.name(environment)?;
        let newest = async || -> Result<Option<DeploymentId>, Error> {
            let all = self.deployments(name, None).await?;
            let newest = all.first().and_then(|brief| brief.service_deployment_arn());
            Ok(newest.map(|id| DeploymentId(id.to_owned())))
        };
        let found = newest().await?;
        if found != deployment.after
            && let Some(found) = found
        {
            let begun = self.described(name, &found.0).await?;
            let target = begun.target_service_revision().and_then(|target| target.arn());
            let runs = match target {
                Some(arn) => Some(self.revision(arn).await?.definition),
                None => None,
            };
            let strategy = begun.deployment_configuration().and_then(|it| it.strategy());
            let same = runs.as_ref() == Some(&deployment.revision)
                && strategy == Some(&config::strategy(deployment.strategy));
            return if same { Ok(found) } else { Err(self.conflict(name, "ours", &found)) };
        }
        self.compute.active_definition(&deployment.revision).await?;
        let configuration = config::configured(service.deployment_configuration(), deployment)?;
        let updated = self.update(name, Some(&deployment.revision), configuration).await?;
        let current = updated.and_then(|service| service.current_service_deployment);
        let begun = match current.map(DeploymentId) {
            Some(current) if Some(&current) != deployment.after.as_ref() => Some(current),
            _ => newest().await?.filter(|newest| Some(newest) != deployment.after.as_ref()),
        };
        let operation = format!("UpdateService of {}", self.compute.described(name));
        begun.ok_or_else(|| Error::backend(operation, "no service deployment is there yet"))
    }

    async fn deployment(
        &self,
        environment: &Environment,
        id: &DeploymentId,
    ) -> Result<NativeStatus, Error> {
        let observed_at = self.compute.clock.now();
        let name = self.compute.name(environment)?;
        let found = self.described(name, &id.0).await?;
        let since = self.deployments(name, found.created_at()).await?;
        let newest = since.first().and_then(|brief| brief.service_deployment_arn());
        let target = found.target_service_revision();
        let count = |count: i32| u32::try_from(count).unwrap_or(0);
        let requested = target.map_or(0, |target| count(target.requested_task_count()));
        let running = target.map_or(0, |target| count(target.running_task_count()));
        let weight = target.and_then(|target| target.requested_production_traffic_weight());
        let breaker = found.deployment_circuit_breaker();
        let state = status_of(&found);
        let failing = running < requested || breaker.is_some_and(|it| it.failure_count() > 0);
        let failures = match failing && !state.is_over() {
            true => self.failures(environment).await?,
            false => Vec::new(),
        };
        let alarms = found.alarms();
        let hooks = || found.lifecycle_hook_details().iter();
        let is_pause = |kind: Option<&DeploymentLifecycleHookTargetType>| {
            kind == Some(&DeploymentLifecycleHookTargetType::Pause)
        };
        let waits = hooks().find(|hook| {
            is_pause(hook.target_type())
                && hook.status() == Some(&DeploymentLifecycleHookStatus::AwaitingAction)
        });
        let failed = hooks().filter(|hook| {
            let failed = matches!(
                hook.status(),
                Some(
                    DeploymentLifecycleHookStatus::Failed | DeploymentLifecycleHookStatus::TimedOut
                )
            );
            failed && !is_pause(hook.target_type())
        });
        let described = |arn: Option<&str>| arn.unwrap_or("without a name").to_owned();
        let reason = found.rollback().and_then(|rollback| rollback.reason());
        Ok(NativeStatus {
            id: id.clone(),
            newest: newest.map_or_else(|| id.clone(), |newest| DeploymentId(newest.to_owned())),
            state,
            reason: reason.or_else(|| found.status_reason()).map(str::to_owned),
            stage: found.lifecycle_stage().and_then(|stage| config::stage(stage.as_str())),
            weight: weight.map_or(PerMille::ZERO, PerMille::of_percent),
            requested,
            running,
            pause: waits.and_then(|hook| {
                let expires_at = hook.expires_at().and_then(timestamp);
                Some(Pause { hook: hook.hook_id()?.to_owned(), expires_at })
            }),
            failed_hooks: failed.map(|hook| described(hook.target_arn())).collect(),
            circuit_breaker: monitor(breaker.and_then(|breaker| breaker.status())),
            alarms: monitor(alarms.and_then(|alarms| alarms.status())),
            triggered_alarms: alarms.map_or(Vec::new(), |it| it.triggered_alarm_names().to_vec()),
            failures,
            observed_at,
        })
    }

    async fn proceed(
        &self,
        _authority: &Authority,
        environment: &Environment,
        id: &DeploymentId,
        hook: &str,
    ) -> Result<(), Error> {
        let name = self.compute.name(environment)?;
        // A pause that was answered already is gone, and ECS would refuse a second answer to it.
        let found = self.described(name, &id.0).await?;
        let of_hook = found.lifecycle_hook_details().iter().find(|it| it.hook_id() == Some(hook));
        let status = of_hook.and_then(|hook| hook.status());
        match (status_of(&found), status) {
            (DeploymentStatus::InProgress, Some(DeploymentLifecycleHookStatus::AwaitingAction)) => {
            }
            (DeploymentStatus::InProgress | DeploymentStatus::Successful, None)
            | (_, Some(DeploymentLifecycleHookStatus::Succeeded)) => return Ok(()),
            (state, _) => return Err(self.conflict(name, "waiting for an answer", state.word())),
        }
        let answer = self
            .compute
            .client
            .continue_service_deployment()
            .service_deployment_arn(&id.0)
            .hook_id(hook)
            .action(DeploymentLifecycleHookAction::Continue)
            .send()
            .await;
        let what = format!("deployment {id} of {}", self.compute.described(name));
        answer.map(|_| ()).map_err(|e| error("ContinueServiceDeployment", &what, e))
    }

    async fn stop(
        &self,
        _authority: &Authority,
        environment: &Environment,
        id: &DeploymentId,
    ) -> Result<(), Error> {
        let name = self.compute.name(environment)?;
        match status_of(&self.described(name, &id.0).await?) {
            state @ (DeploymentStatus::Successful | DeploymentStatus::Stopped) => {
                return Err(self.conflict(name, "in progress", state.word()));
            }
            DeploymentStatus::RollbackSuccessful
            | DeploymentStatus::RollbackFailed
            | DeploymentStatus::RollbackRequested
            | DeploymentStatus::RollbackInProgress => return Ok(()),
            _ => {}
        }
        let answer = self
            .compute
            .client
            .stop_service_deployment()
            .service_deployment_arn(&id.0)
            .stop_type(StopServiceDeploymentStopType::Rollback)
            .send()
            .await;
        let what = format!("deployment {id} of {}", self.compute.described(name));
        answer.map(|_| ()).map_err(|e| error("StopServiceDeployment", &what, e))
    }

    async fn restore(
        &self,
        _authority: &Authority,
        environment: &Environment,
        configuration: &ServiceConfiguration,
    ) -> Result<(), Error> {
        let service = self.compute.describe(environment).await?;
        let name = self.compute.name(environment)?;
        if config::read(service.deployment_configuration()) == *configuration {
            return Ok(());
        }
        self.update(name, None, config::written(configuration)?).await?;
        Ok(())
    }
}

impl EcsNative {
    fn conflict(&self, name: &str, expected: &str, found: impl ToString) -> Error {
        Error::Conflict {
            what: format!("the deployment of {}", self.compute.described(name)),
            expected: expected.to_owned(),
            found: found.to_string(),
        }
    }
}

/// `shop-blue-tg` of `arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/shop-blue-tg/0123456789abcdef`.
fn group_name(arn: &str) -> String {
    let (_, rest) = arn.split_once(":targetgroup/").unwrap_or(("", arn));
    rest.split('/').next().unwrap_or(rest).to_owned()
}

/// A status that is not known here is one that goes on.
fn status_of(deployment: &ServiceDeployment) -> DeploymentStatus {
    match deployment.status() {
        Some(ServiceDeploymentStatus::Pending) => DeploymentStatus::Pending,
        Some(ServiceDeploymentStatus::Successful) => DeploymentStatus::Successful,
        Some(ServiceDeploymentStatus::Stopped) => DeploymentStatus::Stopped,
        Some(ServiceDeploymentStatus::StopRequested) => DeploymentStatus::StopRequested,
        Some(ServiceDeploymentStatus::RollbackRequested) => DeploymentStatus::RollbackRequested,
        Some(ServiceDeploymentStatus::RollbackInProgress) => DeploymentStatus::RollbackInProgress,
        Some(ServiceDeploymentStatus::RollbackSuccessful) => DeploymentStatus::RollbackSuccessful,
        Some(ServiceDeploymentStatus::RollbackFailed) => DeploymentStatus::RollbackFailed,
        _ => DeploymentStatus::InProgress,
    }
}

fn monitor(status: Option<&ServiceDeploymentRollbackMonitorsStatus>) -> Monitor {
    match status {
        Some(ServiceDeploymentRollbackMonitorsStatus::Monitoring) => Monitor::Monitoring,
        Some(ServiceDeploymentRollbackMonitorsStatus::MonitoringComplete) => {
            Monitor::MonitoringComplete
        }
        Some(ServiceDeploymentRollbackMonitorsStatus::Triggered) => Monitor::Triggered,
        _ => Monitor::Disabled,
    }
}
