//! Services that are no production and could run on Fargate Spot.

use rust_decimal::Decimal;

use super::ecs::task_price;
use super::shell::{aws, chain, quote};
use super::{Analyzer, Scene, decimal, percent};
use crate::finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Verdict,
};
use crate::inventory::{Launch, Service};
use crate::{Kind, Resource};

/// Services on Fargate at the list price that are tagged as no production.
#[derive(Clone, Copy, Debug)]
pub struct FargateSpot;

impl Analyzer for FargateSpot {
    fn area(&self) -> Area {
        Area::FARGATE_SPOT
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Service]
    }

    fn assess(&self, scene: &Scene<'_>, tell: &mut dyn FnMut(Assessment)) {
        for service in &scene.inventory.services {
            tell(assess(scene, service).tagged(Some(&service.tags)));
        }
    }
}

fn assess(scene: &Scene<'_>, service: &Service) -> Assessment {
    let (area, resource) = (Area::FARGATE_SPOT, service.reference());
    match service.launch {
        Launch::Fargate => {}
        Launch::FargateSpot => return Assessment::busy(area, resource, "it runs on Fargate Spot"),
        Launch::Ec2 => return Assessment::busy(area, resource, "it does not run on Fargate"),
    }
    if service.desired == 0 {
        return Assessment::busy(area, resource, "it has no tasks, so it costs nothing");
    }
    if !scene.limits.schedule.is_non_production(&service.tags) {
        return Assessment::busy(area, resource, "its tags do not say that it is no production");
    }
    // The price of Spot moves; what AWS promises is its greatest discount.
    let discount = scene.limits.ecs.spot_percent;
    let saving = scene.saving(&service.region, |quotes| {
        let all = task_price(service, service.cpu, service.memory_mib, quotes)?
            * Decimal::from(service.desired);
        Some((Decimal::ZERO, all * decimal(discount)? / Decimal::ONE_HUNDRED))
    });
    let (cluster, name) = service.id.split_once('/').unwrap_or(("default", &service.id));
    let update = aws(
        &service.region,
        "ecs update-service --capacity-provider-strategy capacityProvider=FARGATE_SPOT,weight=1 --force-new-deployment",
        &[("--cluster", cluster), ("--service", name)],
    );
    let describe = aws(
        &service.region,
        "ecs describe-clusters --query 'clusters[0].capacityProviders' --output text",
        &[("--clusters", cluster)],
    );
    let lacks = quote(&format!(
        "cluster {cluster} has no capacity provider FARGATE_SPOT; put-cluster-capacity-providers adds it"
    ));
    let provided = format!("{describe} | grep -qw FARGATE_SPOT || {{ echo {lacks} >&2; false; }}");
    let facts = [
        Evidence::new("tasks", service.desired),
        Evidence::new(
            "size of a task",
            format!("{} CPU units, {} MiB", service.cpu, service.memory_mib),
        ),
        Evidence::new("discount", format!("up to {}", percent(discount))),
    ];
    let advice = Advice {
        confidence: Confidence::Medium,
        saving,
        part: Part::Whole,
        risk: Risk::new(
            RiskLevel::Medium,
            "tasks are taken away with two minutes' notice, and may not come back at once",
        ),
        remediation: Remediation {
            action: None,
            summary: "run it on the capacity provider FARGATE_SPOT".to_owned(),
            commands: chain(vec![provided, update]),
            restarts: true,
            reversible: true,
        },
    };
    let reason = "it is no production, and runs at the list price of Fargate";
    Assessment::flagged(area, resource, Verdict::Improvable, reason, advice).because(facts)
}
