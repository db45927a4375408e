//! What is idle, what only looks like it, and what nobody knows.

use petswipe_cost::inventory::{
    Image, Inventory, LaunchTemplate, LoadBalancerKind, Snapshot, VolumeKind, VolumeState,
};
use petswipe_cost::{Area, Metric, Statistic, Tags, Thresholds, Usage, Verdict};

use crate::world::{Days, ago, assess_by, balancer, database, instance, now, region, said, volume};

fn of_instance(usage: &Usage) -> (Verdict, String) {
    let inventory = Inventory { instances: vec![instance("m5.xlarge")], ..Inventory::default() };
    let said = said(&Area::EC2, &inventory, usage);
    (said.verdict, said.reason)
}

/// As many days of it, but for one.
fn but_one(days: usize, value: f64, other: f64) -> Vec<f64> {
    let mut values = vec![value; days];
    values[days / 2] = other;
    values
}

#[test]
fn every_day_of_an_instance_counts_and_not_only_the_first() {
    let idle = Days::default().of_instance(&[0.5; 30], &[2.0; 30], &[1.0; 30]);
    assert_eq!(of_instance(&idle.0).0, Verdict::Idle);
    let worked_once = Days::default().of_instance(&[0.5; 30], &but_one(30, 2.0, 95.0), &[1.0; 30]);
    let (verdict, reason) = of_instance(&worked_once.0);
    assert_eq!(
        (verdict, reason.as_str()),
        (Verdict::Busy, "it needs its size at times: its CPU was at 95 % once")
    );
    let served_once = Days::default().of_instance(&[0.5; 30], &[2.0; 30], &but_one(30, 1.0, 900.0));
    assert_eq!(
        of_instance(&served_once.0).0,
        Verdict::Improvable,
        "it is used, and a smaller one would do"
    );
}

#[test]
fn an_instance_without_data_or_with_too_little_is_unknown() {
    assert_eq!(of_instance(&Usage::default()).0, Verdict::Unknown);
    let young = Days::default().of_instance(&[0.5; 13], &[2.0; 13], &[1.0; 13]);
    let (verdict, reason) = of_instance(&young.0);
    assert_eq!(
        (verdict, reason.as_str()),
        (Verdict::Unknown, "its CPU is known of 13 days, of 14 that are needed")
    );
    let enough = Days::default().of_instance(&[0.5; 14], &[2.0; 14], &[1.0; 14]);
    assert_eq!(of_instance(&enough.0).0, Verdict::Idle);
    // CPU without traffic does not make it idle, but it is enough to say that a smaller one would do.
    let half = Days::default()
        .with("i-1", Metric::InstanceCpu, Statistic::Average, &[0.5; 30])
        .with("i-1", Metric::InstanceCpu, Statistic::Maximum, &[2.0; 30]);
    assert_eq!(of_instance(&half.0).0, Verdict::Improvable);
}

#[test]
fn absurd_values_are_no_data() {
    let absurd = Days::default().of_instance(&[f64::NAN; 30], &[-5.0; 30], &[f64::INFINITY; 30]);
    assert_eq!(of_instance(&absurd.0).0, Verdict::Unknown);
}

#[test]
fn presets_are_what_others_hold() {
    let inventory = Inventory { instances: vec![instance("m5.large")], ..Inventory::default() };
    // Four quiet days of fourteen are enough for Trusted Advisor, and not for the others.
    let mean = [vec![60.0; 10], vec![3.0; 4]].concat();
    let peak = [vec![90.0; 10], vec![9.0; 4]].concat();
    let net = [vec![900.0; 10], vec![1.0; 4]].concat();
    let usage = Days::default().of_instance(&mean, &peak, &net);
    let by = |preset| {
        assess_by(&Area::EC2, &inventory, &usage.0, &Thresholds::preset(preset).unwrap())
            .remove(0)
            .verdict
    };
    assert_eq!(by("trusted-advisor"), Verdict::Improvable);
    assert_eq!(by("compute-optimizer"), Verdict::Busy);
    assert_eq!(by("guide"), Verdict::Busy);
}

