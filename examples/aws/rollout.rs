//! What a rollout acts through on an AWS account: every resource by its name and tags.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use petswipe_aws::{CallBudget, Policy, Statement};
use petswipe_deploy::aws::{
    AlbFound, AlbRouter, AppAutoScaling, AwsPermissions, AwsPreflight, EcsCompute, EcsServices,
    ImagePolicy, rollout_dependencies, rollout_policy,
};
use petswipe_deploy::http::{HttpSmoke, SmokeRequests};
use petswipe_deploy::{Concern, Environment, Error, Objection, Preflight};
use petswipe_monitor::aws::{CloudWatchMetrics, CloudWatchSource, EcsService, Revisions};
use petswipe_runbook::SystemClock;

use super::account::{place, place_in_any_account, within_budget};
use super::leases;
use super::routing::Names;
use crate::Exit;
use crate::cli::Common;
use crate::target::Parts;

/// How long one smoke test request may take.
const SMOKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The parts, and where their operations belong.
pub(crate) struct Opened {
    pub(crate) id: String,
    pub(crate) environments: [Environment; 2],
    pub(crate) parts: Parts,
    pub(crate) budget: CallBudget,
}

/// Finds the service of a project in the ambient account.
///
/// # Errors
/// What is missing, ambiguous or without the tags of the project.
pub(crate) async fn open(common: &Common, clock: Arc<SystemClock>) -> Result<Opened, Exit> {
    let (config, budget) = within_budget(&common.region).await?;
    let names = names(common);
    let environments = names.sides()?;
    let (services, routing) = (services(common)?, names.routing()?);
    let cluster = services.cluster.clone();
    let compute = Arc::new(EcsCompute::new(&config, services.clone(), clock.clone())?);
    let place = compute.location().await.map_err(|error| named(common, error))?;
    let account = place.split(':').nth(1).unwrap_or("*").to_owned();
    let router = Arc::new(AlbRouter::new(&config, routing, clock)?);
    let found = router.found().await.map_err(|error| named(common, error))?.clone();
    let scaling = AppAutoScaling::new(&config, cluster.clone(), services.services)?;
    let metrics = CloudWatchSource::new(&config, metrics(&found, &cluster, common.aws.metric_lag))
        .map_err(|error| Exit::usage(petswipe_monitor::explain(&error)))?;
    let smoke = HttpSmoke::new(router.clone(), smoke(common, &found))?;
    let leases = leases::open(&config, &common.aws.leases).await?;
    let prefix = (!common.aws.despite_alarms).then(|| format!("{}-", common.service()));
    let preflight = AwsPreflight::new(&config, compute.clone(), router.clone(), prefix);
    let permissions = AwsPermissions::new(&config, Policy::new(statements(common, &account)?));
    let mut preflight: Vec<Arc<dyn Preflight>> = vec![Arc::new(preflight), Arc::new(permissions)];
    preflight
        .extend(Uncertified::of(common, &found).map(|one| Arc::new(one) as Arc<dyn Preflight>));
    let parts = Parts {
        compute,
        router,
        scaling: Arc::new(scaling),
        metrics: Arc::new(metrics),
        smoke: Arc::new(smoke),
        leases,
        preflight: Some(Arc::new(preflight)),
    };
    Ok(Opened { id: names.location(&place), environments, parts, budget })
}

/// A listener with HTTPS that the smoke test would call by the load balancer's own name. Its certificate is for another one:
/// AWS issues none for its own names.
struct Uncertified {
    port: u16,
    dns_name: String,
}

impl Uncertified {
    fn of(common: &Common, found: &AlbFound) -> Option<Self> {
        let by_own_name = found.secure && common.aws.smoke_url.is_none();
        by_own_name.then(|| Self { port: common.aws.port, dns_name: found.dns_name.clone() })
    }
}

#[async_trait]
impl Preflight for Uncertified {
    async fn objections(&self) -> Result<Vec<Objection>, Error> {
        let Self { port, dns_name } = self;
        let text = format!(
            "--smoke-url is missing, and the listener on port {port} speaks HTTPS, for which no certificate has the name \
             {dns_name}; allowed: where its certificate is valid, such as https://shop.example.com"
        );
        Ok(vec![Objection::against(Concern::TestTraffic, text)])
    }
}

