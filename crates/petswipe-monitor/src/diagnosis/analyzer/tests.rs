//! What is found in which evidence, what comes first, and what is not taken for something.

use std::time::Duration;

use jiff::Timestamp;

use super::super::*;
use super::*;
use crate::{Errors, Histogram, Observation, Saturation, Subject, Window};

mod careful;
mod database;
mod rollout;
mod sides;
mod silent;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn window() -> Window {
    Window { from: at(0), to: at(600) }
}

fn nothing() -> EnvironmentEvidence {
    EnvironmentEvidence {
        metrics: Looked::NotAsked,
        logs: Looked::NotAsked,
        targets: Looked::NotAsked,
        service: Looked::NotAsked,
        stopped: Looked::NotAsked,
        scaling: Looked::NotAsked,
    }
}

fn case(environments: &[(&str, EnvironmentEvidence)]) -> Collected {
    let names = environments.iter().map(|(name, _)| *name);
    Collected {
        scope: Scope::new(names, window(), at(600)),
        environments: environments
            .iter()
            .map(|(name, seen)| ((*name).to_owned(), seen.clone()))
            .collect(),
        database: Looked::NotAsked,
        database_load: Looked::NotAsked,
        rollout: Looked::NotAsked,
    }
}

fn database(report: DatabaseReport) -> Collected {
    Collected { database: Looked::Seen(report), ..case(&[]) }
}

fn find(seen: &Collected) -> Vec<Hypothesis> {
    let found = diagnose(seen, &Limits::default(), &LocalCommands::new("shop", "production"));
    for (index, one) in found.hypotheses.iter().enumerate() {
        assert_eq!(one.rank as usize, index + 1);
        assert!(!one.evidence.is_empty(), "{one:?}");
        assert!(one.confidence <= 100 && !one.why.is_empty());
        // The words of a certainty follow its number, so the reason claims none of its own.
        assert!(!one.why.contains("certain"), "{one:?}");
    }
    let order = |one: &Hypothesis| (one.beside, std::cmp::Reverse(one.confidence));
    assert!(found.hypotheses.is_sorted_by_key(order));
    found.hypotheses
}

fn causes(seen: &Collected) -> Vec<Cause> {
    find(seen).iter().map(|one| one.cause).collect()
}

/// One part of 100 s: its number, requests, failures of the application, latency in ms.
fn part(environment: &str, number: i64, requests: u64, failed: u64, millis: u64) -> Observation {
    let mut latency = Histogram::new();
    latency.record_many(Duration::from_millis(millis), requests);
    let window = Window { from: at(number * 100), to: at(number * 100 + 100) };
    Observation {
        requests: Some(requests),
        errors: Errors { client: Some(0), server: Some(failed), balancer: Some(0) },
        latency: Some(latency),
        ..Observation::missing(Subject::environment(environment), window)
    }
}

fn measured(parts: Vec<Observation>) -> EnvironmentEvidence {
    EnvironmentEvidence { metrics: Looked::Seen(parts), ..nothing() }
}

fn steadily(environment: &str, failed: u64, millis: u64) -> EnvironmentEvidence {
    measured((0..6).map(|number| part(environment, number, 50, failed, millis)).collect())
}

fn service(deployments: &[(&str, i64, DeploymentProgress, u32)]) -> ServiceReport {
    let deployments =
        deployments.iter().map(|(revision, began, progress, running)| DeploymentReport {
            revision: (*revision).to_owned(),
            started_at: at(*began),
            progress: progress.clone(),
            desired: 4,
            running: *running,
            failed_tasks: Some(0),
        });
    ServiceReport { desired: 4, running: 4, deployments: deployments.collect(), events: vec![] }
}

fn saying(messages: &[(&str, i64)]) -> ServiceReport {
    let events = messages
        .iter()
        .map(|(message, second)| ServiceEvent { at: at(*second), message: (*message).into() });
    ServiceReport {
        events: events.collect(),
        ..service(&[("shop:2", 100, DeploymentProgress::InProgress, 1)])
    }
}

fn stopped(reason: &str, exit_code: Option<i32>, container: Option<&str>) -> StoppedTask {
    StoppedTask {
        id: "task-1".to_owned(),
        revision: Some("shop:2".to_owned()),
        started_at: Some(at(200)),
        stopped_at: at(210),
        was_healthy: None,
        reason: reason.into(),
        containers: vec![StoppedContainer {
            name: "app".to_owned(),
            exit_code,
            reason: container.map(Redacted::line),
        }],
    }
}