#[test]
fn a_database_needs_both_little_load_and_few_connections_to_be_too_large() {
    let of = |mean, peak, connections: f64| {
        let inventory =
            Inventory { databases: vec![database("db.m5.xlarge")], ..Inventory::default() };
        let usage = Days::default().of_database(&[mean; 30], &[peak; 30], &[connections; 30]);
        said(&Area::RDS, &inventory, &usage.0).verdict
    };
    assert_eq!(of(6.0, 20.0, 4.0), Verdict::Improvable);
    assert_eq!(of(45.0, 80.0, 4.0), Verdict::Busy, "few connections can do much");
    assert_eq!(of(6.0, 20.0, 80.0), Verdict::Busy, "many connections may need its memory");
    assert_eq!(of(6.0, 75.0, 4.0), Verdict::Busy, "its peaks need its class");
    assert_eq!(
        of(45.0, 80.0, 0.0),
        Verdict::Idle,
        "what nobody connects to is only busy with itself"
    );
}

#[test]
fn one_connection_a_week_is_a_use() {
    let inventory = Inventory { databases: vec![database("db.m5.xlarge")], ..Inventory::default() };
    let idle = Days::default().of_database(&[3.0; 30], &[9.0; 30], &[0.0; 30]);
    assert_eq!(said(&Area::RDS, &inventory, &idle.0).verdict, Verdict::Idle);
    let mut connections = vec![0.0; 30];
    connections[27] = 1.0;
    let used = Days::default().of_database(&[3.0; 30], &[9.0; 30], &connections);
    assert_eq!(said(&Area::RDS, &inventory, &used.0).verdict, Verdict::Improvable);
    let mut gap = vec![0.0; 30];
    gap[27] = f64::NAN;
    let gap = Days::default().of_database(&[3.0; 30], &[9.0; 30], &gap);
    assert_ne!(
        said(&Area::RDS, &inventory, &gap.0).verdict,
        Verdict::Idle,
        "a day without data is no day without use"
    );
}

#[test]
fn a_read_replica_is_deleted_without_a_snapshot_that_rds_would_refuse() {
    let mut replica = database("db.m5.xlarge");
    replica.replica_of = Some("db-0".to_owned());
    replica.deletion_protection = true;
    let inventory = Inventory { databases: vec![replica], ..Inventory::default() };
    let idle = Days::default().of_database(&[3.0; 30], &[9.0; 30], &[0.0; 30]);
    let advice = said(&Area::RDS, &inventory, &idle.0).advice.unwrap();
    let expected = [
        "aws rds modify-db-instance --no-deletion-protection --region us-east-1 --db-instance-identifier db-1 &&",
        "aws rds delete-db-instance --skip-final-snapshot --region us-east-1 --db-instance-identifier db-1",
    ];
    assert_eq!(advice.remediation.commands, expected);
}

fn snapshot(id: &str, age: i64) -> Snapshot {
    Snapshot {
        id: id.to_owned(),
        region: region(),
        tags: Tags::new(),
        volume_id: "vol-1".to_owned(),
        size_gib: 100,
        archived: false,
        completed: true,
        started_at: ago(age),
        description: String::new(),
    }
}

