//! What connects: addresses, NAT gateways, endpoints, routes, and load balancers.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::resource::resource;
use crate::{Region, Tags};

/// An Elastic IP address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// `eipalloc-…`
    pub id: String,
    /// Where it is.
    pub region: Region,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// The address itself.
    pub public_ip: String,
    /// What it is associated with: an association, an interface or an instance.
    pub associated_with: Option<String>,
    /// The pool it is of, unless that is Amazon's own. What an account brought along costs nothing.
    #[serde(default)]
    pub pool: Option<String>,
}

resource!(Address, Address, id);

/// A NAT gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NatGateway {
    /// `nat-…`
    pub id: String,
    /// Where it is.
    pub region: Region,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// The VPC it serves.
    pub vpc: String,
    /// The subnet it is in; empty for a regional one.
    pub subnet: String,
    /// Whether it is in all zones of its VPC, paid for in each, and not in one only.
    #[serde(default)]
    pub regional: bool,
    /// Whether it is there and works.
    pub available: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

resource!(NatGateway, NatGateway, id);

/// A VPC endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VpcEndpoint {
    /// `vpce-…`
    pub id: String,
    /// Where it is.
    pub region: Region,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// The VPC it is in.
    pub vpc: String,
    /// The service it leads to, such as `com.amazonaws.us-east-1.s3`.
    pub service: String,
    /// Whether it is a gateway endpoint, which costs nothing.
    pub gateway: bool,
}

resource!(VpcEndpoint, VpcEndpoint, id);

/// A subnet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subnet {
    /// `subnet-…`
    pub id: String,
    /// Where it is.
    pub region: Region,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// The VPC it belongs to.
    pub vpc: String,
    /// Its availability zone.
    pub zone: String,
}

resource!(Subnet, Subnet, id);

/// A route table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteTable {
    /// `rtb-…`
    pub id: String,
    /// Where it is.
    pub region: Region,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// The VPC it belongs to.
    pub vpc: String,
    /// Whether it is for the subnets that have none of their own.
    pub main: bool,
    /// The subnets it is for.
    #[serde(default)]
    pub subnets: Vec<String>,
    /// Its routes that lead to NAT gateways.
    #[serde(default)]
    pub nat_routes: Vec<NatRoute>,
}

/// A route to a NAT gateway.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NatRoute {
    /// `nat-…`
    pub gateway: String,
    /// What it is for: a block of addresses of either version, or a prefix list `pl-…`.
    pub destination: String,
}

resource!(RouteTable, RouteTable, id);

/// A load balancer with what it forwards to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadBalancer {
    /// Its ARN; of a classic one the name.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub region: Region,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// What kind it is.
    pub kind: LoadBalancerKind,
    /// When it was made.
    pub created_at: Timestamp,
    /// How many targets are registered, whatever their health; `None` where that could not be read.
    pub targets: Option<u32>,
}

resource!(LoadBalancer, LoadBalancer, id);

impl LoadBalancer {
    /// The last part of its ARN, by which CloudWatch knows it: `app/web/0123456789abcdef`. Of a classic one the name.
    /// Source: "CloudWatch metrics for your Application Load Balancer", metric dimensions.
    pub fn dimension(&self) -> &str {
        self.id.split_once(":loadbalancer/").map_or(&self.id, |(_, end)| end)
    }
}

/// The kind of a load balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LoadBalancerKind {
    /// Of HTTP.
    Application,
    /// Of connections.
    Network,
    /// Of packets, for appliances.
    Gateway,
    /// Of the previous generation.
    Classic,
    /// One that is not known here, and has no price.
    Other,
}

impl LoadBalancerKind {
    /// As keys of prices have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Network => "network",
            Self::Gateway => "gateway",
            Self::Classic => "classic",
            Self::Other => "other",
        }
    }
}
