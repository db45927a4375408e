//! What each kind is listed as.

use std::collections::BTreeSet;

use petswipe_aws::script::Fault;
use petswipe_cost::inventory::{
    Architecture, Image, InstanceState, Launch, LoadBalancerKind, LogClass, Purchase, VolumeKind,
    VolumeState,
};
use petswipe_cost::{Error, InventorySource, Kind, Resource, explain};

use crate::account::{ABROAD, ACCOUNT, CLOSED, HOME};
use crate::world::{World, at, home, ids, region};

#[tokio::test]
async fn an_account_says_who_it_is_and_where() {
    let world = World::full();
    assert_eq!(world.inventory.account().await.unwrap(), ACCOUNT);
    assert_eq!(world.inventory.account().await.unwrap(), ACCOUNT);
    assert_eq!(world.inventory.regions().await.unwrap(), [region(HOME), region(ABROAD)]);
    assert_eq!(world.wire.operations(), ["GetCallerIdentity", "DescribeRegions"]);
}

#[tokio::test]
async fn a_listing_is_of_its_region_and_of_its_kind() {
    let world = World::full();
    for kind in Kind::LISTED {
        for region in [home(), region(ABROAD)] {
            let listed = world.inventory.list(&region, kind).await.unwrap();
            assert_eq!(listed, listed.only(kind, &region), "{kind} in {region}");
        }
    }
    let abroad = world.inventory.list(&region(ABROAD), Kind::Volume).await.unwrap();
    assert_eq!(ids(&abroad), ["vol-us"]);
}

#[tokio::test]
async fn a_region_that_is_not_enabled_is_an_error_for_every_kind() {
    let world = World::full();
    for kind in Kind::LISTED {
        let error = world.inventory.list(&region(CLOSED), kind).await.unwrap_err();
        assert!(
            matches!(&error, Error::Disabled { region } if region == CLOSED),
            "{kind}: {error}"
        );
    }
    for kind in [Kind::Account, Kind::Vpc] {
        let error = world.list(kind).await.unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{kind}: {}", explain(&error));
    }
}

#[tokio::test]
async fn volumes_and_snapshots_are_those_of_the_account() {
    let world = World::full();
    let volumes = world.list(Kind::Volume).await.unwrap().volumes;
    let [old, new] = volumes.as_slice() else { panic!("{volumes:?}") };
    assert_eq!((old.id.as_str(), old.kind, old.size_gib), ("vol-1", VolumeKind::Gp2, 100));
    assert_eq!((old.iops, old.throughput_mib), (Some(300), None));
    assert_eq!((old.state, new.state), (VolumeState::Available, VolumeState::InUse));
    assert_eq!(old.created_at, at("2026-03-01T10:00:00Z"));
    assert_eq!(old.tags.get("team").unwrap(), "shop");
    assert_eq!((new.kind, new.throughput_mib), (VolumeKind::Gp3, Some(125)));
    let snapshots = world.list(Kind::Snapshot).await.unwrap().snapshots;
    let [mine, archived] = snapshots.as_slice() else { panic!("{snapshots:?}") };
    assert_eq!((mine.volume_id.as_str(), mine.size_gib, mine.archived), ("vol-1", 20, false));
    assert_eq!((mine.description.as_str(), mine.completed), ("mine", true));
    assert_eq!(mine.started_at, at("2026-01-02T03:04:05.678Z"));
    assert!(archived.archived);
}

#[tokio::test]
async fn instances_say_how_they_are_paid() {
    let world = World::full();
    let instances = world.list(Kind::Instance).await.unwrap().instances;
    let [linux, windows] = instances.as_slice() else { panic!("{instances:?}") };
    assert_eq!((linux.instance_type.as_str(), linux.state), ("m5.large", InstanceState::Running));
    assert_eq!((linux.purchase, linux.linux_shared), (Purchase::OnDemand, true));
    assert_eq!((windows.purchase, windows.linux_shared), (Purchase::Spot, false));
    assert_eq!(windows.state, InstanceState::Stopped);
}

