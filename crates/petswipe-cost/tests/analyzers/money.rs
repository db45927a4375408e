//! What findings save, against prices worked out by hand from the list of us-east-1.

use petswipe_cost::inventory::{
    Address, Bucket, Inventory, LoadBalancerKind, NatGateway, NatRoute, RouteTable, Snapshot,
    Subnet, Upload, Versioning, VolumeKind, VolumeState, VpcEndpoint,
};
use petswipe_cost::{Area, Metric, Statistic, StorageClass, Tags, Verdict};

use crate::world::{
    Days, ago, assess, balancer, bounds, database, instance, region, said, saving, volume,
};

fn texts(low: &str, high: &str) -> (String, String) {
    (low.to_owned(), high.to_owned())
}

#[test]
fn an_unused_volume_saves_its_price_but_for_the_snapshot_that_is_kept() {
    // 100 GiB at 0.08, of which a snapshot of all of it takes 5.00.
    let gp3 = Inventory {
        volumes: vec![volume(VolumeKind::Gp3, 100, VolumeState::Available)],
        ..Inventory::default()
    };
    assert_eq!(
        bounds(&said(&Area::VOLUMES, &gp3, &Days::default().detached().0)),
        texts("3.00", "8.00")
    );
    // 4,000 IOPS and 250 MiB/s beyond what is included: 1,000 at 0.005 and 125 at 0.04.
    let mut fast = volume(VolumeKind::Gp3, 100, VolumeState::Available);
    (fast.iops, fast.throughput_mib) = (Some(4000), Some(250));
    let fast = Inventory { volumes: vec![fast], ..Inventory::default() };
    assert_eq!(bounds(&said(&Area::VOLUMES, &fast, &Days::default().detached().0)).1, "18.00");
    // io1: 100 GiB at 0.125 and 2,000 IOPS at 0.065.
    let mut io1 = volume(VolumeKind::Io1, 100, VolumeState::Available);
    io1.iops = Some(2000);
    let io1 = Inventory { volumes: vec![io1], ..Inventory::default() };
    assert_eq!(bounds(&said(&Area::VOLUMES, &io1, &Days::default().detached().0)).1, "142.50");
}

#[test]
fn gp3_is_priced_at_the_performance_that_gp2_has() {
    let of = |size| {
        let volumes = vec![volume(VolumeKind::Gp2, size, VolumeState::InUse)];
        said(&Area::GP3, &Inventory { volumes, ..Inventory::default() }, &Days::default().0)
    };
    // 100 GiB: 2.00 less, with the 125 MiB/s that are included.
    assert_eq!(bounds(&of(100)), texts("2.00", "2.00"));
    assert_eq!(bounds(&of(5)), texts("0.10", "0.10"));
    // 500 GiB: 10.00 less, with 250 MiB/s for 125: 125 at 0.04.
    assert_eq!(bounds(&of(500)), texts("5.00", "5.00"));
    // 2,000 GiB: 40.00 less, with 6,000 IOPS for 3,000 and 250 MiB/s: 15.00 and 5.00.
    assert_eq!(bounds(&of(2000)), texts("20.00", "20.00"));
    // 171 to 250 GiB: at most 5.00 less, and 125 MiB/s more cost as much.
    for size in [171, 200, 250] {
        assert_eq!(of(size).verdict, Verdict::Busy, "{size} GiB");
    }
    assert_eq!(bounds(&of(251)), texts("0.02", "0.02"));
}

#[test]
fn an_io2_volume_beyond_the_first_tier_of_iops_has_no_price() {
    let mut io2 = volume(VolumeKind::Io2, 4000, VolumeState::Available);
    io2.iops = Some(40_000);
    let inventory = Inventory { volumes: vec![io2], ..Inventory::default() };
    let advice = said(&Area::VOLUMES, &inventory, &Days::default().detached().0).advice.unwrap();
    assert_eq!(advice.saving.unwrap_err(), ["ebs:io2:iops:above-32000"]);
}

#[test]
fn an_address_of_another_pool_may_cost_nothing() {
    let address = Address {
        id: "eipalloc-1".to_owned(),
        region: region(),
        tags: Tags::new(),
        public_ip: "203.0.113.7".to_owned(),
        associated_with: None,
        pool: Some("ipv4pool-ec2-1".to_owned()),
    };
    let inventory = Inventory { addresses: vec![address], ..Inventory::default() };
    assert_eq!(
        bounds(&said(&Area::ADDRESSES, &inventory, &Days::default().0)),
        texts("0.00", "3.65")
    );
}

