//! The example `diagnose` on the emulators: what they can't answer is missing with its cause, and what they can is found.
//!
//! A target that fails its checks, a container that crashed and a deployment that was given up are known to neither, so these
//! words stand in their answers instead of the ones they have.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use aws_sdk_elasticloadbalancingv2::types::TargetDescription;
use serde_json::Value;
use tokio::process::Command;

use super::fixture::{Fault, Fixture, run};
use super::permitted::operations;

fn program(fixture: &Fixture, arguments: &[&str]) -> Command {
    let mut command = fixture.program("diagnose");
    command.env("BACKEND", "aws").env("LISTENER_PORT", "80").args(arguments);
    command
}

fn of<'a>(found: &'a Value, cause: &str) -> Option<&'a Value> {
    found["hypotheses"].as_array().unwrap().iter().find(|one| one["cause"] == cause)
}

/// Why a question has no answer.
fn missing<'a>(found: &'a Value, question: &str) -> &'a str {
    let all = found["missing"].as_array().unwrap().iter();
    let mut causes = all.filter(|one| one["question"] == question);
    let one = causes.next().unwrap_or_else(|| panic!("{question} was answered: {found:#}"));
    one["cause"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_emulators_can_not_answer_is_missing_with_its_cause_and_the_rest_is_found() {
    let fixture = Fixture::with_stack().await;
    let (blue, green) = (fixture.name("blue"), fixture.name("green"));
    // ministack runs the tasks of blue, and registers none as a target.
    let found = run(program(&fixture, &["--json"])).await.with(1).json();
    let first = &found["hypotheses"][0];
    assert_eq!((&first["rank"], &first["cause"]), (&1.into(), &"target-unreachable".into()));
    assert_eq!(first["environment"], blue, "{found:#}");
    let command = first["next_command"].as_str().unwrap();
    assert!(command.starts_with("aws ecs describe-services --region us-east-1 --cluster "));
    assert!(command.contains(&blue), "{command}");
    // Nobody listens where the logs would be, no user came, moto has no activities, and no database was measured.
    for side in [&blue, &green] {
        let logs = missing(&found, &format!("logs of {side}"));
        assert!(logs.contains("FilterLogEvents"), "{logs}");
        let metrics = missing(&found, &format!("metrics of {side}"));
        assert!(metrics.contains("has measured nothing"), "{metrics}");
    }
    let scaling = missing(&found, &format!("auto scaling of {blue}"));
    assert!(scaling.contains("DescribeScalingActivities"), "{scaling}");
    assert!(missing(&found, "database metrics").contains("nothing was measured"));
    assert_eq!(found["complete"], false);
    let looked: Vec<_> =
        found["looked_at"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for question in ["targets of ", "service ", "stopped tasks of "] {
        assert!(looked.contains(&format!("{question}{blue}").as_str()), "{looked:?}");
    }
    // The same for people.
    let text = run(program(&fixture, &[])).await.with(1).stdout;
    assert!(text.contains("NOT looked at, so it may hide anything:"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_deployment_a_crash_and_an_unhealthy_target_are_found_and_it_only_reads() {
    let fixture = Fixture::with_stack().await;
    let (clients, blue) = (&fixture.clients, fixture.name("blue"));
    for side in ["blue", "green"] {
        let groups = clients.balancing.describe_target_groups();
        let groups = groups.names(fixture.name(&format!("{side}-tg"))).send().await.unwrap();
        let group = groups.target_groups()[0].target_group_arn().unwrap();
        let target = TargetDescription::builder().id("10.0.0.7").port(8080).build();
        let register = clients.balancing.register_targets().target_group_arn(group);
        register.targets(target).send().await.unwrap();
    }
    let cluster = fixture.name("cluster");
    let tasks = clients.ecs.list_tasks().cluster(&cluster).service_name(&blue);
    let task = tasks.send().await.unwrap().task_arns()[0].clone();
    let stop = clients.ecs.stop_task().cluster(&cluster).task(task);
    stop.reason("Essential container in task exited").send().await.unwrap();
    let moto = fixture.write_log(&["ERROR no database: DB_PASS=hunter2 refused", "all is well"]);
    let logs = ("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", moto);

    // As they are: a task that somebody stopped is no crash, and a target that passes its checks is no trouble.
    let mut command = program(&fixture, &["--json"]);
    command.env(logs.0, &logs.1);
    let found = run(command).await.with(1).json();
    assert_eq!((of(&found, "crash-at-start"), of(&found, "target-unreachable")), (None, None));
    let written = of(&found, "log-errors").unwrap_or_else(|| panic!("{found:#}"));
    let line = written["evidence"][0]["text"].as_str().unwrap();
    assert!(line.contains("app/1: ERROR no database: DB_PASS=*** refused"), "{line}");

    let called = Arc::new(Mutex::new(BTreeSet::new()));
    let made = Arc::clone(&called);
    let lines = fixture.lines(move |asked| {
        made.lock().unwrap().insert(asked.action.clone());
        match asked.action.as_str() {
            "DescribeTargetHealth" => Some(Fault::Instead(
                "<State>healthy</State>",
                "<State>unhealthy</State><Reason>Target.Timeout</Reason>",
            )),
            "DescribeServices" => Some(Fault::Instead("\"COMPLETED\"", "\"FAILED\"")),
            "DescribeTasks" => Some(Fault::Instead("UserInitiated", "EssentialContainerExited")),
            _ => None,
        }
    });
    let mut command = program(&fixture, &["--json"]);
    command.envs(Fixture::endpoints_of(&lines)).env(logs.0, &logs.1);
    let found = run(command).await.with(1).json();
    let unhealthy = of(&found, "target-unreachable").unwrap_or_else(|| panic!("{found:#}"));
    assert_eq!(unhealthy["rank"], 1, "{found:#}");
    let command = unhealthy["next_command"].as_str().unwrap();
    assert!(command.starts_with("aws ec2 describe-security-groups "), "{command}");
    for cause in ["crash-at-start", "deployment-failed"] {
        let one = of(&found, cause).unwrap_or_else(|| panic!("{cause} was not found: {found:#}"));
        assert_eq!(one["next_command_effect"], "reads", "{one:#}");
    }
    assert!(!found.to_string().contains("hunter2"));
    let policy = run(program(&fixture, &["--iam-policy"])).await.with(0).json();
    let allowed = operations(&policy, |_| true);
    let called = called.lock().unwrap();
    assert!(called.is_subset(&allowed), "{:?}", called.difference(&allowed));
    assert!(called.len() >= 9, "{called:?}");
}
