//! Task definitions: a new one is an old one with only the image replaced.

use std::collections::HashMap;
use std::sync::Mutex;

use aws_sdk_ecs::types::{
    ContainerDefinition, SortOrder, Tag, TaskDefinition, TaskDefinitionField, TaskDefinitionStatus,
};
use petswipe_aws::{CallError, Failure};

use super::EcsCompute;
use super::describe::revision_of;
use crate::aws::error::{called, error};
use crate::{Authority, Error, Image, RevisionId};

/// The tag that says which operation registered a task definition.
pub(super) const OPERATION: &str = "petswipe:operation";

/// The images of task definitions that were read once. A task definition never changes.
#[derive(Default)]
pub(super) struct Definitions(Mutex<HashMap<RevisionId, Image>>);

impl EcsCompute {
    /// The image of the chosen container of a revision.
    pub(in crate::aws) async fn image_of(&self, revision: &RevisionId) -> Result<Image, Error> {
        let known = |images: &Mutex<HashMap<RevisionId, Image>>| {
            images.lock().ok().and_then(|images| images.get(revision).cloned())
        };
        if let Some(image) = known(&self.definitions.0) {
            return Ok(image);
        }
        let (definition, _) = self.definition(revision).await?;
        let image = self.image_in(revision, &definition)?;
        if let Ok(mut images) = self.definitions.0.lock() {
            images.insert(revision.clone(), image.clone());
        }
        Ok(image)
    }

    /// A task definition that tasks can be started from.
    pub(in crate::aws) async fn active_definition(
        &self,
        revision: &RevisionId,
    ) -> Result<TaskDefinition, Error> {
        let (definition, _) = self.definition(revision).await?;
        match definition.status() {
            None | Some(TaskDefinitionStatus::Active) => Ok(definition),
            Some(status) => Err(Error::invalid(
                format!("status of task definition {revision}"),
                status,
                "ACTIVE",
            )),
        }
    }

    pub(super) async fn definition(
        &self,
        revision: &RevisionId,
    ) -> Result<(TaskDefinition, Vec<Tag>), Error> {
        let what = format!("task definition {revision}");
        let describe = self.client.describe_task_definition().task_definition(revision.as_str());
        let answer = describe.include(TaskDefinitionField::Tags).send().await;
        let answer = answer.map_err(|e| {
            let error = CallError::new("DescribeTaskDefinition", &what, e);
            // "Unable to describe task definition." is all that ECS says of one that does not exist.
            match error.failure() {
                Failure::Refused => Error::NotFound { what: what.clone() },
                _ => called(error),
            }
        })?;
        let tags = answer.tags().to_vec();
        let definition = answer.task_definition.ok_or(Error::NotFound { what })?;
        Ok((definition, tags))
    }

    /// Registers `from` with only the image replaced, unless this operation did so already.
    #[allow(deprecated, reason = "whatever the old one has, the new one gets")]
    pub(super) async fn register_definition(
        &self,
        authority: &Authority,
        from: &RevisionId,
        image: &Image,
    ) -> Result<RevisionId, Error> {
        let (mut definition, tags) = self.definition(from).await?;
        let container = self.container_in(from, &definition)?;
        let mut containers = definition.container_definitions.take().unwrap_or_default();
        for held in containers.iter_mut().filter(|held| held.name() == Some(&container)) {
            held.image = Some(image.to_string());
        }
        definition.container_definitions = Some(containers);
        let family = definition.family().unwrap_or_default().to_owned();
        if let Some(there) = self.registered(authority, &family, &definition).await? {
            return Ok(there);
        }
        let answer = self
            .client
            .register_task_definition()
            .family(&family)
            .set_task_role_arn(definition.task_role_arn)
            .set_execution_role_arn(definition.execution_role_arn)
            .set_network_mode(definition.network_mode)
            .set_container_definitions(definition.container_definitions)
            .set_volumes(definition.volumes)
            .set_placement_constraints(definition.placement_constraints)
            .set_requires_compatibilities(definition.requires_compatibilities)
            .set_cpu(definition.cpu)
            .set_memory(definition.memory)
            .set_tags(Some(self.tags_for(authority, tags)))
            .set_pid_mode(definition.pid_mode)
            .set_ipc_mode(definition.ipc_mode)
            .set_proxy_configuration(definition.proxy_configuration)
            .set_inference_accelerators(definition.inference_accelerators)
            .set_ephemeral_storage(definition.ephemeral_storage)
            .set_runtime_platform(definition.runtime_platform)
            .set_enable_fault_injection(definition.enable_fault_injection)
            .send()
            .await;
        let what = format!("a task definition of family {family}");
        let answer = answer.map_err(|e| error("RegisterTaskDefinition", &what, e))?;
        let arn = answer.task_definition().and_then(TaskDefinition::task_definition_arn);
        revision_of(arn.ok_or_else(|| Error::NotFound { what: format!("the ARN of {what}") })?)
    }

