//! What the agent plays is what rollouts will be judged by, so it is checked first.

use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ForwardActionConfig, TargetGroupTuple,
};

use super::agent::{Agent, Behaviour};
use super::fixture::{Fixture, until};

/// The target groups' ARNs, blue and green.
async fn target_groups(fixture: &Fixture) -> [String; 2] {
    let mut arns = Vec::new();
    for side in ["blue-tg", "green-tg"] {
        let asked = fixture.clients.balancing.describe_target_groups().names(fixture.name(side));
        let answer = asked.send().await.unwrap();
        arns.push(answer.target_groups()[0].target_group_arn().unwrap().to_owned());
    }
    arns.try_into().unwrap()
}

async fn targets(fixture: &Fixture, group: &str) -> usize {
    let asked = fixture.clients.balancing.describe_target_health().target_group_arn(group);
    asked.send().await.unwrap().target_health_descriptions().len()
}

async fn scale(fixture: &Fixture, side: &str, tasks: i32) {
    let asked = fixture.clients.ecs.update_service().cluster(fixture.name("cluster"));
    asked.service(fixture.name(side)).desired_count(tasks).send().await.unwrap();
}

async fn balancer(fixture: &Fixture) -> String {
    let asked = fixture.clients.balancing.describe_load_balancers().names(fixture.name("alb"));
    asked.send().await.unwrap().load_balancers()[0].load_balancer_arn().unwrap().to_owned()
}

async fn set_weights(fixture: &Fixture, weights: [i32; 2]) {
    let balancing = &fixture.clients.balancing;
    let asked = balancing.describe_listeners().load_balancer_arn(balancer(fixture).await);
    let listener = asked.send().await.unwrap().listeners()[0].listener_arn().unwrap().to_owned();
    let groups = target_groups(fixture).await.into_iter().zip(weights).map(|(arn, weight)| {
        TargetGroupTuple::builder().target_group_arn(arn).weight(weight).build()
    });
    let forward = ForwardActionConfig::builder().set_target_groups(Some(groups.collect())).build();
    let action = Action::builder().r#type(ActionTypeEnum::Forward).forward_config(forward);
    let modify = balancing.modify_listener().listener_arn(listener);
    modify.default_actions(action.build()).send().await.unwrap();
}

/// One statistic of a metric over the whole time, of a target group or of the load balancer alone.
async fn told(
    fixture: &Fixture,
    metric: &str,
    statistic: &str,
    group: Option<&str>,
) -> Option<f64> {
    let balancer = balancer(fixture).await;
    let mut values = vec![("LoadBalancer", balancer.rsplit_once("loadbalancer/").unwrap().1)];
    values.extend(group.map(|group| ("TargetGroup", group.rsplit_once(':').unwrap().1)));
    let mut asked = Metric::builder().namespace("AWS/ApplicationELB").metric_name(metric);
    for (name, value) in values {
        asked = asked.dimensions(Dimension::builder().name(name).value(value).build());
    }
    let asked = MetricStat::builder().metric(asked.build()).period(3600).stat(statistic);
    let query = MetricDataQuery::builder().id("q").metric_stat(asked.build()).return_data(true);
    let now = SystemTime::now();
    let hours = |hours: u64| Duration::from_secs(3600 * hours);
    let data = fixture.clients.watching.get_metric_data().metric_data_queries(query.build());
    let data =
        data.start_time(DateTime::from(now - hours(2))).end_time(DateTime::from(now + hours(1)));
    let data = data.send().await.unwrap();
    let values = data.metric_data_results()[0].values();
    // The hour may have changed meanwhile.
    match statistic {
        "Sum" if !values.is_empty() => Some(values.iter().sum()),
        _ => values.first().copied(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn running_tasks_are_targets_and_stopped_ones_are_not() {
    let fixture = Fixture::with_stack().await;
    let [blue, green] = target_groups(&fixture).await;
    let agent = Agent::start(&fixture, 10.0).await;
    until("blue has two targets", async || targets(&fixture, &blue).await == 2).await;
    assert_eq!(targets(&fixture, &green).await, 0);
    scale(&fixture, "green", 3).await;
    until("green has three targets", async || targets(&fixture, &green).await == 3).await;
    scale(&fixture, "green", 1).await;
    until("green has one target", async || targets(&fixture, &green).await == 1).await;
    agent.behaves("green", Behaviour { healthy: false, ..Behaviour::default() });
    until("green has no healthy target", async || targets(&fixture, &green).await == 0).await;
    until("an unhealthy host is told", async || {
        told(&fixture, "UnHealthyHostCount", "Maximum", Some(&green)).await == Some(1.0)
    })
    .await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_divided_by_the_weights_and_told_by_target_group() {
    let fixture = Fixture::with_stack().await;
    let [blue, green] = target_groups(&fixture).await;
    scale(&fixture, "green", 2).await;
    set_weights(&fixture, [80, 20]).await;
    let agent = Agent::start(&fixture, 1000.0).await;
    let slow = Behaviour { error_rate: 0.25, latency: Duration::from_millis(400), healthy: true };
    agent.behaves("green", slow);
    until("users have come", async || {
        agent.seen().sides.get("green").is_some_and(|(requests, _)| *requests >= 200)
    })
    .await;
    let seen = agent.stop().await;
    let [(all_blue, no_error), (all_green, errors)] = [seen.sides["blue"], seen.sides["green"]];
    assert_eq!((no_error, seen.balancer), (0, 0));
    let share = all_green as f64 / (all_blue + all_green) as f64;
    assert!((0.19..0.21).contains(&share), "{seen:?}");

    let sum = async |metric: &str, group: Option<&str>| told(&fixture, metric, "Sum", group).await;
    assert_eq!(sum("RequestCount", Some(&blue)).await, Some(all_blue as f64));
    assert_eq!(sum("RequestCount", Some(&green)).await, Some(all_green as f64));
    assert_eq!(sum("RequestCount", None).await, Some((all_blue + all_green) as f64));
    assert_eq!(sum("HTTPCode_Target_5XX_Count", Some(&green)).await, Some(errors as f64));
    // What did not happen is not told: no datapoint, and not a zero.
    assert_eq!(sum("HTTPCode_Target_5XX_Count", Some(&blue)).await, None);
    assert_eq!(sum("HTTPCode_ELB_5XX_Count", None).await, None);
    assert_eq!(told(&fixture, "HealthyHostCount", "Maximum", Some(&green)).await, Some(2.0));
    for (group, p50, p99) in [(&blue, 0.02, 0.04), (&green, 0.4, 0.8)] {
        for (statistic, wanted) in [("p50", p50), ("p99", p99)] {
            let time = told(&fixture, "TargetResponseTime", statistic, Some(group)).await.unwrap();
            // The first beat may have come before the behaviour.
            assert!((time - wanted).abs() < 0.05 * wanted, "{statistic} {time}, not {wanted}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_a_side_without_targets_are_answered_by_the_load_balancer() {
    let fixture = Fixture::with_stack().await;
    let [_, green] = target_groups(&fixture).await;
    set_weights(&fixture, [0, 100]).await;
    let agent = Agent::start(&fixture, 200.0).await;
    until("users have come", async || agent.seen().balancer >= 20).await;
    let seen = agent.stop().await;
    assert_eq!(seen.sides["green"], (0, 0));
    assert_eq!(told(&fixture, "RequestCount", "Sum", Some(&green)).await, None);
    let lost = told(&fixture, "HTTPCode_ELB_5XX_Count", "Sum", None).await;
    assert_eq!(lost, Some(seen.balancer as f64));
}
