//! What of the services speaks against a rollout.

use aws_sdk_ecs::types::{DeploymentStrategy, NetworkMode, Service, TaskDefinitionStatus};

use super::EcsCompute;
use super::describe::revision_of;
use crate::{Environment, Error, Objection};

/// How a service is connected to the load balancer.
pub(in crate::aws) struct Wiring {
    pub(in crate::aws) environment: Environment,
    /// The ARNs of target groups, and the port that is registered with each.
    pub(in crate::aws) groups: Vec<(String, i32)>,
    /// The ports that the containers open.
    pub(in crate::aws) ports: Vec<i32>,
    /// Whether every task has an address of its own.
    pub(in crate::aws) awsvpc: bool,
}

/// What an examination of the services finds.
pub(in crate::aws) struct Examined {
    pub(in crate::aws) objections: Vec<Objection>,
    pub(in crate::aws) wirings: Vec<Wiring>,
    /// Alarms that stop a deployment.
    pub(in crate::aws) alarms: Vec<String>,
}

impl EcsCompute {
    pub(in crate::aws) async fn examine(&self) -> Result<Examined, Error> {
        let mut found = Examined {
            objections: Vec::new(),
            wirings: Vec::new(),
            alarms: self.services.alarms.clone(),
        };
        let sides = self.services.services.keys();
        let services =
            sides.map(|side| async move { Ok::<_, Error>((side, self.describe(side).await?)) });
        for (environment, service) in futures_util::future::try_join_all(services).await? {
            self.examine_service(environment, &service, &mut found).await?;
        }
        found.alarms.sort_unstable();
        found.alarms.dedup();
        Ok(found)
    }

    async fn examine_service(
        &self,
        environment: &Environment,
        service: &Service,
        found: &mut Examined,
    ) -> Result<(), Error> {
        let configuration = service.deployment_configuration();
        let strategy = configuration.and_then(|configuration| configuration.strategy());
        if let Some(native) = strategy.filter(|strategy| **strategy != DeploymentStrategy::Rolling)
        {
            found.objections.push(Objection::new(format!(
                "the service of {environment} has the deployment strategy {native}, by which ECS moves traffic itself; \
                 allowed: ROLLING"
            )));
        }
        let alarms = configuration.and_then(|configuration| configuration.alarms());
        if let Some(alarms) =
            alarms.filter(|alarms| alarms.enable() && self.services.alarms.is_empty())
        {
            found.alarms.extend(alarms.alarm_names().iter().cloned());
        }
        let Some(arn) = service.task_definition() else { return Ok(()) };
        let revision = revision_of(arn)?;
        let (definition, _) = self.definition(&revision).await?;
        let status = definition.status().filter(|status| **status != TaskDefinitionStatus::Active);
        if let Some(status) = status {
            found.objections.push(Objection::new(format!(
                "task definition {revision} of {environment} is {status}, so that no way back to it can be deployed; \
                 allowed: ACTIVE"
            )));
        }
        let groups = service.load_balancers().iter().filter_map(|balancer| {
            Some((
                balancer.target_group_arn()?.to_owned(),
                balancer.container_port().unwrap_or_default(),
            ))
        });
        let mappings =
            definition.container_definitions().iter().flat_map(|one| one.port_mappings());
        found.wirings.push(Wiring {
            environment: environment.clone(),
            groups: groups.collect(),
            ports: mappings.filter_map(|mapping| mapping.container_port()).collect(),
            awsvpc: definition.network_mode() == Some(&NetworkMode::Awsvpc),
        });
        Ok(())
    }
}
