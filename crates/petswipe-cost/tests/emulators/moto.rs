//! EC2, RDS, load balancers and log groups on moto. It has things of its own in every region, so what is looked for is what came.

use aws_sdk_ec2::types::VolumeType;
use aws_types::SdkConfig;
use petswipe_cost::inventory::{LoadBalancerKind, VolumeKind, VolumeState};
use petswipe_cost::{InventorySource, Kind};

use crate::{HERE, ids, list, unique};

fn config() -> SdkConfig {
    crate::config("PETSWIPE_MOTO", "AKIDEXAMPLE")
}

/// What there is of a kind that was not there before.
macro_rules! found {
    ($config:expr, $before:expr, $kind:expr, $list:ident) => {{
        let mut now = list($config, $kind).await.$list;
        now.retain(|one| !$before.contains(petswipe_cost::Resource::id(one)));
        assert_eq!(now.len(), 1, "{now:?}");
        now.remove(0)
    }};
}

#[tokio::test]
async fn a_volume_a_snapshot_and_an_address_are_found_as_they_were_made() {
    let config = config();
    let ec2 = aws_sdk_ec2::Client::new(&config);
    let mut before = ids(&list(&config, Kind::Volume).await);
    for kind in [Kind::Snapshot, Kind::Address] {
        before.extend(ids(&list(&config, kind).await));
    }
    let zone = format!("{HERE}a");
    let made = ec2.create_volume().availability_zone(zone).size(7).volume_type(VolumeType::Gp3);
    let made = made.send().await.unwrap().volume_id.unwrap();
    let snapshot = ec2.create_snapshot().volume_id(&made).description("by a test").send().await;
    let snapshot = snapshot.unwrap().snapshot_id.unwrap();
    let address = ec2.allocate_address().send().await.unwrap().allocation_id.unwrap();

    let volume = found!(&config, before, Kind::Volume, volumes);
    assert_eq!((volume.id, volume.size_gib), (made.clone(), 7));
    assert_eq!((volume.kind, volume.state), (VolumeKind::Gp3, VolumeState::Available));
    let one = found!(&config, before, Kind::Snapshot, snapshots);
    assert_eq!((one.id, one.volume_id), (snapshot, made));
    assert_eq!(one.description, "by a test");
    let one = found!(&config, before, Kind::Address, addresses);
    assert_eq!((one.id, one.associated_with), (address, None));
}

#[tokio::test]
async fn a_database_and_its_snapshot_are_found_as_they_were_made() {
    let config = config();
    let rds = aws_sdk_rds::Client::new(&config);
    let name = format!("shop-{}", unique());
    rds.create_db_instance()
        .db_instance_identifier(&name)
        .db_instance_class("db.t3.micro")
        .engine("postgres")
        .allocated_storage(20)
        .master_username("shop")
        .master_user_password("nobody checks it")
        .tags(aws_sdk_rds::types::Tag::builder().key("team").value("shop").build())
        .send()
        .await
        .unwrap();
    let snapshot = format!("{name}-before");
    let made = rds.create_db_snapshot().db_instance_identifier(&name);
    made.db_snapshot_identifier(&snapshot).send().await.unwrap();

    let databases = list(&config, Kind::Database).await.databases;
    let database = databases.iter().find(|one| one.id == name).unwrap();
    assert_eq!((database.engine.as_str(), database.class.as_str()), ("postgres", "db.t3.micro"));
    assert_eq!((database.storage_gib, database.available), (20, true));
    assert_eq!(database.tags.get("team").unwrap(), "shop");
    let snapshots = list(&config, Kind::DatabaseSnapshot).await.database_snapshots;
    let one = snapshots.iter().find(|one| one.id == snapshot).unwrap();
    assert_eq!((one.database.as_str(), one.manual, one.size_gib), (name.as_str(), true, 20));
}

