//! Amazon ECS services as environments: task definitions are revisions.
//!
//! `definition.rs` registers task definitions, `describe.rs` reads services, `failures.rs` says why tasks stopped,
//! `image.rs` reads the names of images and asks Amazon ECR for them, `replacement.rs` reads and writes how a service replaces
//! its tasks; what changes a service is here.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{DeploymentConfiguration, Service};
use aws_types::SdkConfig;
use petswipe_aws::Batch;
use petswipe_runbook::Clock;

mod definition;
mod describe;
mod examine;
mod failures;
mod image;
mod replacement;

use definition::Definitions;
pub(super) use describe::{newest, revision_of};
pub(super) use examine::Wiring;
use failures::Stopped;
pub(super) use failures::timestamp;
use image::Ecr;

use super::error::error;
use crate::{
    Authority, Compute, Deployment, Environment, Error, GivesUp, Image, Replacement, RevisionId,
    ServiceStatus,
};

/// `DescribeServices` takes at most so many. Source: Amazon ECS API Reference, DescribeServices.
const MOST_SERVICES: usize = 10;

/// Which cluster, which of its services, and how images may be named.
#[derive(Clone, Debug)]
pub struct EcsServices {
    /// The name of the cluster.
    pub cluster: String,
    /// The name of each environment's service.
    pub services: BTreeMap<Environment, String>,
    /// The container whose image is replaced. Without a name a task definition must have only one.
    pub container: Option<String>,
    /// Tags that the services must carry, such as the project's. New task definitions get them too.
    pub tags: BTreeMap<String, String>,
    /// Alarms that stop a deployment, of which ECS then goes back by itself. Without any the service keeps its own; in the
    /// end it has its own in any case.
    pub alarms: Vec<String>,
    /// How images may be named.
    pub images: ImagePolicy,
}

/// How images may be named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImagePolicy {
    /// Whether an image without a tag, or with one that moves by custom (`latest`, `stable`, `main`, `master`), is taken.
    /// Two tasks of one revision may then run different images.
    pub moving_tags: bool,
    /// Whether a tag is replaced by the digest it stands for. Only Amazon ECR can be asked.
    pub pin_digest: bool,
}

/// Runs revisions as ECS services of the deployment controller `ECS`.
///
/// AWS keeps no fencing numbers. Whether an image exists is asked for images in Amazon ECR; others are taken as they are, and
/// when their tasks can't pull them, the failures say so.
pub struct EcsCompute {
    pub(super) client: Client,
    ecr: Ecr,
    pub(super) services: EcsServices,
    pub(super) clock: Arc<dyn Clock>,
    describing: Batch<String, Option<Service>>,
    definitions: Definitions,
    stopped: Stopped,
}

impl EcsCompute {
    /// Finds everything by name. `clock` is the driver's: what it is told is dated by it.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] without a service, or with one that is named twice.
    pub fn new(
        config: &SdkConfig,
        services: EcsServices,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        if services.services.is_empty() {
            return Err(Error::invalid("number of services", 0, "at least 1"));
        }
        let mut names: Vec<_> = services.services.values().collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let allowed = "a different one for each environment";
            return Err(Error::invalid("service", twice[0], allowed));
        }
        Ok(Self {
            client: Client::new(config),
            ecr: Ecr::new(config),
            services,
            clock,
            describing: Batch::new(MOST_SERVICES),
            definitions: Definitions::default(),
            stopped: Stopped::default(),
        })
    }

    /// The account and region of the cluster, such as `aws:123456789012:eu-central-1`.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a missing service, or that ECS could not be asked.
    pub async fn location(&self) -> Result<String, Error> {
        let Some(environment) = self.services.services.keys().next() else {
            return Err(Error::NotFound { what: "a service".to_owned() });
        };
        let service = self.describe(environment).await?;
        let arn = service.service_arn().unwrap_or_default();
        let mut parts = arn.split(':').skip(3);
        match (parts.next(), parts.next()) {
            (Some(region), Some(account)) => Ok(format!("aws:{account}:{region}")),
            _ => Err(Error::NotFound { what: format!("the account in ARN {arn}") }),
        }
    }

    pub(super) fn name(&self, environment: &Environment) -> Result<&str, Error> {
        let name = self.services.services.get(environment).map(String::as_str);
        name.ok_or_else(|| Error::NotFound {
            what: format!("a service of environment {environment}"),
        })
    }

    pub(super) fn described(&self, name: &str) -> String {
        format!("service {name} of cluster {}", self.services.cluster)
    }

    /// How a deployment replaces tasks: what it names, our alarms unless it goes back, and for the rest what the service
    /// has.
    fn configuration(
        &self,
        kept: Option<&DeploymentConfiguration>,
        deployment: &Deployment,
    ) -> DeploymentConfiguration {
        let mut wanted = deployment.replacement(&replacement::read(kept));
        let goes_back = deployment.set_back.is_some() || deployment.circuit_breaker == Some(false);
        if !self.services.alarms.is_empty() && !goes_back {
            wanted.alarms = GivesUp::AND_GOES_BACK;
            wanted.alarm_names.clone_from(&self.services.alarms);
        }
        replacement::write(kept, &wanted)
    }
}

