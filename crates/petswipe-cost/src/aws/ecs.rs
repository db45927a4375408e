//! Amazon ECS: services with what their tasks need.
//!
//! Sources: "ListClusters", "ListServices" (pages of at most 100), "DescribeServices" (at most ten), "DescribeTaskDefinition",
//! Amazon ECS API Reference; "Amazon ECS task definition parameters" (CPU and memory of tasks and containers).

use std::collections::{BTreeSet, HashMap};

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{self as sdk, CpuArchitecture, LaunchType, ServiceField};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use petswipe_aws::CallError;

use super::error::is_gone;
use super::pages::{self, Asked};
use super::values::{self, count, need};
use crate::Region;
use crate::inventory::{Architecture, Launch, Service};

const PAGE: i32 = 100;
const DESCRIBED_AT_ONCE: usize = 10;

/// So many calls at once.
const AT_ONCE: usize = 5;

pub(super) async fn list(client: &Client, region: &Region) -> Result<Vec<Service>, CallError> {
    let listed = clusters(client, region).await?;
    let each: Vec<_> = listed.iter().map(|cluster| services(client, cluster)).collect();
    let found: Vec<Vec<_>> = stream::iter(each).buffered(AT_ONCE).try_collect().await?;
    let found: Vec<sdk::Service> = found.into_iter().flatten().collect();
    let names: BTreeSet<String> = found.iter().filter_map(definition).collect();
    let each: Vec<_> = names.iter().map(|name| task(client, name)).collect();
    let tasks: Vec<_> = stream::iter(each).buffered(AT_ONCE).try_collect().await?;
    let tasks: HashMap<_, _> = names.iter().cloned().zip(tasks).collect();
    let mut services = Vec::new();
    for one in found {
        let definition = definition(&one).unwrap_or_default();
        // Of a service without any definition nothing is known but that it is there.
        let task = match tasks.get(&definition) {
            Some(Some(task)) => *task,
            Some(None) => continue,
            None => Task::default(),
        };
        services.push(service(&one, definition, task, region)?);
    }
    Ok(services)
}

fn service(
    one: &sdk::Service,
    definition: String,
    task: Task,
    region: &Region,
) -> Result<Service, CallError> {
    let asked = Asked { action: "ecs:DescribeServices", about: region.as_str() };
    let cluster = last(need(one.cluster_arn(), asked, "cluster")?);
    let name = need(one.service_name(), asked, "name")?;
    Ok(Service {
        id: format!("{cluster}/{name}"),
        region: region.clone(),
        tags: values::tags(one.tags().iter().map(|tag| (tag.key(), tag.value()))),
        launch: launch(one),
        architecture: task.architecture,
        desired: count(one.desired_count()),
        cpu: task.cpu,
        memory_mib: task.memory_mib,
        task_definition: last(&definition).to_owned(),
    })
}

/// The end of an ARN.
fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// The definition that it runs; with deployments by others it is that of the primary task set.
fn definition(one: &sdk::Service) -> Option<String> {
    let primary = one.task_sets().iter().find(|set| set.status() == Some("PRIMARY"));
    let named = one.task_definition().or_else(|| primary?.task_definition());
    named.filter(|name| !name.is_empty()).map(str::to_owned)
}

/// A strategy comes before a launch type. A part on Spot is enough.
fn launch(one: &sdk::Service) -> Launch {
    let primary = one.task_sets().iter().find(|set| set.status() == Some("PRIMARY"));
    let strategy = match one.capacity_provider_strategy() {
        [] => primary.map(|set| set.capacity_provider_strategy()).unwrap_or_default(),
        strategy => strategy,
    };
    let used = |item: &&sdk::CapacityProviderStrategyItem| item.weight() > 0 || item.base() > 0;
    let providers: Vec<_> =
        strategy.iter().filter(used).map(|item| item.capacity_provider()).collect();
    if providers.contains(&"FARGATE_SPOT") {
        return Launch::FargateSpot;
    }
    let launch_type = one.launch_type().or_else(|| primary?.launch_type());
    match (providers.as_slice(), launch_type) {
        ([], Some(LaunchType::Fargate)) => Launch::Fargate,
        ([], _) => Launch::Ec2,
        (some, _) if some.iter().all(|provider| *provider == "FARGATE") => Launch::Fargate,
        _ => Launch::Ec2,
    }
}