#[test]
fn without_anything_wrong_nothing_is_found_and_what_was_looked_at_is_said() {
    let seen = EnvironmentEvidence {
        service: Looked::Seen(service(&[("shop:2", 100, DeploymentProgress::Completed, 4)])),
        stopped: Looked::Seen(vec![].into()),
        scaling: Looked::Seen(Some(ScalingReport {
            minimum: 2,
            maximum: 4,
            ..ScalingReport::default()
        })),
        targets: Looked::Missing("the load balancer was denied".into()),
        ..steadily("blue", 0, 40)
    };
    let found = diagnose(&case(&[("blue", seen)]), &Limits::default(), &AwsCommands::default());
    assert_eq!(found.hypotheses, []);
    assert_eq!(found.looked_at.len(), 4);
    assert_eq!(found.missing[0].question, "targets of blue");
    assert!(!found.is_complete());
}

#[test]
fn one_version_that_fails_beside_one_that_does_not_is_a_bad_version() {
    let seen = case(&[("blue", steadily("blue", 0, 40)), ("green", steadily("green", 5, 40))]);
    let found = find(&seen);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].cause, found[0].environment.as_deref()),
        (Cause::FailingVersion, Some("green"))
    );
    assert_eq!(found[0].next_command.effect, Effect::Changes);
    // Where both fail it is not the version.
    let seen = case(&[("blue", steadily("blue", 4, 40)), ("green", steadily("green", 5, 40))]);
    assert_eq!(causes(&seen), [Cause::ApplicationErrors, Cause::ApplicationErrors]);
    // One failure in 300 is no trouble, and three requests are too few to say.
    let few = measured(vec![part("green", 0, 3, 3, 40)]);
    assert_eq!(causes(&case(&[("green", few)])), []);
}

#[test]
fn failures_that_began_with_the_deployment_are_a_bad_version_and_earlier_ones_are_not() {
    let failing_from = |first: i64| {
        let parts =
            (0..6).map(|number| part("blue", number, 50, if number >= first { 10 } else { 0 }, 40));
        EnvironmentEvidence {
            service: Looked::Seen(service(&[
                ("shop:3", 250, DeploymentProgress::Completed, 4),
                ("shop:2", -900, DeploymentProgress::Completed, 0),
            ])),
            ..measured(parts.collect())
        }
    };
    let seen = case(&[("blue", failing_from(3))]);
    let found = find(&seen);
    assert_eq!(found[0].cause, Cause::FailingVersion);
    assert!(found[0].summary.contains("shop:3"), "{}", found[0].summary);
    let aws = diagnose(&seen, &Limits::default(), &AwsCommands::default());
    let next = &aws.hypotheses[0].next_command;
    assert!(next.line.contains("--task-definition shop:2"), "{}", next.line);
    for first in [0, 4] {
        assert_eq!(causes(&case(&[("blue", failing_from(first))])), [Cause::ApplicationErrors]);
    }
}

#[test]
fn failures_of_the_load_balancer_are_told_apart() {
    let mut parts: Vec<_> = (0..6).map(|number| part("blue", number, 50, 1, 40)).collect();
    for part in &mut parts {
        part.errors.balancer = Some(5);
    }
    assert_eq!(causes(&case(&[("blue", measured(parts.clone()))])), [Cause::BalancerErrors]);
    // What is not known is not zero: without the count of requests nothing is said.
    for part in &mut parts {
        part.requests = None;
    }
    assert_eq!(causes(&case(&[("blue", measured(parts))])), []);
}

#[test]
fn slowness_is_of_the_version_of_the_cpu_or_of_something_else() {
    let slow = || steadily("green", 0, 900);
    let cpu = |share| {
        let mut seen = slow();
        if let Looked::Seen(parts) = &mut seen.metrics {
            parts
                .iter_mut()
                .for_each(|part| part.saturation = Saturation { cpu: Some(share), memory: None });
        }
        seen
    };
    let beside = case(&[("blue", steadily("blue", 0, 40)), ("green", slow())]);
    assert_eq!(causes(&beside), [Cause::SlowVersion]);
    assert_eq!(causes(&case(&[("green", slow())])), [Cause::SlowDependency]);
    assert_eq!(find(&case(&[("green", cpu(0.2))]))[0].confidence, 65);
    assert_eq!(causes(&case(&[("green", cpu(0.97))])), [Cause::CpuSaturated]);
    let since = |began| {
        let parts =
            (0..6).map(|number| part("green", number, 50, 0, if number > 2 { 900 } else { 40 }));
        EnvironmentEvidence {
            service: Looked::Seen(service(&[("shop:3", began, DeploymentProgress::Completed, 4)])),
            ..measured(parts.collect())
        }
    };
    assert_eq!(causes(&case(&[("green", since(300))])), [Cause::SlowVersion]);
    assert_eq!(causes(&case(&[("green", since(100))])), [Cause::SlowDependency]);
}