#[async_trait]
impl Compute for EcsCompute {
    async fn service(&self, environment: &Environment) -> Result<ServiceStatus, Error> {
        let observed_at = self.clock.now();
        let service = self.describe(environment).await?;
        self.status(environment, &service, observed_at).await
    }

    async fn resolve(&self, image: &Image) -> Result<Image, Error> {
        self.ecr.resolve(image, self.services.images).await
    }

    async fn register(
        &self,
        authority: &Authority,
        from: &RevisionId,
        image: &Image,
    ) -> Result<RevisionId, Error> {
        // Whoever names an image that is not there must not leave a task definition behind.
        self.ecr.resolve(image, self.services.images).await?;
        self.register_definition(authority, from, image).await
    }

    async fn deploy(
        &self,
        _authority: &Authority,
        environment: &Environment,
        deployment: &Deployment,
    ) -> Result<(), Error> {
        deployment.validate()?;
        let service = self.describe(environment).await?;
        let name = self.name(environment)?;
        let definition = self.active_definition(&deployment.revision).await?;
        let configuration = self.configuration(service.deployment_configuration(), deployment);
        let desired = count(deployment.desired)?;
        let runs_it = service.task_definition() == definition.task_definition_arn();
        let same = service.deployment_configuration() == Some(&configuration);
        if runs_it && same && service.desired_count() == desired {
            return Ok(());
        }
        let update = self
            .client
            .update_service()
            .cluster(&self.services.cluster)
            .service(name)
            .task_definition(deployment.revision.as_str())
            .desired_count(desired)
            .deployment_configuration(configuration);
        update.send().await.map_err(|e| error("UpdateService", &self.described(name), e))?;
        Ok(())
    }

    async fn set_back(
        &self,
        _authority: &Authority,
        environment: &Environment,
        had: &Replacement,
    ) -> Result<(), Error> {
        let service = self.describe(environment).await?;
        let name = self.name(environment)?;
        let kept = service.deployment_configuration();
        if replacement::read(kept) == *had {
            return Ok(());
        }
        let update = self.client.update_service().cluster(&self.services.cluster).service(name);
        let update = update.deployment_configuration(replacement::write(kept, had));
        update.send().await.map_err(|e| error("UpdateService", &self.described(name), e))?;
        Ok(())
    }

    async fn scale(
        &self,
        _authority: &Authority,
        environment: &Environment,
        desired: u32,
    ) -> Result<(), Error> {
        let service = self.describe(environment).await?;
        let (name, desired) = (self.name(environment)?, count(desired)?);
        if service.desired_count() == desired {
            return Ok(());
        }
        let cluster = &self.services.cluster;
        let update =
            self.client.update_service().cluster(cluster).service(name).desired_count(desired);
        update.send().await.map_err(|e| error("UpdateService", &self.described(name), e))?;
        Ok(())
    }
}

fn count(desired: u32) -> Result<i32, Error> {
    i32::try_from(desired)
        .map_err(|_| Error::invalid("desired count", desired, format!("0 to {}", i32::MAX)))
}
