//! What a native deployment acts through: a service, its two target groups and their metrics, by name and tags.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_config::SdkConfig;
use petswipe_aws::{CallBudget, Policy, Statement};
use petswipe_deploy::aws::{
    AlbFound, AlbRouter, AlbRouting, AwsPermissions, EcsCompute, EcsNative, EcsServices,
    ImagePolicy, ProductionRule, native_dependencies, native_policy,
};
use petswipe_deploy::native::{NativeDeployments, NativePerformer, NativePlan};
use petswipe_deploy::{Compute, Error, Preflight};
use petswipe_monitor::MetricSource;
use petswipe_monitor::aws::{CloudWatchMetrics, CloudWatchSource};
use petswipe_runbook::Clock;

use super::Place;
use crate::Exit;
use crate::aws::leases;
use crate::aws::{self, place_in_any_account};
use crate::leases::Leases;

/// What speaks to an account.
#[derive(Clone)]
pub struct Parts {
    /// Which account and region it is: the location of its operations.
    pub location: String,
    /// Knows images and registers revisions.
    pub compute: Arc<dyn Compute>,
    /// Carries deployments out.
    pub native: Arc<dyn NativeDeployments>,
    /// Knows what the versions did.
    pub metrics: Arc<dyn MetricSource>,
    /// Where operations are kept apart.
    pub leases: Leases,
    /// What is asked before anything begins.
    pub preflight: Option<Arc<dyn Preflight>>,
    /// By which everything is dated.
    pub clock: Arc<dyn Clock>,
    /// Counts the calls.
    pub budget: CallBudget,
}

impl Parts {
    /// Finds a service in an account.
    ///
    /// # Errors
    /// What is missing, ambiguous or without the tags of the project.
    pub async fn open(
        place: &Place,
        config: &SdkConfig,
        budget: CallBudget,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Exit> {
        let compute = Arc::new(EcsCompute::new(config, services(place)?, clock.clone())?);
        let location = compute.location().await.map_err(|error| named(place, error))?;
        let account = location.split(':').nth(1).unwrap_or("*").to_owned();
        let groups = place.sides()?.map(|side| (side.clone(), side.to_string()));
        let native = EcsNative::new(compute.clone(), groups.into())?;
        // What ECS can't deploy this way is told before what is missing to judge it by.
        native.service(&place.service()?).await?;
        let router = AlbRouter::new(config, routing(place)?, clock.clone())?;
        let found = router.found().await.map_err(|error| named(place, error))?;
        let metrics = CloudWatchSource::new(config, metrics(place, found));
        let metrics = metrics.map_err(|error| Exit::usage(petswipe_monitor::explain(&error)))?;
        let permissions = Policy::new(statements(place, &account)?);
        Ok(Self {
            location,
            compute,
            native: Arc::new(native),
            metrics: Arc::new(metrics),
            leases: leases::open(config, &place.leases).await?,
            preflight: Some(Arc::new(AwsPermissions::new(config, permissions))),
            clock,
            budget,
        })
    }

    /// Performs the effects of a plan here.
    pub(super) fn performer(&self, plan: &NativePlan) -> NativePerformer {
        let Self { compute, native, metrics, .. } = self.clone();
        NativePerformer { compute, native, metrics, gate: Arc::new(plan.gate()) }
    }
}

/// What is not there was looked for by its name: which flags say another one.
fn named(place: &Place, error: Error) -> Exit {
    let missing = matches!(error, Error::NotFound { .. });
    let Exit { code, message } = error.into();
    let hint = format!(
        "; looked for in {}: name what is there by --project, --environment, --cluster, --service, --target-group, \
         --load-balancer or --port, or another --region",
        place.region
    );
    Exit { code, message: message + if missing { &hint } else { "" } }
}

/// The policy document of whoever runs the example.
///
/// # Errors
/// For names that are none.
pub(super) fn policy(place: &Place) -> Result<Policy, Exit> {
    // Before a call nobody knows which account it is.
    let mut all = statements(place, "*")?;
    all.extend(AwsPermissions::statements());
    all.extend(leases::statements(&place.leases, &place.region));
    let roles = [format!("{}-*", place.project)];
    all.extend(native_dependencies(&place_in_any_account(&place.region), &roles));
    Ok(Policy::new(all))
}

/// What the operation calls itself.
fn statements(place: &Place, account: &str) -> Result<Vec<Statement>, Exit> {
    let policy = native_policy(&aws::place(&place.region, account), &services(place)?);
    Ok(policy.statements().iter().cloned().chain([CloudWatchSource::policy()]).collect())
}

fn services(place: &Place) -> Result<EcsServices, Exit> {
    let service = place.service()?;
    Ok(EcsServices {
        cluster: place.cluster(),
        services: [(service.clone(), service.to_string())].into(),
        container: place.container.clone(),
        tags: tags(place),
        // Those of a native deployment are in its plan.
        alarms: Vec::new(),
        images: ImagePolicy { moving_tags: place.moving_tags, pin_digest: place.pin_digest },
    })
}

/// Only to find the load balancer and the target groups; which rule ECS divides traffic by is the service's affair.
fn routing(place: &Place) -> Result<AlbRouting, Exit> {
    let balancer = place.load_balancer.clone();
    Ok(AlbRouting {
        load_balancer: balancer.unwrap_or_else(|| format!("{}-alb", place.base())),
        port: place.port,
        rule: ProductionRule::Default,
        target_groups: place.sides()?.map(|side| (side.clone(), side.to_string())).into(),
        test_header: String::new(),
        tags: tags(place),
    })
}

/// The tags that everything must carry.
fn tags(place: &Place) -> BTreeMap<String, String> {
    if !place.tag.is_empty() {
        return place.tag.iter().cloned().collect();
    }
    let own = [("Project", &place.project), ("Environment", &place.environment)];
    own.map(|(key, value)| (key.to_owned(), value.clone())).into()
}

/// Both sides belong to one service, so that its use of CPU and memory tells nothing about either.
fn metrics(place: &Place, found: &AlbFound) -> CloudWatchMetrics {
    let dimension = |arn: &String| AlbFound::dimension(arn).to_owned();
    let groups = found.target_groups.iter().map(|(side, arn)| (side.to_string(), dimension(arn)));
    let mut metrics = CloudWatchMetrics::new(dimension(&found.load_balancer), groups);
    metrics.lag = place.metric_lag;
    metrics
}