#[test]
fn a_snapshot_that_an_image_a_template_or_a_backup_needs_is_used() {
    let mut backup = snapshot("snap-backup", 400);
    backup.tags.insert("aws:backup:source-resource".to_owned(), "vol-1".to_owned());
    let mut lifecycle = snapshot("snap-lifecycle", 400);
    lifecycle.tags.insert("aws:dlm:lifecycle-policy-id".to_owned(), "policy-1".to_owned());
    let snapshots = vec![
        snapshot("snap-old", 400),
        snapshot("snap-image", 400),
        snapshot("snap-template", 400),
        backup,
        lifecycle,
        snapshot("snap-young", 90),
        snapshot("snap-future", -2),
    ];
    let image = Image {
        id: "ami-1".to_owned(),
        region: region(),
        tags: Tags::new(),
        snapshots: vec!["snap-image".to_owned()],
    };
    let template = LaunchTemplate {
        id: "lt-1:3".to_owned(),
        region: region(),
        tags: Tags::new(),
        snapshots: vec!["snap-template".to_owned()],
    };
    let inventory = Inventory {
        snapshots,
        images: vec![image],
        launch_templates: vec![template],
        ..Inventory::default()
    };
    let said = crate::world::assess(&Area::SNAPSHOTS, &inventory, &Usage::default());
    let verdicts: Vec<_> = said.iter().map(|one| (one.resource.id.as_str(), one.verdict)).collect();
    let expected = [
        ("snap-old", Verdict::Idle),
        ("snap-image", Verdict::Busy),
        ("snap-template", Verdict::Busy),
        ("snap-backup", Verdict::Busy),
        ("snap-lifecycle", Verdict::Busy),
        ("snap-young", Verdict::Busy),
        ("snap-future", Verdict::Unknown),
    ];
    assert_eq!(verdicts, expected);
    assert_eq!(said[1].reason, "ami-1 needs it");
    assert_eq!(said[6].reason, "it was begun in the future: a clock is wrong");
}

#[test]
fn a_volume_is_left_alone_for_a_week_and_while_it_is_attached() {
    let of = |state, created_at| {
        let volume =
            petswipe_cost::inventory::Volume { created_at, ..volume(VolumeKind::Gp3, 10, state) };
        let inventory = Inventory { volumes: vec![volume], ..Inventory::default() };
        said(&Area::VOLUMES, &inventory, &Days::default().detached().0).verdict
    };
    assert_eq!(of(VolumeState::Available, ago(7)), Verdict::Idle);
    assert_eq!(of(VolumeState::Available, ago(6)), Verdict::Busy);
    assert_eq!(of(VolumeState::InUse, ago(100)), Verdict::Busy);
    assert_eq!(of(VolumeState::Other, ago(100)), Verdict::Unknown);
    assert_eq!(of(VolumeState::Available, ago(-1)), Verdict::Unknown);
}

#[test]
fn a_volume_that_was_attached_lately_is_busy_and_one_of_which_nobody_knows_is_unknown() {
    let inventory = Inventory {
        volumes: vec![volume(VolumeKind::Gp3, 10, VolumeState::Available)],
        ..Inventory::default()
    };
    let by = |usage: &Usage, detached_days| {
        let mut limits = Thresholds::default();
        limits.volumes.detached_days = detached_days;
        assess_by(&Area::VOLUMES, &inventory, usage, &limits).remove(0)
    };
    // A day on which it was attached and did nothing is one on which it was attached.
    let attached = Days::default().detached().with(
        "vol-1",
        Metric::VolumeReads,
        Statistic::Sum,
        &but_one(31, f64::NAN, 0.0),
    );
    let said = by(&attached.0, 32);
    assert_eq!(
        (said.verdict, said.reason.as_str()),
        (Verdict::Busy, "it was attached in the last 32 days")
    );
    assert_eq!(by(&Days::default().detached().0, 32).verdict, Verdict::Idle);
    assert_eq!(by(&Usage::default(), 32).verdict, Verdict::Unknown);
    assert_eq!(by(&Usage::default(), 0).verdict, Verdict::Idle, "nobody wants to know");
}