    /// The revision that this operation registered before, found by its tag. Only what is newer than `wanted`'s own number
    /// can be it.
    async fn registered(
        &self,
        authority: &Authority,
        family: &str,
        wanted: &TaskDefinition,
    ) -> Result<Option<RevisionId>, Error> {
        let what = format!("task definitions of family {family}");
        let list = self.client.list_task_definitions().family_prefix(family).sort(SortOrder::Desc);
        let mut pages = list.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| error("ListTaskDefinitions", &what, e))?;
            for arn in page.task_definition_arns() {
                let revision = revision_of(arn)?;
                let Some((of, number)) = revision.as_str().rsplit_once(':') else { continue };
                if of != family {
                    continue;
                }
                let number = number.parse::<i32>().ok();
                if number.is_some_and(|number| number <= wanted.revision()) {
                    return Ok(None);
                }
                let (definition, tags) = self.definition(&revision).await?;
                let ours = tags.iter().any(|tag| {
                    tag.key() == Some(OPERATION)
                        && tag.value() == Some(authority.operation.as_str())
                });
                if ours && definition.container_definitions == wanted.container_definitions {
                    return Ok(Some(revision));
                }
            }
        }
        Ok(None)
    }

    /// The old one's tags, those of the project, and that of the operation. AWS sets those of its own.
    fn tags_for(&self, authority: &Authority, tags: Vec<Tag>) -> Vec<Tag> {
        let ours = |key: &str| key == OPERATION || self.services.tags.contains_key(key);
        let mut kept: Vec<_> = tags
            .into_iter()
            .filter(|tag| tag.key().is_some_and(|key| !ours(key) && !key.starts_with("aws:")))
            .collect();
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        kept.extend(self.services.tags.iter().map(|(key, value)| tag(key, value)));
        kept.push(tag(OPERATION, authority.operation.as_str()));
        kept
    }

    fn image_in(&self, revision: &RevisionId, definition: &TaskDefinition) -> Result<Image, Error> {
        let name = self.container_in(revision, definition)?;
        let mut containers = definition.container_definitions().iter();
        let container = containers.find(|container| container.name() == Some(&name));
        let image = container.and_then(ContainerDefinition::image).unwrap_or_default();
        Image::new(image)
    }

    /// The name of the container whose image is replaced.
    fn container_in(
        &self,
        revision: &RevisionId,
        definition: &TaskDefinition,
    ) -> Result<String, Error> {
        let containers = definition.container_definitions().iter();
        let names: Vec<_> = containers.filter_map(ContainerDefinition::name).collect();
        let field = format!("container of task definition {revision}");
        match (&self.services.container, names.as_slice()) {
            (Some(chosen), names) if names.contains(&chosen.as_str()) => Ok(chosen.clone()),
            (None, [only]) => Ok((*only).to_owned()),
            (chosen, names) => {
                let chosen = chosen.as_deref().unwrap_or("not chosen");
                Err(Error::invalid(field, chosen, names.join(" or ")))
            }
        }
    }
}
