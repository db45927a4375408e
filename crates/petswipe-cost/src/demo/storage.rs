//! Volumes, snapshots, and buckets.

use super::{Builder, Case};
use crate::inventory::{
    Bucket, LifecycleRule, Snapshot, Upload, Versioning, Volume, VolumeKind, VolumeState,
};
use crate::{Area, Measure, Metric, Region, Statistic, StorageClass, Tags};

pub(super) const CASES: &[Case] = &[
    Case {
        weight: 180,
        place: |builder, region, tags| {
            volume(builder, region, tags, VolumeKind::Gp3, VolumeState::InUse, 200)
        },
    },
    Case {
        weight: 40,
        place: |builder, region, tags| {
            volume(builder, region, tags, VolumeKind::Gp2, VolumeState::InUse, 200)
        },
    },
    Case {
        weight: 25,
        place: |builder, region, tags| {
            volume(builder, region, tags, VolumeKind::Gp3, VolumeState::Available, 200)
        },
    },
    Case {
        weight: 8,
        place: |builder, region, tags| {
            volume(builder, region, tags, VolumeKind::Gp2, VolumeState::Available, 200)
        },
    },
    Case {
        weight: 8,
        place: |builder, region, tags| {
            volume(builder, region, tags, VolumeKind::Gp3, VolumeState::Available, 2)
        },
    },
    Case { weight: 6, place: |builder, region, tags| detached(builder, region, tags) },
    Case { weight: 30, place: |builder, region, tags| abandoned(builder, region, tags, true) },
    Case { weight: 10, place: |builder, region, tags| abandoned(builder, region, tags, false) },
    Case { weight: 120, place: |builder, region, tags| young(builder, region, tags) },
    Case { weight: 40, place: |builder, region, tags| backed_up(builder, region, tags) },
    Case { weight: 10, place: |builder, region, tags| archived(builder, region, tags) },
    Case { weight: 12, place: |builder, region, tags| well_kept(builder, region, tags) },
    Case { weight: 4, place: |builder, region, tags| with_uploads(builder, region, tags) },
    Case { weight: 4, place: |builder, region, tags| with_versions(builder, region, tags) },
    Case { weight: 4, place: |builder, region, tags| for_another_class(builder, region, tags) },
    Case { weight: 3, place: |builder, region, tags| of_small_objects(builder, region, tags) },
    Case { weight: 2, place: |builder, region, tags| closed(builder, region, tags) },
];

fn new_volume(
    builder: &mut Builder,
    region: Region,
    tags: Tags,
    kind: VolumeKind,
    state: VolumeState,
    days: i64,
) -> Volume {
    let gp3 = kind == VolumeKind::Gp3;
    Volume {
        id: builder.id("vol"),
        region,
        tags,
        kind,
        size_gib: [20, 50, 100, 250, 500][builder.rng.usize(..5)],
        iops: gp3.then_some(3000),
        throughput_mib: gp3.then_some(125),
        state,
        created_at: builder.days_ago(days),
    }
}

fn volume(
    builder: &mut Builder,
    region: Region,
    tags: Tags,
    kind: VolumeKind,
    state: VolumeState,
    days: i64,
) {
    let volume = new_volume(builder, region, tags, kind, state, days);
    if state == VolumeState::Available && days > 7 {
        builder.plant(&Area::VOLUMES, &volume.region, &volume.id, &volume.tags);
    }
    // Up to 170 GiB gp3 has what gp2 had; from there on as much throughput costs more than is saved, up to 250 GiB.
    if kind == VolumeKind::Gp2 && !(171..=250).contains(&volume.size_gib) {
        builder.plant(&Area::GP3, &volume.region, &volume.id, &volume.tags);
    }
    builder.inventory.volumes.push(volume);
}

/// A volume that was taken from its instance two weeks ago: somebody may want it back.
fn detached(builder: &mut Builder, region: Region, tags: Tags) {
    let volume = new_volume(builder, region, tags, VolumeKind::Gp3, VolumeState::Available, 200);
    let reads = Measure::daily(&volume.region, &volume.id, Metric::VolumeReads, Statistic::Sum);
    builder.measure_each(reads, [vec![100.0; 5], vec![f64::NAN; 14]].concat());
    builder.inventory.volumes.push(volume);
}

fn snapshot(builder: &mut Builder, region: Region, tags: Tags, days: i64) -> Snapshot {
    Snapshot {
        id: builder.id("snap"),
        region,
        tags,
        volume_id: builder.id("vol"),
        size_gib: [20, 50, 100, 250][builder.rng.usize(..4)],
        archived: false,
        completed: true,
        started_at: builder.days_ago(days),
        description: String::new(),
    }
}

/// An old snapshot that something is going to need. Its id.
pub(super) fn old_snapshot(builder: &mut Builder, region: &Region, tags: Tags) -> String {
    let snapshot = snapshot(builder, region.clone(), tags, 400);
    let id = snapshot.id.clone();
    builder.inventory.snapshots.push(snapshot);
    id
}

