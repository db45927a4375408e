//! An account with two of everything that matters, and the sources that look at it.

use jiff::Timestamp;
use petswipe_aws::script::Wire;
use petswipe_cost::aws::AwsInventory;
use petswipe_cost::{Error, Inventory, InventorySource, Kind, Region};
use serde_json::json;

use crate::account::{ABROAD, Account, HOME};
use crate::ec2::{DISABLED, FOREIGN, instance, snapshot, tags, volume};
use crate::s3::Stored;

pub const NOW: &str = "2026-11-28T09:30:00Z";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn region(code: &str) -> Region {
    Region::new(code).unwrap()
}

pub fn home() -> Region {
    region(HOME)
}

pub struct World {
    pub wire: Wire<Account>,
    pub inventory: AwsInventory,
}

impl World {
    /// An account with what `fill` puts into it.
    pub fn new(fill: impl FnOnce(&mut Account)) -> Self {
        let mut account = Account::default();
        fill(&mut account);
        let wire = Wire::new(account);
        let inventory = AwsInventory::new(&wire.config(), at(NOW));
        Self { wire, inventory }
    }

    /// The account with everything in it.
    pub fn full() -> Self {
        Self::new(fill)
    }

    pub async fn list(&self, kind: Kind) -> Result<Inventory, Error> {
        self.inventory.list(&home(), kind).await
    }

    /// What there is of a kind, by its ids in order.
    pub async fn ids(&self, kind: Kind) -> Vec<String> {
        ids(&self.list(kind).await.unwrap())
    }

    /// How often an operation was called.
    pub fn calls(&self, operation: &str) -> usize {
        self.wire.operations().iter().filter(|one| *one == operation).count()
    }
}

pub fn ids(inventory: &Inventory) -> Vec<String> {
    let mut ids: Vec<_> = inventory.resources().map(|one| one.id().to_owned()).collect();
    ids.sort();
    ids
}

/// Two of everything that matters at home, and one abroad.
pub fn fill(account: &mut Account) {
    ec2(account);
    let web = crate::elb::arn("app", "web");
    account.balancer(HOME, "web", "application");
    account.balancer(HOME, "tcp", "network");
    account.group(HOME, "web", std::slice::from_ref(&web), "healthy unhealthy draining");
    account.group(HOME, "spare", &[], "healthy");
    account.classic(HOME, "old", 3);
    account.database(
        HOME,
        "shop",
        "postgres",
        "available",
        "<MultiAZ>true</MultiAZ><InstanceCreateTime>2026-01-01T00:00:00Z</InstanceCreateTime>\
         <DeletionProtection>true</DeletionProtection><TagList><Tag><Key>team</Key><Value>shop</Value></Tag></TagList>",
    );
    account.database(
        HOME,
        "reader",
        "aurora-postgresql",
        "stopped",
        "<InstanceCreateTime>2026-01-01T00:00:00Z</InstanceCreateTime><DBClusterIdentifier>aurora</DBClusterIdentifier>",
    );
    account.database(HOME, "new", "postgres", "creating", "");
    account.database(
        HOME,
        "graph",
        "neptune",
        "available",
        "<InstanceCreateTime>2026-01-01T00:00:00Z</InstanceCreateTime>",
    );
    for (id, kind) in [("before-upgrade", "manual"), ("rds:shop-2026-11-27", "automated")] {
        let entry = format!(
            "<DBSnapshotIdentifier>{id}</DBSnapshotIdentifier><DBInstanceIdentifier>shop</DBInstanceIdentifier>\
             <SnapshotType>{kind}</SnapshotType><AllocatedStorage>20</AllocatedStorage>\
             <SnapshotCreateTime>2026-06-01T00:00:00Z</SnapshotCreateTime>"
        );
        account.put(HOME, "DBSnapshots", id, entry);
    }
    for (id, engine) in [("before-upgrade", "aurora-postgresql"), ("of-documents", "docdb")] {
        let entry = format!(
            "<DBClusterSnapshotIdentifier>{id}</DBClusterSnapshotIdentifier><DBClusterIdentifier>aurora</DBClusterIdentifier>\
             <Engine>{engine}</Engine><SnapshotType>manual</SnapshotType><AllocatedStorage>1</AllocatedStorage>\
             <SnapshotCreateTime>2026-06-01T00:00:00Z</SnapshotCreateTime>"
        );
        account.put(HOME, "DBClusterSnapshots", id, entry);
    }
    account.cluster(HOME, "shop");
    account.task_definition(
        HOME,
        "web:7",
        json!({"cpu": "512", "memory": "1024", "runtimePlatform": {"cpuArchitecture": "ARM64"}}),
    );
    account.service(HOME, "shop/web", "web:7", json!({"launchType": "FARGATE"}));
    account.service(
        HOME,
        "shop/batch",
        "web:7",
        json!({"capacityProviderStrategy": [
            {"capacityProvider": "FARGATE", "base": 1, "weight": 0},
            {"capacityProvider": "FARGATE_SPOT", "weight": 1},
        ]}),
    );
    account.log_group(HOME, "/shop/web", None, "STANDARD");
    account.log_group(HOME, "/shop/batch", Some(30), "INFREQUENT_ACCESS");
    let mut logs = Stored::of(HOME);
    logs.uploads =
        vec![("big".to_owned(), "u1".to_owned(), "2026-10-01T00:00:00Z".to_owned(), vec![5, 7])];
    account.buckets.insert("logs".to_owned(), logs);
    let mut old = Stored::of(ABROAD);
    old.says_region = false;
    account.buckets.insert("abroad".to_owned(), old);
    account.put(ABROAD, "volumeSet", "vol-us", volume("vol-us", "gp3", 8, "available", ""));
}

