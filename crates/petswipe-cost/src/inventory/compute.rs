//! What computes: EC2 instances, what they start from, and ECS services.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::resource::resource;
use crate::{Region, Tags};

/// An EC2 instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// `i-…`
    pub id: String,
    /// Where it is.
    pub region: Region,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// Its type, such as `m5.large`.
    pub instance_type: String,
    /// Whether it runs.
    pub state: InstanceState,
    /// How it is paid.
    #[serde(default)]
    pub purchase: Purchase,
    /// Whether its list price is that of Linux on shared hardware. The embedded prices know no other.
    #[serde(default = "super::yes")]
    pub linux_shared: bool,
    /// When it was last started.
    pub launched_at: Timestamp,
}

resource!(Instance, Instance, id);

impl Instance {
    /// The Auto Scaling group that would replace it, if it belongs to one. Source: "Tag Auto Scaling groups and instances".
    pub fn scaling_group(&self) -> Option<&str> {
        self.tags.get("aws:autoscaling:groupName").map(String::as_str)
    }
}

/// Whether an instance runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum InstanceState {
    /// It runs, and is paid for.
    Running,
    /// It is stopped: only its volumes and addresses cost anything.
    Stopped,
    /// On its way from one to another, or gone.
    Other,
}

/// How capacity is paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Purchase {
    /// By the second, at the list price. Commitments of the account may make it cheaper; an inventory can't tell.
    #[default]
    OnDemand,
    /// Spot.
    Spot,
    /// A capacity block or another scheduled reservation.
    Reserved,
}

/// A machine image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// `ami-…`
    pub id: String,
    /// Where it is.
    pub region: Region,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// The snapshots it is made of. A disabled image still needs them.
    #[serde(default)]
    pub snapshots: Vec<String>,
}

resource!(Image, Image, id);

/// A version of a launch template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaunchTemplate {
    /// `lt-…`, and its version after a colon.
    pub id: String,
    /// Where it is.
    pub region: Region,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// The snapshots that its block devices start from.
    #[serde(default)]
    pub snapshots: Vec<String>,
}

resource!(LaunchTemplate, LaunchTemplate, id);

/// An ECS service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// `CLUSTER/NAME`.
    pub id: String,
    /// Where it is.
    pub region: Region,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// What it runs on.
    pub launch: Launch,
    /// The processor its tasks need.
    #[serde(default)]
    pub architecture: Architecture,
    /// How many tasks it should have.
    pub desired: u32,
    /// CPU units of one task, 1,024 to a vCPU.
    pub cpu: u32,
    /// Memory of one task, MiB.
    pub memory_mib: u32,
    /// The task definition it runs, such as `web:7`.
    pub task_definition: String,
}

resource!(Service, Service, id);

/// What a service runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Launch {
    /// Fargate at the list price.
    Fargate,
    /// Fargate Spot, all of it or a part.
    FargateSpot,
    /// Instances, which are paid for themselves.
    Ec2,
}

/// The processor of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Architecture {
    /// x86-64.
    #[default]
    X86,
    /// 64-bit ARM.
    Arm,
}
