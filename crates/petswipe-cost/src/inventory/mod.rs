//! What there is in an account: plain data, as listed. What it is used for is in [`Usage`](crate::Usage).

mod compute;
mod data;
mod network;
mod storage;
mod unread;

pub use compute::{
    Architecture, Image, Instance, InstanceState, Launch, LaunchTemplate, Purchase, Service,
};
pub use data::{Database, DatabaseSnapshot, LogClass, LogGroup};
pub use network::{
    Address, LoadBalancer, LoadBalancerKind, NatGateway, NatRoute, RouteTable, Subnet, VpcEndpoint,
};
pub use storage::{
    Bucket, LifecycleRule, Snapshot, Upload, Versioning, Volume, VolumeKind, VolumeState,
};

pub use unread::Unread;

use serde::{Deserialize, Serialize};

use crate::{Kind, Resource};

/// Everything that was listed, kind by kind.
///
/// What could not be listed is not in here, and looks like what does not exist: [`Scanner`](crate::Scanner) knows the difference, and
/// asks no analyzer about a region in which something it needs was not listed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Inventory {
    /// EC2 instances.
    pub instances: Vec<Instance>,
    /// EBS volumes.
    pub volumes: Vec<Volume>,
    /// EBS snapshots.
    pub snapshots: Vec<Snapshot>,
    /// Machine images.
    pub images: Vec<Image>,
    /// Versions of launch templates.
    pub launch_templates: Vec<LaunchTemplate>,
    /// Elastic IP addresses.
    pub addresses: Vec<Address>,
    /// NAT gateways.
    pub nat_gateways: Vec<NatGateway>,
    /// VPC endpoints.
    pub vpc_endpoints: Vec<VpcEndpoint>,
    /// Subnets.
    pub subnets: Vec<Subnet>,
    /// Route tables.
    pub route_tables: Vec<RouteTable>,
    /// Database instances.
    pub databases: Vec<Database>,
    /// Snapshots of database instances.
    pub database_snapshots: Vec<DatabaseSnapshot>,
    /// Load balancers.
    pub load_balancers: Vec<LoadBalancer>,
    /// Buckets.
    pub buckets: Vec<Bucket>,
    /// Log groups.
    pub log_groups: Vec<LogGroup>,
    /// ECS services.
    pub services: Vec<Service>,
    /// What of all this could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unread>,
}

/// What a field of an older file is that does not have it.
fn yes() -> bool {
    true
}

/// Does the same with every list.
macro_rules! each_list {
    ($do:ident!($($argument:tt)*)) => {
        $do!($($argument)* instances, Instance);
        $do!($($argument)* volumes, Volume);
        $do!($($argument)* snapshots, Snapshot);
        $do!($($argument)* images, Image);
        $do!($($argument)* launch_templates, LaunchTemplate);
        $do!($($argument)* addresses, Address);
        $do!($($argument)* nat_gateways, NatGateway);
        $do!($($argument)* vpc_endpoints, VpcEndpoint);
        $do!($($argument)* subnets, Subnet);
        $do!($($argument)* route_tables, RouteTable);
        $do!($($argument)* databases, Database);
        $do!($($argument)* database_snapshots, DatabaseSnapshot);
        $do!($($argument)* load_balancers, LoadBalancer);
        $do!($($argument)* buckets, Bucket);
        $do!($($argument)* log_groups, LogGroup);
        $do!($($argument)* services, Service);
    };
}

impl Inventory {
    /// Takes in what another listing has.
    pub fn absorb(&mut self, other: Self) {
        macro_rules! extend {
            ($list:ident, $kind:ident) => {
                self.$list.extend(other.$list);
            };
        }
        each_list!(extend!());
        self.unread.extend(other.unread);
    }

    /// Every resource, kind by kind.
    pub fn resources(&self) -> impl Iterator<Item = &dyn Resource> {
        let mut all: Vec<&dyn Resource> = Vec::with_capacity(self.len());
        macro_rules! collect {
            ($list:ident, $kind:ident) => {
                all.extend(self.$list.iter().map(|resource| resource as &dyn Resource));
            };
        }
        each_list!(collect!());
        all.into_iter()
    }

    /// Only what is of a kind, in a region.
    #[must_use]
    pub fn only(&self, wanted: Kind, region: &crate::Region) -> Self {
        let mut only = Self::default();
        macro_rules! pick {
            ($list:ident, $kind:ident) => {
                if wanted == Kind::$kind {
                    let here = self.$list.iter().filter(|one| one.region() == region);
                    only.$list = here.cloned().collect();
                }
            };
        }
        each_list!(pick!());
        let is_here = |one: &&Unread| one.kind == wanted && one.region == *region;
        only.unread = self.unread.iter().filter(is_here).cloned().collect();
        only
    }

    /// How many resources there are.
    pub fn len(&self) -> usize {
        let mut total = 0;
        macro_rules! count {
            ($list:ident, $kind:ident) => {
                total += self.$list.len();
            };
        }
        each_list!(count!());
        total
    }

    /// Whether nothing was listed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
