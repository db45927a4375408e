//! Volumes and their snapshots.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{self as sdk, SnapshotState, StorageTier, VolumeType};
use petswipe_aws::CallError;

use super::{Asked, pages, tags};
use crate::Region;
use crate::aws::values::{count, need, time};
use crate::inventory::{Snapshot, Volume, VolumeKind, VolumeState};

pub(super) async fn volumes(client: &Client, region: &Region) -> Result<Vec<Volume>, CallError> {
    let asked = Asked { action: "ec2:DescribeVolumes", about: region.as_str() };
    let all = pages!(asked, client.describe_volumes(), 500, volumes);
    all.into_iter().map(|one| volume(one, region, asked)).collect()
}

fn volume(one: sdk::Volume, region: &Region, asked: Asked<'_>) -> Result<Volume, CallError> {
    let kind = match one.volume_type() {
        Some(VolumeType::Gp2) => VolumeKind::Gp2,
        Some(VolumeType::Gp3) => VolumeKind::Gp3,
        Some(VolumeType::Io1) => VolumeKind::Io1,
        Some(VolumeType::Io2) => VolumeKind::Io2,
        Some(VolumeType::St1) => VolumeKind::St1,
        Some(VolumeType::Sc1) => VolumeKind::Sc1,
        Some(VolumeType::Standard) => VolumeKind::Standard,
        _ => VolumeKind::Other,
    };
    let state = match one.state() {
        Some(sdk::VolumeState::Available) => VolumeState::Available,
        Some(sdk::VolumeState::InUse) => VolumeState::InUse,
        _ => VolumeState::Other,
    };
    Ok(Volume {
        region: region.clone(),
        tags: tags(one.tags()),
        kind,
        size_gib: count(need(one.size, asked, "size")?),
        iops: one.iops.map(count),
        throughput_mib: one.throughput.map(count),
        state,
        created_at: need(time(one.create_time()), asked, "time")?,
        id: need(one.volume_id, asked, "id")?,
    })
}

pub(super) async fn snapshots(
    client: &Client,
    region: &Region,
) -> Result<Vec<Snapshot>, CallError> {
    let asked = Asked { action: "ec2:DescribeSnapshots", about: region.as_str() };
    let own = client.describe_snapshots().owner_ids("self");
    let all = pages!(asked, own, 1000, snapshots);
    all.into_iter().map(|one| snapshot(one, region, asked)).collect()
}

fn snapshot(one: sdk::Snapshot, region: &Region, asked: Asked<'_>) -> Result<Snapshot, CallError> {
    Ok(Snapshot {
        region: region.clone(),
        tags: tags(one.tags()),
        size_gib: count(need(one.volume_size, asked, "size")?),
        archived: one.storage_tier() == Some(&StorageTier::Archive),
        completed: one.state() == Some(&SnapshotState::Completed),
        started_at: need(time(one.start_time()), asked, "time")?,
        volume_id: one.volume_id.unwrap_or_default(),
        description: one.description.unwrap_or_default(),
        id: need(one.snapshot_id, asked, "id")?,
    })
}
