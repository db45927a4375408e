//! Addresses, load balancers, and VPCs with their NAT gateways.

use super::{Builder, Case, for_testing};
use crate::inventory::{
    Address, LoadBalancer, LoadBalancerKind, NatGateway, NatRoute, RouteTable, Subnet, VpcEndpoint,
};
use crate::{Area, Measure, Metric, Region, Statistic, Tags};

const GIB: f64 = 1_073_741_824.0;

pub(super) const CASES: &[Case] = &[
    Case { weight: 25, place: |builder, region, tags| address(builder, region, tags, true) },
    Case { weight: 8, place: |builder, region, tags| address(builder, region, tags, false) },
    Case { weight: 14, place: |builder, region, tags| asked(builder, region, tags) },
    Case { weight: 3, place: |builder, region, tags| quiet(builder, region, tags) },
    Case { weight: 3, place: |builder, region, tags| without_targets(builder, region, tags) },
    Case { weight: 2, place: |builder, region, tags| network(builder, region, tags, 0.0) },
    // Sessions that stay: hardly a new connection in a day, and hardly any traffic.
    Case { weight: 2, place: |builder, region, tags| network(builder, region, tags, 2.0) },
    Case { weight: 1, place: |builder, region, tags| web_sockets(builder, region, tags) },
    Case { weight: 2, place: |builder, region, tags| silent(builder, region, tags) },
    Case { weight: 1, place: |builder, region, tags| young(builder, region, tags) },
    Case { weight: 2, place: |builder, region, tags| vpc(builder, region, tags, Vpc::Good) },
    Case { weight: 1, place: |builder, region, tags| vpc(builder, region, tags, Vpc::Idle) },
    Case {
        weight: 1,
        place: |builder, region, tags| vpc(builder, region, tags, Vpc::WithoutEndpoints),
    },
    Case { weight: 1, place: |builder, region, tags| vpc(builder, region, tags, Vpc::AcrossZones) },
    Case { weight: 1, place: |builder, region, tags| vpc(builder, region, tags, Vpc::Testing) },
    Case { weight: 1, place: |builder, region, tags| vpc(builder, region, tags, Vpc::Silent) },
];

fn address(builder: &mut Builder, region: Region, tags: Tags, used: bool) {
    let address = Address {
        id: builder.id("eipalloc"),
        region,
        tags,
        public_ip: format!("198.51.100.{}", builder.rng.u8(..)),
        associated_with: used.then(|| builder.id("eipassoc")),
        pool: None,
    };
    if !used {
        builder.plant(&Area::ADDRESSES, &address.region, &address.id, &address.tags);
    }
    builder.inventory.addresses.push(address);
}

fn balancer(
    builder: &mut Builder,
    region: Region,
    tags: Tags,
    kind: LoadBalancerKind,
    targets: u32,
) -> LoadBalancer {
    let name = builder.id("web");
    let short = if kind == LoadBalancerKind::Network { "net" } else { "app" };
    LoadBalancer {
        id: format!(
            "arn:aws:elasticloadbalancing:{region}:123456789012:loadbalancer/{short}/{name}/0123456789abcdef"
        ),
        name,
        region,
        tags,
        kind,
        created_at: builder.days_ago(120),
        targets: Some(targets),
    }
}

/// Capacity units are reported in any case, requests only where there are some.
fn requests(builder: &mut Builder, balancer: &LoadBalancer, a_day: Option<f64>) {
    let daily = |metric, statistic| {
        Measure::daily(&balancer.region, balancer.dimension(), metric, statistic)
    };
    let capacity = daily(Metric::ApplicationCapacity, Statistic::Maximum);
    let count = daily(Metric::ApplicationRequests, Statistic::Sum);
    builder.measure(capacity, 0.1);
    if let Some(a_day) = a_day {
        builder.measure(count, a_day);
    }
}

fn asked(builder: &mut Builder, region: Region, tags: Tags) {
    let balancer = balancer(builder, region, tags, LoadBalancerKind::Application, 4);
    requests(builder, &balancer, Some(50_000.0));
    builder.inventory.load_balancers.push(balancer);
}

fn quiet(builder: &mut Builder, region: Region, tags: Tags) {
    let balancer = balancer(builder, region, tags, LoadBalancerKind::Application, 2);
    requests(builder, &balancer, Some(12.0));
    builder.plant(&Area::LOAD_BALANCERS, &balancer.region, &balancer.id, &balancer.tags);
    builder.inventory.load_balancers.push(balancer);
}

fn without_targets(builder: &mut Builder, region: Region, tags: Tags) {
    let balancer = balancer(builder, region, tags, LoadBalancerKind::Application, 0);
    requests(builder, &balancer, None);
    builder.plant(&Area::LOAD_BALANCERS, &balancer.region, &balancer.id, &balancer.tags);
    builder.inventory.load_balancers.push(balancer);
}

