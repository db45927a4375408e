//! Old snapshots of volumes that nothing refers to.

use std::collections::HashMap;

use rust_decimal::Decimal;

use super::shell::aws;
use super::{Analyzer, Scene};
use crate::finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Verdict,
};
use crate::inventory::Snapshot;
use crate::{Action, Kind, Region, Resource};

/// Snapshots older than the limit, of which no image (disabled ones too), no launch template and no backup plan needs any.
#[derive(Clone, Copy, Debug)]
pub struct OldSnapshots;

impl Analyzer for OldSnapshots {
    fn area(&self) -> Area {
        Area::SNAPSHOTS
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Snapshot, Kind::Image, Kind::LaunchTemplate]
    }

    fn assess(&self, scene: &Scene<'_>, tell: &mut dyn FnMut(Assessment)) {
        let users = users(scene);
        for snapshot in &scene.inventory.snapshots {
            let user = users.get(&(&snapshot.region, snapshot.id.as_str()));
            tell(assess(scene, snapshot, user.copied()).tagged(Some(&snapshot.tags)));
        }
    }
}

/// Who needs which snapshot.
fn users<'a>(scene: &Scene<'a>) -> HashMap<(&'a Region, &'a str), &'a str> {
    let images =
        scene.inventory.images.iter().map(|image| (&image.region, &image.id, &image.snapshots));
    let templates = scene.inventory.launch_templates.iter();
    let templates = templates.map(|template| (&template.region, &template.id, &template.snapshots));
    let all = images.chain(templates);
    all.flat_map(|(region, id, snapshots)| {
        snapshots.iter().map(move |snapshot| ((region, snapshot.as_str()), id.as_str()))
    })
    .collect()
}

fn assess(scene: &Scene<'_>, snapshot: &Snapshot, user: Option<&str>) -> Assessment {
    let (area, resource) = (Area::SNAPSHOTS, snapshot.reference());
    if !snapshot.completed {
        return Assessment::busy(area, resource, "it is not complete");
    }
    if let Some(user) = user {
        return Assessment::busy(area, resource, format!("{user} needs it"));
    }
    if let Some(manager) = snapshot.manager() {
        let reason = format!("{manager} keeps it and deletes it by its own rules");
        return Assessment::busy(area, resource, reason);
    }
    let limit = i64::from(scene.limits.snapshots.days);
    let Some(age) = scene.days_since(snapshot.started_at) else {
        return Assessment::unknown(area, resource, "it was begun in the future: a clock is wrong");
    };
    let facts = [
        Evidence::new("age", format!("{age} days")).against(format!("more than {limit}")),
        Evidence::new("size of its volume", format!("{} GiB", snapshot.size_gib))
            .against("the most it can hold: only blocks that no other snapshot has are freed"),
        Evidence::new("used by", "no image and no launch template of this account"),
    ];
    if age <= limit {
        return Assessment::busy(area, resource, format!("it is {age} days old")).because(facts);
    }
    let key = if snapshot.archived { "ebs:snapshot-archive" } else { "ebs:snapshot" };
    let saving = scene.saving(&snapshot.region, |quotes| {
        Some((Decimal::ZERO, quotes.get(key)? * Decimal::from(snapshot.size_gib)))
    });
    let delete = aws(&snapshot.region, "ec2 delete-snapshot", &[("--snapshot-id", &snapshot.id)]);
    let advice = Advice {
        confidence: Confidence::Medium,
        saving,
        part: Part::Whole,
        risk: Risk::new(
            RiskLevel::High,
            "it may be the only copy of its data; a recycle bin rule keeps deleted snapshots for a while",
        ),
        remediation: Remediation {
            action: Some(Action::DeleteSnapshot { snapshot: snapshot.id.clone() }),
            summary: "delete the snapshot".to_owned(),
            commands: vec![delete],
            restarts: false,
            reversible: false,
        },
    };
    let reason = format!("it is {age} days old, and nothing refers to it");
    Assessment::flagged(area, resource, Verdict::Idle, reason, advice).because(facts)
}
