//! A stack that is created: what it consists of, and that a second run finds all of it.

use aws_sdk_applicationautoscaling::types::ServiceNamespace;
use aws_sdk_ecs::types::ServiceField;

use super::fixture::{Fixture, parts};

/// Every part, in the order in which it is created, without the project's prefix.
const PARTS: [&str; 20] = [
    "cluster -cluster",
    "task definition ",
    "target group -blue-tg",
    "target group -green-tg",
    "load balancer -alb",
    "listener -alb",
    "service -blue",
    "service -green",
    "scalable target -blue",
    "scalable target -green",
    "scaling policy -blue-cpu",
    "scaling policy -blue-memory",
    "scaling policy -green-cpu",
    "scaling policy -green-memory",
    "alarm -blue-errors",
    "alarm -blue-latency",
    "alarm -blue-unhealthy-hosts",
    "alarm -green-errors",
    "alarm -green-latency",
    "alarm -green-unhealthy-hosts",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_is_created_and_a_second_run_changes_nothing() {
    let fixture = Fixture::with_twins().await;
    let first = fixture.stack_report(&["--tasks", "3"], 0).await;
    assert_eq!(first["outcome"], "created");
    let short = |parts: Vec<String>| -> Vec<String> {
        parts.iter().map(|part| part.replace(&fixture.base(), "")).collect()
    };
    assert_eq!(short(parts(&first, "created")), PARTS);
    assert!(first["address"].as_str().unwrap().contains(&fixture.name("alb")), "{first:#}");
    let before = everything(&fixture).await;

    let second = fixture.stack_report(&["--tasks", "3"], 0).await;
    assert_eq!(second["outcome"], "unchanged");
    assert_eq!(short(parts(&second, "kept")), PARTS);
    assert_eq!(second["address"], first["address"]);
    assert_eq!(everything(&fixture).await, before);
    let plain = fixture.stack(&["--tasks", "3"]).await.with(0);
    assert!(plain.stdout.contains("unchanged: all 20 parts are there"), "{plain}");
    assert_eq!(plain.stderr, "");
}

/// All that the services say about the stack.
async fn everything(fixture: &Fixture) -> String {
    let clients = &fixture.clients;
    let cluster = fixture.name("cluster");
    let names = Some(["blue", "green"].map(|side| fixture.name(side)).to_vec());
    let services = clients.ecs.describe_services().cluster(&cluster).set_services(names);
    let services = services.include(ServiceField::Tags).send().await.unwrap();
    let balancer = clients.balancing.describe_load_balancers().names(fixture.name("alb"));
    let balancer = balancer.send().await.unwrap();
    let arn = balancer.load_balancers()[0].load_balancer_arn().unwrap();
    let listeners = clients.balancing.describe_listeners().load_balancer_arn(arn);
    let groups = clients.balancing.describe_target_groups().load_balancer_arn(arn);
    let alarms = clients.watching.describe_alarms().alarm_name_prefix(fixture.base());
    let policies =
        clients.scaling.describe_scaling_policies().service_namespace(ServiceNamespace::Ecs);
    let blue = format!("service/{cluster}/{}", fixture.name("blue"));
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?}",
        services.services(),
        balancer.load_balancers(),
        listeners.send().await.unwrap().listeners(),
        groups.send().await.unwrap().target_groups(),
        alarms
            .send()
            .await
            .unwrap()
            .metric_alarms()
            .iter()
            .map(|alarm| (
                alarm.alarm_name().map(str::to_owned),
                alarm.alarm_configuration_updated_timestamp().copied(),
            ))
            .collect::<Vec<_>>(),
        policies.resource_id(blue).send().await.unwrap().scaling_policies(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_what_a_rollout_expects() {
    let fixture = Fixture::with_stack().await;
    let (ecs, cluster) = (&fixture.clients.ecs, fixture.name("cluster"));
    for (side, tasks) in [("blue", 2), ("green", 0)] {
        let asked = ecs.describe_services().cluster(&cluster).services(fixture.name(side));
        let answer = asked.include(ServiceField::Tags).send().await.unwrap();
        let service = &answer.services()[0];
        assert_eq!(service.desired_count(), tasks, "{side}");
        let breaker =
            service.deployment_configuration().unwrap().deployment_circuit_breaker().unwrap();
        assert!(breaker.enable() && breaker.rollback(), "{side}");
        assert_eq!(service.deployment_controller().unwrap().r#type().as_str(), "ECS");
        let network = service.network_configuration().unwrap().awsvpc_configuration().unwrap();
        assert_eq!(network.subnets().len(), 2);
        let balancer = &service.load_balancers()[0];
        assert_eq!(
            (balancer.container_name(), balancer.container_port()),
            (Some("app"), Some(8080))
        );
        assert!(balancer.target_group_arn().unwrap().contains(&fixture.name(side)));
        for (key, value) in fixture.tags() {
            let mut tags = service.tags().iter();
            assert!(
                tags.any(|tag| tag.key() == Some(key) && tag.value() == Some(value)),
                "{side} {key}"
            );
        }
    }
    let asked = ecs.describe_task_definition().task_definition(fixture.base());
    let revision = asked.send().await.unwrap().task_definition.unwrap();
    let container = &revision.container_definitions()[0];
    assert_eq!(container.image(), Some("registry/shop:v1"));
    assert_eq!(container.port_mappings()[0].container_port(), Some(8080));
    let logs = container.log_configuration().unwrap();
    assert_eq!(logs.options().unwrap()["awslogs-group"], format!("/ecs/{}", fixture.base()));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_traffic_goes_to_blue_and_every_part_of_the_balancing_is_tagged() {
    let fixture = Fixture::with_stack().await;
    let balancing = &fixture.clients.balancing;
    let balancer =
        balancing.describe_load_balancers().names(fixture.name("alb")).send().await.unwrap();
    let mut arns = vec![balancer.load_balancers()[0].load_balancer_arn().unwrap().to_owned()];
    let listeners =
        balancing.describe_listeners().load_balancer_arn(&arns[0]).send().await.unwrap();
    let listener = &listeners.listeners()[0];
    assert_eq!((listeners.listeners().len(), listener.port()), (1, Some(80)));
    arns.push(listener.listener_arn().unwrap().to_owned());
    let forward = listener.default_actions()[0].forward_config().unwrap();
    let weights: Vec<_> = forward.target_groups().iter().map(|group| group.weight()).collect();
    assert_eq!(weights, [Some(100), Some(0)]);
    for (side, tuple) in ["blue", "green"].into_iter().zip(forward.target_groups()) {
        let arn = tuple.target_group_arn().unwrap();
        assert!(arn.contains(&fixture.name(&format!("{side}-tg"))), "{side}: {arn}");
        arns.push(arn.to_owned());
    }
    let tags = balancing.describe_tags().set_resource_arns(Some(arns)).send().await.unwrap();
    for described in tags.tag_descriptions() {
        let held: Vec<_> = described.tags().iter().map(|tag| (tag.key(), tag.value())).collect();
        for (key, value) in fixture.tags() {
            assert!(held.contains(&(Some(key), Some(value))), "{described:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scaling_and_alarms_have_the_settings_of_the_guide() {
    let fixture = Fixture::with_stack().await;
    let (scaling, cluster) = (&fixture.clients.scaling, fixture.name("cluster"));
    for side in ["blue", "green"] {
        let scaled = format!("service/{cluster}/{}", fixture.name(side));
        let asked = scaling.describe_scalable_targets().service_namespace(ServiceNamespace::Ecs);
        let targets = asked.resource_ids(&scaled).send().await.unwrap();
        let target = &targets.scalable_targets()[0];
        let fewest = if side == "blue" { 2 } else { 0 };
        assert_eq!((target.min_capacity(), target.max_capacity()), (fewest, 20));
        let asked = scaling.describe_scaling_policies().service_namespace(ServiceNamespace::Ecs);
        let policies = asked.resource_id(&scaled).send().await.unwrap();
        let settings = |policy: &aws_sdk_applicationautoscaling::types::ScalingPolicy| {
            let tracking = policy.target_tracking_scaling_policy_configuration().unwrap();
            let metric = tracking.predefined_metric_specification().unwrap();
            let cooldown = (tracking.scale_out_cooldown(), tracking.scale_in_cooldown());
            assert_eq!(cooldown, (Some(60), Some(300)));
            (metric.predefined_metric_type().as_str().to_owned(), tracking.target_value())
        };
        let mut held: Vec<_> = policies.scaling_policies().iter().map(settings).collect();
        held.sort_by(|one, other| one.0.cmp(&other.0));
        let wanted = [
            ("ECSServiceAverageCPUUtilization", 70.0),
            ("ECSServiceAverageMemoryUtilization", 80.0),
        ];
        assert_eq!(held, wanted.map(|(name, value)| (name.to_owned(), value)));
    }
    let watching = &fixture.clients.watching;
    let alarms = watching.describe_alarms().alarm_name_prefix(fixture.base()).send().await.unwrap();
    let mut told: Vec<_> = alarms
        .metric_alarms()
        .iter()
        .map(|alarm| {
            let dimensions: Vec<_> =
                alarm.dimensions().iter().filter_map(|held| held.name()).collect();
            assert_eq!(dimensions, ["LoadBalancer", "TargetGroup"]);
            let group = alarm.dimensions()[1].value().unwrap();
            let name = alarm.alarm_name().unwrap().strip_prefix(&fixture.name("")).unwrap();
            assert!(group.contains(name.split('-').next().unwrap()), "{name} looks at {group}");
            assert!(group.starts_with("targetgroup/"), "{group}");
            assert!(alarm.dimensions()[0].value().unwrap().starts_with("app/"));
            // ministack says a statistic also where the alarm has a percentile; it evaluates the percentile.
            let statistic = alarm.extended_statistic().map(str::to_owned);
            let plain = alarm.statistic().map(|statistic| statistic.as_str().to_owned());
            let statistic = statistic.or(plain);
            (name.to_owned(), statistic.unwrap(), alarm.threshold().unwrap())
        })
        .collect();
    told.sort_by(|one, other| one.0.cmp(&other.0));
    let wanted = ["blue", "green"].map(|side| {
        [("errors", "Sum", 50.0), ("latency", "p99", 2.0), ("unhealthy-hosts", "Maximum", 0.0)]
            .map(|(of, statistic, above)| (format!("{side}-{of}"), statistic.to_owned(), above))
    });
    assert_eq!(told, wanted.concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_is_missing_and_changes_nothing() {
    let fixture = Fixture::with_twins().await;
    let planned = fixture.stack_report(&["--dry-run"], 0).await;
    assert_eq!(planned["outcome"], "planned");
    assert_eq!(parts(&planned, "would-create").len(), PARTS.len());
    let clusters = fixture.clients.ecs.list_clusters().send().await.unwrap();
    assert!(clusters.cluster_arns().is_empty());

    fixture.stack(&[]).await.with(0);
    let watching = &fixture.clients.watching;
    watching.delete_alarms().alarm_names(fixture.name("blue-errors")).send().await.unwrap();
    let planned = fixture.stack_report(&["--dry-run"], 0).await;
    assert_eq!(parts(&planned, "would-create"), [format!("alarm {}", fixture.name("blue-errors"))]);
    let planned = fixture.stack(&["--destroy", "--dry-run"]).await.with(0);
    assert!(planned.stdout.contains("Would be deleted:"), "{planned}");
    let made = fixture.stack_report(&[], 0).await;
    assert_eq!(parts(&made, "created"), [format!("alarm {}", fixture.name("blue-errors"))]);
}