#[test]
fn an_address_costs_three_dollars_and_sixty_five_cents() {
    let address = Address {
        id: "eipalloc-1".to_owned(),
        region: region(),
        tags: Tags::new(),
        public_ip: "198.51.100.7".to_owned(),
        associated_with: None,
        pool: None,
    };
    let inventory = Inventory { addresses: vec![address], ..Inventory::default() };
    let said = said(&Area::ADDRESSES, &inventory, &Days::default().0);
    assert_eq!(bounds(&said), texts("3.65", "3.65"));
    assert_eq!(
        said.advice.unwrap().remediation.commands,
        ["aws ec2 release-address --region us-east-1 --allocation-id eipalloc-1"]
    );
}

#[test]
fn the_price_of_an_instance_is_that_of_its_size_and_stopped_ones_cost_nothing() {
    let idle = Days::default().of_instance(&[0.5; 30], &[2.0; 30], &[1.0; 30]);
    let of = |instance| Inventory { instances: vec![instance], ..Inventory::default() };
    for (size, price) in [("m5.large", "70.08"), ("t3.medium", "30.37"), ("t3.micro", "7.59")] {
        let said = said(&Area::EC2, &of(instance(size)), &idle.0);
        assert_eq!(bounds(&said), texts(price, price), "{size}");
    }
    let mut stopped = instance("m5.large");
    stopped.state = petswipe_cost::inventory::InstanceState::Stopped;
    assert_eq!(said(&Area::EC2, &of(stopped), &idle.0).verdict, Verdict::Busy);
}

#[test]
fn what_has_no_price_says_so() {
    let idle = Days::default().of_instance(&[0.5; 30], &[2.0; 30], &[1.0; 30]);
    let mut windows = instance("m5.large");
    windows.linux_shared = false;
    for (instance, key) in
        [(instance("x9.huge"), "ec2:x9.huge"), (windows, "ec2:m5.large:not-linux-shared")]
    {
        let inventory = Inventory { instances: vec![instance], ..Inventory::default() };
        let said = said(&Area::EC2, &inventory, &idle.0);
        assert_eq!(said.verdict, Verdict::Idle);
        assert_eq!(said.advice.unwrap().saving.unwrap_err(), [key]);
    }
}

#[test]
fn a_standby_doubles_what_an_unused_database_costs() {
    let idle = Days::default().of_database(&[3.0; 30], &[9.0; 30], &[0.0; 30]);
    let of = |multi_az| {
        let mut database = database("db.t3.micro");
        (database.engine, database.multi_az) = ("mysql".to_owned(), multi_az);
        let inventory = Inventory { databases: vec![database], ..Inventory::default() };
        bounds(&said(&Area::RDS, &inventory, &idle.0))
    };
    // 730 hours at 0.017, and 100 GiB at 0.115.
    assert_eq!(of(false), texts("12.41", "23.91"));
    assert_eq!(of(true), texts("24.82", "47.82"));
}

#[test]
fn a_snapshot_saves_from_nothing_to_the_size_of_its_volume() {
    let snapshot = Snapshot {
        id: "snap-1".to_owned(),
        region: region(),
        tags: Tags::new(),
        volume_id: "vol-1".to_owned(),
        size_gib: 200,
        archived: false,
        completed: true,
        started_at: ago(91),
        description: String::new(),
    };
    let archived = Snapshot { archived: true, id: "snap-2".to_owned(), ..snapshot.clone() };
    let inventory = Inventory { snapshots: vec![snapshot, archived], ..Inventory::default() };
    let said = assess(&Area::SNAPSHOTS, &inventory, &Days::default().0);
    assert_eq!(bounds(&said[0]), texts("0.00", "10.00"));
    assert_eq!(bounds(&said[1]), texts("0.00", "2.50"));
}

#[test]
fn a_saving_names_its_prices_and_their_oldest_day() {
    let balancers = vec![balancer(LoadBalancerKind::Application, Some(0))];
    let inventory = Inventory { load_balancers: balancers, ..Inventory::default() };
    let subject = "app/web/0123456789abcdef";
    let alive = Days::default().with(
        subject,
        petswipe_cost::Metric::ApplicationCapacity,
        petswipe_cost::Statistic::Maximum,
        &[0.1; 7],
    );
    let said = said(&Area::LOAD_BALANCERS, &inventory, &alive.0);
    assert_eq!(bounds(&said), texts("16.42", "16.42"));
    let saving = saving(&said);
    assert_eq!(saving.prices[0].key, "elb:application:hour");
    assert_eq!(saving.priced_at.unwrap(), saving.prices[0].priced_at);
}