#[tokio::test]
async fn disabled_images_and_launch_templates_keep_their_snapshots() {
    let world = World::full();
    let images = world.list(Kind::Image).await.unwrap().images;
    let snapshots = |image: &Image| image.snapshots.clone();
    assert_eq!(images.iter().flat_map(snapshots).collect::<Vec<_>>(), ["snap-1", "snap-2"]);
    let templates = world.list(Kind::LaunchTemplate).await.unwrap().launch_templates;
    let found: Vec<_> = templates.iter().map(|one| (one.id(), one.snapshots.join(","))).collect();
    let found: BTreeSet<_> = found.into_iter().collect();
    let wanted = [("lt-1:1", "snap-1"), ("lt-1:2", "snap-2"), ("lt-1:3", "snap-3")];
    assert_eq!(found, wanted.map(|(id, snapshot)| (id, snapshot.to_owned())).into());
    // Those of one that is gone by then are not asked for again.
    world.wire.with(|account| account.gone.insert("lt-1".to_owned()));
    assert_eq!(world.ids(Kind::LaunchTemplate).await, ["lt-1:1", "lt-1:3"]);
}

#[tokio::test]
async fn a_template_of_which_all_versions_are_known_costs_no_call_of_its_own() {
    for (versions, calls) in [(&[1][..], 1), (&[1, 2], 1), (&[2], 2), (&[1, 3], 2)] {
        let world = World::new(|account| {
            for version in versions {
                let entry = format!(
                    "<launchTemplateId>lt-1</launchTemplateId><versionNumber>{version}</versionNumber>"
                );
                account.put(HOME, "launchTemplateVersionSet", &format!("lt-1:{version}"), entry);
            }
        });
        assert_eq!(world.ids(Kind::LaunchTemplate).await.len(), versions.len());
        assert_eq!(world.wire.calls().len(), calls, "{versions:?}");
    }
}

#[tokio::test]
async fn what_is_of_an_unknown_type_does_not_hide_the_others() {
    let world = World::new(|account| {
        for (id, kind) in [("vol-1", "gp9"), ("vol-2", "gp3")] {
            account.put(HOME, "volumeSet", id, crate::ec2::volume(id, kind, 8, "available", ""));
        }
        account.balancer(HOME, "web", "application");
        account.balancer(HOME, "new", "quantum");
    });
    let volumes = world.list(Kind::Volume).await.unwrap().volumes;
    let kinds: Vec<_> = volumes.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [VolumeKind::Other, VolumeKind::Gp3]);
    let balancers = world.list(Kind::LoadBalancer).await.unwrap().load_balancers;
    let kinds: Vec<_> = balancers.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [LoadBalancerKind::Application, LoadBalancerKind::Other]);
}

#[tokio::test]
async fn a_network_is_what_leads_somewhere() {
    let world = World::full();
    let addresses = world.list(Kind::Address).await.unwrap().addresses;
    let associated: Vec<_> = addresses.iter().map(|one| one.associated_with.as_deref()).collect();
    assert_eq!(associated, [None, Some("eipassoc-1")]);
    assert_eq!(world.ids(Kind::Address).await, ["eipalloc-1", "eipalloc-2"]);
    let gateways = world.list(Kind::NatGateway).await.unwrap().nat_gateways;
    assert_eq!(gateways.len(), 2, "a deleted one is still there: {gateways:?}");
    let places: Vec<_> = gateways.iter().map(|one| (one.regional, one.subnet.as_str())).collect();
    assert_eq!(places, [(false, "subnet-1"), (true, "")]);
    assert!(gateways[0].available);
    let endpoints = world.list(Kind::VpcEndpoint).await.unwrap().vpc_endpoints;
    assert_eq!((endpoints.len(), endpoints[0].gateway), (1, true));
    let subnets = world.list(Kind::Subnet).await.unwrap().subnets;
    assert_eq!(subnets[0].zone, "eu-central-1a");
    let tables = world.list(Kind::RouteTable).await.unwrap().route_tables;
    assert!(tables[0].main);
    assert_eq!(tables[0].subnets, ["subnet-1"]);
    let routes: Vec<_> = tables[0]
        .nat_routes
        .iter()
        .map(|route| (route.gateway.as_str(), route.destination.as_str()))
        .collect();
    assert_eq!(routes, [("nat-1", "0.0.0.0/0")]);
}

