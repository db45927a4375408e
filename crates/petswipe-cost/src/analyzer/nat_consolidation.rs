//! Several NAT gateways in a VPC that is no production.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::nat::Use;
use super::shell::{aws, chain};
use super::{Analyzer, Scene, decimal, monthly, short};
use crate::finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Verdict,
};
use crate::inventory::NatGateway;
use crate::{Kind, Region, ResourceRef};

/// VPCs of which all NAT gateways are tagged as no production, with more than one that is used.
#[derive(Clone, Copy, Debug)]
pub struct NatConsolidation;

impl Analyzer for NatConsolidation {
    fn area(&self) -> Area {
        Area::NAT_CONSOLIDATION
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::NatGateway, Kind::RouteTable]
    }

    // The questions are those of `NatUse`; where that is not asked, nothing is known here either.
    fn questions(
        &self,
        inventory: &crate::Inventory,
        limits: &crate::Thresholds,
        ask: &mut dyn FnMut(crate::Question),
    ) {
        super::NatUse.questions(inventory, limits, ask);
    }

    fn assess(&self, scene: &Scene<'_>, tell: &mut dyn FnMut(Assessment)) {
        let mut vpcs: BTreeMap<(&Region, &str), Vec<&NatGateway>> = BTreeMap::new();
        // A regional one is in every zone already.
        let zonal = |gateway: &&NatGateway| gateway.available && !gateway.regional;
        for gateway in scene.inventory.nat_gateways.iter().filter(zonal) {
            vpcs.entry((&gateway.region, &gateway.vpc)).or_default().push(gateway);
        }
        for ((region, vpc), gateways) in vpcs {
            let resource =
                ResourceRef { kind: Kind::Vpc, region: region.clone(), id: vpc.to_owned() };
            // An exclusion of any of them is one of all: their tags are put together.
            let tags = gateways.iter().flat_map(|gateway| gateway.tags.clone()).collect();
            tell(assess(scene, resource, &gateways).tagged(Some(&tags)));
        }
    }
}

/// How a command names the destination of a route. Source: "replace-route", AWS CLI Command Reference.
fn destination_flag(destination: &str) -> &'static str {
    if destination.starts_with("pl-") {
        "--destination-prefix-list-id"
    } else if destination.contains(':') {
        "--destination-ipv6-cidr-block"
    } else {
        "--destination-cidr-block"
    }
}

fn assess(scene: &Scene<'_>, resource: ResourceRef, gateways: &[&NatGateway]) -> Assessment {
    let area = Area::NAT_CONSOLIDATION;
    let region = &resource.region.clone();
    if !gateways.iter().all(|gateway| scene.limits.schedule.is_non_production(&gateway.tags)) {
        let reason = "not all its NAT gateways are tagged as no production: one in each zone is right for production";
        return Assessment::busy(area, resource, reason);
    }
    // An idle one is a finding of its own, and need not be brought together with others.
    let mut used: Vec<_> = gateways
        .iter()
        .map(|gateway| (Use::of(scene, gateway), *gateway))
        .filter(|(usage, _)| !usage.is_idle())
        .collect();
    if used.len() < 2 {
        return Assessment::busy(
            area,
            resource,
            "it has no more than one NAT gateway that is used",
        );
    }
    let known: Option<Vec<f64>> = used.iter().map(|(usage, _)| usage.monthly_gib()).collect();
    let Some(known) = known else {
        return Assessment::unknown(area, resource, "the traffic of its NAT gateways is not known");
    };
    // The one that carries most stays.
    let most = known.iter().copied().fold(0.0, f64::max);
    let moved = known.iter().sum::<f64>() - most;
    let stays = known.iter().position(|gib| *gib == most).unwrap_or_default();
    let (_, stays) = used.remove(stays);
    let saving = scene.saving(region, |quotes| {
        let hours = monthly(quotes.get("nat:hour")?) * Decimal::from(used.len());
        // What moves crosses zones from then on, paid for on both sides.
        let crossing = quotes.get("cross-az:gb")? * Decimal::TWO * decimal(moved)?;
        Some((hours - crossing, hours - crossing))
    });
    if saving.as_ref().is_ok_and(|saving| saving.high == crate::Money::ZERO) {
        let reason = "what would cross zones then costs more than the gateways";
        return Assessment::busy(area, resource, reason);
    }
    let gone: BTreeSet<_> = used.iter().map(|(_, gateway)| gateway.id.as_str()).collect();
    let mut commands = Vec::new();
    for table in scene.inventory.route_tables.iter().filter(|table| table.region == *region) {
        for route in table.nat_routes.iter().filter(|route| gone.contains(route.gateway.as_str())) {
            let destination = &route.destination;
            let arguments = [
                ("--route-table-id", table.id.as_str()),
                (destination_flag(destination), destination),
                ("--nat-gateway-id", &stays.id),
            ];
            commands.push(aws(region, "ec2 replace-route", &arguments));
        }
    }
    let moved_routes = commands.len();
    commands.extend(
        gone.iter().map(|id| aws(region, "ec2 delete-nat-gateway", &[("--nat-gateway-id", id)])),
    );
    let advice = Advice {
        confidence: Confidence::Medium,
        saving,
        part: Part::Whole,
        risk: Risk::new(
            RiskLevel::Medium,
            "when its zone fails, no other has a way out; connections break once",
        ),
        remediation: Remediation {
            action: None,
            summary: format!("lead all routes to {}, and delete the others", stays.id),
            commands: chain(commands),
            restarts: false,
            reversible: true,
        },
    };
    let facts = [
        Evidence::new("NAT gateways that are used", used.len() + 1),
        Evidence::new("traffic of those that would go", format!("{} GiB a month", short(moved))),
        Evidence::new("routes that lead to those", moved_routes),
    ];
    let reason = "it is no production, and one NAT gateway would do";
    Assessment::flagged(area, resource, Verdict::Improvable, reason, advice).because(facts)
}
