//! What is of a type that nobody knows here, or has another price: it is never priced as something else.

use petswipe_cost::inventory::{
    DatabaseSnapshot, Inventory, LoadBalancerKind, NatGateway, VolumeKind, VolumeState,
};
use petswipe_cost::{Action, Area, Assessment, Metric, Statistic, Tags, Usage, Verdict};

use crate::world::{Days, ago, assess, balancer, database, region, said, volume};

/// The keys of the prices that are missing.
fn missing(said: &Assessment) -> Vec<&str> {
    let saving = said.advice.as_ref().unwrap().saving.as_ref().unwrap_err();
    saving.iter().map(String::as_str).collect()
}

#[test]
fn a_volume_of_an_unknown_type_is_found_without_a_saving() {
    let unused = volume(VolumeKind::Other, 100, VolumeState::Available);
    let inventory = Inventory { volumes: vec![unused], ..Inventory::default() };
    let said = said(&Area::VOLUMES, &inventory, &Days::default().detached().0);
    assert_eq!(said.verdict, Verdict::Idle);
    assert_eq!(missing(&said)[0], "ebs:other");
    let gp3 = assess(&Area::GP3, &inventory, &Usage::default());
    assert!(gp3.iter().all(|one| !one.verdict.is_flagged()), "{gp3:?}");
}

#[test]
fn a_load_balancer_of_an_unknown_type_is_unknown() {
    for targets in [None, Some(0), Some(2)] {
        let one = balancer(LoadBalancerKind::Other, targets);
        let inventory = Inventory { load_balancers: vec![one], ..Inventory::default() };
        let said = said(&Area::LOAD_BALANCERS, &inventory, &Usage::default());
        assert_eq!(said.verdict, Verdict::Unknown);
        assert_eq!(said.reason, "its type is not known here");
    }
}

fn gateway(id: &str, regional: bool) -> NatGateway {
    NatGateway {
        id: id.to_owned(),
        region: region(),
        tags: Tags::from([("environment".to_owned(), "dev".to_owned())]),
        vpc: "vpc-1".to_owned(),
        subnet: if regional { String::new() } else { "subnet-1".to_owned() },
        regional,
        available: true,
        created_at: ago(100),
    }
}

#[test]
fn a_regional_nat_gateway_is_never_priced_as_one_of_a_zone() {
    let idle = |days: Days, id: &str| {
        days.with(id, Metric::NatConnections, Statistic::Maximum, &[0.0; 32])
            .with(id, Metric::NatPacketsFromSource, Statistic::Sum, &[0.0; 32])
            .with(id, Metric::NatBytesOut, Statistic::Sum, &[0.0; 32])
            .with(id, Metric::NatBytesIn, Statistic::Sum, &[0.0; 32])
    };
    let usage = idle(idle(Days::default(), "nat-1"), "nat-2").0;
    let gateways = vec![gateway("nat-1", false), gateway("nat-2", true)];
    let inventory = Inventory { nat_gateways: gateways, ..Inventory::default() };
    let said = assess(&Area::NAT, &inventory, &usage);
    let [zonal, regional] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!((zonal.verdict, regional.verdict), (Verdict::Idle, Verdict::Idle));
    assert!(zonal.advice.as_ref().unwrap().saving.is_ok());
    assert_eq!(missing(regional), ["nat:regional:hour"]);
    // It is in every zone, so there is nothing to bring together.
    let busy = |days: Days, id: &str| {
        days.with(id, Metric::NatConnections, Statistic::Maximum, &[9.0; 32])
            .with(id, Metric::NatPacketsFromSource, Statistic::Sum, &[9.0; 32])
            .with(id, Metric::NatBytesOut, Statistic::Sum, &[9e9; 32])
            .with(id, Metric::NatBytesIn, Statistic::Sum, &[9e9; 32])
    };
    let usage = busy(busy(Days::default(), "nat-1"), "nat-2").0;
    let together = assess(&Area::NAT_CONSOLIDATION, &inventory, &usage);
    assert!(together.iter().all(|one| one.verdict == Verdict::Busy), "{together:?}");
    let said = assess(&Area::NAT, &inventory, &usage);
    assert_eq!(said[1].verdict, Verdict::Improvable);
    assert_eq!(missing(&said[1]), ["nat:regional:gb"]);
}

fn snapshot(id: &str, cluster: bool, days: i64) -> DatabaseSnapshot {
    DatabaseSnapshot {
        id: id.to_owned(),
        region: region(),
        tags: Tags::new(),
        database: "shop".to_owned(),
        cluster,
        manual: true,
        size_gib: 100,
        created_at: Some(ago(days)),
    }
}

#[test]
fn a_snapshot_of_a_cluster_has_its_own_command_and_no_price_of_an_instance() {
    let mut member = database("db.r5.large");
    member.cluster = Some("shop".to_owned());
    let all = vec![snapshot("cluster:before", true, 400), snapshot("before", false, 400)];
    let inventory =
        Inventory { databases: vec![member], database_snapshots: all, ..Inventory::default() };
    let said = assess(&Area::DATABASE_SNAPSHOTS, &inventory, &Usage::default());
    let [cluster, instance] = said.as_slice() else { panic!("{said:?}") };
    // The cluster lives; of an instance `shop` the snapshot is all that is left.
    assert_eq!((cluster.verdict, instance.verdict), (Verdict::Idle, Verdict::Busy));
    assert_eq!(missing(cluster), ["aurora:backup"]);
    let remediation = &cluster.advice.as_ref().unwrap().remediation;
    let wanted = Action::DeleteClusterSnapshot { snapshot: "before".to_owned() };
    assert_eq!(remediation.action, Some(wanted));
    let command = &remediation.commands[0];
    assert!(command.contains("delete-db-cluster-snapshot"), "{command}");
    assert!(command.contains("--db-cluster-snapshot-identifier before"), "{command}");
}
