//! The cluster, the task definition and the services.

use std::collections::HashMap;

use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, Compatibility, ContainerDefinition,
    DeploymentCircuitBreaker, DeploymentConfiguration, DeploymentController,
    DeploymentControllerType, LaunchType, LoadBalancer, LogConfiguration, LogDriver,
    NetworkConfiguration, NetworkMode, PortMapping, PropagateTags, Tag, TransportProtocol,
};

use super::Work;
use crate::aws::failed::{Failed, called};
use crate::aws::stack::resource::{Resource, Side};
use crate::aws::stack::settings::CONTAINER_PORT;

/// A quarter of a virtual processor and 512 MiB, the smallest size there is.
///
/// Source: "Fargate task definition differences", Task CPU and memory, Amazon ECS Developer Guide.
const SIZE: (&str, &str) = ("256", "512");
/// Failed health checks do not count so long after a task's start.
const GRACE_SECONDS: i32 = 60;

impl Work<'_> {
    pub(super) async fn create_cluster(&self) -> Result<String, Failed> {
        let name = self.run.names.of(Resource::Cluster);
        let asked = self
            .run
            .account
            .ecs
            .create_cluster()
            .cluster_name(&name)
            .set_tags(Some(self.ecs_tags()));
        let answer = called("CreateCluster", &name, asked.send().await)?;
        let arn = answer.cluster().and_then(|cluster| cluster.cluster_arn());
        some("CreateCluster", &name, arn)
    }

    pub(super) async fn register_task_definition(&self) -> Result<String, Failed> {
        let (family, wanted) = (self.run.names.of(Resource::TaskDefinition), self.wanted);
        let options = [
            ("awslogs-group", self.run.names.log_group()),
            ("awslogs-region", wanted.region.clone()),
            ("awslogs-stream-prefix", wanted.container.clone()),
            ("awslogs-create-group", "true".to_owned()),
        ];
        let options: HashMap<_, _> = options.map(|(name, value)| (name.to_owned(), value)).into();
        let logs =
            LogConfiguration::builder().log_driver(LogDriver::Awslogs).set_options(Some(options));
        let logs = logs
            .build()
            .map_err(|why| Failed::answer("RegisterTaskDefinition", &family, &why.to_string()))?;
        let port =
            PortMapping::builder().container_port(CONTAINER_PORT).protocol(TransportProtocol::Tcp);
        let container = ContainerDefinition::builder()
            .name(&wanted.container)
            .image(&wanted.image)
            .essential(true)
            .port_mappings(port.build())
            .log_configuration(logs);
        let asked = self.run.account.ecs.register_task_definition().family(&family);
        let asked = asked
            .requires_compatibilities(Compatibility::Fargate)
            .network_mode(NetworkMode::Awsvpc)
            .cpu(SIZE.0)
            .memory(SIZE.1)
            .execution_role_arn(&wanted.execution_role)
            .set_task_role_arn(wanted.task_role.clone())
            .container_definitions(container.build())
            .set_tags(Some(self.ecs_tags()));
        let answer = called("RegisterTaskDefinition", &family, asked.send().await)?;
        let arn = answer.task_definition().and_then(|revision| revision.task_definition_arn());
        some("RegisterTaskDefinition", &family, arn)
    }

    pub(super) async fn create_service(&self, side: Side) -> Result<String, Failed> {
        let (name, wanted) = (self.run.names.of(Resource::Service(side)), self.wanted);
        let invalid = |why: aws_sdk_ecs::error::BuildError| {
            Failed::answer("CreateService", &name, &why.to_string())
        };
        let balancer = LoadBalancer::builder()
            .target_group_arn(self.id(Resource::TargetGroup(side))?)
            .container_name(&wanted.container)
            .container_port(CONTAINER_PORT);
        let public =
            if wanted.public_ip { AssignPublicIp::Enabled } else { AssignPublicIp::Disabled };
        let network = AwsVpcConfiguration::builder()
            .set_subnets(Some(wanted.subnets.clone()))
            .set_security_groups(Some(wanted.security_groups.clone()))
            .assign_public_ip(public);
        let network =
            NetworkConfiguration::builder().awsvpc_configuration(network.build().map_err(invalid)?);
        let breaker = DeploymentCircuitBreaker::builder().enable(true).rollback(true).build();
        let deployment = DeploymentConfiguration::builder()
            .deployment_circuit_breaker(breaker)
            .minimum_healthy_percent(100)
            .maximum_percent(200);
        let controller = DeploymentController::builder().r#type(DeploymentControllerType::Ecs);
        let asked = self.run.account.ecs.create_service();
        let asked = asked
            .cluster(self.run.names.of(Resource::Cluster))
            .service_name(&name)
            .task_definition(self.id(Resource::TaskDefinition)?)
            .desired_count(if side == Side::Blue { wanted.tasks } else { 0 })
            .launch_type(LaunchType::Fargate)
            .load_balancers(balancer.build())
            .network_configuration(network.build())
            .deployment_configuration(deployment.build())
            .deployment_controller(controller.build().map_err(invalid)?)
            .health_check_grace_period_seconds(GRACE_SECONDS)
            .propagate_tags(PropagateTags::Service)
            .set_tags(Some(self.ecs_tags()));
        let answer = called("CreateService", &name, asked.send().await)?;
        some("CreateService", &name, answer.service().and_then(|service| service.service_arn()))
    }

    fn ecs_tags(&self) -> Vec<Tag> {
        let tags = self.run.names.tags().into_iter();
        tags.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
    }
}

/// What an answer must hold.
pub(super) fn some(action: &str, what: &str, held: Option<&str>) -> Result<String, Failed> {
    let held = held.map(str::to_owned);
    held.ok_or_else(|| Failed::answer(action, what, "the answer does not say what was created"))
}