async fn clusters(client: &Client, region: &Region) -> Result<Vec<String>, CallError> {
    let asked = Asked { action: "ecs:ListClusters", about: region.as_str() };
    let all = pages::all(asked, |token: Option<String>| {
        let request = client.list_clusters().max_results(PAGE).set_next_token(token);
        async move {
            let page = request.send().await;
            let page = page.map_err(|error| CallError::new(asked.action, asked.about, error))?;
            let next = page.next_token.filter(|token| !token.is_empty());
            Ok((page.cluster_arns.unwrap_or_default(), next))
        }
    });
    let mut clusters = all.await?;
    clusters.sort();
    clusters.dedup();
    Ok(clusters)
}

/// The services of a cluster, or none of one that is gone.
async fn services(client: &Client, cluster: &str) -> Result<Vec<sdk::Service>, CallError> {
    match services_of(client, cluster).await {
        Err(error) if is_gone(&error) => Ok(Vec::new()),
        answer => answer,
    }
}

async fn services_of(client: &Client, cluster: &str) -> Result<Vec<sdk::Service>, CallError> {
    let asked = Asked { action: "ecs:ListServices", about: cluster };
    let all = pages::all(asked, |token: Option<String>| {
        let request = client.list_services().cluster(cluster).max_results(PAGE);
        let request = request.set_next_token(token);
        async move {
            let page = request.send().await;
            let page = page.map_err(|error| CallError::new(asked.action, asked.about, error))?;
            let next = page.next_token.filter(|token| !token.is_empty());
            Ok((page.service_arns.unwrap_or_default(), next))
        }
    });
    let mut arns = all.await?;
    arns.sort();
    arns.dedup();
    let mut services = Vec::new();
    for some in arns.chunks(DESCRIBED_AT_ONCE) {
        let request = client.describe_services().cluster(cluster).include(ServiceField::Tags);
        let answer = request.set_services(Some(some.to_vec())).send().await;
        let answer =
            answer.map_err(|error| CallError::new("ecs:DescribeServices", cluster, error))?;
        // What is missing, or inactive, was deleted since it was listed.
        let there = |one: &sdk::Service| one.status() != Some("INACTIVE");
        services.extend(answer.services.unwrap_or_default().into_iter().filter(there));
    }
    Ok(services)
}

/// What one task needs.
#[derive(Clone, Copy, Default)]
struct Task {
    architecture: Architecture,
    cpu: u32,
    memory_mib: u32,
}

/// `None` for a definition that is gone.
async fn task(client: &Client, name: &str) -> Result<Option<Task>, CallError> {
    let asked = Asked { action: "ecs:DescribeTaskDefinition", about: name };
    let answer = client.describe_task_definition().task_definition(name).send().await;
    let answer = match answer.map_err(|error| CallError::new(asked.action, name, error)) {
        Ok(answer) => answer,
        // Of one that does not exist it says no more than this.
        Err(error) if is_gone(&error) || error.code() == Some("ClientException") => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let definition = need(answer.task_definition(), asked, "task definition")?;
    let containers = definition.container_definitions();
    let number = |text: Option<&str>| text.and_then(|text| text.trim().parse::<u32>().ok());
    // Without a size of the task it is that of its containers together.
    let cpu = || containers.iter().map(|one| count(one.cpu())).sum();
    let memory =
        |one: &sdk::ContainerDefinition| one.memory().or(one.memory_reservation()).map_or(0, count);
    let platform = definition.runtime_platform().and_then(|platform| platform.cpu_architecture());
    let architecture = match platform {
        Some(CpuArchitecture::Arm64) => Architecture::Arm,
        _ => Architecture::X86,
    };
    Ok(Some(Task {
        architecture,
        cpu: number(definition.cpu()).unwrap_or_else(cpu),
        memory_mib: number(definition.memory())
            .unwrap_or_else(|| containers.iter().map(memory).sum()),
    }))
}