#[test]
fn the_last_snapshot_of_a_volume_that_is_gone_is_deleted_by_no_program() {
    let mut copy = snapshot("snap-copy", 300);
    copy.volume_id = "vol-ffffffff".to_owned();
    let newer_copy =
        Snapshot { id: "snap-copy-2".to_owned(), started_at: ago(200), ..copy.clone() };
    let mut present = snapshot("snap-present", 400);
    present.volume_id = "vol-2".to_owned();
    // What goes by a schedule keeps nothing.
    let mut backup = snapshot("snap-backup", 10);
    backup.tags.insert("aws:backup:source-resource".to_owned(), "vol-1".to_owned());
    let snapshots = vec![
        snapshot("snap-old", 400),
        snapshot("snap-last", 300),
        present,
        copy,
        newer_copy,
        backup,
    ];
    let mut there = volume(VolumeKind::Gp3, 100, VolumeState::InUse);
    there.id = "vol-2".to_owned();
    let inventory = Inventory { snapshots, volumes: vec![there], ..Inventory::default() };
    let said = crate::world::assess(&Area::SNAPSHOTS, &inventory, &Usage::default());
    let acts = |one: &petswipe_cost::Assessment| {
        (one.resource.id.clone(), one.advice.as_ref().unwrap().remediation.action.is_some())
    };
    let expected = [
        ("snap-old", true),
        ("snap-last", false),
        ("snap-present", true),
        ("snap-copy", false),
        ("snap-copy-2", false),
    ];
    assert_eq!(
        said[..5].iter().map(acts).collect::<Vec<_>>(),
        expected.map(|(id, acts)| (id.to_owned(), acts))
    );
    assert!(said[1].reason.ends_with("it is all that is left of its volume"), "{}", said[1].reason);
}

#[test]
fn an_attached_volume_is_idle_only_where_that_is_asked_for_and_known_of_every_day() {
    let inventory = Inventory {
        volumes: vec![volume(VolumeKind::Gp3, 10, VolumeState::InUse)],
        ..Inventory::default()
    };
    let mut limits = Thresholds::default();
    limits.volumes.attached_idle_days = 7;
    let by = |operations: &[f64]| {
        let usage = Days::default()
            .with("vol-1", Metric::VolumeReads, Statistic::Sum, operations)
            .with("vol-1", Metric::VolumeWrites, Statistic::Sum, &vec![0.0; operations.len()]);
        assess_by(&Area::VOLUMES, &inventory, &usage.0, &limits).remove(0).verdict
    };
    assert_eq!(by(&[0.0; 7]), Verdict::Idle);
    assert_eq!(by(&[0.0; 6]), Verdict::Unknown);
    assert_eq!(by(&but_one(7, 0.0, 500.0)), Verdict::Busy);
}

#[test]
fn a_silent_load_balancer_is_idle_only_if_something_shows_that_it_was_measured() {
    let subject = "app/web/0123456789abcdef";
    let of = |targets, usage: Days| {
        let load_balancers = vec![balancer(LoadBalancerKind::Application, targets)];
        let inventory = Inventory { load_balancers, ..Inventory::default() };
        said(&Area::LOAD_BALANCERS, &inventory, &usage.0).verdict
    };
    let alive = |days: usize| {
        Days::default().with(
            subject,
            Metric::ApplicationCapacity,
            Statistic::Maximum,
            &vec![0.1; days],
        )
    };
    let asked = |requests: &[f64]| {
        alive(7).with(subject, Metric::ApplicationRequests, Statistic::Sum, requests)
    };
    assert_eq!(of(Some(2), Days::default()), Verdict::Unknown);
    assert_eq!(of(Some(0), Days::default()), Verdict::Unknown, "it may redirect");
    assert_eq!(of(Some(2), alive(7)), Verdict::Idle);
    assert_eq!(of(Some(2), alive(5)), Verdict::Unknown);
    assert_eq!(of(Some(2), asked(&[99.0; 7])), Verdict::Idle);
    assert_eq!(of(Some(2), asked(&but_one(7, 0.0, 100.0))), Verdict::Busy);
    assert_eq!(
        of(Some(0), asked(&[5000.0; 7])),
        Verdict::Busy,
        "it redirects, and needs no targets for that"
    );
    assert_eq!(of(None, asked(&[1.0; 7])), Verdict::Idle);
}

