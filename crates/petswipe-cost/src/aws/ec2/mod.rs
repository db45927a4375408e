//! Amazon EC2: what computes, what it stores on, and how it is connected.
//!
//! Sources: the operations of the Amazon EC2 API Reference, and its "Pagination": pages of at most 1,000 entries, of volumes 500,
//! of launch template versions 200 and of route tables 100.

mod compute;
mod network;
mod storage;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::Tag;
use petswipe_aws::CallError;

use super::pages::Asked;
use super::values;
use crate::Tags;
use crate::{Inventory, Kind, Region};

/// Lists a kind; `None` for one that is not of EC2.
pub(super) async fn list(
    client: &Client,
    region: &Region,
    kind: Kind,
) -> Option<Result<Inventory, CallError>> {
    macro_rules! listed {
        ($list:ident, $listed:expr) => {
            $listed
                .await
                .map(|all| Inventory { $list: values::distinct(all), ..Inventory::default() })
        };
    }
    Some(match kind {
        Kind::Instance => listed!(instances, compute::instances(client, region)),
        Kind::Volume => listed!(volumes, storage::volumes(client, region)),
        Kind::Snapshot => listed!(snapshots, storage::snapshots(client, region)),
        Kind::Image => listed!(images, compute::images(client, region)),
        Kind::LaunchTemplate => {
            listed!(launch_templates, compute::launch_templates(client, region))
        }
        Kind::Address => listed!(addresses, network::addresses(client, region)),
        Kind::NatGateway => listed!(nat_gateways, network::nat_gateways(client, region)),
        Kind::VpcEndpoint => listed!(vpc_endpoints, network::vpc_endpoints(client, region)),
        Kind::Subnet => listed!(subnets, network::subnets(client, region)),
        Kind::RouteTable => listed!(route_tables, network::route_tables(client, region)),
        _ => return None,
    })
}

/// The regions that are enabled, in order.
///
/// Source: "DescribeRegions": without `AllRegions` those that are enabled for the account.
pub(super) async fn regions(client: &Client, home: &Region) -> Result<Vec<Region>, CallError> {
    let asked = Asked { action: "ec2:DescribeRegions", about: home.as_str() };
    let answer = client.describe_regions().all_regions(false).send().await;
    let answer = answer.map_err(|error| CallError::new(asked.action, asked.about, error))?;
    let mut regions = Vec::new();
    for region in answer.regions() {
        if region.opt_in_status().unwrap_or("opt-in-not-required") == "not-opted-in" {
            continue;
        }
        let name = values::need(region.region_name(), asked, "name")?;
        regions.push(Region::new(name).map_err(|error| asked.unusable(error.to_string()))?);
    }
    regions.sort();
    regions.dedup();
    Ok(regions)
}

fn tags(all: &[Tag]) -> Tags {
    values::tags(all.iter().map(|tag| (tag.key(), tag.value())))
}

/// The entries of all pages of an operation: its builder, the member with the entries, and how many there are on a page.
macro_rules! pages {
    ($asked:expr, $request:expr, $most:expr, $entries:ident) => {{
        let asked: crate::aws::pages::Asked<'_> = $asked;
        let request = $request;
        crate::aws::pages::all(asked, |token: Option<String>| {
            let request = request.clone().max_results($most).set_next_token(token);
            async move {
                let page = request.send().await.map_err(|error| {
                    petswipe_aws::CallError::new(asked.action, asked.about, error)
                })?;
                // An empty token is none: some operations end with one.
                let next = page.next_token().filter(|next| !next.is_empty()).map(str::to_owned);
                Ok((page.$entries.unwrap_or_default(), next))
            }
        })
        .await?
    }};
}
use pages;