#[tokio::test]
async fn databases_are_those_of_rds_and_run_or_do_not() {
    let world = World::full();
    let databases = world.list(Kind::Database).await.unwrap().databases;
    let [shop, reader] = databases.as_slice() else { panic!("{databases:?}") };
    assert_eq!((shop.id.as_str(), shop.class.as_str()), ("shop", "db.t3.micro"));
    assert_eq!((shop.multi_az, shop.available, shop.deletion_protection), (true, true, true));
    assert_eq!((shop.storage_gib, shop.storage_type.as_str()), (20, "gp3"));
    assert_eq!(shop.tags.get("team").unwrap(), "shop");
    assert_eq!((reader.available, reader.cluster.as_deref()), (false, Some("aurora")));
    assert_eq!(reader.storage_gib, 0, "the storage is that of the cluster");
    let snapshots = world.list(Kind::DatabaseSnapshot).await.unwrap().database_snapshots;
    let manual: Vec<_> = snapshots.iter().map(|one| (one.id.as_str(), one.manual)).collect();
    let wanted = [
        ("before-upgrade", true),
        ("rds:shop-2026-11-27", false),
        ("cluster:before-upgrade", true),
    ];
    assert_eq!(manual, wanted);
    let of_cluster = &snapshots[2];
    assert_eq!((of_cluster.name(), of_cluster.database.as_str()), ("before-upgrade", "aurora"));
    assert!(of_cluster.cluster && !snapshots[0].cluster);
}

#[tokio::test]
async fn services_say_what_their_tasks_need() {
    let world = World::full();
    let services = world.list(Kind::Service).await.unwrap().services;
    let [batch, web] = services.as_slice() else { panic!("{services:?}") };
    assert_eq!(
        (web.id.as_str(), web.launch, batch.launch),
        ("shop/web", Launch::Fargate, Launch::FargateSpot)
    );
    assert_eq!((web.cpu, web.memory_mib, web.desired), (512, 1024, 2));
    assert_eq!((web.architecture, web.task_definition.as_str()), (Architecture::Arm, "web:7"));
    assert_eq!(web.tags.get("team").unwrap(), "shop");
}

#[tokio::test]
async fn log_groups_without_a_retention_are_asked_for_their_tags() {
    let world = World::full();
    let groups = world.list(Kind::LogGroup).await.unwrap().log_groups;
    let [forever, month] = groups.as_slice() else { panic!("{groups:?}") };
    assert_eq!((forever.name.as_str(), forever.retention_days), ("/shop/web", None));
    assert_eq!(forever.tags.as_ref().unwrap().get("name").unwrap(), "/shop/web");
    assert_eq!(forever.stored_bytes, 5_000_000_000);
    assert_eq!(forever.created_at, at("2026-01-01T00:00:00Z"));
    assert_eq!((month.retention_days, &month.tags), (Some(30), &None));
    assert_eq!(month.class, LogClass::InfrequentAccess);
    assert_eq!(world.wire.operations(), ["DescribeLogGroups", "ListTagsForResource"]);
    world.wire.fate(|call| (call.action == "logs:ListTagsForResource").then_some(Fault::Denied));
    let denied = world.list(Kind::LogGroup).await.unwrap();
    assert_eq!((denied.log_groups.len(), &denied.log_groups[0].tags), (2, &None));
    let named: Vec<_> = denied.unread.iter().map(|one| one.action.as_deref()).collect();
    assert_eq!(named, [Some("logs:ListTagsForResource")]);
}
