//! Services whose tasks have more CPU or memory than they use.

use rust_decimal::Decimal;

use super::{Analyzer, Scene, monthly, percent};
use crate::finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Verdict,
};
use crate::inventory::{Architecture, Inventory, Launch, Service};
use crate::{Kind, Measure, Metric, Question, Quotes, Resource, Statistic, Thresholds};

/// Services on Fargate of which a high percentile of the hourly peaks fits into a smaller size.
#[derive(Clone, Copy, Debug)]
pub struct ServiceSizing;

impl Analyzer for ServiceSizing {
    fn area(&self) -> Area {
        Area::ECS
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Service]
    }

    fn questions(&self, inventory: &Inventory, limits: &Thresholds, ask: &mut dyn FnMut(Question)) {
        for service in inventory.services.iter().filter(|service| is_meant(service)) {
            for measure in measures(service) {
                ask(Question { measure, days: limits.ecs.days });
            }
        }
    }

    fn assess(&self, scene: &Scene<'_>, tell: &mut dyn FnMut(Assessment)) {
        for service in &scene.inventory.services {
            tell(assess(scene, service).tagged(Some(&service.tags)));
        }
    }
}

fn is_meant(service: &Service) -> bool {
    service.launch != Launch::Ec2 && service.desired > 0
}

fn measures(service: &Service) -> [Measure; 2] {
    [Metric::ServiceCpu, Metric::ServiceMemory]
        .map(|metric| Measure::hourly(&service.region, &service.id, metric, Statistic::Maximum))
}

/// CPU units of a task, with the memory that goes with them: from, to and in steps of MiB; 256 units take 512 MiB beside.
/// Source: "Amazon ECS task definition parameters for Fargate", task size.
const SIZES: [(u32, u32, u32, u32); 7] = [
    (256, 1024, 2048, 1024),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16_384, 1024),
    (4096, 8192, 30_720, 1024),
    (8192, 16_384, 61_440, 4096),
    (16_384, 32_768, 122_880, 8192),
];

/// The smallest size that has at least so much of both.
fn fitting(cpu: f64, memory_mib: f64) -> Option<(u32, u32)> {
    if cpu <= 256.0 && memory_mib <= 512.0 {
        return Some((256, 512));
    }
    SIZES.iter().find_map(|&(units, from, to, step)| {
        let steps = (memory_mib.max(f64::from(from)) / f64::from(step)).ceil() as u32;
        let memory = steps.saturating_mul(step);
        (f64::from(units) >= cpu && memory <= to).then_some((units, memory))
    })
}

/// What a task of that size costs a month. Source: "AWS Fargate pricing".
pub(super) fn task_price(
    service: &Service,
    cpu: u32,
    memory_mib: u32,
    quotes: &mut Quotes<'_>,
) -> Option<Decimal> {
    let family = match (service.launch, service.architecture) {
        (Launch::FargateSpot, _) => "fargate-spot",
        (_, Architecture::Arm) => "fargate-arm",
        _ => "fargate",
    };
    let units = quotes.get(format_args!("{family}:vcpu"));
    let memory = quotes.get(format_args!("{family}:gb"));
    let kib = Decimal::from(1024);
    Some(monthly(units? * Decimal::from(cpu) / kib + memory? * Decimal::from(memory_mib) / kib))
}

