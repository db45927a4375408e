//! Looking for the cluster, the task definition and the services.

use aws_sdk_ecs::types::{
    ClusterField, ServiceField, Tag, TaskDefinitionField, TaskDefinitionStatus,
};

use super::{Held, Revision, Survey};
use crate::aws::failed::{Failed, called};
use crate::aws::stack::Run;
use crate::aws::stack::resource::{Resource, Side};

impl Survey {
    /// Looks at ECS. Inactive revisions count only for whoever wants to delete everything.
    pub(super) async fn look_for_compute(
        &mut self,
        run: &Run<'_>,
        inactive: bool,
    ) -> Result<(), Failed> {
        self.look_for_cluster(run).await?;
        self.look_for_revisions(run, TaskDefinitionStatus::Active).await?;
        if inactive {
            self.look_for_revisions(run, TaskDefinitionStatus::Inactive).await?;
        }
        self.look_for_services(run).await
    }

    async fn look_for_cluster(&mut self, run: &Run<'_>) -> Result<(), Failed> {
        let (part, name) = (Resource::Cluster, run.names.of(Resource::Cluster));
        let asked = run.account.ecs.describe_clusters().clusters(&name).include(ClusterField::Tags);
        let answer = called("DescribeClusters", &name, asked.send().await)?;
        // An inactive cluster is one that was deleted and is still remembered ("DeleteCluster", ECS API Reference).
        let live = |status: Option<&str>| !matches!(status, Some("INACTIVE" | "FAILED"));
        for cluster in answer.clusters().iter().filter(|cluster| live(cluster.status())) {
            let foreign = run.names.foreign(tags(cluster.tags()));
            let arn = cluster.cluster_arn().unwrap_or(&name);
            let leaving = foreign.is_none() && cluster.status() == Some("DEPROVISIONING");
            let held = if leaving { Held::Leaving } else { Held::of(arn, foreign) };
            self.held.insert(part, held);
        }
        Ok(())
    }

    /// The newest active revision decides about the family: it is what the next service would be made of.
    async fn look_for_revisions(
        &mut self,
        run: &Run<'_>,
        status: TaskDefinitionStatus,
    ) -> Result<(), Failed> {
        let family = run.names.of(Resource::TaskDefinition);
        let asked =
            run.account.ecs.list_task_definitions().family_prefix(&family).status(status.clone());
        let mut pages = asked.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = called("ListTaskDefinitions", &family, page)?;
            for arn in page.task_definition_arns().iter().filter(|arn| is_of(arn, &family)) {
                let asked = run.account.ecs.describe_task_definition().task_definition(arn);
                let answer = asked.include(TaskDefinitionField::Tags).send().await;
                let answer = called("DescribeTaskDefinition", arn, answer)?;
                let foreign = run.names.foreign(tags(answer.tags()));
                let is_active = status == TaskDefinitionStatus::Active;
                if is_active {
                    // They come oldest first, so the newest one stays.
                    self.held.insert(Resource::TaskDefinition, Held::of(arn, foreign.clone()));
                }
                match foreign {
                    None => self.revisions.push(Revision { arn: arn.clone(), is_active }),
                    Some(why) if is_active => self.foreign_revisions.push((arn.clone(), why)),
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }

    async fn look_for_services(&mut self, run: &Run<'_>) -> Result<(), Failed> {
        let cluster = run.names.of(Resource::Cluster);
        if !self.held.contains_key(&Resource::Cluster) {
            return Ok(());
        }
        let sides = Side::ALL.map(|side| (side, run.names.of(Resource::Service(side))));
        let names = sides.iter().map(|(_, name)| name.clone()).collect();
        let asked = run.account.ecs.describe_services().cluster(&cluster).set_services(Some(names));
        let answer = asked.include(ServiceField::Tags).send().await;
        let answer = called("DescribeServices", format_args!("cluster {cluster}"), answer)?;
        for (side, name) in &sides {
            let mut found = answer.services().iter();
            let found = found.find(|service| service.service_name() == Some(name));
            // An inactive service is one that was deleted ("DeleteService", ECS API Reference).
            let Some(service) = found.filter(|service| service.status() != Some("INACTIVE")) else {
                continue;
            };
            let foreign = run.names.foreign(tags(service.tags()));
            let arn = service.service_arn().unwrap_or(name);
            let leaving = foreign.is_none() && service.status() == Some("DRAINING");
            let held = if leaving { Held::Leaving } else { Held::of(arn, foreign) };
            self.held.insert(Resource::Service(*side), held);
        }
        Ok(())
    }
}

fn tags(tags: &[Tag]) -> impl Iterator<Item = (Option<&str>, Option<&str>)> {
    tags.iter().map(|tag| (tag.key(), tag.value()))
}

/// Whether an ARN is one of a revision of that very family; ECS is asked for names that begin with it.
fn is_of(arn: &str, family: &str) -> bool {
    let revision = arn.rsplit_once("task-definition/").map(|(_, name)| name);
    revision.and_then(|name| name.rsplit_once(':')).is_some_and(|(name, _)| name == family)
}

#[cfg(test)]
mod tests {
    use super::is_of;

    #[test]
    fn a_longer_family_is_another_one() {
        let arn = "arn:aws:ecs:us-east-1:123456789012:task-definition/shop-production";
        assert!(is_of(&format!("{arn}:7"), "shop-production"));
        assert!(!is_of(&format!("{arn}-worker:7"), "shop-production"));
        assert!(!is_of(arn, "shop-production"));
    }
}
