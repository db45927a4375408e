//! Old snapshots of volumes that nothing refers to.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::shell::aws;
use super::{Analyzer, Scene};
use crate::finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Verdict,
};
use crate::inventory::Snapshot;
use crate::{Action, Kind, Region, Resource};

/// Snapshots older than the limit, of which no image (disabled ones too), no launch template and no backup plan needs any. The last
/// one of a volume that is gone is told apart: no program deletes it.
#[derive(Clone, Copy, Debug)]
pub struct OldSnapshots;

impl Analyzer for OldSnapshots {
    fn area(&self) -> Area {
        Area::SNAPSHOTS
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Snapshot, Kind::Image, Kind::LaunchTemplate, Kind::Volume]
    }

    fn assess(&self, scene: &Scene<'_>, tell: &mut dyn FnMut(Assessment)) {
        let users = users(scene);
        let copies = Copies::of(scene);
        for snapshot in &scene.inventory.snapshots {
            let user = users.get(&(&snapshot.region, snapshot.id.as_str()));
            let last = copies.last(snapshot);
            tell(assess(scene, snapshot, user.copied(), last).tagged(Some(&snapshot.tags)));
        }
    }
}

/// Where else the data of a snapshot may be.
struct Copies<'a> {
    volumes: HashSet<(&'a Region, &'a str)>,
    newest: HashMap<(&'a Region, &'a str), Timestamp>,
}

impl<'a> Copies<'a> {
    fn of(scene: &Scene<'a>) -> Self {
        let volumes = scene.inventory.volumes.iter();
        let volumes = volumes.map(|volume| (&volume.region, volume.id.as_str())).collect();
        let mut newest = HashMap::new();
        // What is deleted by a schedule keeps nothing for ever.
        let lasting = |one: &&Snapshot| one.completed && one.manager().is_none();
        for snapshot in scene.inventory.snapshots.iter().filter(lasting) {
            let time = newest.entry(volume_of(snapshot)).or_insert(snapshot.started_at);
            *time = snapshot.started_at.max(*time);
        }
        Self { volumes, newest }
    }

    /// Whether neither its volume nor a newer snapshot of that is there. Copies all name the same volume, which does not exist, so
    /// each of them may be the last. Source: "CopySnapshot", Amazon EC2 API Reference.
    fn last(&self, snapshot: &Snapshot) -> bool {
        let volume = volume_of(snapshot);
        let newer = self.newest.get(&volume).is_some_and(|newest| *newest > snapshot.started_at);
        !self.volumes.contains(&volume) && (!newer || snapshot.volume_id == COPIED)
    }
}

/// The volume that a copy of a snapshot names.
const COPIED: &str = "vol-ffffffff";

fn volume_of(snapshot: &Snapshot) -> (&Region, &str) {
    (&snapshot.region, &snapshot.volume_id)
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

fn assess(scene: &Scene<'_>, snapshot: &Snapshot, user: Option<&str>, last: bool) -> Assessment {
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
        Evidence::new(
            "its volume, or a newer snapshot of it",
            if last { "not there" } else { "there" },
        ),
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
        confidence: if last { Confidence::Low } else { Confidence::Medium },
        saving,
        part: Part::Whole,
        risk: Risk::new(
            RiskLevel::High,
            if last {
                "it is the only copy of its data that this account shows"
            } else {
                "what its volume was like then is gone for good, unless a rule of the recycle bin keeps it"
            },
        ),
        remediation: Remediation {
            action: (!last).then(|| Action::DeleteSnapshot { snapshot: snapshot.id.clone() }),
            summary: "delete the snapshot".to_owned(),
            commands: vec![delete],
            restarts: false,
            reversible: false,
        },
    };
    let what = if last { "it is all that is left of its volume" } else { "nothing refers to it" };
    let reason = format!("it is {age} days old, and {what}");
    Assessment::flagged(area, resource, Verdict::Idle, reason, advice).because(facts)
}