#[test]
fn a_load_balancer_with_few_connections_that_stay_or_much_traffic_is_busy() {
    let subject = "app/web/0123456789abcdef";
    let of = |kind, usage: Days| {
        let load_balancers = vec![balancer(kind, Some(2))];
        let inventory = Inventory { load_balancers, ..Inventory::default() };
        said(&Area::LOAD_BALANCERS, &inventory, &usage.0).verdict
    };
    let quiet = || {
        Days::default()
            .with(subject, Metric::ApplicationCapacity, Statistic::Maximum, &[0.1; 7])
            .with(subject, Metric::NetworkFlows, Statistic::Sum, &[2.0; 7])
            .with(subject, Metric::NetworkBytes, Statistic::Sum, &[1e4; 7])
            .with(subject, Metric::NetworkConnections, Statistic::Average, &[0.1; 7])
            .with(subject, Metric::ClassicHosts, Statistic::Maximum, &[2.0; 7])
    };
    use LoadBalancerKind::{Application, Classic, Network};
    for kind in [Application, Network, Classic] {
        assert_eq!(of(kind, quiet()), Verdict::Idle, "{kind:?}");
    }
    // One connection of a client with its one to a target, open on one of the days.
    let open = but_one(7, f64::NAN, 2.0 * 1440.0);
    for (kind, metric, statistic, values) in [
        (Application, Metric::ApplicationConnections, Statistic::Sum, &open),
        (Network, Metric::NetworkConnections, Statistic::Average, &but_one(7, 0.0, 1.0)),
        (Application, Metric::ApplicationBytes, Statistic::Sum, &but_one(7, 0.0, 6e6)),
        (Network, Metric::NetworkBytes, Statistic::Sum, &but_one(7, 0.0, 6e6)),
        (Classic, Metric::ClassicBytes, Statistic::Sum, &but_one(7, 0.0, 6e6)),
    ] {
        let verdict = of(kind, quiet().with(subject, metric, statistic, values));
        assert_eq!(verdict, Verdict::Busy, "{metric:?}");
    }
    // Those of a Network Load Balancer are always reported, so a gap is one.
    let gap = quiet().with(
        subject,
        Metric::NetworkConnections,
        Statistic::Average,
        &but_one(7, 0.1, f64::NAN),
    );
    assert_eq!(of(Network, gap), Verdict::Unknown);
}

