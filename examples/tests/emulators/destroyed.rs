//! A stack that is destroyed: all of it goes, nothing else does, and a run that stopped half-way is gone on with.

use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, FixedResponseActionConfig, ProtocolEnum,
};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::fixture::{Fixture, parts};

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_destroyed_and_a_second_run_finds_nothing() {
    let fixture = Fixture::with_stack().await;
    // Revisions that rollouts registered carry the same tags, and go too.
    let ecs = &fixture.clients.ecs;
    let family = fixture.base();
    let revision = ecs.describe_task_definition().task_definition(&family).send().await.unwrap();
    let container = revision.task_definition().unwrap().container_definitions()[0].clone();
    let tags = fixture
        .tags()
        .map(|(key, value)| aws_sdk_ecs::types::Tag::builder().key(key).value(value).build());
    let register = ecs.register_task_definition().family(&family).container_definitions(container);
    register.set_tags(Some(tags.to_vec())).send().await.unwrap();

    let report = fixture.stack_report(&["--destroy"], 0).await;
    assert_eq!(report["outcome"], "destroyed");
    assert_eq!(parts(&report, "deleted").len(), 20, "{report:#}");
    assert_eq!(parts(&report, "left-alone"), [format!("log group /ecs/{family}")]);
    assert!(ecs.list_clusters().send().await.unwrap().cluster_arns().is_empty());
    for status in ["ACTIVE", "INACTIVE"] {
        let asked = ecs.list_task_definitions().family_prefix(&family).status(status.into());
        assert!(asked.send().await.unwrap().task_definition_arns().is_empty(), "{status}");
    }
    let balancing = &fixture.clients.balancing;
    assert!(balancing.describe_load_balancers().names(fixture.name("alb")).send().await.is_err());
    for side in ["blue-tg", "green-tg"] {
        assert!(balancing.describe_target_groups().names(fixture.name(side)).send().await.is_err());
    }
    let alarms = fixture.clients.watching.describe_alarms().alarm_name_prefix(&family);
    assert!(alarms.send().await.unwrap().metric_alarms().is_empty());

    let again = fixture.stack_report(&["--destroy"], 0).await;
    assert_eq!(again["outcome"], "unchanged");
    // And the names are free for a new one.
    assert_eq!(fixture.stack_report(&[], 0).await["outcome"], "created");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_carry_the_tags_is_left_alone_and_named() {
    let fixture = Fixture::with_stack().await;
    let (ecs, balancing) = (&fixture.clients.ecs, &fixture.clients.balancing);
    let cluster = fixture.name("cluster");
    let worker = ecs.create_service().cluster(&cluster).service_name("worker");
    worker.task_definition(fixture.base()).desired_count(0).send().await.unwrap();
    let longer = format!("{}-worker", fixture.base());
    for family in [fixture.base(), longer.clone()] {
        let container = aws_sdk_ecs::types::ContainerDefinition::builder().name("app").image("x:1");
        let register = ecs.register_task_definition().family(family);
        register.container_definitions(container.build()).send().await.unwrap();
    }
    let balancer =
        balancing.describe_load_balancers().names(fixture.name("alb")).send().await.unwrap();
    let answer = FixedResponseActionConfig::builder().status_code("503").build();
    let action =
        Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(answer);
    let listener = balancing.create_listener().protocol(ProtocolEnum::Http).port(8443);
    let listener =
        listener.load_balancer_arn(balancer.load_balancers()[0].load_balancer_arn().unwrap());
    listener.default_actions(action.build()).send().await.unwrap();

    let report = fixture.stack_report(&["--destroy"], 0).await;
    let left = parts(&report, "left-alone");
    let text = left.join("\n");
    for wanted in [
        &format!("cluster {cluster}"),
        &format!("load balancer {}", fixture.name("alb")),
        &"task definition arn:".to_owned(),
    ] {
        assert!(text.contains(wanted.as_str()), "{wanted}: {text}");
    }
    assert!(!text.contains(&longer), "{text}");
    assert_eq!(parts(&report, "deleted").len(), 18, "{report:#}");
    let services =
        ecs.describe_services().cluster(&cluster).services("worker").send().await.unwrap();
    assert_eq!(services.services()[0].status(), Some("ACTIVE"));
    assert!(ecs.describe_task_definition().task_definition(&longer).send().await.is_ok());
    assert!(balancing.describe_load_balancers().names(fixture.name("alb")).send().await.is_ok());
    let plain = fixture.stack(&["--destroy"]).await.with(0);
    assert!(plain.stdout.contains("left alone: "), "{plain}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_stopped_half_way_is_gone_on_with() {
    // Without the twins moto refuses to scale services that it does not know.
    let fixture = Fixture::new();
    let stopped = fixture.stack(&["--json"]).await.with(3);
    let stopped =
        stopped.says(&["was not created", "Created so far: cluster ", "goes on from there"]);
    let report = stopped.json();
    assert_eq!(report["outcome"], "half-way");
    assert_eq!(parts(&report, "created").len(), 8);
    fixture.create_twins().await;
    let report = fixture.stack_report(&[], 0).await;
    assert_eq!((parts(&report, "kept").len(), parts(&report, "created").len()), (8, 12));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_killed_is_gone_on_with_wherever_that_was() {
    let fixture = Fixture::with_twins().await;
    for (arguments, outcome) in [(&[][..], "created"), (&["--destroy"][..], "destroyed")] {
        for lines in [1, 3, 5, 7] {
            let mut child = fixture.stack_program(arguments).spawn().unwrap();
            let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
            for _ in 0..lines {
                let line = tokio::time::timeout(Duration::from_secs(60), said.next_line()).await;
                if line.unwrap().unwrap().is_none() {
                    break;
                }
            }
            child.kill().await.unwrap();
        }
        let report = fixture.stack_report(arguments, 0).await;
        let outcomes = [outcome, "unchanged"].map(serde_json::Value::from);
        assert!(outcomes.contains(&report["outcome"]), "{report:#}");
        assert_eq!(fixture.stack_report(arguments, 0).await["outcome"], "unchanged");
    }
}
