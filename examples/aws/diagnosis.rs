//! The sources of a diagnosis on an AWS account: every resource by its name and tags.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use jiff::Timestamp;
use petswipe_aws::{Policy, Statement};
use petswipe_deploy::aws::AlbRouter;
use petswipe_monitor::aws::{
    AwsPlace, CloudWatchLogs, CloudWatchSource, EcsEvents, ElbTargets, RdsLoad, ScalingHistory,
    diagnosis_policy,
};
use petswipe_monitor::diagnosis::{AwsCommands, AwsEnvironment, DatabaseLoad, Sources};
use petswipe_monitor::{Error, MetricSource, Observation, Subject, Window, explain};
use petswipe_runbook::SystemClock;

use super::account::{place_in_any_account, within_budget};
use super::leases;
use super::rollout::metrics;
use super::routing::Names;
use crate::Exit;
use crate::diagnosis::rollout::{self, Rollouts};
use crate::diagnosis::{Flags, Place};
use crate::leases::{LeasePlace, Leases};
use crate::slo::Service;

/// How long after its end a minute counts as published. Who is in a hurry takes one that is not quite complete.
const LAG: Duration = Duration::from_secs(60);

/// Speaks to the services of the ambient account. Only the load balancer is looked for here; where it is not found, metrics
/// and targets are what is missing.
///
/// # Errors
/// Names that are none.
pub(crate) async fn open(flags: &Flags) -> Result<Place, Exit> {
    let (config, _) = within_budget(&flags.region).await?;
    let router =
        AlbRouter::new(&config, balancing(flags).routing()?, Arc::new(SystemClock::new()))?;
    let router = Arc::new(router);
    let found = match tokio::time::timeout(flags.deadline, router.found()).await {
        Ok(Ok(found)) => Ok(found.clone()),
        Ok(Err(error)) => Err(explain(&error)),
        Err(_) => Err(format!("no answer within {:?}", flags.deadline)),
    };
    let mut place = place(flags);
    let metrics: Arc<dyn MetricSource> = match &found {
        Ok(found) => {
            for (side, arn) in &found.target_groups {
                if let Some(environment) = place.environments.get_mut(side.as_str()) {
                    environment.target_group.clone_from(arn);
                }
            }
            Arc::new(
                CloudWatchSource::new(&config, metrics(found, &cluster(flags), LAG))
                    .map_err(usage)?,
            )
        }
        Err(why) => Arc::new(NotFound(format!("the load balancer was not found: {why}"))),
    };
    let database_load: Option<Arc<dyn DatabaseLoad>> = match flags.database.as_deref() {
        Some("none") => None,
        _ => Some(Arc::new(RdsLoad::new(&config, database(flags)).map_err(usage)?)),
    };
    let sources = Sources {
        metrics: Some(metrics),
        logs: Some(Arc::new(CloudWatchLogs::new(&config, place.clone()).map_err(usage)?)),
        targets: Some(Arc::new(ElbTargets::new(&config, place.clone()).map_err(usage)?)),
        services: Some(Arc::new(EcsEvents::new(&config, place.clone()).map_err(usage)?)),
        scaling: Some(Arc::new(ScalingHistory::new(&config, place.clone()).map_err(usage)?)),
        database: None,
        database_load,
    };
    let rollouts = match &found {
        Ok(found) => Ok(Rollouts {
            router,
            leases: leases(flags, &config).await,
            place: rollout::Place::Account(location(flags, &found.load_balancer)),
        }),
        Err(why) => Err(format!("the load balancer was not found: {why}")),
    };
    let commands = AwsCommands {
        region: flags.region.clone(),
        cluster: place.cluster,
        listener: found.map_or_else(|_| String::new(), |found| found.listener),
        database: database(flags),
        environments: place.environments,
    };
    let (environments, commands) = (names(flags).to_vec(), Box::new(commands));
    Ok(Place { sources, environments, commands, rollouts: Some(rollouts) })
}

/// The leases there, or why they can't be asked. A directory is not made for it.
async fn leases(flags: &Flags, config: &SdkConfig) -> Result<Leases, String> {
    match &flags.leases {
        LeasePlace::Directory(path) if !path.is_dir() => {
            Err(format!("--leases is {}, which is not there", path.display()))
        }
        place => match tokio::time::timeout(flags.deadline, leases::open(config, place)).await {
            Ok(Ok(leases)) => Ok(leases),
            Ok(Err(exit)) => Err(exit.message),
            Err(_) => Err(format!("{place} did not answer within {:?}", flags.deadline)),
        },
    }
}

/// Where operations belong that divide traffic there, by the ARN of the load balancer.
fn location(flags: &Flags, arn: &str) -> String {
    let part = |number| arn.split(':').nth(number).unwrap_or_default();
    balancing(flags).location(&format!("aws:{}:{}", part(4), part(3)))
}

fn usage(error: Error) -> Exit {
    Exit::usage(explain(&error))
}

/// The policy document of whoever diagnoses. It only reads.
pub(crate) fn policy(flags: &Flags) -> Policy {
    let at = place_in_any_account(&flags.region);
    let scope = (at.partition.as_str(), at.region.as_str(), at.account.as_str());
    let own = diagnosis_policy(&place(flags), scope);
    let find = Statement::allow(
        "FindLoadBalancer",
        [
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTags",
            "elasticloadbalancing:DescribeRules",
        ],
        ["*"],
    );
    let leases = leases::statements(&flags.leases, &flags.region);
    Policy::new(own.statements().iter().cloned().chain([find]).chain(leases))
}

fn names(flags: &Flags) -> [String; 2] {
    Service::new(&flags.project, &flags.environment).sides().map(|side| side.environment)
}

fn cluster(flags: &Flags) -> String {
    flags.cluster.clone().unwrap_or_else(|| format!("{}-cluster", flags.service()))
}

fn database(flags: &Flags) -> String {
    flags.database.clone().unwrap_or_else(|| format!("{}-postgres", flags.service()))
}

fn place(flags: &Flags) -> AwsPlace {
    let log_group = flags.log_group.clone();
    let log_group = log_group.unwrap_or_else(|| format!("/ecs/{}", flags.service()));
    let environment = |name: String| {
        let (service, log_group) = (name.clone(), log_group.clone());
        (name, AwsEnvironment { service, log_group, target_group: String::new() })
    };
    AwsPlace { cluster: cluster(flags), environments: names(flags).map(environment).into() }
}

fn balancing(flags: &Flags) -> Names<'_> {
    Names {
        project: &flags.project,
        environment: &flags.environment,
        load_balancer: flags.load_balancer.as_deref(),
        port: flags.port,
        rule: flags.rule,
        test_header: petswipe_local::TEST_HEADER,
        tags: &flags.tag,
    }
}

/// Metrics of a load balancer that was not found.
struct NotFound(String);

#[async_trait]
impl MetricSource for NotFound {
    async fn observe(&self, _: &Subject, _: Window, _: Timestamp) -> Result<Observation, Error> {
        Err(Error::backend("reading metrics", self.0.clone()))
    }

    fn resolution(&self) -> Duration {
        Duration::from_secs(60)
    }

    fn lag(&self) -> Duration {
        LAG
    }

    fn name(&self) -> String {
        "CloudWatch".to_owned()
    }
}
