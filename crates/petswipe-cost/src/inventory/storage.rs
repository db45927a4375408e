//! What is stored: EBS volumes, their snapshots, and S3 buckets.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::resource::resource;
use crate::{Region, Tags};

/// An EBS volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// `vol-…`
    pub id: String,
    /// Where it is.
    pub region: Region,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// Its type.
    pub kind: VolumeKind,
    /// Its size, GiB.
    pub size_gib: u32,
    /// Provisioned IOPS, where its type has them; for gp2 those that its size gives.
    pub iops: Option<u32>,
    /// Provisioned throughput, MiB/s, for gp3.
    pub throughput_mib: Option<u32>,
    /// Whether it is attached.
    pub state: VolumeState,
    /// When it was made.
    pub created_at: Timestamp,
}

resource!(Volume, Volume, id);

/// The type of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum VolumeKind {
    /// General purpose, IOPS by size.
    Gp2,
    /// General purpose, IOPS and throughput apart.
    Gp3,
    /// Provisioned IOPS.
    Io1,
    /// Provisioned IOPS, more durable.
    Io2,
    /// Throughput optimized disks.
    St1,
    /// Cold disks.
    Sc1,
    /// Magnetic, of the previous generation.
    Standard,
    /// One that is not known here, and has no price.
    Other,
}

impl VolumeKind {
    /// As the API has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gp2 => "gp2",
            Self::Gp3 => "gp3",
            Self::Io1 => "io1",
            Self::Io2 => "io2",
            Self::St1 => "st1",
            Self::Sc1 => "sc1",
            Self::Standard => "standard",
            Self::Other => "other",
        }
    }
}

/// Whether a volume is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum VolumeState {
    /// Attached to nothing.
    Available,
    /// Attached.
    InUse,
    /// Being made or deleted, or broken.
    Other,
}

/// An EBS snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// `snap-…`
    pub id: String,
    /// Where it is.
    pub region: Region,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// The volume it was made of. A copy of a snapshot names one that does not exist.
    pub volume_id: String,
    /// The size of that volume, GiB: at least what the snapshot holds, and often much more.
    pub size_gib: u32,
    /// Whether it is in the archive tier.
    #[serde(default)]
    pub archived: bool,
    /// Whether it is complete.
    #[serde(default = "super::yes")]
    pub completed: bool,
    /// When it was begun.
    pub started_at: Timestamp,
    /// What it says of itself.
    #[serde(default)]
    pub description: String,
}

resource!(Snapshot, Snapshot, id);

impl Snapshot {
    /// What keeps and deletes it by a schedule of its own, if something does.
    ///
    /// Sources: "AWS Backup: Amazon EBS" (its recovery points carry `aws:backup:source-resource`), "Automate backups with Amazon
    /// Data Lifecycle Manager" (`aws:dlm:lifecycle-policy-id`).
    pub fn manager(&self) -> Option<&'static str> {
        let has = |key: &str| self.tags.contains_key(key);
        if has("aws:backup:source-resource") || self.description.contains("AWS Backup service") {
            Some("AWS Backup")
        } else if has("aws:dlm:lifecycle-policy-id") {
            Some("Data Lifecycle Manager")
        } else {
            None
        }
    }
}

/// An S3 bucket. What of it could not be read is `None`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub region: Region,
    /// Its tags; `None` where they could not be read, so that no exclusion by tag is overlooked.
    pub tags: Option<Tags>,
    /// Whether old versions of objects are kept.
    pub versioning: Option<Versioning>,
    /// The rules that move and delete objects; an empty list where there are none.
    pub lifecycle: Option<Vec<LifecycleRule>>,
    /// Multipart uploads that were begun and not completed.
    pub uploads: Option<Vec<Upload>>,
}

impl crate::Resource for Bucket {
    fn kind(&self) -> crate::Kind {
        crate::Kind::Bucket
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

/// Whether a bucket keeps old versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Versioning {
    /// It never did.
    Off,
    /// It does.
    Enabled,
    /// It no longer does; those that were kept are still there.
    Suspended,
}

/// One rule of a bucket's lifecycle: which of the things that matter here it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LifecycleRule {
    /// Whether it is switched on.
    pub enabled: bool,
    /// Whether it is for the whole bucket, without a filter.
    pub whole_bucket: bool,
    /// Whether it moves objects to another class.
    pub transitions: bool,
    /// Whether it deletes objects.
    pub expires: bool,
    /// Whether it deletes old versions.
    pub expires_noncurrent: bool,
    /// Whether it ends multipart uploads.
    pub aborts_uploads: bool,
}

/// A multipart upload that was not completed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    /// The key it is for.
    pub key: String,
    /// Its id.
    pub id: String,
    /// When it was begun.
    pub initiated_at: Timestamp,
    /// How much of it is there; `None` where its parts were not asked for.
    pub bytes: Option<u64>,
}
