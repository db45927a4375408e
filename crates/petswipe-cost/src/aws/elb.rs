//! Elastic Load Balancing: application, network and gateway load balancers with their targets.
//!
//! Sources: "DescribeLoadBalancers", "DescribeTargetGroups" (pages of at most 400), "DescribeTags" (at most 20 resources),
//! "DescribeTargetHealth", Elastic Load Balancing API Reference 2015-12-01.

use std::collections::HashMap;

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::{
    self as sdk, LoadBalancerTypeEnum, TargetHealthStateEnum,
};
use futures_util::stream::{self, StreamExt};
use petswipe_aws::CallError;

use super::error::is_gone;
use super::pages::{self, Asked};
use super::partly::{Partly, part};
use super::tagging;
use super::values::{self, count, need, time};
use crate::Region;
use crate::Tags;
use crate::inventory::{LoadBalancer, LoadBalancerKind};

const PAGE: i32 = 400;

/// So many calls at once.
const AT_ONCE: usize = 5;

pub(super) async fn list(
    client: &Client,
    region: &Region,
) -> Result<Partly<LoadBalancer>, CallError> {
    let asked =
        Asked { action: "elasticloadbalancing:DescribeLoadBalancers", about: region.as_str() };
    let all = pages::all(asked, |marker: Option<String>| {
        let request = client.describe_load_balancers().page_size(PAGE).set_marker(marker);
        async move {
            let page = request.send().await;
            let page = page.map_err(|error| CallError::new(asked.action, asked.about, error))?;
            Ok((page.load_balancers.unwrap_or_default(), some(page.next_marker)))
        }
    });
    let all = all.await?;
    if all.is_empty() {
        return Ok(Partly { all: Vec::new(), failed: Vec::new() });
    }
    let arns: Vec<String> =
        all.iter().filter_map(|one| one.load_balancer_arn()).map(str::to_owned).collect();
    let mut tags = tagging::all(&arns, |arns| tags_of(client, arns)).await?;
    let mut failed = Vec::new();
    let targets = targets(client, region, &mut failed).await;
    let mut balancers = Vec::new();
    for one in all {
        let id = need(one.load_balancer_arn(), asked, "ARN")?;
        // What has no tags any more is gone.
        let Some(tags) = tags.remove(id) else { continue };
        let kind = match one.r#type() {
            Some(LoadBalancerTypeEnum::Application) => LoadBalancerKind::Application,
            Some(LoadBalancerTypeEnum::Network) => LoadBalancerKind::Network,
            Some(LoadBalancerTypeEnum::Gateway) => LoadBalancerKind::Gateway,
            _ => LoadBalancerKind::Other,
        };
        balancers.push(LoadBalancer {
            id: id.to_owned(),
            name: need(one.load_balancer_name(), asked, "name")?.to_owned(),
            region: region.clone(),
            tags,
            kind,
            created_at: need(time(one.created_time()), asked, "time")?,
            targets: targets.of(id),
        });
    }
    Ok(Partly { all: balancers, failed })
}

/// How many targets each load balancer has, as far as that is known.
struct Targets(Option<HashMap<String, Option<u32>>>);

impl Targets {
    fn of(&self, arn: &str) -> Option<u32> {
        self.0.as_ref()?.get(arn).copied().unwrap_or(Some(0))
    }
}

async fn targets(client: &Client, region: &Region, failed: &mut Vec<CallError>) -> Targets {
    let groups = part(groups(client, region).await, failed);
    let Some(groups) = groups else { return Targets(None) };
    let counted: Vec<_> = groups.iter().map(|group| registered(client, group)).collect();
    let counts: Vec<_> = stream::iter(counted).buffered(AT_ONCE).collect().await;
    let mut targets: HashMap<String, Option<u32>> = HashMap::new();
    for (group, number) in groups.iter().zip(counts) {
        let number = part(number, failed);
        for arn in group.load_balancer_arns() {
            let sum = targets.entry(arn.clone()).or_insert(Some(0));
            *sum = sum.zip(number).map(|(sum, number)| sum + number);
        }
    }
    Targets(Some(targets))
}

/// The target groups that are behind a load balancer.
async fn groups(client: &Client, region: &Region) -> Result<Vec<sdk::TargetGroup>, CallError> {
    let asked =
        Asked { action: "elasticloadbalancing:DescribeTargetGroups", about: region.as_str() };
    let all = pages::all(asked, |marker: Option<String>| {
        let request = client.describe_target_groups().page_size(PAGE).set_marker(marker);
        async move {
            let page = request.send().await;
            let page = page.map_err(|error| CallError::new(asked.action, asked.about, error))?;
            Ok((page.target_groups.unwrap_or_default(), some(page.next_marker)))
        }
    });
    let mut groups = all.await?;
    groups.retain(|group| !group.load_balancer_arns().is_empty());
    Ok(groups)
}

/// How many targets are registered, whatever their health; those that drain no longer are. A group that is gone has none.
async fn registered(client: &Client, group: &sdk::TargetGroup) -> Result<u32, CallError> {
    let arn = group.target_group_arn().unwrap_or_default();
    let action = "elasticloadbalancing:DescribeTargetHealth";
    let answer = client.describe_target_health().target_group_arn(arn).send().await;
    match answer.map_err(|error| CallError::new(action, arn, error)) {
        Ok(health) => {
            let draining = |one: &&sdk::TargetHealthDescription| {
                let state = one.target_health().and_then(|health| health.state());
                state == Some(&TargetHealthStateEnum::Draining)
            };
            let all = health.target_health_descriptions().iter();
            Ok(count(all.filter(|one| !draining(one)).count()))
        }
        Err(error) if is_gone(&error) => Ok(0),
        Err(error) => Err(error),
    }
}

async fn tags_of(client: &Client, arns: Vec<String>) -> Result<Vec<(String, Tags)>, CallError> {
    let about = arns.first().cloned().unwrap_or_default();
    let answer = client.describe_tags().set_resource_arns(Some(arns)).send().await;
    let answer = answer
        .map_err(|error| CallError::new("elasticloadbalancing:DescribeTags", about, error))?;
    let of = |one: &sdk::TagDescription| {
        let tags = one.tags().iter().map(|tag| (tag.key(), tag.value()));
        Some((one.resource_arn()?.to_owned(), values::tags(tags)))
    };
    Ok(answer.tag_descriptions().iter().filter_map(of).collect())
}

fn some(marker: Option<String>) -> Option<String> {
    marker.filter(|marker| !marker.is_empty())
}
