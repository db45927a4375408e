//! EBS volumes that nothing uses.

use rust_decimal::Decimal;

use super::shell::{aws, chain, kept};
use super::{Analyzer, Scene, short};
use crate::finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Verdict,
};
use crate::inventory::{Inventory, Volume, VolumeKind, VolumeState};
use crate::{
    Action, Kind, Measure, Metric, Question, Quotes, Resource, Series, Statistic, Thresholds,
};

/// Volumes that are attached to nothing and were not lately, and on request those that are attached and do nothing.
#[derive(Clone, Copy, Debug)]
pub struct UnusedVolumes;

impl Analyzer for UnusedVolumes {
    fn area(&self) -> Area {
        Area::VOLUMES
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Volume]
    }

    fn questions(&self, inventory: &Inventory, limits: &Thresholds, ask: &mut dyn FnMut(Question)) {
        for volume in &inventory.volumes {
            let days = match volume.state {
                VolumeState::InUse => limits.volumes.attached_idle_days,
                VolumeState::Available => limits.volumes.detached_days,
                VolumeState::Other => 0,
            };
            for measure in operations(volume).into_iter().filter(|_| days > 0) {
                ask(Question { measure, days });
            }
        }
    }

    fn assess(&self, scene: &Scene<'_>, tell: &mut dyn FnMut(Assessment)) {
        for volume in &scene.inventory.volumes {
            tell(assess(scene, volume).tagged(Some(&volume.tags)));
        }
    }
}

fn operations(volume: &Volume) -> [Measure; 2] {
    [Metric::VolumeReads, Metric::VolumeWrites]
        .map(|metric| Measure::daily(&volume.region, &volume.id, metric, Statistic::Sum))
}

fn assess(scene: &Scene<'_>, volume: &Volume) -> Assessment {
    let (area, resource) = (Area::VOLUMES, volume.reference());
    match volume.state {
        VolumeState::Available => {}
        VolumeState::InUse => return attached(scene, volume),
        VolumeState::Other => {
            return Assessment::unknown(
                area,
                resource,
                "it is being made or deleted, or it is broken",
            );
        }
    }
    let limit = i64::from(scene.limits.volumes.days);
    let Some(age) = scene.days_since(volume.created_at) else {
        return Assessment::unknown(area, resource, "it was made in the future: a clock is wrong");
    };
    let mut facts = vec![
        Evidence::new("state", "available: attached to nothing"),
        Evidence::new("age", format!("{age} days")).against(format!("at least {limit}")),
        size(volume),
    ];
    if age < limit {
        let reason = format!("it was made {age} days ago, and is left alone for {limit}");
        return Assessment::busy(area, resource, reason).because(facts);
    }
    let days = scene.limits.volumes.detached_days;
    if days > 0 {
        let measures = operations(volume);
        let answered = measures.iter().all(|measure| scene.usage.of(measure).is_some());
        let series = measures.map(|measure| scene.series(&measure, days));
        // A volume has metrics while it is attached, and only then. Source: "Amazon CloudWatch metrics for Amazon EBS".
        let attached = series.iter().map(Series::known).max().unwrap_or_default();
        facts.push(
            Evidence::new("days with metrics, which only attached volumes have", attached)
                .against("none")
                .measured(series[0].window(), attached),
        );
        if attached > 0 {
            let reason = format!("it was attached in the last {days} days");
            return Assessment::busy(area, resource, reason).because(facts);
        }
        if !answered {
            let reason = "whether it was attached lately is not known";
            return Assessment::unknown(area, resource, reason).because(facts);
        }
    }
    let advice = advice(scene, volume, Confidence::High);
    let reason = "it is attached to nothing";
    Assessment::flagged(area, resource, Verdict::Idle, reason, advice).because(facts)
}

