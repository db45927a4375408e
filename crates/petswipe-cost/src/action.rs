//! What acting on a finding is, for programs: those remediations that need nobody's judgement beyond the finding.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A change of one resource that acts on a finding. Doing it twice is the same as doing it once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Action {
    /// Deletes a volume that is attached to nothing, after a snapshot of it.
    DeleteVolume {
        /// `vol-…`
        volume: String,
    },
    /// Releases an address that is associated with nothing.
    ReleaseAddress {
        /// `eipalloc-…`
        allocation: String,
    },
    /// Deletes a snapshot of a volume.
    DeleteSnapshot {
        /// `snap-…`
        snapshot: String,
    },
    /// Deletes a snapshot of a database.
    DeleteDatabaseSnapshot {
        /// Its identifier.
        snapshot: String,
    },
    /// Deletes a snapshot of a cluster of databases.
    DeleteClusterSnapshot {
        /// Its identifier.
        snapshot: String,
    },
    /// Deletes a load balancer.
    DeleteLoadBalancer {
        /// Its ARN; of a classic one the name.
        balancer: String,
    },
    /// Deletes a NAT gateway.
    DeleteNatGateway {
        /// `nat-…`
        gateway: String,
    },
    /// Stops an instance.
    StopInstance {
        /// `i-…`
        instance: String,
    },
    /// Makes a gp2 volume a gp3 volume.
    ConvertVolume {
        /// `vol-…`
        volume: String,
        /// The IOPS it gets.
        iops: u32,
        /// The throughput it gets, MiB/s.
        throughput_mib: u32,
    },
    /// Lets a log group forget.
    SetRetention {
        /// Its name.
        group: String,
        /// After how many days.
        days: u32,
    },
}

impl Action {
    /// The volume of which a snapshot is made and completed before.
    pub fn snapshot_of(&self) -> Option<&str> {
        match self {
            Self::DeleteVolume { volume } => Some(volume),
            _ => None,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeleteVolume { volume } => {
                write!(f, "make a snapshot of {volume}, then delete it")
            }
            Self::ReleaseAddress { allocation } => write!(f, "release {allocation}"),
            Self::DeleteSnapshot { snapshot } => write!(f, "delete {snapshot}"),
            Self::DeleteDatabaseSnapshot { snapshot } => {
                write!(f, "delete the database snapshot {snapshot}")
            }
            Self::DeleteClusterSnapshot { snapshot } => {
                write!(f, "delete the cluster snapshot {snapshot}")
            }
            Self::DeleteLoadBalancer { balancer } => {
                write!(f, "delete the load balancer {balancer}")
            }
            Self::DeleteNatGateway { gateway } => write!(f, "delete {gateway}"),
            Self::StopInstance { instance } => write!(f, "stop {instance}"),
            Self::ConvertVolume { volume, iops, throughput_mib } => {
                write!(f, "make {volume} gp3 with {iops} IOPS and {throughput_mib} MiB/s")
            }
            Self::SetRetention { group, days } => {
                write!(f, "let {group} keep events for {days} days")
            }
        }
    }
}
