//! The metrics that analyzers ask for, and how CloudWatch knows them.

use serde::{Deserialize, Serialize};

/// A metric. What its values are in is said of each; the sources are the pages on metrics of each service's user guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Metric {
    /// CPU of an instance, percent.
    InstanceCpu,
    /// What an instance received, bytes.
    InstanceNetworkIn,
    /// What an instance sent, bytes.
    InstanceNetworkOut,
    /// Reads of a volume, operations.
    VolumeReads,
    /// Writes of a volume, operations.
    VolumeWrites,
    /// CPU of a database, percent.
    DatabaseCpu,
    /// Connections to a database.
    DatabaseConnections,
    /// Requests to an Application Load Balancer. Without requests there is no data.
    ApplicationRequests,
    /// Capacity units of an Application Load Balancer. Always reported, so it tells silence from missing data.
    ApplicationCapacity,
    /// What an Application Load Balancer carried, bytes. Without traffic there is no data.
    ApplicationBytes,
    /// Open connections of an Application Load Balancer, on both of its sides; the sum of a day is that of its minutes. Without
    /// connections there is no data.
    ApplicationConnections,
    /// New connections to a Network Load Balancer. Always reported.
    NetworkFlows,
    /// What a Network Load Balancer carried, bytes, without health checks. Always reported.
    NetworkBytes,
    /// Open connections through a Network Load Balancer. Always reported.
    NetworkConnections,
    /// Requests to a Classic Load Balancer. Without requests there is no data.
    ClassicRequests,
    /// What a Classic Load Balancer carried, bytes. Without traffic there is no data.
    ClassicBytes,
    /// Instances behind a Classic Load Balancer. Reported while there are any.
    ClassicHosts,
    /// Open connections of a NAT gateway.
    NatConnections,
    /// Packets that came to a NAT gateway from inside.
    NatPacketsFromSource,
    /// What went out through a NAT gateway, bytes.
    NatBytesOut,
    /// What came back through a NAT gateway, bytes.
    NatBytesIn,
    /// What a bucket holds in a class of storage, bytes.
    BucketBytes(StorageClass),
    /// How many objects a bucket holds, in all classes.
    BucketObjects,
    /// CPU of a service, percent of what its tasks have.
    ServiceCpu,
    /// Memory of a service, percent of what its tasks have.
    ServiceMemory,
}

/// A class of storage, as the metric `BucketSizeBytes` has it. Source: "Amazon S3 daily storage metrics for buckets".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StorageClass {
    /// S3 Standard.
    Standard,
    /// S3 Standard-Infrequent Access.
    StandardIa,
}

impl Metric {
    /// The namespace and the name of CloudWatch.
    pub fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::InstanceCpu => ("AWS/EC2", "CPUUtilization"),
            Self::InstanceNetworkIn => ("AWS/EC2", "NetworkIn"),
            Self::InstanceNetworkOut => ("AWS/EC2", "NetworkOut"),
            Self::VolumeReads => ("AWS/EBS", "VolumeReadOps"),
            Self::VolumeWrites => ("AWS/EBS", "VolumeWriteOps"),
            Self::DatabaseCpu => ("AWS/RDS", "CPUUtilization"),
            Self::DatabaseConnections => ("AWS/RDS", "DatabaseConnections"),
            Self::ApplicationRequests => ("AWS/ApplicationELB", "RequestCount"),
            Self::ApplicationCapacity => ("AWS/ApplicationELB", "ConsumedLCUs"),
            Self::ApplicationBytes => ("AWS/ApplicationELB", "ProcessedBytes"),
            Self::ApplicationConnections => ("AWS/ApplicationELB", "ActiveConnectionCount"),
            Self::NetworkFlows => ("AWS/NetworkELB", "NewFlowCount"),
            Self::NetworkBytes => ("AWS/NetworkELB", "ProcessedBytes"),
            Self::NetworkConnections => ("AWS/NetworkELB", "ActiveFlowCount"),
            Self::ClassicRequests => ("AWS/ELB", "RequestCount"),
            Self::ClassicBytes => ("AWS/ELB", "EstimatedProcessedBytes"),
            Self::ClassicHosts => ("AWS/ELB", "HealthyHostCount"),
            Self::NatConnections => ("AWS/NATGateway", "ActiveConnectionCount"),
            Self::NatPacketsFromSource => ("AWS/NATGateway", "PacketsInFromSource"),
            Self::NatBytesOut => ("AWS/NATGateway", "BytesOutToDestination"),
            Self::NatBytesIn => ("AWS/NATGateway", "BytesInFromDestination"),
            Self::BucketBytes(_) => ("AWS/S3", "BucketSizeBytes"),
            Self::BucketObjects => ("AWS/S3", "NumberOfObjects"),
            Self::ServiceCpu => ("AWS/ECS", "CPUUtilization"),
            Self::ServiceMemory => ("AWS/ECS", "MemoryUtilization"),
        }
    }

    /// The dimensions of CloudWatch of a subject, name and value.
    pub fn dimensions(self, subject: &str) -> Vec<(&'static str, String)> {
        let one = |name| vec![(name, subject.to_owned())];
        match self {
            Self::InstanceCpu | Self::InstanceNetworkIn | Self::InstanceNetworkOut => {
                one("InstanceId")
            }
            Self::VolumeReads | Self::VolumeWrites => one("VolumeId"),
            Self::DatabaseCpu | Self::DatabaseConnections => one("DBInstanceIdentifier"),
            Self::ApplicationRequests
            | Self::ApplicationCapacity
            | Self::ApplicationBytes
            | Self::ApplicationConnections
            | Self::NetworkFlows
            | Self::NetworkBytes
            | Self::NetworkConnections => one("LoadBalancer"),
            Self::ClassicRequests | Self::ClassicBytes | Self::ClassicHosts => {
                one("LoadBalancerName")
            }
            Self::NatConnections
            | Self::NatPacketsFromSource
            | Self::NatBytesOut
            | Self::NatBytesIn => one("NatGatewayId"),
            Self::BucketBytes(class) => {
                let class = match class {
                    StorageClass::Standard => "StandardStorage",
                    StorageClass::StandardIa => "StandardIAStorage",
                };
                vec![("BucketName", subject.to_owned()), ("StorageType", class.to_owned())]
            }
            Self::BucketObjects => {
                let all = "AllStorageTypes".to_owned();
                vec![("BucketName", subject.to_owned()), ("StorageType", all)]
            }
            Self::ServiceCpu | Self::ServiceMemory => {
                let (cluster, service) = subject.split_once('/').unwrap_or(("default", subject));
                vec![("ClusterName", cluster.to_owned()), ("ServiceName", service.to_owned())]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_and_a_bucket_have_two_dimensions() {
        let service = Metric::ServiceCpu.dimensions("shop/web");
        let expected = [("ClusterName", "shop".to_owned()), ("ServiceName", "web".to_owned())];
        assert_eq!(service, expected);
        let bucket = Metric::BucketBytes(StorageClass::StandardIa).dimensions("logs");
        assert_eq!(bucket[1], ("StorageType", "StandardIAStorage".to_owned()));
    }
}
