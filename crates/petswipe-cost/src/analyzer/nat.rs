//! NAT gateways that carry nothing, traffic that crosses zones to one, and traffic that an endpoint would carry for nothing.

use std::collections::{BTreeSet, HashMap, HashSet};

use rust_decimal::Decimal;

use super::shell::{aws, chain};
use super::{Analyzer, GIB, Scene, decimal, monthly, short};
use crate::finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Verdict,
};
use crate::inventory::{Inventory, NatGateway, RouteTable, Subnet, VpcEndpoint};
use crate::{Action, Kind, Measure, Metric, Question, Resource, Series, Statistic, Thresholds};

/// Every NAT gateway, for its use and for what it carries.
#[derive(Clone, Copy, Debug)]
pub struct NatUse;

impl Analyzer for NatUse {
    fn area(&self) -> Area {
        Area::NAT
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::NatGateway, Kind::VpcEndpoint, Kind::Subnet, Kind::RouteTable]
    }

    fn questions(&self, inventory: &Inventory, limits: &Thresholds, ask: &mut dyn FnMut(Question)) {
        for gateway in inventory.nat_gateways.iter().filter(|gateway| gateway.available) {
            for measure in measures(gateway) {
                ask(Question { measure, days: limits.nat.days });
            }
        }
    }

    fn assess(&self, scene: &Scene<'_>, tell: &mut dyn FnMut(Assessment)) {
        let network = Network::of(scene.inventory);
        for gateway in &scene.inventory.nat_gateways {
            tell(assess(scene, &network, gateway).tagged(Some(&gateway.tags)));
        }
    }
}

/// What is around NAT gateways, by what it is looked up by.
struct Network<'a> {
    zones: HashMap<&'a str, &'a str>,
    endpoints: HashSet<(&'a str, &'a str)>,
    tables: HashMap<&'a str, Vec<&'a RouteTable>>,
}

impl<'a> Network<'a> {
    fn of(inventory: &'a Inventory) -> Self {
        let mut tables: HashMap<&str, Vec<&RouteTable>> = HashMap::new();
        for table in &inventory.route_tables {
            let gateways: BTreeSet<_> =
                table.nat_routes.iter().map(|route| route.gateway.as_str()).collect();
            for gateway in gateways {
                tables.entry(gateway).or_default().push(table);
            }
        }
        let endpoint = |one: &'a VpcEndpoint| (one.vpc.as_str(), one.service.as_str());
        let zone = |one: &'a Subnet| (one.id.as_str(), one.zone.as_str());
        Self {
            zones: inventory.subnets.iter().map(zone).collect(),
            endpoints: inventory.vpc_endpoints.iter().map(endpoint).collect(),
            tables,
        }
    }
}

fn measures(gateway: &NatGateway) -> [Measure; 4] {
    [
        (Metric::NatConnections, Statistic::Maximum),
        (Metric::NatPacketsFromSource, Statistic::Sum),
        (Metric::NatBytesOut, Statistic::Sum),
        (Metric::NatBytesIn, Statistic::Sum),
    ]
    .map(|(metric, statistic)| Measure::daily(&gateway.region, &gateway.id, metric, statistic))
}

/// What was measured of a gateway.
pub(super) struct Use {
    connections: Series,
    packets: Series,
    out: Series,
    back: Series,
}

impl Use {
    pub(super) fn of(scene: &Scene<'_>, gateway: &NatGateway) -> Self {
        let [connections, packets, out, back] =
            measures(gateway).map(|measure| scene.series(&measure, scene.limits.nat.days));
        Self { connections, packets, out, back }
    }

    /// Whether nothing went through on any day, all of them known.
    pub(super) fn is_idle(&self) -> bool {
        [&self.connections, &self.packets, &self.out].iter().all(|series| {
            !series.is_empty() && series.known() == series.len() && series.maximum() == Some(0.0)
        })
    }

