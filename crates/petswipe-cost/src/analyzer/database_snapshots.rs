//! Old snapshots of databases that somebody made by hand. Automatic ones go by themselves.

use std::collections::{HashMap, HashSet};

use rust_decimal::Decimal;

use super::shell::aws;
use super::{Analyzer, Scene};
use crate::finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Verdict,
};
use crate::inventory::DatabaseSnapshot;
use crate::{Action, Kind, Region, Resource};

/// Manual snapshots older than the limit, but for the newest of a database that is gone.
#[derive(Clone, Copy, Debug)]
pub struct OldDatabaseSnapshots;

impl Analyzer for OldDatabaseSnapshots {
    fn area(&self) -> Area {
        Area::DATABASE_SNAPSHOTS
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::DatabaseSnapshot, Kind::Database]
    }

    fn assess(&self, scene: &Scene<'_>, tell: &mut dyn FnMut(Assessment)) {
        let instances =
            scene.inventory.databases.iter().map(|one| (&one.region, false, one.id.as_str()));
        let clusters = scene.inventory.databases.iter();
        let clusters =
            clusters.filter_map(|one| Some((&one.region, true, one.cluster.as_deref()?)));
        let databases: HashSet<_> = instances.chain(clusters).collect();
        let mut newest = HashMap::new();
        // Automatic ones go by themselves, so they keep nothing.
        for snapshot in scene.inventory.database_snapshots.iter().filter(|one| one.manual) {
            let time = newest.entry(source_of(snapshot)).or_insert(snapshot.created_at);
            *time = snapshot.created_at.max(*time);
        }
        for snapshot in &scene.inventory.database_snapshots {
            let database = source_of(snapshot);
            let newer = newest.get(&database).is_some_and(|newest| *newest > snapshot.created_at);
            let last = !databases.contains(&database) && !newer;
            tell(assess(scene, snapshot, last).tagged(Some(&snapshot.tags)));
        }
    }
}

/// What a snapshot is of: a cluster, or an instance.
fn source_of(snapshot: &DatabaseSnapshot) -> (&Region, bool, &str) {
    (&snapshot.region, snapshot.cluster, &snapshot.database)
}

/// What is to be said of it, which may be the `last` of a database that is gone.
fn assess(scene: &Scene<'_>, snapshot: &DatabaseSnapshot, last: bool) -> Assessment {
    let (area, resource) = (Area::DATABASE_SNAPSHOTS, snapshot.reference());
    if !snapshot.manual {
        return Assessment::busy(area, resource, "it is automatic, and goes by itself");
    }
    if snapshot.tags.contains_key("aws:backup:source-resource") {
        return Assessment::busy(
            area,
            resource,
            "AWS Backup keeps it and deletes it by its own rules",
        );
    }
    let Some(created_at) = snapshot.created_at else {
        return Assessment::busy(area, resource, "it is being made");
    };
    let limit = i64::from(scene.limits.snapshots.days);
    let Some(age) = scene.days_since(created_at) else {
        return Assessment::unknown(area, resource, "it was made in the future: a clock is wrong");
    };
    let facts = [
        Evidence::new("age", format!("{age} days")).against(format!("more than {limit}")),
        Evidence::new("size of its database", format!("{} GiB", snapshot.size_gib))
            .against("the most it can hold"),
    ];
    if age <= limit {
        return Assessment::busy(area, resource, format!("it is {age} days old")).because(facts);
    }
    if last {
        let reason = format!("it is all that is left of {}", snapshot.database);
        return Assessment::busy(area, resource, reason).because(facts);
    }
    // Backups up to the size of the databases of a region cost nothing, so the least is nothing.
    // Source: "Amazon RDS pricing", backup storage.
    let saving = scene.saving(&snapshot.region, |quotes| {
        // Aurora has another price, and what it says of the size is not what is kept.
        let key = if snapshot.cluster { "aurora:backup" } else { "rds-backup" };
        Some((Decimal::ZERO, quotes.get(key)? * Decimal::from(snapshot.size_gib)))
    });
    let name = snapshot.name().to_owned();
    let (command, identifier, action) = match snapshot.cluster {
        true => (
            "rds delete-db-cluster-snapshot",
            "--db-cluster-snapshot-identifier",
            Action::DeleteClusterSnapshot { snapshot: name.clone() },
        ),
        false => (
            "rds delete-db-snapshot",
            "--db-snapshot-identifier",
            Action::DeleteDatabaseSnapshot { snapshot: name.clone() },
        ),
    };
    let delete = aws(&snapshot.region, command, &[(identifier, &name)]);
    let advice = Advice {
        confidence: Confidence::Medium,
        saving,
        part: Part::Whole,
        risk: Risk::new(RiskLevel::High, "what the database was like then is gone for good"),
        remediation: Remediation {
            action: Some(action),
            summary: "delete the snapshot".to_owned(),
            commands: vec![delete],
            restarts: false,
            reversible: false,
        },
    };
    let reason = format!("somebody made it {age} days ago, and newer data is there");
    Assessment::flagged(area, resource, Verdict::Idle, reason, advice).because(facts)
}