fn assess(scene: &Scene<'_>, service: &Service) -> Assessment {
    let (area, resource) = (Area::ECS, service.reference());
    if !is_meant(service) {
        let reason = "it does not run on Fargate, or has no tasks: its size costs nothing";
        return Assessment::busy(area, resource, reason);
    }
    let limits = &scene.limits.ecs;
    let [cpu, memory] = measures(service).map(|measure| scene.series(&measure, limits.days));
    let known = cpu.known().min(memory.known()) / 24;
    let share = limits.percentile / 100.0;
    let (Some(cpu_peak), Some(memory_peak)) = (cpu.percentile(share), memory.percentile(share))
    else {
        return Assessment::unknown(area, resource, "its CPU or its memory is not known");
    };
    let name = |what: &str| format!("P{} of the hourly peaks of {what}", limits.percentile);
    let facts = [
        Evidence::new(name("CPU"), percent(cpu_peak)).measured(cpu.window(), cpu.known()),
        Evidence::new(name("memory"), percent(memory_peak))
            .measured(memory.window(), memory.known()),
        Evidence::new(
            "size of a task",
            format!("{} CPU units, {} MiB", service.cpu, service.memory_mib),
        ),
        Evidence::new("tasks", service.desired),
    ];
    let room = 1.0 + limits.headroom_percent / 100.0;
    // Memory that was once needed will be needed again, whatever the percentile: too little of it kills tasks.
    let memory_most = memory.maximum().unwrap_or(memory_peak);
    let needed = |has: u32, peak: f64| f64::from(has) * peak / 100.0 * room;
    let target = fitting(needed(service.cpu, cpu_peak), needed(service.memory_mib, memory_most));
    let smaller = target.filter(|(cpu, memory)| {
        (*cpu, *memory) != (service.cpu, service.memory_mib)
            && *cpu <= service.cpu
            && *memory <= service.memory_mib
    });
    let Some((units, mib)) = smaller else {
        return Assessment::busy(area, resource, "no smaller size would have room enough")
            .because(facts);
    };
    if known < usize::from(limits.known_days) {
        let reason =
            format!("its load is known of {known} days, of {} that are needed", limits.known_days);
        return Assessment::unknown(area, resource, reason).because(facts);
    }
    let saving = scene.saving(&service.region, |quotes| {
        let now = task_price(service, service.cpu, service.memory_mib, quotes)?;
        let then = task_price(service, units, mib, quotes)?;
        let all = (now - then) * Decimal::from(service.desired);
        Some((all, all))
    });
    let advice = Advice {
        confidence: Confidence::Medium,
        saving,
        part: Part::Whole,
        risk: Risk::new(
            RiskLevel::Medium,
            "a rare peak that these days did not show has less room; a deployment replaces all tasks",
        ),
        remediation: Remediation {
            action: None,
            summary: format!(
                "register a revision of {} with {units} CPU units and {mib} MiB, and roll it out",
                service.task_definition
            ),
            commands: resize(service, units, mib),
            restarts: true,
            reversible: true,
        },
    };
    let reason = format!("{units} CPU units and {mib} MiB would do");
    Assessment::flagged(area, resource, Verdict::Improvable, reason, advice).because(facts)
}

fn resize(service: &Service, units: u32, mib: u32) -> Vec<String> {
    use super::shell::{aws, chain, kept, quote};
    let describe = aws(
        &service.region,
        "ecs describe-task-definition --include TAGS --output json",
        &[("--task-definition", &service.task_definition)],
    );
    let change = format!(
        "(.tags // []) as $tags | .taskDefinition | .cpu=\"{units}\" | .memory=\"{mib}\" | del(.taskDefinitionArn,.revision,.status,.requiresAttributes,.compatibilities,.registeredAt,.registeredBy) | if $tags == [] then . else .tags = $tags end"
    );
    let (cluster, name) = service.id.split_once('/').unwrap_or(("default", &service.id));
    let register =
        "ecs register-task-definition --query taskDefinition.taskDefinitionArn --output text";
    // Of a pipe only the last command tells whether it worked, so what asks has a line of its own.
    chain(vec![
        kept("present", &describe),
        kept("smaller", &format!(r#"printf %s "$present" | jq {}"#, quote(&change))),
        kept(
            "revision",
            &format!(r#"{} --cli-input-json "$smaller""#, aws(&service.region, register, &[])),
        ),
        format!(
            r#"{} --task-definition "$revision""#,
            aws(
                &service.region,
                "ecs update-service",
                &[("--cluster", cluster), ("--service", name)],
            )
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_one_that_fargate_takes() {
        assert_eq!(fitting(100.0, 400.0), Some((256, 512)));
        assert_eq!(fitting(100.0, 513.0), Some((256, 1024)));
        assert_eq!(fitting(100.0, 2049.0), Some((512, 3072)));
        assert_eq!(fitting(300.0, 100.0), Some((512, 1024)));
        assert_eq!(fitting(1024.0, 2048.0), Some((1024, 2048)));
        assert_eq!(fitting(5000.0, 17_000.0), Some((8192, 20_480)));
        assert_eq!(fitting(16_384.0, 122_880.0), Some((16_384, 122_880)));
        assert_eq!(fitting(16_385.0, 100.0), None);
        assert_eq!(fitting(100.0, 122_881.0), None);
    }
}