/// Of a volume that is there, or that is gone.
fn abandoned(builder: &mut Builder, region: Region, tags: Tags, of_a_volume: bool) {
    let days = builder.rng.i64(100..900);
    let mut snapshot = snapshot(builder, region, tags, days);
    if of_a_volume {
        let (region, tags) = (snapshot.region.clone(), snapshot.tags.clone());
        let of = new_volume(builder, region, tags, VolumeKind::Gp3, VolumeState::InUse, 900);
        snapshot.volume_id.clone_from(&of.id);
        builder.inventory.volumes.push(of);
    }
    builder.plant(&Area::SNAPSHOTS, &snapshot.region, &snapshot.id, &snapshot.tags);
    builder.inventory.snapshots.push(snapshot);
}

fn young(builder: &mut Builder, region: Region, tags: Tags) {
    let days = builder.rng.i64(0..90);
    let snapshot = snapshot(builder, region, tags, days);
    builder.inventory.snapshots.push(snapshot);
}

fn backed_up(builder: &mut Builder, region: Region, mut tags: Tags) {
    tags.insert("aws:backup:source-resource".to_owned(), "vol-0".to_owned());
    let snapshot = snapshot(builder, region, tags, 300);
    builder.inventory.snapshots.push(snapshot);
}

fn archived(builder: &mut Builder, region: Region, tags: Tags) {
    let snapshot = Snapshot { archived: true, ..snapshot(builder, region, tags, 500) };
    builder.plant(&Area::SNAPSHOTS, &snapshot.region, &snapshot.id, &snapshot.tags);
    builder.inventory.snapshots.push(snapshot);
}

/// A rule for the whole bucket that does everything.
const RULE: LifecycleRule = LifecycleRule {
    enabled: true,
    whole_bucket: true,
    transitions: true,
    expires: false,
    expires_noncurrent: true,
    aborts_uploads: true,
};

/// A bucket of so many GiB in objects of so many KiB.
fn bucket(builder: &mut Builder, region: Region, tags: Tags, gib: f64, object_kib: f64) -> Bucket {
    let name = builder.id("bucket");
    let bytes = gib * 1_073_741_824.0;
    let daily = |metric| Measure::daily(&region, &name, metric, Statistic::Average);
    let (size, count) =
        (daily(Metric::BucketBytes(StorageClass::Standard)), daily(Metric::BucketObjects));
    // The metrics of storage are steady, and yesterday's is not there yet.
    builder.measure_each(size, vec![bytes, bytes, bytes, f64::NAN]);
    let objects = bytes / (object_kib * 1024.0);
    builder.measure_each(count, vec![objects, objects, objects, f64::NAN]);
    Bucket {
        name,
        region,
        tags: Some(tags),
        versioning: Some(Versioning::Enabled),
        lifecycle: Some(vec![RULE]),
        uploads: Some(Vec::new()),
    }
}

fn well_kept(builder: &mut Builder, region: Region, tags: Tags) {
    let bucket = bucket(builder, region, tags, 800.0, 5000.0);
    builder.inventory.buckets.push(bucket);
}

fn with_uploads(builder: &mut Builder, region: Region, tags: Tags) {
    let mut bucket = bucket(builder, region, tags.clone(), 300.0, 5000.0);
    bucket.lifecycle = Some(vec![LifecycleRule { aborts_uploads: false, ..RULE }]);
    let initiated_at = builder.days_ago(40);
    let upload = Upload {
        key: "export.tar".to_owned(),
        id: builder.id("upload"),
        initiated_at,
        bytes: Some(60 << 30),
    };
    bucket.uploads = Some(vec![upload]);
    builder.plant(&Area::S3, &bucket.region, &format!("{}/uploads", bucket.name), &tags);
    builder.inventory.buckets.push(bucket);
}

fn with_versions(builder: &mut Builder, region: Region, tags: Tags) {
    let mut bucket = bucket(builder, region, tags.clone(), 300.0, 5000.0);
    bucket.lifecycle = Some(vec![LifecycleRule { expires_noncurrent: false, ..RULE }]);
    builder.plant(&Area::S3, &bucket.region, &format!("{}/versions", bucket.name), &tags);
    builder.inventory.buckets.push(bucket);
}

fn for_another_class(builder: &mut Builder, region: Region, tags: Tags) {
    let mut bucket = bucket(builder, region, tags.clone(), 2000.0, 4000.0);
    bucket.lifecycle = Some(Vec::new());
    bucket.versioning = Some(Versioning::Off);
    builder.plant(&Area::S3, &bucket.region, &format!("{}/class", bucket.name), &tags);
    builder.inventory.buckets.push(bucket);
}

fn of_small_objects(builder: &mut Builder, region: Region, tags: Tags) {
    let mut bucket = bucket(builder, region, tags, 400.0, 20.0);
    bucket.lifecycle = Some(Vec::new());
    bucket.versioning = Some(Versioning::Off);
    builder.inventory.buckets.push(bucket);
}

/// A bucket whose policy lets nobody look.
fn closed(builder: &mut Builder, region: Region, tags: Tags) {
    let mut bucket = bucket(builder, region, tags, 400.0, 5000.0);
    (bucket.tags, bucket.versioning, bucket.lifecycle, bucket.uploads) = (None, None, None, None);
    for what in ["uploads", "versions", "class"] {
        builder.hide(&Area::S3, &bucket.region, &format!("{}/{what}", bucket.name), &Tags::new());
    }
    builder.inventory.buckets.push(bucket);
}