#[tokio::test]
async fn every_version_of_a_launch_template_is_found() {
    use aws_sdk_ec2::types::{
        LaunchTemplateBlockDeviceMappingRequest, LaunchTemplateEbsBlockDeviceRequest,
        RequestLaunchTemplateData,
    };
    let config = config();
    let ec2 = aws_sdk_ec2::Client::new(&config);
    let data = |number: usize| {
        let disk = LaunchTemplateEbsBlockDeviceRequest::builder();
        let disk = disk.snapshot_id(format!("snap-{number:017x}")).build();
        let device = LaunchTemplateBlockDeviceMappingRequest::builder().device_name("/dev/sda1");
        let device = device.ebs(disk).build();
        RequestLaunchTemplateData::builder().block_device_mappings(device).build()
    };
    let name = format!("web-{}", unique());
    let made = ec2.create_launch_template().launch_template_name(&name);
    let made = made.launch_template_data(data(1)).send().await.unwrap();
    let id = made.launch_template.unwrap().launch_template_id.unwrap();
    for number in [2, 3] {
        let version = ec2.create_launch_template_version().launch_template_id(&id);
        version.launch_template_data(data(number)).send().await.unwrap();
    }
    // The default is the first, the latest the third; something may be pinned to the second.
    let mut all = list(&config, Kind::LaunchTemplate).await.launch_templates;
    all.retain(|one| one.id.starts_with(&id));
    all.sort_by(|one, other| one.id.cmp(&other.id));
    let found: Vec<_> = all.iter().map(|one| (one.id.clone(), one.snapshots.join(","))).collect();
    let wanted = [1, 2, 3].map(|number| (format!("{id}:{number}"), format!("snap-{number:017x}")));
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn load_balancers_of_both_generations_are_found_with_their_targets() {
    let config = config();
    let (elb, ec2) =
        (aws_sdk_elasticloadbalancingv2::Client::new(&config), aws_sdk_ec2::Client::new(&config));
    let subnets = ec2.describe_subnets().send().await.unwrap();
    let subnets: Vec<_> =
        subnets.subnets().iter().filter_map(|one| one.subnet_id()).take(2).collect();
    let vpc = ec2.describe_vpcs().send().await.unwrap().vpcs()[0].vpc_id().unwrap().to_owned();
    let name = format!("web-{}", unique());
    let made = elb.create_load_balancer().name(&name);
    let made = made.set_subnets(Some(subnets.into_iter().map(str::to_owned).collect()));
    let made = made.send().await.unwrap();
    let arn = made.load_balancers()[0].load_balancer_arn().unwrap().to_owned();
    let group = elb.create_target_group().name(&name).port(80).vpc_id(&vpc);
    let group = group
        .protocol(aws_sdk_elasticloadbalancingv2::types::ProtocolEnum::Http)
        .target_type(aws_sdk_elasticloadbalancingv2::types::TargetTypeEnum::Ip);
    let group = group.send().await.unwrap();
    let group = group.target_groups()[0].target_group_arn().unwrap().to_owned();
    let forward = aws_sdk_elasticloadbalancingv2::types::Action::builder()
        .r#type(aws_sdk_elasticloadbalancingv2::types::ActionTypeEnum::Forward)
        .target_group_arn(&group)
        .build();
    let listener = elb.create_listener().load_balancer_arn(&arn).port(80).default_actions(forward);
    listener
        .protocol(aws_sdk_elasticloadbalancingv2::types::ProtocolEnum::Http)
        .send()
        .await
        .unwrap();
    let target = |ip: &str| {
        aws_sdk_elasticloadbalancingv2::types::TargetDescription::builder().id(ip).port(80).build()
    };
    let register = elb.register_targets().target_group_arn(&group);
    let register = register.targets(target("172.31.0.10")).targets(target("172.31.0.11"));
    register.send().await.unwrap();
    let old = format!("old-{}", unique());
    let classic = aws_sdk_elasticloadbalancing::Client::new(&config);
    let listener = aws_sdk_elasticloadbalancing::types::Listener::builder()
        .protocol("HTTP")
        .load_balancer_port(80)
        .instance_port(80)
        .build()
        .unwrap();
    let made = classic.create_load_balancer().load_balancer_name(&old).listeners(listener);
    made.availability_zones(format!("{HERE}a")).send().await.unwrap();

    let found = list(&config, Kind::LoadBalancer).await.load_balancers;
    let web = found.iter().find(|one| one.id == arn).unwrap();
    assert_eq!((web.kind, web.targets), (LoadBalancerKind::Application, Some(2)));
    let old = found.iter().find(|one| one.id == old).unwrap();
    assert_eq!((old.kind, old.targets), (LoadBalancerKind::Classic, Some(0)));
}

#[tokio::test]
async fn a_log_group_is_found_with_its_tags() {
    let config = config();
    let logs = aws_sdk_cloudwatchlogs::Client::new(&config);
    let name = format!("/shop/{}", unique());
    logs.create_log_group().log_group_name(&name).tags("team", "shop").send().await.unwrap();
    let groups = list(&config, Kind::LogGroup).await.log_groups;
    let group = groups.iter().find(|one| one.name == name).unwrap();
    assert_eq!((group.retention_days, group.stored_bytes), (None, 0));
    assert_eq!(group.tags.as_ref().unwrap().get("team").unwrap(), "shop");
    logs.put_retention_policy().log_group_name(&name).retention_in_days(30).send().await.unwrap();
    let groups = list(&config, Kind::LogGroup).await.log_groups;
    let group = groups.iter().find(|one| one.name == name).unwrap();
    assert_eq!((group.retention_days, &group.tags), (Some(30), &None));
}

#[tokio::test]
async fn every_other_kind_answers() {
    let config = config();
    let inventory = petswipe_cost::aws::AwsInventory::new(&config, jiff::Timestamp::now());
    assert_eq!(inventory.account().await.unwrap().len(), 12);
    let here = petswipe_cost::Region::new(HERE).unwrap();
    assert!(inventory.regions().await.unwrap().contains(&here));
    // A region begins with a network of three subnets.
    let subnets = list(&config, Kind::Subnet).await.subnets;
    assert!(subnets.len() >= 3, "{subnets:?}");
    let tables = list(&config, Kind::RouteTable).await.route_tables;
    assert!(tables.iter().any(|table| table.main && table.vpc == subnets[0].vpc), "{tables:?}");
    for kind in [
        Kind::Instance,
        Kind::Image,
        Kind::LaunchTemplate,
        Kind::NatGateway,
        Kind::VpcEndpoint,
        Kind::Service,
    ] {
        let listed = list(&config, kind).await;
        assert_eq!(listed, listed.only(kind, &here));
    }
}
