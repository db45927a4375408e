//! What everything in an inventory has: a kind, a region, an id, and tags.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Error, Tags};

/// A region, such as `us-east-1`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(Arc<str>);

impl Region {
    /// A region by its code.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no code of a region: lower-case letters, digits and hyphens.
    pub fn new(code: impl AsRef<str>) -> Result<Self, Error> {
        let code = code.as_ref();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if code.is_empty() || code.len() > 32 || !code.chars().all(plain) {
            return Err(Error::invalid("region", code, "a region's code, such as us-east-1"));
        }
        Ok(Self(code.into()))
    }

    /// Where what belongs to no region is said to be.
    pub fn global() -> Self {
        Self("global".into())
    }

    /// The partition it is in, as ARNs have it. Source: "Amazon Resource Names (ARNs)".
    pub fn partition(&self) -> &'static str {
        match &*self.0 {
            china if china.starts_with("cn-") => "aws-cn",
            government if government.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    /// Its code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for Region {
    type Error = Error;

    fn try_from(code: String) -> Result<Self, Error> {
        Self::new(code)
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.as_str().to_owned()
    }
}

/// A kind of resource. Each is listed by one question to an [`InventorySource`](crate::InventorySource).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// EC2 instances.
    Instance,
    /// EBS volumes.
    Volume,
    /// EBS snapshots that the account owns.
    Snapshot,
    /// Machine images that the account owns, disabled ones included.
    Image,
    /// Versions of launch templates.
    LaunchTemplate,
    /// Elastic IP addresses.
    Address,
    /// NAT gateways.
    NatGateway,
    /// VPC endpoints.
    VpcEndpoint,
    /// Subnets.
    Subnet,
    /// Route tables.
    RouteTable,
    /// Database instances of RDS, Aurora's included.
    Database,
    /// Snapshots of database instances.
    DatabaseSnapshot,
    /// Load balancers with their targets.
    LoadBalancer,
    /// S3 buckets with lifecycle, versioning and multipart uploads.
    Bucket,
    /// Log groups of CloudWatch.
    LogGroup,
    /// ECS services.
    Service,
    /// The account itself, which no listing has: what is bought for all of it.
    Account,
    /// A VPC, which no listing has: what is to be said of several resources in it.
    Vpc,
}

impl Kind {
    /// Every kind that can be listed.
    pub const LISTED: [Self; 16] = [
        Self::Instance,
        Self::Volume,
        Self::Snapshot,
        Self::Image,
        Self::LaunchTemplate,
        Self::Address,
        Self::NatGateway,
        Self::VpcEndpoint,
        Self::Subnet,
        Self::RouteTable,
        Self::Database,
        Self::DatabaseSnapshot,
        Self::LoadBalancer,
        Self::Bucket,
        Self::LogGroup,
        Self::Service,
    ];

    /// The name of the kind, as it stands in reports: `load-balancer`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Volume => "volume",
            Self::Snapshot => "snapshot",
            Self::Image => "image",
            Self::LaunchTemplate => "launch-template",
            Self::Address => "address",
            Self::NatGateway => "nat-gateway",
            Self::VpcEndpoint => "vpc-endpoint",
            Self::Subnet => "subnet",
            Self::RouteTable => "route-table",
            Self::Database => "database",
            Self::DatabaseSnapshot => "database-snapshot",
            Self::LoadBalancer => "load-balancer",
            Self::Bucket => "bucket",
            Self::LogGroup => "log-group",
            Self::Service => "service",
            Self::Account => "account",
            Self::Vpc => "vpc",
        }
    }
}

impl Kind {
    /// Whether what is of this kind carries tags.
    pub(crate) fn has_tags(self) -> bool {
        self != Self::Account
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which resource something is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceRef {
    /// Its kind.
    pub kind: Kind,
    /// Where it is.
    pub region: Region,
    /// By what commands know it: an id, a name, or an ARN.
    pub id: String,
}

impl fmt::Display for ResourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} in {}", self.kind, self.id, self.region)
    }
}

/// What every resource of an inventory can say of itself.
pub trait Resource {
    /// Its kind.
    fn kind(&self) -> Kind;
    /// Where it is.
    fn region(&self) -> &Region;
    /// By what commands know it.
    fn id(&self) -> &str;
    /// Its tags; `None` where they are not known.
    fn tags(&self) -> Option<&Tags>;

    /// Which resource it is.
    fn reference(&self) -> ResourceRef {
        ResourceRef { kind: self.kind(), region: self.region().clone(), id: self.id().to_owned() }
    }
}

/// Implements [`Resource`] for a struct with the fields `region`, `tags`, and the one that is its id.
macro_rules! resource {
    ($type:ty, $kind:ident, $id:ident) => {
        impl crate::Resource for $type {
            fn kind(&self) -> crate::Kind {
                crate::Kind::$kind
            }

            fn region(&self) -> &crate::Region {
                &self.region
            }

            fn id(&self) -> &str {
                &self.$id
            }

            fn tags(&self) -> Option<&crate::Tags> {
                Some(&self.tags)
            }
        }
    };
}
pub(crate) use resource;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_the_name_it_has_in_reports() {
        for kind in Kind::LISTED {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

    #[test]
    fn what_is_no_region_is_refused() {
        assert_eq!(Region::new("eu-central-1").unwrap().as_str(), "eu-central-1");
        for wrong in ["", "EU", "eu central", "eu/1", "a".repeat(33).as_str()] {
            assert!(Region::new(wrong).is_err(), "{wrong}");
        }
    }
}
