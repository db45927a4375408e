//! What is in the way of a new stack is found before anything is touched.

use aws_sdk_cloudwatch::types::{ComparisonOperator, Statistic};
use aws_sdk_elasticloadbalancingv2::types::{ProtocolEnum, TargetTypeEnum};

use super::fixture::{Done, Fixture};

/// Refuses, and has created nothing.
async fn is_refused(fixture: &Fixture, words: &[&str]) -> Done {
    let done = fixture.stack(&[]).await.with(2).says(words).says(&["Nothing was touched"]);
    assert_eq!(done.stdout, "");
    let alarms =
        fixture.clients.watching.describe_alarms().alarm_name_prefix(fixture.name("green"));
    assert!(alarms.send().await.unwrap().metric_alarms().is_empty());
    assert!(
        fixture
            .clients
            .balancing
            .describe_load_balancers()
            .names(fixture.name("alb"))
            .send()
            .await
            .is_err()
    );
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_somebody_else_is_refused() {
    let fixture = Fixture::with_twins().await;
    let cluster = fixture.name("cluster");
    let tags = [
        ("Project", fixture.project.as_str()),
        ("Environment", "test"),
        ("ManagedBy", "terraform"),
    ];
    let tags =
        tags.map(|(key, value)| aws_sdk_ecs::types::Tag::builder().key(key).value(value).build());
    let asked = fixture.clients.ecs.create_cluster().cluster_name(&cluster);
    asked.set_tags(Some(tags.to_vec())).send().await.unwrap();
    let why = format!(
        "cluster {cluster} is not this stack's: its tag ManagedBy is terraform, not petswipe-stack"
    );
    is_refused(&fixture, &[&why]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_in_the_way_is_named_at_once() {
    let fixture = Fixture::with_twins().await;
    let container = aws_sdk_ecs::types::ContainerDefinition::builder().name("app").image("x:1");
    let register = fixture.clients.ecs.register_task_definition().family(fixture.base());
    register.container_definitions(container.build()).send().await.unwrap();
    let put = fixture.clients.watching.put_metric_alarm().alarm_name(fixture.name("blue-errors"));
    let put =
        put.namespace("AWS/ApplicationELB").metric_name("RequestCount").statistic(Statistic::Sum);
    let put = put.period(60).evaluation_periods(1).threshold(1.0);
    put.comparison_operator(ComparisonOperator::GreaterThanThreshold).send().await.unwrap();
    let group = fixture.clients.balancing.create_target_group().name(fixture.name("blue-tg"));
    let group = group.protocol(ProtocolEnum::Http).port(8080).target_type(TargetTypeEnum::Ip);
    group.vpc_id(fixture.vpc()).send().await.unwrap();
    let named = [
        format!("task definition {} is not this stack's: it has no tag Project=", fixture.base()),
        format!("target group {} is not this stack's", fixture.name("blue-tg")),
        format!("alarm {} is not this stack's", fixture.name("blue-errors")),
    ];
    is_refused(&fixture, &named.each_ref().map(String::as_str)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_can_never_become_what_is_wanted_is_refused() {
    let fixture = Fixture::with_stack().await;
    let done = fixture.stack(&["--vpc", "vpc-another"]).await.with(2);
    let done =
        done.says(&["can't become what is wanted", "not in vpc-another", "--destroy it first"]);
    done.says(&["Nothing was touched"]);
    let arn = "arn:aws:acm:us-east-1:123456789012:certificate/1";
    let done = fixture.stack(&["--certificate", arn]).await.with(2);
    done.says(&["it is on port 80, not 443"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_does_not_answer_is_an_error_before_anything_is_touched() {
    let fixture = Fixture::new();
    let mut program = fixture.stack_program(&[]);
    program.env("AWS_ENDPOINT_URL_ECS", "http://127.0.0.1:9").env("AWS_MAX_ATTEMPTS", "1");
    let output = program.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("DescribeClusters of ") && said.contains("Nothing was touched"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_to_act_as_is_an_error_before_anything_is_touched() {
    let fixture = Fixture::new();
    let mut program = fixture.stack_program(&["--destroy"]);
    program.env_remove("AWS_ACCESS_KEY_ID");
    let output = program.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("credentials") && said.contains("Nothing was called"), "{said}");
}
