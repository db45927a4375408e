//! The commands that findings come with: what a shell makes of them.

use petswipe_cost::inventory::{
    Architecture, Bucket, Database, Inventory, Launch, NatGateway, NatRoute, RouteTable, Service,
    Upload, Versioning, VolumeKind, VolumeState,
};
use petswipe_cost::{Area, Assessment, Metric, Statistic, Tags, Thresholds, Usage};

use crate::world::{Days, ago, assess_by, database, instance, region, said, volume};

fn commands(said: Assessment) -> Vec<String> {
    said.advice.unwrap().remediation.commands
}

#[test]
fn a_volume_is_deleted_after_its_own_snapshot_is_complete() {
    let inventory = Inventory {
        volumes: vec![volume(VolumeKind::Gp3, 10, VolumeState::Available)],
        ..Inventory::default()
    };
    let expected = [
        "snapshot=$(aws ec2 create-snapshot --query SnapshotId --output text --region us-east-1 --volume-id vol-1 --description 'before deleting vol-1') &&",
        r#"aws ec2 wait snapshot-completed --region us-east-1 --snapshot-ids "$snapshot" &&"#,
        "aws ec2 delete-volume --region us-east-1 --volume-id vol-1",
    ];
    assert_eq!(commands(said(&Area::VOLUMES, &inventory, &Days::default().detached().0)), expected);
}

#[test]
fn an_attached_volume_is_let_go_first_and_waited_for() {
    let inventory = Inventory {
        volumes: vec![volume(VolumeKind::Gp3, 10, VolumeState::InUse)],
        ..Inventory::default()
    };
    let limits = Thresholds::preset("trusted-advisor").unwrap();
    let idle = Days::default().with("vol-1", Metric::VolumeReads, Statistic::Sum, &[0.0; 7]).with(
        "vol-1",
        Metric::VolumeWrites,
        Statistic::Sum,
        &[0.0; 7],
    );
    let said = assess_by(&Area::VOLUMES, &inventory, &idle.0, &limits).remove(0);
    let commands = commands(said);
    assert!(commands[0].starts_with("aws ec2 detach-volume"), "{commands:?}");
    assert!(commands[1].starts_with("aws ec2 wait volume-available"), "{commands:?}");
    assert!(commands[2].starts_with("snapshot=$(aws ec2 create-snapshot"), "{commands:?}");
    assert!(commands[..4].iter().all(|command| command.ends_with(" &&")), "{commands:?}");
}

#[test]
fn every_route_to_a_gateway_that_goes_is_led_to_the_one_that_stays() {
    let testing: Tags = [("Environment".to_owned(), "test".to_owned())].into();
    let gateway = |id: &str| NatGateway {
        id: id.to_owned(),
        region: region(),
        tags: testing.clone(),
        vpc: "vpc-1".to_owned(),
        subnet: "subnet-1".to_owned(),
        regional: false,
        available: true,
        created_at: ago(100),
    };
    let route = |gateway: &str, destination: &str| NatRoute {
        gateway: gateway.to_owned(),
        destination: destination.to_owned(),
    };
    let table = |id: &str, nat_routes| RouteTable {
        id: id.to_owned(),
        region: region(),
        tags: Tags::new(),
        vpc: "vpc-1".to_owned(),
        main: false,
        subnets: Vec::new(),
        nat_routes,
    };
    let tables = vec![
        table("rtb-1", vec![route("nat-1", "0.0.0.0/0")]),
        table("rtb-2", vec![route("nat-2", "0.0.0.0/0"), route("nat-2", "64:ff9b::/96")]),
        table("rtb-3", vec![route("nat-2", "pl-1")]),
    ];
    let inventory = Inventory {
        nat_gateways: vec![gateway("nat-1"), gateway("nat-2")],
        route_tables: tables,
        ..Inventory::default()
    };
    let carries = |days: Days, id: &str, bytes: f64| {
        days.with(id, Metric::NatConnections, Statistic::Maximum, &[5.0; 32])
            .with(id, Metric::NatPacketsFromSource, Statistic::Sum, &[5e4; 32])
            .with(id, Metric::NatBytesOut, Statistic::Sum, &[bytes; 32])
            .with(id, Metric::NatBytesIn, Statistic::Sum, &[bytes; 32])
    };
    let usage = carries(carries(Days::default(), "nat-1", 2e8), "nat-2", 1e8);
    let said = said(&Area::NAT_CONSOLIDATION, &inventory, &usage.0);
    let expected = [
        "aws ec2 replace-route --region us-east-1 --route-table-id rtb-2 --destination-cidr-block 0.0.0.0/0 --nat-gateway-id nat-1 &&",
        "aws ec2 replace-route --region us-east-1 --route-table-id rtb-2 --destination-ipv6-cidr-block 64:ff9b::/96 --nat-gateway-id nat-1 &&",
        "aws ec2 replace-route --region us-east-1 --route-table-id rtb-3 --destination-prefix-list-id pl-1 --nat-gateway-id nat-1 &&",
        "aws ec2 delete-nat-gateway --region us-east-1 --nat-gateway-id nat-2",
    ];
    assert_eq!(commands(said), expected);
}

