//! Databases, their snapshots, and log groups.

use super::{Builder, Case, for_testing, is_working};
use crate::inventory::{Database, DatabaseSnapshot, LogClass, LogGroup};
use crate::{Area, Measure, Metric, Region, Statistic, Tags};

pub(super) const CASES: &[Case] = &[
    Case { weight: 12, place: |builder, region, tags| loaded(builder, region, tags, 45.0, 80.0) },
    Case { weight: 3, place: |builder, region, tags| loaded(builder, region, tags, 6.0, 80.0) },
    Case { weight: 3, place: |builder, region, tags| loaded(builder, region, tags, 45.0, 3.0) },
    Case { weight: 3, place: |builder, region, tags| unused(builder, region, tags) },
    Case { weight: 3, place: |builder, region, tags| too_large(builder, region, tags) },
    Case { weight: 2, place: |builder, region, tags| silent(builder, region, tags) },
    Case { weight: 2, place: |builder, region, tags| stopped(builder, region, tags) },
    Case { weight: 2, place: |builder, region, tags| by_day(builder, region, tags) },
    Case { weight: 2, place: |builder, region, tags| aurora(builder, region, tags, true) },
    Case { weight: 2, place: |builder, region, tags| aurora(builder, region, tags, false) },
    Case { weight: 3, place: |builder, region, tags| snapshots(builder, region, tags) },
    Case {
        weight: 30,
        place: |builder, region, tags| logs(builder, region, tags, Some(30), 400, 50),
    },
    Case { weight: 12, place: |builder, region, tags| logs(builder, region, tags, None, 400, 80) },
    Case { weight: 5, place: |builder, region, tags| logs(builder, region, tags, None, 20, 80) },
    Case { weight: 5, place: |builder, region, tags| logs(builder, region, tags, None, 400, 0) },
];

fn database(builder: &mut Builder, region: Region, tags: Tags) -> Database {
    Database {
        id: builder.id("db"),
        region,
        tags,
        engine: "postgres".to_owned(),
        class: "db.m5.xlarge".to_owned(),
        multi_az: builder.rng.bool(),
        available: true,
        storage_gib: 100,
        storage_type: "gp3".to_owned(),
        created_at: builder.days_ago(300),
        cluster: None,
        replica_of: None,
        deletion_protection: false,
    }
}

/// Mean and peak of CPU in percent, and connections.
fn load(builder: &mut Builder, database: &Database, mean: f64, peak: f64, connections: f64) {
    for (metric, statistic, value) in [
        (Metric::DatabaseCpu, Statistic::Average, mean),
        (Metric::DatabaseCpu, Statistic::Maximum, peak),
        (Metric::DatabaseConnections, Statistic::Maximum, connections),
    ] {
        builder.measure(Measure::daily(&database.region, &database.id, metric, statistic), value);
    }
}

fn loaded(builder: &mut Builder, region: Region, tags: Tags, mean: f64, connections: f64) {
    let database = database(builder, region, tags);
    load(builder, &database, mean, 75.0, connections);
    builder.inventory.databases.push(database);
}

fn unused(builder: &mut Builder, region: Region, tags: Tags) {
    let database = database(builder, region, tags);
    load(builder, &database, 3.0, 9.0, 0.0);
    builder.plant(&Area::RDS, &database.region, &database.id, &database.tags);
    builder.inventory.databases.push(database);
}

fn too_large(builder: &mut Builder, region: Region, tags: Tags) {
    let database = database(builder, region, tags);
    load(builder, &database, 6.0, 20.0, 4.0);
    builder.plant(&Area::RDS, &database.region, &database.id, &database.tags);
    builder.inventory.databases.push(database);
}

fn silent(builder: &mut Builder, region: Region, tags: Tags) {
    let database = database(builder, region, tags);
    builder.hide(&Area::RDS, &database.region, &database.id, &database.tags);
    builder.inventory.databases.push(database);
}

fn stopped(builder: &mut Builder, region: Region, tags: Tags) {
    let database = Database { available: false, ..database(builder, region, tags) };
    builder.inventory.databases.push(database);
}

fn by_day(builder: &mut Builder, region: Region, tags: Tags) {
    let database = database(builder, region, for_testing(tags));
    load(builder, &database, 25.0, 70.0, 40.0);
    let cpu =
        Measure::hourly(&database.region, &database.id, Metric::DatabaseCpu, Statistic::Average);
    builder.measure_hours(cpu, |weekday, hour| if is_working(weekday, hour) { 50.0 } else { 2.0 });
    builder.plant(&Area::SCHEDULES, &database.region, &database.id, &database.tags);
    builder.inventory.databases.push(database);
}

/// A member of a cluster: its load comes for two hours a day, or all day long.
fn aurora(builder: &mut Builder, region: Region, tags: Tags, varies: bool) {
    let cluster = Some(builder.id("cluster"));
    let database = Database {
        engine: "aurora-postgresql".to_owned(),
        class: "db.r5.large".to_owned(),
        multi_az: false,
        storage_gib: 1,
        storage_type: "aurora".to_owned(),
        cluster,
        ..database(builder, region, tags)
    };
    load(builder, &database, if varies { 12.0 } else { 60.0 }, 95.0, 60.0);
    for (statistic, by_load) in [(Statistic::Average, 0.8), (Statistic::Maximum, 1.0)] {
        let cpu = Measure::hourly(&database.region, &database.id, Metric::DatabaseCpu, statistic);
        builder.measure_hours(cpu, |_, hour| {
            let peak = if varies && hour >= 2 { 3.0 } else { 85.0 };
            peak * by_load
        });
    }
    if varies {
        builder.plant(&Area::AURORA, &database.region, &database.id, &database.tags);
    }
    builder.inventory.databases.push(database);
}

/// An old one by hand of a database that lives, an automatic one, and the last of a database that is gone.
fn snapshots(builder: &mut Builder, region: Region, tags: Tags) {
    loaded(builder, region.clone(), tags.clone(), 45.0, 80.0);
    let Some(living) = builder.inventory.databases.last().map(|database| database.id.clone())
    else {
        return;
    };
    let gone = builder.id("db");
    for (database, manual, days) in
        [(&living, true, 200), (&living, false, 200), (&gone, true, 200)]
    {
        let snapshot = DatabaseSnapshot {
            cluster: false,
            id: builder.id("rds-snap"),
            region: region.clone(),
            tags: tags.clone(),
            database: database.clone(),
            manual,
            size_gib: 100,
            created_at: Some(builder.days_ago(days)),
        };
        if manual && *database == living {
            builder.plant(&Area::DATABASE_SNAPSHOTS, &region, &snapshot.id, &tags);
        }
        builder.inventory.database_snapshots.push(snapshot);
    }
}

fn logs(
    builder: &mut Builder,
    region: Region,
    tags: Tags,
    retention_days: Option<u32>,
    age: i64,
    gib: u64,
) {
    let group = LogGroup {
        name: format!("/aws/ecs/{}", builder.id("web")),
        region,
        tags: Some(tags.clone()),
        retention_days,
        // What stores next to nothing is not worth a finding.
        stored_bytes: (gib << 30) + 1000,
        created_at: builder.days_ago(age),
        class: LogClass::Standard,
    };
    if retention_days.is_none() && age > 90 && gib > 0 {
        builder.plant(&Area::LOGS, &group.region, &group.name, &tags);
    }
    builder.inventory.log_groups.push(group);
}