fn attached(scene: &Scene<'_>, volume: &Volume) -> Assessment {
    let (area, resource) = (Area::VOLUMES, volume.reference());
    let days = scene.limits.volumes.attached_idle_days;
    if days == 0 {
        return Assessment::busy(area, resource, "it is attached");
    }
    let [reads, writes] = operations(volume).map(|measure| scene.series(&measure, days));
    let known = reads.known().min(writes.known());
    let total = reads.sum() + writes.sum();
    let fact = Evidence::new("operations", short(total)).measured(reads.window(), known);
    if total >= f64::from(days) {
        return Assessment::busy(area, resource, "it is attached and used").because([fact]);
    }
    if known < usize::from(days) {
        let reason = format!("its operations are known of {known} of {days} days");
        return Assessment::unknown(area, resource, reason).because([fact]);
    }
    let advice = advice(scene, volume, Confidence::Medium);
    let reason = format!("it is attached and did less than one operation a day for {days} days");
    Assessment::flagged(area, resource, Verdict::Idle, reason, advice).because([fact, size(volume)])
}

fn size(volume: &Volume) -> Evidence {
    Evidence::new("size", format!("{} GiB of {}", volume.size_gib, volume.kind.name()))
}

fn advice(scene: &Scene<'_>, volume: &Volume, confidence: Confidence) -> Advice {
    // A snapshot that is kept costs at most what its whole size costs.
    let saving = scene.saving(&volume.region, |quotes| {
        let price = monthly_price(volume, quotes);
        let snapshot = quotes.get("ebs:snapshot");
        let (price, snapshot) = (price?, snapshot?);
        Some((price - snapshot * Decimal::from(volume.size_gib), price))
    });
    let (region, id) = (&volume.region, volume.id.as_str());
    let mut commands = Vec::new();
    if volume.state == VolumeState::InUse {
        commands.push(aws(region, "ec2 detach-volume", &[("--volume-id", id)]));
        commands.push(aws(region, "ec2 wait volume-available", &[("--volume-ids", id)]));
    }
    let create = aws(
        region,
        "ec2 create-snapshot --query SnapshotId --output text",
        &[("--volume-id", id), ("--description", &format!("before deleting {id}"))],
    );
    commands.push(kept("snapshot", &create));
    commands.push(format!(
        r#"{} --snapshot-ids "$snapshot""#,
        aws(region, "ec2 wait snapshot-completed", &[])
    ));
    commands.push(aws(region, "ec2 delete-volume", &[("--volume-id", id)]));
    Advice {
        confidence,
        saving,
        part: Part::Whole,
        risk: Risk::new(
            RiskLevel::Medium,
            "what is on it is gone but for the snapshot; something may expect to find it",
        ),
        remediation: Remediation {
            action: (volume.state == VolumeState::Available)
                .then(|| Action::DeleteVolume { volume: volume.id.clone() }),
            summary: "make a snapshot, then delete the volume".to_owned(),
            commands: chain(commands),
            restarts: false,
            reversible: true,
        },
    }
}

/// What a volume costs a month; `None` where a price is missing. Source: "Amazon EBS pricing".
pub(super) fn monthly_price(volume: &Volume, quotes: &mut Quotes<'_>) -> Option<Decimal> {
    let kind = volume.kind.name();
    let size =
        quotes.get(format_args!("ebs:{kind}")).map(|price| price * Decimal::from(volume.size_gib));
    let beyond = |provisioned: Option<u32>, included: u32| {
        Decimal::from(provisioned.unwrap_or_default().saturating_sub(included))
    };
    let mut extra = |what: &str, amount: Decimal| {
        if amount.is_zero() {
            return Some(Decimal::ZERO);
        }
        quotes.get(format_args!("ebs:{kind}:{what}")).map(|price| price * amount)
    };
    let extras = match volume.kind {
        VolumeKind::Gp3 => {
            let iops = extra("iops", beyond(volume.iops, 3000));
            let throughput = extra("throughput", beyond(volume.throughput_mib, 125));
            iops.zip(throughput).map(|(iops, throughput)| iops + throughput)
        }
        VolumeKind::Io1 => extra("iops", beyond(volume.iops, 0)),
        // Above 32,000 IOPS there are two cheaper tiers, which no table has. Source: "Amazon EBS pricing".
        VolumeKind::Io2 if volume.iops.is_some_and(|iops| iops > 32_000) => {
            extra("iops:above-32000", Decimal::ONE)
        }
        VolumeKind::Io2 => extra("iops", beyond(volume.iops, 0)),
        _ => Some(Decimal::ZERO),
    };
    Some(size? + extras?)
}
