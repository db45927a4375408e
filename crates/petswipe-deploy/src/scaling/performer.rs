//! The shell around the real world: performs the effects of a scaling operation. No decisions here.

use std::sync::Arc;

use async_trait::async_trait;
use petswipe_runbook::{EffectContext, Failure, Performer};

use super::backend::{DatabaseInstances, TargetTracking};
use super::core::{Change, Effect, Output, ScalePlan, Seen};
use crate::performer::failure;
use crate::{Authority, AutoScaling, Compute, Environment, Error};

/// Everything a scaling operation may act through. What is missing is [`Error::Unsupported`].
#[derive(Clone)]
pub struct ScalePerformer {
    backend: String,
    compute: Option<Arc<dyn Compute>>,
    scaling: Option<Arc<dyn AutoScaling>>,
    tracking: Option<Arc<dyn TargetTracking>>,
    databases: Option<Arc<dyn DatabaseInstances>>,
}

impl ScalePerformer {
    /// A performer that can do nothing yet. `backend` is what it is called in messages.
    pub fn new(backend: impl Into<String>) -> Self {
        let backend = backend.into();
        Self { backend, compute: None, scaling: None, tracking: None, databases: None }
    }

    /// With services, and what may change the number of their tasks.
    #[must_use]
    pub fn service(mut self, compute: Arc<dyn Compute>, scaling: Arc<dyn AutoScaling>) -> Self {
        (self.compute, self.scaling) = (Some(compute), Some(scaling));
        self
    }

    /// With target tracking.
    #[must_use]
    pub fn tracking(mut self, tracking: Arc<dyn TargetTracking>) -> Self {
        self.tracking = Some(tracking);
        self
    }

    /// With databases.
    #[must_use]
    pub fn databases(mut self, databases: Arc<dyn DatabaseInstances>) -> Self {
        self.databases = Some(databases);
        self
    }

    /// What an operation would find if it began now. Reads only.
    ///
    /// # Errors
    /// [`Error::Unsupported`], or what could not be read.
    pub async fn first_look(&self, plan: &ScalePlan) -> Result<Seen, Error> {
        match &plan.change {
            Change::Service { environment, .. } => self.look_at_service(environment).await,
            Change::Database { instance, .. } => self.look_at_database(instance, true).await,
            Change::Tracking { environment, .. } => self.look_at_tracking(environment).await,
        }
    }

    async fn look_at_service(&self, environment: &Environment) -> Result<Seen, Error> {
        let (compute, scaling) =
            (self.have(&self.compute, "a service")?, self.have(&self.scaling, "a service")?);
        let service = compute.service(environment).await?;
        Ok(Seen::Service { service, scaling: scaling.scaling(environment).await? })
    }

    async fn look_at_database(&self, name: &str, offers: bool) -> Result<Seen, Error> {
        let databases = self.have(&self.databases, "a database")?;
        let instance = databases.instance(name).await?;
        let offered = if offers { Some(databases.offered_classes(name).await?) } else { None };
        Ok(Seen::Database { instance, offered })
    }

    async fn look_at_tracking(&self, environment: &Environment) -> Result<Seen, Error> {
        let tracking = self.have(&self.tracking, "target tracking")?.tracking(environment).await?;
        let desired = match &self.compute {
            Some(compute) => Some(compute.service(environment).await?.desired),
            None => None,
        };
        Ok(Seen::Tracking { tracking, desired })
    }

    fn have<'a, T: ?Sized>(&self, part: &'a Option<Arc<T>>, what: &str) -> Result<&'a T, Error> {
        part.as_deref().ok_or_else(|| Error::Unsupported {
            what: format!("scaling of {what}"),
            backend: self.backend.clone(),
        })
    }

    async fn act(&self, authority: &Authority, effect: &Effect) -> Result<Output, Error> {
        let tracking = || self.have(&self.tracking, "target tracking");
        match effect {
            Effect::LookAtService { environment } => {
                return self.look_at_service(environment).await.map(Output::Seen);
            }
            Effect::LookAtDatabase { instance, offers } => {
                return self.look_at_database(instance, *offers).await.map(Output::Seen);
            }
            Effect::LookAtTracking { environment } => {
                return self.look_at_tracking(environment).await.map(Output::Seen);
            }
            Effect::Scale { environment, desired } => {
                let compute = self.have(&self.compute, "a service")?;
                compute.scale(authority, environment, *desired).await
            }
            Effect::ModifyClass { instance, class } => {
                let databases = self.have(&self.databases, "a database")?;
                databases.modify_class(authority, instance, class).await
            }
            Effect::Register { environment, limits } => {
                tracking()?.register(authority, environment, *limits).await
            }
            Effect::Deregister { environment } => {
                tracking()?.deregister(authority, environment).await
            }
            Effect::PutPolicy { environment, policy } => {
                tracking()?.put(authority, environment, policy).await
            }
            Effect::DeletePolicy { environment, name } => {
                tracking()?.delete(authority, environment, name).await
            }
        }?;
        Ok(Output::Done)
    }
}

#[async_trait]
impl Performer<ScalePlan> for ScalePerformer {
    async fn perform(&self, context: &EffectContext, effect: &Effect) -> Result<Output, Failure> {
        let authority = Authority { operation: context.operation.clone(), fence: context.fence };
        self.act(&authority, effect).await.map_err(failure)
    }
}