    /// Of how many days everything is known.
    pub(super) fn known(&self) -> usize {
        self.connections.known().min(self.packets.known()).min(self.out.known())
    }

    /// What it carries in a month, GiB, by what is known; `None` where nothing is.
    pub(super) fn monthly_gib(&self) -> Option<f64> {
        let daily = self.out.mean()? + self.back.mean().unwrap_or_default();
        Some(daily * 730.0 / 24.0 / GIB)
    }
}

fn assess(scene: &Scene<'_>, network: &Network<'_>, gateway: &NatGateway) -> Assessment {
    let (area, resource) = (Area::NAT, gateway.reference());
    if !gateway.available {
        return Assessment::busy(area, resource, "it is not available, so it is not paid for");
    }
    let usage = Use::of(scene, gateway);
    let routes = network.tables.get(gateway.id.as_str()).map_or(&[][..], Vec::as_slice);
    let days = scene.limits.nat.days;
    let carried = usage.monthly_gib();
    let facts = vec![
        Evidence::new(
            "most open connections",
            usage.connections.maximum().map_or("not known".to_owned(), short),
        )
        .measured(usage.connections.window(), usage.connections.known()),
        Evidence::new(
            "traffic in a month",
            carried.map_or("not known".to_owned(), |gib| format!("{} GiB", short(gib))),
        )
        .measured(usage.out.window(), usage.out.known()),
        Evidence::new("route tables that lead to it", routes.len()),
    ];
    if usage.is_idle() {
        let reason = format!("nothing went through it on any of {days} days");
        return idle(scene, gateway, &reason, routes.is_empty()).because(facts);
    }
    let Some(carried) = carried else {
        return Assessment::unknown(area, resource, "its traffic is not known").because(facts);
    };
    if usage.known() < usize::from(days) && carried < scene.limits.nat.data_gib {
        let reason = format!("its traffic is known of {} of {days} days", usage.known());
        return Assessment::unknown(area, resource, reason).because(facts);
    }
    data(scene, network, gateway, carried, routes).because(facts)
}

fn idle(scene: &Scene<'_>, gateway: &NatGateway, reason: &str, unrouted: bool) -> Assessment {
    let saving = scene.saving(&gateway.region, |quotes| {
        // A regional one is paid for in each zone it is in, which no listing counts.
        let key = if gateway.regional { "nat:regional:hour" } else { "nat:hour" };
        let price = monthly(quotes.get(key)?);
        Some((price, price))
    });
    let delete =
        aws(&gateway.region, "ec2 delete-nat-gateway", &[("--nat-gateway-id", &gateway.id)]);
    let advice = Advice {
        confidence: if unrouted { Confidence::High } else { Confidence::Medium },
        saving,
        part: Part::Whole,
        risk: if unrouted {
            Risk::new(
                RiskLevel::Low,
                "no route leads to it; its address stays, and costs on until it is released",
            )
        } else {
            Risk::new(
                RiskLevel::High,
                "routes lead to it: what uses them seldom has no way out any more",
            )
        },
        remediation: Remediation {
            action: Some(Action::DeleteNatGateway { gateway: gateway.id.clone() }),
            summary: "delete the NAT gateway; then its address is found as one that nothing has"
                .to_owned(),
            commands: vec![delete],
            restarts: false,
            // Where no route leads to it, one more with the same address is the same.
            reversible: unrouted,
        },
    };
    Assessment::flagged(Area::NAT, gateway.reference(), Verdict::Idle, reason, advice)
}