#[test]
fn what_one_tag_calls_production_is_no_test() {
    let tags = |pairs: &[(&str, &str)]| -> Tags {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let limits = Thresholds::default().schedule;
    assert!(limits.is_non_production(&tags(&[("Environment", "Dev"), ("Stage", "test")])));
    assert!(!limits.is_non_production(&tags(&[("Environment", "production"), ("Stage", "test")])));
    assert!(!limits.is_non_production(&tags(&[("Environment", "test"), ("env", "prod")])));
    assert!(!limits.is_non_production(&tags(&[("team", "test")])));
}

#[test]
fn times_are_those_of_the_scan() {
    let mut young = balancer(LoadBalancerKind::Network, Some(1));
    young.created_at = now();
    let inventory = Inventory { load_balancers: vec![young], ..Inventory::default() };
    assert_eq!(said(&Area::LOAD_BALANCERS, &inventory, &Usage::default()).verdict, Verdict::Busy);
}

#[test]
fn a_name_that_a_shell_would_read_is_quoted_in_commands() {
    let group = petswipe_cost::inventory::LogGroup {
        name: "$(reboot)/it's".to_owned(),
        region: region(),
        tags: Some(Tags::new()),
        retention_days: None,
        stored_bytes: 80 << 30,
        created_at: ago(400),
        class: petswipe_cost::inventory::LogClass::Standard,
    };
    let inventory = Inventory { log_groups: vec![group], ..Inventory::default() };
    let advice = said(&Area::LOGS, &inventory, &Usage::default()).advice.unwrap();
    let expected = r"aws logs put-retention-policy --region us-east-1 --log-group-name '$(reboot)/it'\''s' --retention-in-days 90";
    assert_eq!(advice.remediation.commands, [expected]);
}

#[test]
fn what_works_on_other_days_is_never_stopped_by_a_plan() {
    let mean = [vec![60.0; 10], vec![3.0; 4]].concat();
    let net = [vec![900.0; 10], vec![1.0; 4]].concat();
    let usage = Days::default().of_instance(&mean, &mean, &net);
    let inventory = Inventory { instances: vec![instance("m5.large")], ..Inventory::default() };
    let limits = Thresholds::preset("trusted-advisor").unwrap();
    let advice = assess_by(&Area::EC2, &inventory, &usage.0, &limits).remove(0).advice.unwrap();
    assert_eq!(advice.remediation.action, None);
    assert_eq!(advice.saving.unwrap().low, petswipe_cost::Money::ZERO);
}

#[test]
fn a_busy_day_of_which_one_metric_is_missing_is_busy() {
    let peak = but_one(30, 2.0, 95.0);
    let received = but_one(30, 100.0, f64::NAN);
    let usage = Days::default().of_instance(&[0.5; 30], &peak, &received);
    assert_eq!(of_instance(&usage.0).0, Verdict::Busy);
}

#[test]
fn a_classic_load_balancer_without_targets_is_idle_only_if_its_metrics_were_answered() {
    let mut classic = balancer(LoadBalancerKind::Classic, Some(0));
    classic.id = "web".to_owned();
    let inventory = Inventory { load_balancers: vec![classic], ..Inventory::default() };
    assert_eq!(
        said(&Area::LOAD_BALANCERS, &inventory, &Usage::default()).verdict,
        Verdict::Unknown
    );
    let answered = Days::default()
        .with("web", Metric::ClassicRequests, Statistic::Sum, &[f64::NAN; 7])
        .with("web", Metric::ClassicBytes, Statistic::Sum, &[f64::NAN; 7]);
    assert_eq!(said(&Area::LOAD_BALANCERS, &inventory, &answered.0).verdict, Verdict::Idle);
}

#[test]
fn an_instance_that_was_started_lately_is_not_idle() {
    let usage = Days::default().of_instance(&[0.5; 30], &[1.0; 30], &[0.1; 30]);
    let of = |days| {
        let started =
            petswipe_cost::inventory::Instance { launched_at: ago(days), ..instance("m5.large") };
        let inventory = Inventory { instances: vec![started], ..Inventory::default() };
        said(&Area::EC2, &inventory, &usage.0).verdict
    };
    assert_eq!([of(7), of(6), of(0)], [Verdict::Idle, Verdict::Busy, Verdict::Busy]);
}

#[test]
fn automatic_snapshots_of_a_database_that_is_gone_keep_nothing() {
    let made = |id: &str, manual, age| petswipe_cost::inventory::DatabaseSnapshot {
        id: id.to_owned(),
        region: region(),
        tags: Tags::new(),
        database: "shop".to_owned(),
        cluster: false,
        manual,
        size_gib: 100,
        created_at: Some(ago(age)),
    };
    let of = |snapshots| {
        let inventory = Inventory { database_snapshots: snapshots, ..Inventory::default() };
        crate::world::assess(&Area::DATABASE_SNAPSHOTS, &inventory, &Usage::default()).remove(0)
    };
    let automatic = of(vec![made("by-hand", true, 200), made("rds:shop", false, 3)]);
    assert_eq!(automatic.reason, "it is all that is left of shop");
    let by_hand = of(vec![made("by-hand", true, 200), made("newer", true, 3)]);
    assert_eq!(by_hand.verdict, Verdict::Idle);
}
