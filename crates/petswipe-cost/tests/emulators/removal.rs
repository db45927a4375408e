//! Acting upon an account on moto, where the contract of whoever does it holds as well.

use std::sync::Arc;

use aws_sdk_ec2::types::{ConnectivityType, InstanceType, VolumeType};
use aws_types::SdkConfig;
use jiff::Timestamp;
use petswipe_cost::aws::{AwsInventory, AwsRemover};
use petswipe_cost::conformance::RemovalWorld;
use petswipe_cost::removal::Remover;
use petswipe_cost::removal_conformance;
use petswipe_cost::{Action, Inventory, InventorySource, Kind, Region};
use petswipe_runbook::SystemClock;

use crate::{ids, unique};

/// Where these tests are alone: others take whatever comes to be in their region for their own.
const HERE: &str = "ap-northeast-2";

fn config() -> SdkConfig {
    let config = crate::config("PETSWIPE_MOTO", "AKIDEXAMPLE").into_builder();
    config.region(aws_types::region::Region::new(HERE)).build()
}

async fn list(config: &SdkConfig, kind: Kind) -> Inventory {
    let inventory = AwsInventory::new(config, Timestamp::now());
    inventory.list(&here(), kind).await.unwrap_or_else(|error| panic!("{kind}: {error:?}"))
}

fn here() -> Region {
    Region::new(HERE).unwrap()
}

async fn remover(config: &SdkConfig) -> AwsRemover {
    let sts = aws_sdk_sts::Client::new(config);
    let whose = sts.get_caller_identity().send().await.unwrap().account.unwrap();
    AwsRemover::new(config, whose, Arc::new(SystemClock::new()))
}

async fn volume(ec2: &aws_sdk_ec2::Client, kind: VolumeType) -> String {
    let made = ec2.create_volume().availability_zone(format!("{HERE}a")).size(7).volume_type(kind);
    made.send().await.unwrap().volume_id.unwrap()
}

async fn instance(ec2: &aws_sdk_ec2::Client) -> String {
    let images = ec2.describe_images().owners("amazon").send().await.unwrap();
    let run = ec2.run_instances().image_id(images.images()[0].image_id().unwrap());
    let run = run.min_count(1).max_count(1).instance_type(InstanceType::T3Micro);
    run.send().await.unwrap().instances()[0].instance_id().unwrap().to_owned()
}

/// Two volumes of which one is attached.
struct World {
    config: SdkConfig,
    remover: AwsRemover,
    unused: String,
    attached: String,
}

impl World {
    async fn new() -> Self {
        let config = config();
        let ec2 = aws_sdk_ec2::Client::new(&config);
        let (unused, attached) =
            (volume(&ec2, VolumeType::Gp3).await, volume(&ec2, VolumeType::Gp3).await);
        let machine = instance(&ec2).await;
        let attach = ec2.attach_volume().volume_id(&attached).instance_id(machine);
        attach.device("/dev/sdf").send().await.unwrap();
        Self { remover: remover(&config).await, config, unused, attached }
    }
}

impl RemovalWorld for World {
    fn remover(&self) -> &dyn Remover {
        &self.remover
    }

    fn region(&self) -> Region {
        here()
    }

    fn unused(&self) -> String {
        self.unused.clone()
    }

    fn attached(&self) -> String {
        self.attached.clone()
    }

    async fn contents(&self) -> Inventory {
        let mut all = list(&self.config, Kind::Volume).await;
        all.absorb(list(&self.config, Kind::Snapshot).await);
        all
    }
}

removal_conformance!(on_moto, World::new().await);