/// What of its traffic need not go through it, or not from another zone.
fn data(
    scene: &Scene<'_>,
    network: &Network<'_>,
    gateway: &NatGateway,
    carried: f64,
    routes: &[&RouteTable],
) -> Assessment {
    let (area, resource) = (Area::NAT, gateway.reference());
    let limit = scene.limits.nat.data_gib;
    let missing: Vec<&str> = ["s3", "dynamodb"]
        .into_iter()
        .filter(|service| {
            let name = format!("com.amazonaws.{}.{service}", gateway.region);
            !network.endpoints.contains(&(gateway.vpc.as_str(), name.as_str()))
        })
        .collect();
    let zone = |id: &str| network.zones.get(id).copied();
    let own = zone(&gateway.subnet);
    let elsewhere = |id: &&String| own.is_some() && zone(id).is_some_and(|zone| Some(zone) != own);
    let across: Vec<_> =
        routes.iter().flat_map(|table| &table.subnets).filter(elsewhere).cloned().collect();
    if carried < limit {
        let reason =
            format!("it carries {} GiB a month, too little to look closer", short(carried));
        return Assessment::busy(area, resource, reason);
    }
    if missing.is_empty() && across.is_empty() {
        let reason = "its VPC has the free endpoints, and only its own zone uses it";
        return Assessment::busy(area, resource, reason);
    }
    // How much of it goes to S3, to DynamoDB or across zones, only flow logs can tell: from nothing to all of it.
    let saving = scene.saving(&gateway.region, |quotes| {
        let volume = decimal(carried)?;
        let through = if gateway.regional { "nat:regional:gb" } else { "nat:gb" };
        let through = if missing.is_empty() { Some(Decimal::ZERO) } else { quotes.get(through) };
        let crossing =
            if across.is_empty() { Some(Decimal::ZERO) } else { quotes.get("cross-az:gb") };
        // What crosses is paid for on both sides. Source: "Amazon EC2 On-Demand Pricing", data transfer.
        Some((Decimal::ZERO, volume * (through? + crossing? * Decimal::TWO)))
    });
    let mut commands = Vec::new();
    let tables: Vec<&str> = routes.iter().map(|table| table.id.as_str()).collect();
    for service in &missing {
        let name = format!("com.amazonaws.{}.{service}", gateway.region);
        let tables = tables.join(" ");
        let create = aws(
            &gateway.region,
            "ec2 create-vpc-endpoint --vpc-endpoint-type Gateway",
            &[("--vpc-id", &gateway.vpc), ("--service-name", &name)],
        );
        // Ids of route tables have nothing that a shell would read.
        commands.push(if tables.is_empty() {
            create
        } else {
            format!("{create} --route-table-ids {tables}")
        });
    }
    let mut facts = Vec::new();
    if !missing.is_empty() {
        facts.push(Evidence::new("no free endpoint for", missing.join(", ")));
    }
    if !across.is_empty() {
        facts.push(Evidence::new("subnets of other zones that use it", across.join(", ")));
    }
    let reason = match (missing.is_empty(), across.is_empty()) {
        (false, true) => {
            "traffic to S3 or DynamoDB through it is paid for, and a gateway endpoint carries it for nothing"
        }
        (true, false) => "subnets of other zones use it, and traffic between zones is paid for",
        _ => {
            "traffic to S3 or DynamoDB through it is paid for, and so is traffic from subnets of other zones"
        }
    };
    let summary = match (missing.is_empty(), across.is_empty()) {
        (true, _) => {
            "give each zone a NAT gateway of its own, where its traffic costs more than that"
        }
        (_, true) => "add the gateway endpoints",
        _ => {
            "add the gateway endpoints; give each zone a NAT gateway of its own, where its traffic costs more than that"
        }
    };
    let advice = Advice {
        confidence: Confidence::Low,
        saving,
        part: Part::Data,
        risk: Risk::new(
            RiskLevel::Low,
            "open connections to S3 and DynamoDB break once when an endpoint comes",
        ),
        remediation: Remediation {
            action: None,
            summary: summary.to_owned(),
            commands: chain(commands),
            restarts: false,
            reversible: true,
        },
    };
    Assessment::flagged(area, resource, Verdict::Improvable, reason, advice).because(facts)
}
