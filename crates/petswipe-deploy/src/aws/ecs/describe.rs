//! What ECS says of a service.

use aws_sdk_ecs::operation::describe_services::DescribeServicesError;
use aws_sdk_ecs::types::{
    Deployment as EcsDeployment, DeploymentControllerType, DeploymentRolloutState, Service,
    ServiceField,
};
use jiff::Timestamp;
use petswipe_aws::CallError;

use super::{EcsCompute, replacement};
use crate::aws::error::called;
use crate::{DeploymentState, Environment, Error, RevisionId, ServiceStatus};

impl EcsCompute {
    /// The service of an environment, with the tags of the project.
    pub(in crate::aws) async fn describe(
        &self,
        environment: &Environment,
    ) -> Result<Service, Error> {
        let name = self.name(environment)?;
        let found = self.describing.ask(name.to_owned(), |names| self.describe_all(names)).await;
        let found = found.map_err(called)?;
        let what = self.described(name);
        let service = found.ok_or_else(|| Error::NotFound { what: what.clone() })?;
        for (key, value) in &self.services.tags {
            let tag = service.tags().iter().find(|tag| tag.key() == Some(key));
            let carried = tag.and_then(|tag| tag.value());
            if carried != Some(value) {
                let found = carried.unwrap_or("missing");
                return Err(Error::invalid(format!("tag {key} of {what}"), found, value));
            }
        }
        let controller = service.deployment_controller().map(|controller| controller.r#type());
        if let Some(other) = controller.filter(|kind| **kind != DeploymentControllerType::Ecs) {
            return Err(Error::Unsupported {
                what: format!("deployment controller {other} of {what}"),
                backend: "the ECS backend, which needs ECS".to_owned(),
            });
        }
        Ok(service)
    }

    async fn describe_all(&self, names: Vec<String>) -> Result<Vec<Option<Service>>, CallError> {
        let cluster = &self.services.cluster;
        let noun = if names.len() == 1 { "service" } else { "services" };
        let what = format!("{noun} {} of cluster {cluster}", names.join(", "));
        let describe = self
            .client
            .describe_services()
            .cluster(cluster)
            .set_services(Some(names.clone()))
            .include(ServiceField::Tags);
        let answer = describe.send().await;
        let answer = answer.map_err(|e| {
            let said = e.as_service_error();
            let no_cluster =
                said.is_some_and(DescribeServicesError::is_cluster_not_found_exception);
            let what = if no_cluster { format!("cluster {cluster}") } else { what.clone() };
            CallError::new("DescribeServices", what, e)
        })?;
        // A service that was deleted is described as INACTIVE for a while, and one that is being deleted as DRAINING.
        let is_active = |service: &&Service| service.status() == Some("ACTIVE");
        let of = |name: &String| {
            let mut services = answer.services().iter().filter(is_active);
            services.find(|service| service.service_name() == Some(name)).cloned()
        };
        let found: Vec<_> = names.iter().map(of).collect();
        // Why else one would be missing, AWS says in its failures.
        let mut reasons = answer.failures().iter().filter_map(|failure| failure.reason());
        if let Some(reason) = reasons.find(|reason| *reason != "MISSING") {
            return Err(CallError::unusable("DescribeServices", what, reason.to_owned()));
        }
        Ok(found)
    }

    pub(super) async fn status(
        &self,
        environment: &Environment,
        service: &Service,
        observed_at: Timestamp,
    ) -> Result<ServiceStatus, Error> {
        let what = self.described(self.name(environment)?);
        let newest = newest(service)
            .ok_or_else(|| Error::NotFound { what: format!("a deployment of {what}") })?;
        let revision = newest.task_definition().map(revision_of).transpose()?;
        let image = match &revision {
            Some(revision) => Some(self.image_of(revision).await?),
            None => None,
        };
        let failures = self.failures(service, newest).await?;
        let number = |count: i32| u32::try_from(count).unwrap_or(0);
        Ok(ServiceStatus {
            environment: environment.clone(),
            revision,
            image,
            desired: number(service.desired_count()),
            running: number(newest.running_count()),
            deployment: state(service, newest),
            failures,
            replacement: Some(replacement::read(service.deployment_configuration())),
            observed_at,
        })
    }
}

/// The deployment that the service is brought to.
pub(in crate::aws) fn newest(service: &Service) -> Option<&EcsDeployment> {
    service.deployments().iter().find(|deployment| deployment.status() == Some("PRIMARY"))
}

/// `shop:42` of `arn:aws:ecs:eu-central-1:123456789012:task-definition/shop:42`.
pub(in crate::aws) fn revision_of(arn: &str) -> Result<RevisionId, Error> {
    RevisionId::new(arn.rsplit('/').next().unwrap_or(arn))
}

/// How far the newest deployment is. One that ECS began to go back from another counts as the failure of that one.
///
/// Sources: Amazon ECS API Reference, Deployment (rolloutState); Developer Guide, "How the Amazon ECS deployment circuit
/// breaker detects failures" and "Viewing Amazon ECS service event messages".
fn state(service: &Service, newest: &EcsDeployment) -> DeploymentState {
    if let Some(reason) = given_up(service, newest) {
        return DeploymentState::Failed { reason };
    }
    match newest.rollout_state() {
        Some(DeploymentRolloutState::Completed) => DeploymentState::Completed,
        Some(_) => DeploymentState::InProgress,
        // A service says nothing of it where it does no rolling updates.
        None if newest.running_count() == service.desired_count() => DeploymentState::Completed,
        None => DeploymentState::InProgress,
    }
}

/// Why the platform gave up, if it did.
fn given_up(service: &Service, newest: &EcsDeployment) -> Option<String> {
    let said = |deployment: &EcsDeployment| {
        let reason = deployment.rollout_state_reason().filter(|reason| !reason.is_empty());
        reason.unwrap_or("ECS says no reason").to_owned()
    };
    if newest.rollout_state() == Some(&DeploymentRolloutState::Failed) {
        return Some(said(newest));
    }
    if !went_back_to(service, newest) {
        return None;
    }
    let failed = service.deployments().iter().find(|deployment| is_failed(deployment));
    let event = || {
        let messages = service.events().iter().filter_map(|event| event.message());
        messages
            .into_iter()
            .find(|message| message.contains("deployment failed"))
            .map(str::to_owned)
    };
    failed.map(said).or_else(event).or_else(|| Some(said(newest)))
}

pub(super) fn is_failed(deployment: &EcsDeployment) -> bool {
    deployment.rollout_state() == Some(&DeploymentRolloutState::Failed)
}

/// Whether ECS itself began the newest deployment, to go back from one that failed. That one is described only while tasks
/// of it are left, and perhaps still beside a later one that somebody else began; the event stays among the last 100.
pub(super) fn went_back_to(service: &Service, newest: &EcsDeployment) -> bool {
    let id = newest.id().unwrap_or_default();
    let names_it = |text: &str| {
        let (_, to) = text.split_once("rolling back to deployment").unwrap_or_default();
        !id.is_empty() && to.split_whitespace().any(|word| word.trim_end_matches('.') == id)
    };
    let reasons = service.deployments().iter().filter_map(|one| one.rollout_state_reason());
    let events = service.events().iter().filter_map(|event| event.message());
    let own = newest.rollout_state_reason().unwrap_or_default();
    own.contains("rolling back") || reasons.chain(events).any(names_it)
}
