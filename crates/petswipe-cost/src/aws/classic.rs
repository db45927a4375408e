//! Elastic Load Balancing of the previous generation: Classic Load Balancers.
//!
//! Sources: "DescribeLoadBalancers" (pages of at most 400), "DescribeTags" (at most 20 names), Elastic Load Balancing API Reference
//! 2012-06-01. IAM knows both generations by the same actions.

use std::collections::HashMap;

use aws_sdk_elasticloadbalancing::Client;
use petswipe_aws::CallError;

use super::error::is_gone;
use super::pages::{self, Asked};
use super::values::{self, count, need, time};
use crate::Region;
use crate::Tags;
use crate::inventory::{LoadBalancer, LoadBalancerKind};

const PAGE: i32 = 400;
const TAGGED_AT_ONCE: usize = 20;

pub(super) async fn list(client: &Client, region: &Region) -> Result<Vec<LoadBalancer>, CallError> {
    let asked =
        Asked { action: "elasticloadbalancing:DescribeLoadBalancers", about: region.as_str() };
    let all = pages::all(asked, |marker: Option<String>| {
        let request = client.describe_load_balancers().page_size(PAGE).set_marker(marker);
        async move {
            let page = request.send().await;
            let page = page.map_err(|error| CallError::new(asked.action, asked.about, error))?;
            let next = page.next_marker.filter(|marker| !marker.is_empty());
            Ok((page.load_balancer_descriptions.unwrap_or_default(), next))
        }
    });
    let all = all.await?;
    let names: Vec<String> =
        all.iter().filter_map(|one| one.load_balancer_name()).map(str::to_owned).collect();
    let mut tags = HashMap::new();
    for some in names.chunks(TAGGED_AT_ONCE) {
        tags.extend(self::tags(client, some).await?);
    }
    let mut balancers = Vec::new();
    for one in all {
        let name = need(one.load_balancer_name(), asked, "name")?;
        let Some(tags) = tags.remove(name) else { continue };
        balancers.push(LoadBalancer {
            id: name.to_owned(),
            name: name.to_owned(),
            region: region.clone(),
            tags,
            kind: LoadBalancerKind::Classic,
            created_at: need(time(one.created_time()), asked, "time")?,
            targets: Some(count(one.instances().len())),
        });
    }
    Ok(balancers)
}

/// The tags of those that are still there: one that is gone spoils the answer for all, so then each is asked alone.
async fn tags(client: &Client, names: &[String]) -> Result<Vec<(String, Tags)>, CallError> {
    match tags_of(client, names).await {
        Err(error) if is_gone(&error) && names.len() > 1 => {
            let mut there = Vec::new();
            for name in names {
                match tags_of(client, std::slice::from_ref(name)).await {
                    Err(error) if is_gone(&error) => {}
                    answer => there.extend(answer?),
                }
            }
            Ok(there)
        }
        Err(error) if is_gone(&error) => Ok(Vec::new()),
        answer => answer,
    }
}

async fn tags_of(client: &Client, names: &[String]) -> Result<Vec<(String, Tags)>, CallError> {
    let answer = client.describe_tags().set_load_balancer_names(Some(names.to_vec())).send().await;
    let about = names.first().map_or("", String::as_str);
    let answer = answer
        .map_err(|error| CallError::new("elasticloadbalancing:DescribeTags", about, error))?;
    let of = |one: &aws_sdk_elasticloadbalancing::types::TagDescription| {
        let tags = one.tags().iter().map(|tag| (Some(tag.key()), tag.value()));
        Some((one.load_balancer_name()?.to_owned(), values::tags(tags)))
    };
    Ok(answer.tag_descriptions().iter().filter_map(of).collect())
}