#[tokio::test]
async fn of_two_findings_about_one_bill_only_the_one_that_saves_more_is_in_the_total() {
    use petswipe_cost::memory::MemoryAccount;
    use petswipe_cost::{Prices, Report, ReportOptions, Scanner};
    // 100 GiB of gp2 that nothing uses: to delete it saves 5.00 to 10.00, to make it gp3 1.88 to 2.00.
    let volumes = vec![volume(VolumeKind::Gp2, 100, VolumeState::Available)];
    let inventory = Inventory { volumes, ..Inventory::default() };
    let account = MemoryAccount::new("123456789012", [region()]).with_inventory(inventory);
    let account = std::sync::Arc::new(account);
    let scanner = Scanner::new(account.clone(), account, Prices::embedded());
    let scan = scanner.scan(&[region()], crate::world::now(), std::future::pending()).await;
    let report = Report::of(&scan, &ReportOptions::default());
    let of = |area: &Area| report.findings.iter().find(|finding| finding.area == *area).unwrap();
    let (delete, convert) = (of(&Area::VOLUMES), of(&Area::GP3));
    assert!(delete.counted && delete.alternative_to.is_none());
    assert!(!convert.counted);
    assert_eq!(convert.alternative_to.as_ref(), Some(&delete.id));
    let total = report.totals.monthly_saving;
    assert_eq!((total.low.to_string(), total.high.to_string()), texts("5.00", "10.00"));
    assert_eq!((report.totals.findings, report.totals.alternatives), (2, 1));
}

#[test]
fn traffic_between_zones_is_paid_for_on_both_sides() {
    let subnet = |id: &str, zone: &str| Subnet {
        id: id.to_owned(),
        region: region(),
        tags: Tags::new(),
        vpc: "vpc-1".to_owned(),
        zone: zone.to_owned(),
    };
    let endpoint = |service: &str| VpcEndpoint {
        id: format!("vpce-{service}"),
        region: region(),
        tags: Tags::new(),
        vpc: "vpc-1".to_owned(),
        service: format!("com.amazonaws.us-east-1.{service}"),
        gateway: true,
    };
    let gateway = NatGateway {
        id: "nat-1".to_owned(),
        region: region(),
        tags: Tags::new(),
        vpc: "vpc-1".to_owned(),
        subnet: "subnet-a".to_owned(),
        regional: false,
        available: true,
        created_at: ago(100),
    };
    let route = NatRoute { gateway: "nat-1".to_owned(), destination: "0.0.0.0/0".to_owned() };
    let table = RouteTable {
        id: "rtb-1".to_owned(),
        region: region(),
        tags: Tags::new(),
        vpc: "vpc-1".to_owned(),
        main: false,
        subnets: vec!["subnet-b".to_owned()],
        nat_routes: vec![route],
    };
    let inventory = Inventory {
        nat_gateways: vec![gateway],
        subnets: vec![subnet("subnet-a", "us-east-1a"), subnet("subnet-b", "us-east-1b")],
        vpc_endpoints: vec![endpoint("s3"), endpoint("dynamodb")],
        route_tables: vec![table],
        ..Inventory::default()
    };
    // 12 GiB a day and way: 730 in a month, at 0.01 for each side of each way.
    let bytes = 12.0 * 1_073_741_824.0;
    let usage = Days::default()
        .with("nat-1", Metric::NatConnections, Statistic::Maximum, &[9.0; 32])
        .with("nat-1", Metric::NatPacketsFromSource, Statistic::Sum, &[1e6; 32])
        .with("nat-1", Metric::NatBytesOut, Statistic::Sum, &[bytes; 32])
        .with("nat-1", Metric::NatBytesIn, Statistic::Sum, &[bytes; 32]);
    assert_eq!(bounds(&said(&Area::NAT, &inventory, &usage.0)), texts("0.00", "14.60"));
}

#[test]
fn parts_of_uploads_are_no_old_versions() {
    let upload = Upload {
        key: "a".to_owned(),
        id: "u".to_owned(),
        initiated_at: ago(30),
        bytes: Some(60 << 30),
    };
    let bucket = Bucket {
        name: "logs".to_owned(),
        region: region(),
        tags: Some(Tags::new()),
        versioning: Some(Versioning::Enabled),
        lifecycle: Some(Vec::new()),
        uploads: Some(vec![upload]),
    };
    let inventory = Inventory { buckets: vec![bucket], ..Inventory::default() };
    let usage = Days::default().with(
        "logs",
        Metric::BucketBytes(StorageClass::Standard),
        Statistic::Average,
        &[300.0 * 1_073_741_824.0; 4],
    );
    let all = assess(&Area::S3, &inventory, &usage.0);
    let of = |id: &str| all.iter().find(|one| one.resource.id == id).unwrap();
    // 60 and 240 of 300 GiB, at 0.023.
    assert_eq!(bounds(of("logs/uploads")), texts("1.38", "1.38"));
    assert_eq!(bounds(of("logs/versions")), texts("0.00", "5.52"));
}