#[test]
fn a_lifecycle_keeps_the_rules_that_are_there_when_the_commands_run() {
    let upload = Upload {
        key: "a".to_owned(),
        id: "u".to_owned(),
        initiated_at: ago(30),
        bytes: Some(1 << 30),
    };
    let bucket = Bucket {
        name: "logs".to_owned(),
        region: region(),
        tags: Some(Tags::new()),
        versioning: Some(Versioning::Off),
        lifecycle: Some(Vec::new()),
        uploads: Some(vec![upload]),
    };
    let inventory = Inventory { buckets: vec![bucket], ..Inventory::default() };
    let all = crate::world::assess(&Area::S3, &inventory, &Usage::default());
    let uploads = all.into_iter().find(|one| one.resource.id == "logs/uploads").unwrap();
    let commands = commands(uploads);
    assert_eq!(commands.len(), 4);
    assert!(
        commands[0].starts_with(
            "present=$(aws s3api get-bucket-lifecycle-configuration --output json --region us-east-1 --bucket logs 2>&1) || case"
        ),
        "{}",
        commands[0]
    );
    assert!(commands[1].contains(r#"[.Rules[] | select(.ID != "end-old-uploads")] + [{"ID""#));
    assert!(commands[3].ends_with(r#"--lifecycle-configuration "$rules""#), "{}", commands[3]);
}

#[test]
fn the_capacity_of_a_cluster_is_that_of_its_greatest_member() {
    let member = |id: &str, class: &str| Database {
        id: id.to_owned(),
        engine: "aurora-postgresql".to_owned(),
        cluster: Some("shop".to_owned()),
        ..database(class)
    };
    let hours: Vec<f64> = std::iter::repeat_n(1.0, 14 * 24).collect();
    let usage = || {
        Days::default().hours("db-1", Metric::DatabaseCpu, Statistic::Average, &hours).hours(
            "db-1",
            Metric::DatabaseCpu,
            Statistic::Maximum,
            &hours,
        )
    };
    let of = |members: Vec<Database>| {
        let inventory = Inventory { databases: members, ..Inventory::default() };
        crate::world::assess(&Area::AURORA, &inventory, &usage().0).remove(0)
    };
    let cluster = of(vec![member("db-1", "db.r5.large"), member("db-2", "db.r5.2xlarge")]);
    assert_eq!(
        commands(cluster)[0],
        "aws rds modify-db-cluster --region us-east-1 --db-cluster-identifier shop --serverless-v2-scaling-configuration MinCapacity=0.5,MaxCapacity=32 &&"
    );
    let begun = of(vec![member("db-1", "db.r5.large"), member("db-2", "db.serverless")]);
    assert_eq!(
        commands(begun),
        [
            "aws rds modify-db-instance --db-instance-class db.serverless --apply-immediately --region us-east-1 --db-instance-identifier db-1"
        ],
        "its range was chosen by somebody"
    );
    let strange = of(vec![member("db-1", "db.r5.large"), member("db-2", "db.x2g.large")]);
    assert_eq!(strange.reason, "how much capacity its cluster needs at most is not known");
    let lone = of(vec![Database { cluster: None, ..member("db-1", "db.r5.large") }]);
    assert_eq!(lone.reason, "the cluster it belongs to is not known");
}

fn service() -> Service {
    Service {
        id: "shop/web".to_owned(),
        region: region(),
        tags: Tags::new(),
        launch: Launch::Fargate,
        architecture: Architecture::X86,
        desired: 2,
        cpu: 1024,
        memory_mib: 2048,
        task_definition: "web:7".to_owned(),
    }
}

#[test]
fn a_service_gets_the_very_revision_that_was_registered() {
    let inventory = Inventory { services: vec![service()], ..Inventory::default() };
    let hours: Vec<f64> = std::iter::repeat_n(5.0, 14 * 24).collect();
    let usage = Days::default()
        .hours("shop/web", Metric::ServiceCpu, Statistic::Maximum, &hours)
        .hours("shop/web", Metric::ServiceMemory, Statistic::Maximum, &hours);
    let expected = [
        "present=$(aws ecs describe-task-definition --include TAGS --output json --region us-east-1 --task-definition web:7) &&",
        r#"smaller=$(printf %s "$present" | jq '(.tags // []) as $tags | .taskDefinition | .cpu="256" | .memory="512" | del(.taskDefinitionArn,.revision,.status,.requiresAttributes,.compatibilities,.registeredAt,.registeredBy) | if $tags == [] then . else .tags = $tags end') &&"#,
        r#"revision=$(aws ecs register-task-definition --query taskDefinition.taskDefinitionArn --output text --region us-east-1 --cli-input-json "$smaller") &&"#,
        r#"aws ecs update-service --region us-east-1 --cluster shop --service web --task-definition "$revision""#,
    ];
    assert_eq!(commands(said(&Area::ECS, &inventory, &usage.0)), expected);
}

#[test]
fn a_schedule_stops_in_the_evening_and_starts_in_the_morning_of_local_time() {
    let mut testing = instance("m5.large");
    testing.tags.insert("Environment".to_owned(), "dev".to_owned());
    let inventory = Inventory { instances: vec![testing], ..Inventory::default() };
    let night: Vec<f64> = std::iter::repeat_n(1.0, 14 * 24).collect();
    let usage = Days::default().hours("i-1", Metric::InstanceCpu, Statistic::Average, &night);
    let mut limits = Thresholds::default();
    limits.schedule.utc_offset_hours = 2;
    let said = assess_by(&Area::SCHEDULES, &inventory, &usage.0, &limits).remove(0);
    let expected = [
        r#"aws scheduler create-schedule --flexible-time-window Mode=OFF --region us-east-1 --name start-i-1 --schedule-expression 'cron(0 7 ? * MON-FRI *)' --schedule-expression-timezone Etc/GMT-2 --target '{"Arn":"arn:aws:scheduler:::aws-sdk:ec2:startInstances","Input":"{\"InstanceIds\":[\"i-1\"]}","RoleArn":"'"${SCHEDULER_ROLE:?the ARN of a role that may stop and start it}"'"}' &&"#,
        r#"aws scheduler create-schedule --flexible-time-window Mode=OFF --region us-east-1 --name stop-i-1 --schedule-expression 'cron(0 19 ? * MON-FRI *)' --schedule-expression-timezone Etc/GMT-2 --target '{"Arn":"arn:aws:scheduler:::aws-sdk:ec2:stopInstances","Input":"{\"InstanceIds\":[\"i-1\"]}","RoleArn":"'"${SCHEDULER_ROLE:?the ARN of a role that may stop and start it}"'"}'"#,
    ];
    assert_eq!(commands(said), expected);
}

#[test]
fn fargate_spot_is_asked_for_only_where_the_cluster_has_it() {
    let service =
        Service { tags: [("Environment".to_owned(), "test".to_owned())].into(), ..service() };
    let inventory = Inventory { services: vec![service], ..Inventory::default() };
    let expected = [
        "aws ecs describe-clusters --query 'clusters[0].capacityProviders' --output text --region us-east-1 --clusters shop | grep -qw FARGATE_SPOT || { echo 'cluster shop has no capacity provider FARGATE_SPOT; put-cluster-capacity-providers adds it' >&2; false; } &&",
        "aws ecs update-service --capacity-provider-strategy capacityProvider=FARGATE_SPOT,weight=1 --force-new-deployment --region us-east-1 --cluster shop --service web",
    ];
    assert_eq!(commands(said(&Area::FARGATE_SPOT, &inventory, &Usage::default())), expected);
}

#[test]
fn an_instance_is_started_again_whether_it_could_be_changed_or_not() {
    let usage = || Days::default().of_instance(&[4.0; 30], &[20.0; 30], &[900.0; 30]);
    let inventory = Inventory { instances: vec![instance("m5.xlarge")], ..Inventory::default() };
    let expected = [
        "aws ec2 stop-instances --region us-east-1 --instance-ids i-1 &&",
        "aws ec2 wait instance-stopped --region us-east-1 --instance-ids i-1 &&",
        r#"{ aws ec2 modify-instance-attribute --region us-east-1 --instance-id i-1 --instance-type Value=m5.large; changed=$?; aws ec2 start-instances --region us-east-1 --instance-ids i-1 && test "$changed" = 0; }"#,
    ];
    assert_eq!(commands(said(&Area::EC2, &inventory, &usage().0)), expected);
    // Of what has no price nobody knows which type is smaller, so nothing is stopped for it.
    let mut windows = instance("m5.xlarge");
    windows.linux_shared = false;
    let inventory = Inventory { instances: vec![windows], ..Inventory::default() };
    let unpriced = said(&Area::EC2, &inventory, &usage().0);
    assert!(unpriced.advice.as_ref().unwrap().saving.is_err());
    assert!(commands(unpriced).is_empty());
}
