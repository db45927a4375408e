//! Old snapshots of databases that somebody made by hand. Automatic ones go by themselves.

use rust_decimal::Decimal;

use super::shell::aws;
use super::{Analyzer, Scene};
use crate::finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Verdict,
};
use crate::inventory::DatabaseSnapshot;
use crate::{Action, Kind, Resource};

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
        for snapshot in &scene.inventory.database_snapshots {
            tell(assess(scene, snapshot).tagged(Some(&snapshot.tags)));
        }
    }
}

/// Whether it is all that is left of its database.
fn is_last(scene: &Scene<'_>, snapshot: &DatabaseSnapshot) -> bool {
    let same = |region: &crate::Region, database: &str| {
        *region == snapshot.region && *database == snapshot.database
    };
    let lives = scene.inventory.databases.iter().any(|other| match snapshot.cluster {
        true => other.cluster.as_ref().is_some_and(|cluster| same(&other.region, cluster)),
        false => same(&other.region, &other.id),
    });
    let newer = |other: &DatabaseSnapshot| {
        same(&other.region, &other.database)
            && other.cluster == snapshot.cluster
            && other.created_at > snapshot.created_at
    };
    !lives && !scene.inventory.database_snapshots.iter().any(newer)
}

fn assess(scene: &Scene<'_>, snapshot: &DatabaseSnapshot) -> Assessment {
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
    if is_last(scene, snapshot) {
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