#[test]
fn slowness_that_is_over_is_a_slow_start_and_never_a_slow_version() {
    let recovering = |began| {
        let parts =
            (2..6).map(|number| part("green", number, 50, 0, if number < 3 { 2000 } else { 40 }));
        EnvironmentEvidence {
            service: Looked::Seen(service(&[("shop:3", began, DeploymentProgress::Completed, 4)])),
            ..measured(parts.collect())
        }
    };
    let after = find(&case(&[("blue", steadily("blue", 0, 40)), ("green", recovering(190))]));
    assert_eq!((after.len(), after[0].cause, after[0].confidence), (1, Cause::SlowStart, 78));
    let without = find(&case(&[("green", recovering(-500))]));
    assert_eq!((without[0].cause, without[0].confidence), (Cause::SlowStart, 40));
}

#[test]
fn a_stopped_task_says_why() {
    let cause = |reason: &str, exit: Option<i32>, container: Option<&str>| {
        tasks::cause_of(&stopped(reason, exit, container))
    };
    for (reason, exit, container, expected) in [
        (
            "CannotPullContainerError: pull image manifest has been retried",
            None,
            None,
            Some(Cause::ImageNotPulled),
        ),
        (
            "Task failed to start",
            None,
            Some("CannotPullImageManifestError: x"),
            Some(Cause::ImageNotPulled),
        ),
        (
            "OutOfMemoryError: container killed due to memory usage",
            Some(137),
            None,
            Some(Cause::OutOfMemory),
        ),
        (
            "Essential container in task exited",
            Some(137),
            Some("OutOfMemoryError: x"),
            Some(Cause::OutOfMemory),
        ),
        ("Essential container in task exited", Some(1), None, Some(Cause::CrashAtStart)),
        ("Essential container in task exited", Some(0), None, Some(Cause::CrashAtStart)),
        ("exited with code 1: x", None, None, Some(Cause::CrashAtStart)),
        ("killed by signal 9 (SIGKILL)", Some(137), None, Some(Cause::CrashAtStart)),
        (
            "ResourceInitializationError: unable to pull secrets",
            None,
            None,
            Some(Cause::TaskNotInitialized),
        ),
        ("Task failed container health checks", Some(137), None, Some(Cause::ContainerHealthCheck)),
        (
            "Task failed ELB health checks in (target-group x)",
            None,
            None,
            Some(Cause::TargetHealthCheck),
        ),
        (
            "failed health checks: Target.Timeout: Request timed out",
            None,
            None,
            Some(Cause::TargetUnreachable),
        ),
        ("Capacity is unavailable at this time", None, None, Some(Cause::NoCapacity)),
        ("Scaling activity initiated by (deployment ecs-svc/1)", Some(137), None, None),
        ("Task stopped by user", Some(143), None, None),
        ("Host EC2 (instance i-1) terminated.", None, None, None),
        ("", None, None, None),
    ] {
        assert_eq!(cause(reason, exit, container), expected, "{reason} {exit:?} {container:?}");
    }
    let long = |healthy, seconds: i64| {
        let task = stopped("Essential container in task exited", Some(1), None);
        tasks::cause_of(&StoppedTask {
            was_healthy: healthy,
            stopped_at: at(200 + seconds),
            ..task
        })
    };
    assert_eq!(long(Some(true), 2), Some(Cause::CrashWhileRunning));
    assert_eq!(long(None, 61), Some(Cause::CrashWhileRunning));
    assert_eq!(long(None, 59), Some(Cause::CrashAtStart));
    assert_eq!(long(Some(false), 61), Some(Cause::CrashAtStart));
    // A container that was killed after a while, and not by the platform's stop, had no memory left.
    let killed = stopped("Essential container in task exited", Some(137), None);
    assert_eq!(
        tasks::cause_of(&StoppedTask { stopped_at: at(900), ..killed }),
        Some(Cause::OutOfMemory)
    );
}

#[test]
fn several_tasks_are_no_accident_and_old_ones_are_history() {
    let crash = || stopped("Essential container in task exited", Some(1), None);
    let seen = |tasks: Vec<StoppedTask>| {
        case(&[("green", EnvironmentEvidence { stopped: Looked::Seen(tasks.into()), ..nothing() })])
    };
    assert_eq!(find(&seen(vec![crash()]))[0].confidence, 72);
    assert_eq!(find(&seen(vec![crash(), crash()]))[0].confidence, 95);
    let old = StoppedTask { started_at: None, stopped_at: at(-1), ..crash() };
    assert_eq!(causes(&seen(vec![old])), []);
}

