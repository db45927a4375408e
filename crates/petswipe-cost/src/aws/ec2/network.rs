//! Addresses, NAT gateways, VPC endpoints, subnets and route tables.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    self as sdk, AvailabilityMode, NatGatewayState, RouteTableAssociationStateCode, VpcEndpointType,
};
use petswipe_aws::CallError;

use super::{Asked, pages, tags};
use crate::Region;
use crate::aws::values::{need, time};
use crate::inventory::{Address, NatGateway, NatRoute, RouteTable, Subnet, VpcEndpoint};

/// There are no pages of addresses.
pub(super) async fn addresses(client: &Client, region: &Region) -> Result<Vec<Address>, CallError> {
    let asked = Asked { action: "ec2:DescribeAddresses", about: region.as_str() };
    let answer = client.describe_addresses().send().await;
    let answer = answer.map_err(|error| CallError::new(asked.action, asked.about, error))?;
    let address = |one: sdk::Address| {
        let tags = tags(one.tags());
        // Of a network of a carrier or of Outposts the address has another name.
        let ip = one.public_ip.or(one.carrier_ip).or(one.customer_owned_ip);
        let public_ip = need(ip, asked, "address")?;
        let associated_with = one.association_id.or(one.network_interface_id).or(one.instance_id);
        Ok(Address {
            // One without an allocation is released by the address itself.
            id: one.allocation_id.unwrap_or_else(|| public_ip.clone()),
            region: region.clone(),
            tags,
            public_ip,
            associated_with: associated_with.filter(|what| !what.is_empty()),
            pool: one.public_ipv4_pool.filter(|pool| !pool.is_empty() && pool != "amazon"),
        })
    };
    answer.addresses.unwrap_or_default().into_iter().map(address).collect()
}

/// Without those that were deleted, which are shown for about an hour. A regional one has no subnet.
pub(super) async fn nat_gateways(
    client: &Client,
    region: &Region,
) -> Result<Vec<NatGateway>, CallError> {
    let asked = Asked { action: "ec2:DescribeNatGateways", about: region.as_str() };
    let all = pages!(asked, client.describe_nat_gateways(), 1000, nat_gateways);
    let gateway = |one: sdk::NatGateway| {
        Ok(NatGateway {
            region: region.clone(),
            tags: tags(one.tags()),
            available: one.state() == Some(&NatGatewayState::Available),
            created_at: need(time(one.create_time()), asked, "time")?,
            vpc: need(one.vpc_id, asked, "VPC")?,
            // Without a mode it is one from before there were regional ones, which all have a subnet.
            regional: match &one.availability_mode {
                Some(mode) => *mode != AvailabilityMode::Zonal,
                None => one.subnet_id.is_none(),
            },
            subnet: one.subnet_id.unwrap_or_default(),
            id: need(one.nat_gateway_id, asked, "id")?,
        })
    };
    let there = all.into_iter().filter(|one| one.state() != Some(&NatGatewayState::Deleted));
    there.map(gateway).collect()
}

/// Without those that lead nowhere: deleted, failed, rejected.
///
/// Source: "Describe your interface endpoint", states; they are written in either case.
pub(super) async fn vpc_endpoints(
    client: &Client,
    region: &Region,
) -> Result<Vec<VpcEndpoint>, CallError> {
    let asked = Asked { action: "ec2:DescribeVpcEndpoints", about: region.as_str() };
    let all = pages!(asked, client.describe_vpc_endpoints(), 1000, vpc_endpoints);
    let leads = |one: &sdk::VpcEndpoint| {
        let state = one.state().map_or("", |state| state.as_str()).to_ascii_lowercase();
        !["deleting", "deleted", "expired", "failed", "rejected"].contains(&state.as_str())
    };
    let endpoint = |one: sdk::VpcEndpoint| {
        let service = one.service_name.clone().or(one.resource_configuration_arn.clone());
        Ok(VpcEndpoint {
            region: region.clone(),
            tags: tags(one.tags()),
            gateway: one.vpc_endpoint_type() == Some(&VpcEndpointType::Gateway),
            service: service.or(one.service_network_arn).unwrap_or_default(),
            vpc: need(one.vpc_id, asked, "VPC")?,
            id: need(one.vpc_endpoint_id, asked, "id")?,
        })
    };
    all.into_iter().filter(leads).map(endpoint).collect()
}

pub(super) async fn subnets(client: &Client, region: &Region) -> Result<Vec<Subnet>, CallError> {
    let asked = Asked { action: "ec2:DescribeSubnets", about: region.as_str() };
    let all = pages!(asked, client.describe_subnets(), 1000, subnets);
    let subnet = |one: sdk::Subnet| {
        Ok(Subnet {
            region: region.clone(),
            tags: tags(one.tags()),
            vpc: need(one.vpc_id, asked, "VPC")?,
            zone: need(one.availability_zone, asked, "zone")?,
            id: need(one.subnet_id, asked, "id")?,
        })
    };
    all.into_iter().map(subnet).collect()
}

pub(super) async fn route_tables(
    client: &Client,
    region: &Region,
) -> Result<Vec<RouteTable>, CallError> {
    let asked = Asked { action: "ec2:DescribeRouteTables", about: region.as_str() };
    let all = pages!(asked, client.describe_route_tables(), 100, route_tables);
    all.into_iter().map(|one| route_table(one, region, asked)).collect()
}

fn route_table(
    one: sdk::RouteTable,
    region: &Region,
    asked: Asked<'_>,
) -> Result<RouteTable, CallError> {
    let is_over = |one: &&sdk::RouteTableAssociation| {
        let state = one.association_state().and_then(|state| state.state());
        matches!(
            state,
            Some(
                RouteTableAssociationStateCode::Disassociated
                    | RouteTableAssociationStateCode::Failed
            )
        )
    };
    let associations: Vec<_> = one.associations().iter().filter(|one| !is_over(one)).collect();
    let subnets = associations.iter().filter_map(|one| one.subnet_id());
    let route = |route: &sdk::Route| {
        let block = route.destination_cidr_block().or(route.destination_ipv6_cidr_block());
        let destination = block.or(route.destination_prefix_list_id())?.to_owned();
        Some(NatRoute { gateway: route.nat_gateway_id()?.to_owned(), destination })
    };
    let mut nat_routes: Vec<_> = one.routes().iter().filter_map(route).collect();
    nat_routes.sort();
    Ok(RouteTable {
        region: region.clone(),
        tags: tags(one.tags()),
        main: associations.iter().any(|one| one.main() == Some(true)),
        subnets: subnets.map(str::to_owned).collect(),
        nat_routes,
        vpc: need(one.vpc_id.clone(), asked, "VPC")?,
        id: need(one.route_table_id.clone(), asked, "id")?,
    })
}
