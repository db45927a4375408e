//! What keeps data and logs: databases, their snapshots, and log groups.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::resource::resource;
use crate::{Region, Tags};

/// A database instance of RDS or Aurora.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Its identifier.
    pub id: String,
    /// Where it is.
    pub region: Region,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// The engine, such as `postgres` or `aurora-postgresql`.
    pub engine: String,
    /// Its class, such as `db.t3.micro`.
    pub class: String,
    /// Whether it has a standby in another zone.
    #[serde(default)]
    pub multi_az: bool,
    /// Whether it runs; a stopped one costs its storage only.
    pub available: bool,
    /// Allocated storage, GiB. Aurora's members have none of their own.
    pub storage_gib: u32,
    /// The type of its storage, such as `gp3`.
    pub storage_type: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// The cluster it is a member of.
    pub cluster: Option<String>,
    /// The instance it is a read replica of.
    pub replica_of: Option<String>,
    /// Whether it refuses to be deleted.
    #[serde(default)]
    pub deletion_protection: bool,
}

resource!(Database, Database, id);

/// A snapshot of a database instance, or of a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSnapshot {
    /// Its identifier; of a cluster's it begins with `cluster:`, as one of an instance may have the same.
    pub id: String,
    /// Where it is.
    pub region: Region,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// The instance it was made of, or the cluster.
    pub database: String,
    /// Whether it was made of a cluster.
    #[serde(default)]
    pub cluster: bool,
    /// Whether a person or a tool made it. Automatic ones go by themselves.
    pub manual: bool,
    /// The size of the instance's storage, GiB: at least what the snapshot holds.
    pub size_gib: u32,
    /// When it was made; `None` while it is being made.
    pub created_at: Option<Timestamp>,
}

resource!(DatabaseSnapshot, DatabaseSnapshot, id);

impl DatabaseSnapshot {
    /// What the [`id`](Self::id) of a cluster's snapshot begins with. No identifier that somebody chose has a colon in it.
    /// Source: "CreateDBClusterSnapshot".
    pub const OF_CLUSTER: &str = "cluster:";

    /// By what RDS knows it.
    pub fn name(&self) -> &str {
        let name = self.id.strip_prefix(Self::OF_CLUSTER).filter(|_| self.cluster);
        name.unwrap_or(&self.id)
    }
}

/// A log group of CloudWatch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogGroup {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub region: Region,
    /// Its tags; `None` where they could not be read, so that no exclusion by tag is overlooked.
    pub tags: Option<Tags>,
    /// After how many days events are deleted; `None` for never.
    pub retention_days: Option<u32>,
    /// What is stored, bytes.
    pub stored_bytes: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its class.
    #[serde(default)]
    pub class: LogClass,
}

impl crate::Resource for LogGroup {
    fn kind(&self) -> crate::Kind {
        crate::Kind::LogGroup
    }

    fn region(&self) -> &Region {
        &self.region
    }

    fn id(&self) -> &str {
        &self.name
    }

    fn tags(&self) -> Option<&Tags> {
        self.tags.as_ref()
    }
}

/// The class of a log group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LogClass {
    /// With everything.
    #[default]
    Standard,
    /// Cheaper to take in.
    InfrequentAccess,
    /// Only delivered elsewhere: kept for a day or two.
    Delivery,
}