#[tokio::test]
async fn each_other_action_is_carried_out_twice_and_done_once() {
    let config = config();
    let (ec2, remover) = (aws_sdk_ec2::Client::new(&config), remover(&config).await);
    let address = ec2.allocate_address().send().await.unwrap().allocation_id.unwrap();
    let gp2 = volume(&ec2, VolumeType::Gp2).await;
    let snapshot = ec2.create_snapshot().volume_id(&gp2).send().await.unwrap();
    let snapshot = snapshot.snapshot_id.unwrap();
    let machine = instance(&ec2).await;
    let subnets = ec2.describe_subnets().send().await.unwrap();
    let subnet = subnets.subnets()[0].subnet_id().unwrap();
    let gateway = ec2.create_nat_gateway().subnet_id(subnet);
    let gateway = gateway.connectivity_type(ConnectivityType::Private).send().await.unwrap();
    let gateway = gateway.nat_gateway.unwrap().nat_gateway_id.unwrap();
    let logs = aws_sdk_cloudwatchlogs::Client::new(&config);
    let group = format!("/shop/{}", unique());
    logs.create_log_group().log_group_name(&group).send().await.unwrap();
    let elb = aws_sdk_elasticloadbalancingv2::Client::new(&config);
    let two = subnets.subnets().iter().take(2).filter_map(|one| one.subnet_id().map(str::to_owned));
    let web = elb.create_load_balancer().name(format!("rm-{}", unique()));
    let web = web.set_subnets(Some(two.collect())).send().await.unwrap();
    let web = web.load_balancers()[0].load_balancer_arn().unwrap().to_owned();

    let text = |id: &String| id.clone();
    let actions = [
        Action::ReleaseAddress { allocation: text(&address) },
        Action::DeleteSnapshot { snapshot: text(&snapshot) },
        Action::ConvertVolume { volume: text(&gp2), iops: 3000, throughput_mib: 125 },
        Action::StopInstance { instance: text(&machine) },
        Action::DeleteNatGateway { gateway: text(&gateway) },
        Action::DeleteLoadBalancer { balancer: text(&web) },
        Action::SetRetention { group: text(&group), days: 365 },
    ];
    for _ in 0..2 {
        for action in &actions {
            let done = remover.act(&here(), action).await;
            done.unwrap_or_else(|error| panic!("{action}: {error:?}"));
        }
    }
    for (kind, id) in [
        (Kind::Address, &address),
        (Kind::Snapshot, &snapshot),
        (Kind::NatGateway, &gateway),
        (Kind::LoadBalancer, &web),
    ] {
        assert!(!ids(&list(&config, kind).await).contains(id), "{kind} {id} is still there");
    }
    let volumes = list(&config, Kind::Volume).await.volumes;
    let converted = volumes.iter().find(|one| one.id == gp2).unwrap();
    assert_eq!(converted.kind, petswipe_cost::inventory::VolumeKind::Gp3);
    assert_eq!((converted.iops, converted.throughput_mib), (Some(3000), Some(125)));
    let instances = list(&config, Kind::Instance).await.instances;
    let stopped = instances.iter().find(|one| one.id == machine).unwrap();
    assert_eq!(stopped.state, petswipe_cost::inventory::InstanceState::Stopped);
    let groups = list(&config, Kind::LogGroup).await.log_groups;
    let kept = groups.iter().find(|one| one.name == group).unwrap();
    assert_eq!(kept.retention_days, Some(365));
}

#[tokio::test]
async fn snapshots_of_databases_and_a_balancer_of_the_old_generation_are_deleted() {
    let config = config();
    let remover = remover(&config).await;
    let rds = aws_sdk_rds::Client::new(&config);
    let name = format!("rm-{}", unique());
    let made = rds.create_db_instance().db_instance_identifier(&name).engine("postgres");
    let made = made.db_instance_class("db.t3.micro").allocated_storage(20);
    let made = made.master_username("shop").master_user_password("nobody checks it");
    made.send().await.unwrap();
    let snapshot = format!("{name}-before");
    let made = rds.create_db_snapshot().db_instance_identifier(&name);
    made.db_snapshot_identifier(&snapshot).send().await.unwrap();
    let cluster = rds.create_db_cluster().db_cluster_identifier(&name).engine("aurora-postgresql");
    let cluster = cluster.master_username("shop").master_user_password("nobody checks it");
    cluster.send().await.unwrap();
    // A snapshot of an instance may have the same name.
    let made = rds.create_db_cluster_snapshot().db_cluster_identifier(&name);
    made.db_cluster_snapshot_identifier(&snapshot).send().await.unwrap();
    let of_cluster = format!("cluster:{snapshot}");
    let both = ids(&list(&config, Kind::DatabaseSnapshot).await);
    assert!(both.contains(&snapshot) && both.contains(&of_cluster), "{both:?}");
    let classic = aws_sdk_elasticloadbalancing::Client::new(&config);
    let listener = aws_sdk_elasticloadbalancing::types::Listener::builder();
    let listener = listener.protocol("HTTP").load_balancer_port(80).instance_port(80);
    let made = classic.create_load_balancer().load_balancer_name(&name);
    let made = made.listeners(listener.build().unwrap()).availability_zones(format!("{HERE}a"));
    made.send().await.unwrap();
    for _ in 0..2 {
        let gone = Action::DeleteDatabaseSnapshot { snapshot: snapshot.clone() };
        remover.act(&here(), &gone).await.unwrap();
        let gone = Action::DeleteClusterSnapshot { snapshot: snapshot.clone() };
        remover.act(&here(), &gone).await.unwrap();
        let gone = Action::DeleteLoadBalancer { balancer: name.clone() };
        remover.act(&here(), &gone).await.unwrap();
    }
    let left = ids(&list(&config, Kind::DatabaseSnapshot).await);
    assert!(!left.contains(&snapshot) && !left.contains(&of_cluster), "{left:?}");
    assert!(!ids(&list(&config, Kind::LoadBalancer).await).contains(&name));
}