#[test]
fn the_codes_of_the_load_balancer_have_meanings() {
    for (code, description, cause, words) in [
        ("Target.ResponseCodeMismatch", "[500]", Cause::TargetHealthCheck, "matcher"),
        ("Target.Timeout", "Request timed out", Cause::TargetUnreachable, "security groups"),
        (
            "Target.FailedHealthChecks",
            "connection refused",
            Cause::TargetUnreachable,
            "nothing listens",
        ),
        (
            "Target.FailedHealthChecks",
            "Health checks failed",
            Cause::TargetUnreachable,
            "security groups",
        ),
        ("Elb.InternalError", "", Cause::TargetHealthCheck, "load balancer itself"),
        ("Target.Other", "", Cause::TargetHealthCheck, "fail their health checks"),
    ] {
        let target = |id: &str, condition| TargetReport {
            id: id.to_owned(),
            condition,
            code: Some(code.to_owned()),
            description: Some(Redacted::line(description)),
        };
        let targets = vec![
            target("a", TargetCondition::Unhealthy),
            target("b", TargetCondition::Healthy),
            target("c", TargetCondition::Draining),
        ];
        let seen =
            case(&[("green", EnvironmentEvidence { targets: Looked::Seen(targets), ..nothing() })]);
        let found = find(&seen);
        assert_eq!((found.len(), found[0].cause), (1, cause), "{code}");
        assert!(
            found[0].summary.contains(words) && found[0].summary.contains("1 of 2"),
            "{}",
            found[0].summary
        );
    }
}

#[test]
fn a_deployment_is_stuck_given_up_or_merely_young() {
    let seen = |report: ServiceReport| {
        case(&[("green", EnvironmentEvidence { service: Looked::Seen(report), ..nothing() })])
    };
    let deployed =
        |began, progress, running| seen(service(&[("shop:2", began, progress, running)]));
    assert_eq!(causes(&deployed(100, DeploymentProgress::InProgress, 1)), [Cause::DeploymentStuck]);
    assert_eq!(causes(&deployed(500, DeploymentProgress::InProgress, 1)), []);
    assert_eq!(causes(&deployed(100, DeploymentProgress::InProgress, 4)), []);
    let failed = DeploymentProgress::Failed("circuit breaker: tasks failed to start".into());
    assert_eq!(causes(&deployed(100, failed.clone(), 0)), [Cause::DeploymentFailed]);
    // What explains it comes first.
    let crash = || stopped("Essential container in task exited", Some(1), None);
    let both = EnvironmentEvidence {
        service: Looked::Seen(service(&[("shop:2", 100, failed, 0)])),
        stopped: Looked::Seen(vec![crash(), crash()].into()),
        ..nothing()
    };
    assert_eq!(causes(&case(&[("green", both)])), [Cause::CrashAtStart, Cause::DeploymentFailed]);
}

#[test]
fn what_the_events_say_counts_until_the_service_comes_to_rest() {
    let seen = |messages: &[(&str, i64)]| {
        case(&[(
            "green",
            EnvironmentEvidence { service: Looked::Seen(saying(messages)), ..nothing() },
        )])
    };
    let no_room = "(service green) was unable to place a task because no container instance met all of its requirements.";
    let rest = "(service green) has reached a steady state.";
    assert_eq!(causes(&seen(&[(no_room, 500)]))[0], Cause::NoCapacity);
    assert_eq!(causes(&seen(&[(no_room, 500), (rest, 400)]))[0], Cause::NoCapacity);
    assert!(!causes(&seen(&[(rest, 550), (no_room, 500)])).contains(&Cause::NoCapacity));
    assert!(!causes(&seen(&[(no_room, -5)])).contains(&Cause::NoCapacity));
}