/// A Network Load Balancer with hardly a new connection, and so many open ones.
fn network(builder: &mut Builder, region: Region, tags: Tags, open: f64) {
    let balancer = balancer(builder, region, tags, LoadBalancerKind::Network, 2);
    for (metric, statistic, value) in [
        (Metric::NetworkFlows, Statistic::Sum, 3.0),
        (Metric::NetworkBytes, Statistic::Sum, 40_000.0),
        (Metric::NetworkConnections, Statistic::Average, open),
    ] {
        let measure = Measure::daily(&balancer.region, balancer.dimension(), metric, statistic);
        builder.measure(measure, value);
    }
    if open == 0.0 {
        builder.plant(&Area::LOAD_BALANCERS, &balancer.region, &balancer.id, &balancer.tags);
    }
    builder.inventory.load_balancers.push(balancer);
}

/// A few browsers that stay connected all day.
fn web_sockets(builder: &mut Builder, region: Region, tags: Tags) {
    let balancer = balancer(builder, region, tags, LoadBalancerKind::Application, 2);
    requests(builder, &balancer, Some(6.0));
    let open = Measure::daily(
        &balancer.region,
        balancer.dimension(),
        Metric::ApplicationConnections,
        Statistic::Sum,
    );
    builder.measure(open, 3.0 * 2.0 * 1440.0);
    builder.inventory.load_balancers.push(balancer);
}

/// No metrics at all: nobody knows.
fn silent(builder: &mut Builder, region: Region, tags: Tags) {
    let balancer = balancer(builder, region, tags, LoadBalancerKind::Application, 3);
    builder.hide(&Area::LOAD_BALANCERS, &balancer.region, &balancer.id, &balancer.tags);
    builder.inventory.load_balancers.push(balancer);
}

fn young(builder: &mut Builder, region: Region, tags: Tags) {
    let mut balancer = balancer(builder, region, tags, LoadBalancerKind::Application, 0);
    balancer.created_at = builder.days_ago(1);
    builder.inventory.load_balancers.push(balancer);
}

/// What is wrong with a VPC.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Vpc {
    Good,
    Idle,
    WithoutEndpoints,
    AcrossZones,
    Testing,
    Silent,
}

/// Two zones, with a NAT gateway in each.
fn vpc(builder: &mut Builder, region: Region, tags: Tags, how: Vpc) {
    let tags = if how == Vpc::Testing { for_testing(tags) } else { tags };
    let vpc = builder.id("vpc");
    if how != Vpc::WithoutEndpoints {
        for service in ["s3", "dynamodb"] {
            let endpoint = VpcEndpoint {
                id: builder.id("vpce"),
                region: region.clone(),
                tags: tags.clone(),
                vpc: vpc.clone(),
                service: format!("com.amazonaws.{region}.{service}"),
                gateway: true,
            };
            builder.inventory.vpc_endpoints.push(endpoint);
        }
    }
    let zones = ["a", "b"].map(|zone| format!("{region}{zone}"));
    for (index, zone) in zones.iter().enumerate() {
        let other = &zones[1 - index];
        let subnet = |builder: &mut Builder, zone: &str| {
            let id = builder.id("subnet");
            let (region, tags, vpc) = (region.clone(), tags.clone(), vpc.clone());
            builder.inventory.subnets.push(Subnet {
                id: id.clone(),
                region,
                tags,
                vpc,
                zone: zone.to_owned(),
            });
            id
        };
        let public = subnet(builder, zone);
        let private = subnet(builder, if how == Vpc::AcrossZones { other } else { zone });
        let gateway = NatGateway {
            regional: false,
            id: builder.id("nat"),
            region: region.clone(),
            tags: tags.clone(),
            vpc: vpc.clone(),
            subnet: public,
            available: true,
            created_at: builder.days_ago(200),
        };
        let table = RouteTable {
            id: builder.id("rtb"),
            region: region.clone(),
            tags: tags.clone(),
            vpc: vpc.clone(),
            main: false,
            subnets: vec![private],
            nat_routes: vec![NatRoute {
                gateway: gateway.id.clone(),
                destination: "0.0.0.0/0".to_owned(),
            }],
        };
        builder.inventory.route_tables.push(table);
        let gib_a_day = match how {
            Vpc::Idle => Some(0.0),
            Vpc::Silent => None,
            // Little traffic, so that bringing it together costs less than it saves.
            Vpc::Testing => Some(1.0),
            _ => Some(30.0),
        };
        if let Some(gib) = gib_a_day {
            for (metric, statistic, value) in [
                (Metric::NatConnections, Statistic::Maximum, gib * 10.0),
                (Metric::NatPacketsFromSource, Statistic::Sum, gib * 1e6),
                (Metric::NatBytesOut, Statistic::Sum, gib * GIB / 4.0),
                (Metric::NatBytesIn, Statistic::Sum, gib * GIB * 3.0 / 4.0),
            ] {
                builder.measure(Measure::daily(&region, &gateway.id, metric, statistic), value);
            }
        }
        match how {
            Vpc::Idle | Vpc::WithoutEndpoints | Vpc::AcrossZones => {
                builder.plant(&Area::NAT, &region, &gateway.id, &tags);
            }
            Vpc::Silent => builder.hide(&Area::NAT, &region, &gateway.id, &tags),
            Vpc::Good | Vpc::Testing => {}
        }
        builder.inventory.nat_gateways.push(gateway);
    }
    if how == Vpc::Testing {
        builder.plant(&Area::NAT_CONSOLIDATION, &region, &vpc, &tags);
    }
}
