//! gp2 volumes that would be cheaper as gp3, at the same performance.

use rust_decimal::Decimal;

use super::shell::aws;
use super::{Analyzer, Scene};
use crate::finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Verdict,
};
use crate::inventory::{Volume, VolumeKind, VolumeState};
use crate::{Action, Kind, Money, Resource};

/// gp2 volumes in use.
#[derive(Clone, Copy, Debug)]
pub struct Gp2ToGp3;

impl Analyzer for Gp2ToGp3 {
    fn area(&self) -> Area {
        Area::GP3
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Volume]
    }

    fn assess(&self, scene: &Scene<'_>, tell: &mut dyn FnMut(Assessment)) {
        let gp2 = |volume: &&Volume| volume.kind == VolumeKind::Gp2;
        for volume in scene.inventory.volumes.iter().filter(gp2) {
            tell(assess(scene, volume).tagged(Some(&volume.tags)));
        }
    }
}

/// The IOPS of a gp2 volume: 3 for each GiB, at least 100, at most 16,000; below 1,000 GiB it may burst to 3,000, which gp3
/// always has. Source: "Amazon EBS General Purpose SSD volumes".
fn iops(size_gib: u32) -> u32 {
    (size_gib.saturating_mul(3)).clamp(100, 16_000)
}

/// Its throughput, MiB/s: 128 up to 170 GiB, 250 from there on (up to 334 GiB with bursts). The 125 that gp3 always has are taken for
/// as much as 128: to buy three more would cost more than a small volume saves. Source: as [`iops`].
fn throughput(size_gib: u32) -> u32 {
    if size_gib <= 170 { 125 } else { 250 }
}

fn assess(scene: &Scene<'_>, volume: &Volume) -> Assessment {
    let (area, resource) = (Area::GP3, volume.reference());
    if volume.state == VolumeState::Other {
        return Assessment::unknown(area, resource, "it is being made or deleted, or it is broken");
    }
    let (iops, throughput) = (iops(volume.size_gib), throughput(volume.size_gib));
    let size = Decimal::from(volume.size_gib);
    let saving = scene.saving(&volume.region, |quotes| {
        let [gp2, gp3, per_iops, per_mib] =
            ["ebs:gp2", "ebs:gp3", "ebs:gp3:iops", "ebs:gp3:throughput"].map(|key| quotes.get(key));
        let beyond = |has: u32, included: u32| Decimal::from(has.saturating_sub(included));
        let bought = beyond(iops, 3000) * per_iops? + beyond(throughput, 125) * per_mib?;
        let saved = (gp2? - gp3?) * size - bought;
        Some((saved, saved))
    });
    let facts = [
        Evidence::new("size", format!("{} GiB", volume.size_gib)),
        Evidence::new("performance as gp2", format!("{iops} IOPS, {throughput} MiB/s"))
            .against("what it gets as gp3, at least"),
    ];
    if saving.as_ref().is_ok_and(|saving| saving.high == Money::ZERO) {
        let reason = "as gp3 it would cost as much, with the throughput it has now";
        return Assessment::busy(area, resource, reason).because(facts);
    }
    let (provisioned, mib) = (iops.max(3000).to_string(), throughput.to_string());
    let command = aws(
        &volume.region,
        "ec2 modify-volume",
        &[
            ("--volume-id", &volume.id),
            ("--volume-type", "gp3"),
            ("--iops", &provisioned),
            ("--throughput", &mib),
        ],
    );
    let advice = Advice {
        confidence: Confidence::High,
        saving,
        part: Part::Whole,
        risk: Risk::new(
            RiskLevel::Low,
            "slower while it changes, and not to be changed again for 6 hours",
        ),
        remediation: Remediation {
            action: Some(Action::ConvertVolume {
                volume: volume.id.clone(),
                iops: iops.max(3000),
                throughput_mib: throughput,
            }),
            summary: "change its type to gp3 with the performance it has now".to_owned(),
            commands: vec![command],
            restarts: false,
            reversible: true,
        },
    };
    let reason = "gp3 gives the same performance for less";
    Assessment::flagged(area, resource, Verdict::Improvable, reason, advice).because(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_performance_of_gp2_is_that_of_its_size() {
        let of = |size| (iops(size), throughput(size));
        assert_eq!(of(1), (100, 125));
        assert_eq!(of(170), (510, 125));
        assert_eq!(of(171), (513, 250));
        assert_eq!(of(1000), (3000, 250));
        assert_eq!(of(6000), (16_000, 250));
    }
}
