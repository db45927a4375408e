//! Elastic Load Balancing of the previous generation: Classic Load Balancers.
//!
//! Sources: "DescribeLoadBalancers" (pages of at most 400), "DescribeTags" (at most 20 names), Elastic Load Balancing API Reference
//! 2012-06-01. IAM knows both generations by the same actions.

use aws_sdk_elasticloadbalancing::Client;
use petswipe_aws::CallError;

use super::pages::{self, Asked};
use super::tagging;
use super::values::{self, count, need, time};
use crate::Region;
use crate::Tags;
use crate::inventory::{LoadBalancer, LoadBalancerKind};

const PAGE: i32 = 400;

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
    let mut tags = tagging::all(&names, |names| tags_of(client, names)).await?;
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

async fn tags_of(client: &Client, names: Vec<String>) -> Result<Vec<(String, Tags)>, CallError> {
    let about = names.first().cloned().unwrap_or_default();
    let answer = client.describe_tags().set_load_balancer_names(Some(names)).send().await;
    let answer = answer
        .map_err(|error| CallError::new("elasticloadbalancing:DescribeTags", about, error))?;
    let of = |one: &aws_sdk_elasticloadbalancing::types::TagDescription| {
        let tags = one.tags().iter().map(|tag| (Some(tag.key()), tag.value()));
        Some((one.load_balancer_name()?.to_owned(), values::tags(tags)))
    };
    Ok(answer.tag_descriptions().iter().filter_map(of).collect())
}