#[test]
fn auto_scaling_is_to_blame_only_where_capacity_is_short() {
    let seen = |millis, scaling: ScalingReport| {
        case(&[(
            "green",
            EnvironmentEvidence {
                service: Looked::Seen(ServiceReport {
                    desired: 4,
                    running: 4,
                    ..ServiceReport::default()
                }),
                scaling: Looked::Seen(Some(scaling)),
                ..steadily("green", 0, millis)
            },
        )])
    };
    let limits = || ScalingReport { minimum: 2, maximum: 4, ..ScalingReport::default() };
    assert_eq!(causes(&seen(900, limits()))[0], Cause::ScalingAtMaximum);
    let next = &find(&seen(900, limits()))[0].next_command;
    assert!(next.line.contains("--desired 6") && next.effect == Effect::Changes, "{next:?}");
    assert_eq!(causes(&seen(40, limits())), []);
    assert_eq!(
        causes(&seen(900, ScalingReport { maximum: 5, ..limits() })),
        [Cause::SlowDependency]
    );
    let suspended = ScalingReport { suspended: true, ..limits() };
    assert_eq!(causes(&seen(900, suspended.clone()))[0], Cause::ScalingSuspended);
    assert_eq!(causes(&seen(40, suspended)), []);
    let activity =
        |second| ScalingActivity { at: at(second), failed: true, text: "no permission".into() };
    let failed = |second| ScalingReport { activities: vec![activity(second)], ..limits() };
    assert_eq!(causes(&seen(40, failed(300))), [Cause::ScalingFailed]);
    assert_eq!(causes(&seen(40, failed(-1))), []);
}

#[test]
fn lines_of_one_kind_are_counted_together_and_are_only_a_hint() {
    let line =
        |second, text: &str| LogLine { at: at(second), stream: "a".to_owned(), text: text.into() };
    let lines = vec![
        line(1, "ERROR pet 17 is gone password=hunter2"),
        line(2, "ERROR pet 18 is gone password=hunter3"),
        line(3, "ERROR other"),
    ];
    let logs = Looked::Seen(LogLines { lines, complete: false });
    let found = find(&case(&[("blue", EnvironmentEvidence { logs: logs.clone(), ..nothing() })]));
    assert_eq!((found[0].cause, found[0].confidence), (Cause::LogErrors, 30));
    assert!(found[0].evidence[0].text.starts_with("2 times, last a: ERROR pet 18"), "{found:?}");
    assert!(!format!("{found:?}").contains("hunter"));
    let failing = EnvironmentEvidence { logs, ..steadily("blue", 5, 40) };
    let found = find(&case(&[("blue", failing)]));
    assert_eq!((found.len(), found[0].cause), (1, Cause::ApplicationErrors));
    assert!(found[0].evidence.iter().any(|one| one.text.contains("pet 18")));
}

fn session(pid: i32, state: SessionState, seconds: u64, blocked_by: &[i32]) -> Session {
    let since = Some(Duration::from_secs(seconds));
    Session {
        pid,
        user: Some("shop".to_owned()),
        database: None,
        application: Some("api".to_owned()),
        state,
        query: Some(Redacted::query("update pets set name = 'Rex'")),
        query_for: since,
        transaction_for: since,
        state_for: since,
        waits_for: None,
        blocked_by: blocked_by.to_vec(),
    }
}

fn with(sessions: &[Session]) -> Collected {
    database(DatabaseReport { sessions: sessions.to_vec(), ..DatabaseReport::default() })
}

#[test]
fn what_shows_itself_by_the_symptom_comes_first_and_the_rest_is_found_beside() {
    let mut seen = with(&[session(7, SessionState::Active, 300, &[])]);
    let crash = stopped("Essential container in task exited", Some(1), None);
    let crashed = EnvironmentEvidence { stopped: Looked::Seen(vec![crash].into()), ..nothing() };
    seen.environments.insert("green".to_owned(), crashed);
    let ranked = |seen: &Collected| -> Vec<_> {
        find(seen).iter().map(|one| (one.cause, one.beside)).collect()
    };
    let (query, crash) = (Cause::DatabaseSlowQuery, Cause::CrashAtStart);
    assert_eq!(ranked(&seen), [(query, false), (crash, false)]);
    seen.scope.symptoms = vec![Symptom::DeploymentStuck];
    assert_eq!(ranked(&seen), [(crash, false), (query, true)]);
    seen.scope.symptoms = vec![Symptom::Database];
    assert_eq!(ranked(&seen), [(query, false), (crash, true)]);
    // A fault that was seen is never swallowed.
    seen.scope.symptoms = vec![Symptom::FailedHealthChecks];
    seen.environments.clear();
    assert_eq!(ranked(&seen), [(query, true)]);
}

#[test]
fn words_of_a_certainty_follow_its_number() {
    let words = [0, 49, 50, 74, 75, 89, 90, 100].map(|number| Certainty::of(number).as_str());
    let expected = ["a guess", "likely", "very likely", "nearly certain"];
    assert_eq!(words.to_vec(), expected.iter().flat_map(|word| [*word; 2]).collect::<Vec<_>>());
}
