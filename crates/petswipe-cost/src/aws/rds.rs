//! Amazon RDS: databases, Aurora's members included, and their snapshots.

use aws_sdk_rds::Client;
use aws_sdk_rds::types::{self as sdk, Tag};
use petswipe_aws::CallError;

use super::pages::{self, Asked};
use super::values::{self, count, need, time};
use crate::Region;
use crate::Tags;
use crate::inventory::{Database, DatabaseSnapshot};

/// So many entries a page. Source: "DescribeDBInstances", `MaxRecords`: 20 to 100.
const PAGE: i32 = 100;

/// In these states an instance does not run, and is not billed, or for its storage only.
///
/// Source: "Viewing Amazon RDS DB instance status".
const DOWN: [&str; 12] = [
    "creating",
    "deleting",
    "failed",
    "inaccessible-encryption-credentials",
    "inaccessible-encryption-credentials-recoverable",
    "incompatible-create",
    "incompatible-network",
    "incompatible-restore",
    "insufficient-capacity",
    "starting",
    "stopped",
    "stopping",
];

/// Two other services answer here too; they have other prices and other metrics. Source: "DescribeDBInstances".
const OTHERS: [&str; 2] = ["docdb", "neptune"];

/// All but those that are still being made and have no time yet.
pub(super) async fn databases(
    client: &Client,
    region: &Region,
) -> Result<Vec<Database>, CallError> {
    let asked = Asked { action: "rds:DescribeDBInstances", about: region.as_str() };
    let all = pages::all(asked, |marker: Option<String>| {
        let request = client.describe_db_instances().max_records(PAGE).set_marker(marker);
        async move {
            let page = request.send().await;
            let page = page.map_err(|error| CallError::new(asked.action, asked.about, error))?;
            let next = page.marker.filter(|marker| !marker.is_empty());
            Ok((page.db_instances.unwrap_or_default(), next))
        }
    });
    let mut databases = Vec::new();
    for one in all.await? {
        let status = one.db_instance_status().unwrap_or_default().to_owned();
        let engine = need(one.engine(), asked, "engine")?.to_owned();
        if OTHERS.contains(&engine.as_str())
            || (status == "creating" && one.instance_create_time().is_none())
        {
            continue;
        }
        databases.push(Database {
            region: region.clone(),
            tags: tags(one.tag_list()),
            engine,
            class: need(one.db_instance_class(), asked, "class")?.to_owned(),
            multi_az: one.multi_az() == Some(true),
            available: !DOWN.contains(&status.as_str()),
            storage_gib: storage(&one),
            storage_type: one.storage_type().unwrap_or_default().to_owned(),
            created_at: need(time(one.instance_create_time()), asked, "time")?,
            cluster: some(one.db_cluster_identifier()),
            replica_of: some(one.read_replica_source_db_instance_identifier()),
            deletion_protection: one.deletion_protection() == Some(true),
            id: need(one.db_instance_identifier, asked, "id")?,
        });
    }
    Ok(databases)
}

/// A member of an Aurora cluster says 1 GiB, and has none of its own. Source: "CreateDBInstance", `AllocatedStorage`: "Aurora
/// cluster volumes automatically grow".
fn storage(one: &sdk::DbInstance) -> u32 {
    let is_aurora = one.engine().is_some_and(|engine| engine.starts_with("aurora"));
    one.allocated_storage().filter(|_| !is_aurora).map_or(0, count)
}

/// Manual and automatic ones that the account owns.
pub(super) async fn snapshots(
    client: &Client,
    region: &Region,
) -> Result<Vec<DatabaseSnapshot>, CallError> {
    let asked = Asked { action: "rds:DescribeDBSnapshots", about: region.as_str() };
    let all = pages::all(asked, |marker: Option<String>| {
        let request = client.describe_db_snapshots().max_records(PAGE).set_marker(marker);
        async move {
            let page = request.send().await;
            let page = page.map_err(|error| CallError::new(asked.action, asked.about, error))?;
            let next = page.marker.filter(|marker| !marker.is_empty());
            Ok((page.db_snapshots.unwrap_or_default(), next))
        }
    });
    let snapshot = |one: sdk::DbSnapshot| {
        Ok(DatabaseSnapshot {
            region: region.clone(),
            tags: tags(one.tag_list()),
            database: one.db_instance_identifier().unwrap_or_default().to_owned(),
            cluster: false,
            manual: one.snapshot_type() == Some("manual"),
            size_gib: one.allocated_storage().map_or(0, count),
            created_at: time(one.snapshot_create_time()),
            id: need(one.db_snapshot_identifier, asked, "id")?,
        })
    };
    all.await?.into_iter().map(snapshot).collect()
}

/// Those of clusters that the account owns and somebody made: automatic ones go by themselves.
pub(super) async fn cluster_snapshots(
    client: &Client,
    region: &Region,
) -> Result<Vec<DatabaseSnapshot>, CallError> {
    let asked = Asked { action: "rds:DescribeDBClusterSnapshots", about: region.as_str() };
    let all = pages::all(asked, |marker: Option<String>| {
        let request = client.describe_db_cluster_snapshots().snapshot_type("manual");
        let request = request.max_records(PAGE).set_marker(marker);
        async move {
            let page = request.send().await;
            let page = page.map_err(|error| CallError::new(asked.action, asked.about, error))?;
            let next = page.marker.filter(|marker| !marker.is_empty());
            Ok((page.db_cluster_snapshots.unwrap_or_default(), next))
        }
    });
    let is_ours =
        |one: &sdk::DbClusterSnapshot| one.engine().is_none_or(|engine| !OTHERS.contains(&engine));
    let snapshot = |one: sdk::DbClusterSnapshot| {
        let name = need(one.db_cluster_snapshot_identifier(), asked, "id")?;
        Ok(DatabaseSnapshot {
            id: format!("{}{name}", DatabaseSnapshot::OF_CLUSTER),
            region: region.clone(),
            tags: tags(one.tag_list()),
            database: one.db_cluster_identifier().unwrap_or_default().to_owned(),
            cluster: true,
            manual: one.snapshot_type().is_none_or(|kind| kind == "manual"),
            size_gib: one.allocated_storage().map_or(0, count),
            created_at: time(one.snapshot_create_time()),
        })
    };
    all.await?.into_iter().filter(is_ours).map(snapshot).collect()
}

fn tags(all: &[Tag]) -> Tags {
    values::tags(all.iter().map(|tag| (tag.key(), tag.value())))
}

fn some(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}