/// What is not there was looked for by its name: which flags say another one.
fn named(common: &Common, error: Error) -> Exit {
    let missing = matches!(error, Error::NotFound { .. });
    let Exit { code, message } = error.into();
    let by = "--project, --environment, --cluster, --load-balancer, --port or --rule";
    let region = &common.region;
    let hint = format!("; looked for in {region}: name what is there by {by}, or another --region");
    Exit { code, message: message + if missing { &hint } else { "" } }
}

/// The policy document of whoever runs the example.
///
/// # Errors
/// For names that are none.
pub(crate) fn policy(common: &Common) -> Result<Policy, Exit> {
    let place = place_in_any_account(&common.region);
    let mut all = statements(common, &place.account)?;
    all.extend(AwsPermissions::statements());
    // Not examined: a bucket may have a policy of its own, of which IAM knows nothing.
    all.extend(leases::statements(&common.aws.leases, &common.region));
    let roles = [format!("{}-*", common.project)];
    all.extend(rollout_dependencies(&place, &services(common)?, &names(common).routing()?, &roles));
    Ok(Policy::new(all))
}

/// What a rollout calls itself.
fn statements(common: &Common, account: &str) -> Result<Vec<Statement>, Exit> {
    let routing = names(common).routing()?;
    let policy = rollout_policy(&place(&common.region, account), &services(common)?, &routing);
    let metrics = CloudWatchSource::policy();
    Ok(policy.statements().iter().cloned().chain([metrics]).collect())
}

fn names(common: &Common) -> Names<'_> {
    Names {
        project: &common.project,
        environment: &common.environment,
        load_balancer: common.aws.load_balancer.as_deref(),
        port: common.aws.port,
        rule: common.aws.rule,
        test_header: &common.aws.test_header,
        tags: &common.aws.tag,
    }
}

fn services(common: &Common) -> Result<EcsServices, Exit> {
    let flags = &common.aws;
    let cluster = flags.cluster.clone();
    let sides = names(common).sides()?.map(|side| (side.clone(), side.to_string()));
    Ok(EcsServices {
        cluster: cluster.unwrap_or_else(|| format!("{}-cluster", common.service())),
        services: sides.into(),
        container: flags.container.clone(),
        tags: names(common).tags(),
        alarms: flags.alarms.clone(),
        images: ImagePolicy { moving_tags: flags.moving_tags, pin_digest: flags.pin_digest },
    })
}

/// What CloudWatch measures there, of which a minute counts as published so long after its end.
pub(super) fn metrics(found: &AlbFound, cluster: &str, lag: Duration) -> CloudWatchMetrics {
    let dimension = |arn: &String| AlbFound::dimension(arn).to_owned();
    let groups = found.target_groups.iter();
    let groups: BTreeMap<_, _> =
        groups.map(|(side, arn)| (side.to_string(), dimension(arn))).collect();
    let mut metrics = CloudWatchMetrics::new(dimension(&found.load_balancer), groups);
    for (side, environment) in &mut metrics.environments {
        let (cluster, service) = (cluster.to_owned(), side.clone());
        environment.service = Some(EcsService { cluster, service });
    }
    // While a service is replaced task by task its numbers are those of both revisions; afterwards of the new one alone.
    metrics.revisions = Revisions::AsEnvironment;
    metrics.lag = lag;
    metrics
}

fn smoke(common: &Common, found: &AlbFound) -> SmokeRequests {
    let scheme = if found.secure { "https" } else { "http" };
    let own = || format!("{scheme}://{}:{}", found.dns_name, common.aws.port);
    SmokeRequests {
        base: common.aws.smoke_url.clone().unwrap_or_else(own),
        paths: common.aws.smoke_paths.clone(),
        header: common.aws.test_header.clone(),
        timeout: SMOKE_TIMEOUT,
    }
}