fn ec2(account: &mut Account) {
    let mut put = |list, id: &str, entry: String| account.put(HOME, list, id, entry);
    let more = format!("<iops>300</iops>{}", tags(&[("team", "shop")]));
    put("volumeSet", "vol-1", volume("vol-1", "gp2", 100, "available", &more));
    let more = "<iops>3000</iops><throughput>125</throughput>";
    put("volumeSet", "vol-2", volume("vol-2", "gp3", 20, "in-use", more));
    put("snapshotSet", "snap-1", snapshot("snap-1", "vol-1", "<description>mine</description>"));
    let archived = "<storageTier>archive</storageTier>";
    put("snapshotSet", "snap-2", snapshot("snap-2", "vol-ffffffff", archived));
    put("snapshotSet", "snap-public", snapshot("snap-public", "vol-9", FOREIGN));
    let linux = "<platformDetails>Linux/UNIX</platformDetails><usageOperation>RunInstances</usageOperation>\
                 <placement><tenancy>default</tenancy></placement>";
    put("reservationSet", "i-1", instance("i-1", "m5.large", "running", linux));
    let windows = "<platformDetails>Windows</platformDetails><usageOperation>RunInstances:0002</usageOperation>\
                   <instanceLifecycle>spot</instanceLifecycle>";
    put("reservationSet", "i-2", instance("i-2", "t3.micro", "stopped", windows));
    let image = |id: &str, snapshot: &str, rest: &str| {
        format!(
            "<imageId>{id}</imageId><blockDeviceMapping><item><ebs><snapshotId>{snapshot}</snapshotId></ebs></item>\
             <item><virtualName>ephemeral0</virtualName></item></blockDeviceMapping>{rest}"
        )
    };
    put("imagesSet", "ami-1", image("ami-1", "snap-1", ""));
    put("imagesSet", "ami-2", image("ami-2", "snap-2", DISABLED));
    put("imagesSet", "ami-public", image("ami-public", "snap-9", FOREIGN));
    // Neither the latest nor the default one is the second, and something may be pinned to it.
    for (version, list) in
        [(1, "launchTemplateVersionSet"), (2, "olderVersionSet"), (3, "launchTemplateVersionSet")]
    {
        let entry = format!(
            "<launchTemplateId>lt-1</launchTemplateId><versionNumber>{version}</versionNumber><launchTemplateData>\
             <blockDeviceMappingSet><item><ebs><snapshotId>snap-{version}</snapshotId></ebs></item></blockDeviceMappingSet>\
             </launchTemplateData>"
        );
        put(list, &format!("lt-1:{version}"), entry);
    }
    for (id, rest) in [("1", ""), ("2", "<associationId>eipassoc-1</associationId>")] {
        let entry = format!(
            "<publicIp>203.0.113.{id}</publicIp><allocationId>eipalloc-{id}</allocationId><domain>vpc</domain>{rest}"
        );
        put("addressesSet", id, entry);
    }
    let zonal = "<subnetId>subnet-1</subnetId>";
    let regional = "<availabilityMode>regional</availabilityMode>";
    for (id, state, place) in [
        ("nat-1", "available", zonal),
        ("nat-2", "deleted", zonal),
        ("nat-3", "available", regional),
    ] {
        let entry = format!(
            "<natGatewayId>{id}</natGatewayId><vpcId>vpc-1</vpcId>{place}<state>{state}</state>\
             <createTime>2026-01-01T00:00:00.000Z</createTime>"
        );
        put("natGatewaySet", id, entry);
    }
    for (id, kind, state) in
        [("vpce-1", "Gateway", "available"), ("vpce-2", "Interface", "Rejected")]
    {
        let entry = format!(
            "<vpcEndpointId>{id}</vpcEndpointId><vpcEndpointType>{kind}</vpcEndpointType><vpcId>vpc-1</vpcId>\
             <serviceName>com.amazonaws.eu-central-1.s3</serviceName><state>{state}</state>"
        );
        put("vpcEndpointSet", id, entry);
    }
    let subnet = "<subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId><availabilityZone>eu-central-1a</availabilityZone>";
    put("subnetSet", "subnet-1", subnet.to_owned());
    let table = "<routeTableId>rtb-1</routeTableId><vpcId>vpc-1</vpcId>\
                 <routeSet><item><natGatewayId>nat-1</natGatewayId><destinationCidrBlock>0.0.0.0/0</destinationCidrBlock></item><item><gatewayId>local</gatewayId></item></routeSet>\
                 <associationSet><item><main>true</main></item><item><main>false</main><subnetId>subnet-1</subnetId></item>\
                 <item><subnetId>subnet-2</subnetId><associationState><state>disassociated</state></associationState></item>\
                 </associationSet>";
    put("routeTableSet", "rtb-1", table.to_owned());
}
