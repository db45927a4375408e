//! What is not claimed without ground, and what nobody is told to type.

use super::*;

fn way_back_of(own: EnvironmentEvidence, other: EnvironmentEvidence) -> Command {
    let found = find(&case(&[("blue", other), ("green", own)]));
    assert_eq!(found[0].cause, Cause::FailingVersion, "{found:?}");
    found[0].next_command.clone()
}

fn running(tasks: u32, seen: EnvironmentEvidence) -> EnvironmentEvidence {
    let service = ServiceReport { desired: tasks, running: tasks, ..ServiceReport::default() };
    EnvironmentEvidence { service: Looked::Seen(service), ..seen }
}

#[test]
fn traffic_is_not_switched_to_what_can_not_bear_it() {
    let (bad, good) = (|| steadily("green", 5, 40), || steadily("blue", 0, 40));
    assert_eq!(way_back_of(running(4, bad()), running(2, good())).effect, Effect::Changes);
    for other in [running(0, good()), running(1, good())] {
        let next = way_back_of(running(4, bad()), other);
        assert!(next.effect == Effect::Reads && next.line.contains("blue/events"), "{next:?}");
    }
    let target =
        |condition| TargetReport { id: "a".to_owned(), condition, code: None, description: None };
    let on = |condition| EnvironmentEvidence {
        targets: Looked::Seen(vec![target(condition)]),
        ..good()
    };
    assert_eq!(way_back_of(bad(), on(TargetCondition::Healthy)).effect, Effect::Changes);
    let next = way_back_of(bad(), on(TargetCondition::Draining));
    assert!(next.effect == Effect::Reads && next.line.contains("blue/targets"), "{next:?}");
    // It served beside it for a while, and does no more.
    let parts = (0..3).map(|number| part("blue", number, 50, 0, 40)).collect();
    let next = way_back_of(bad(), measured(parts));
    assert!(next.effect == Effect::Reads && next.line.contains("blue/targets"), "{next:?}");
}

#[test]
fn versions_that_served_one_after_the_other_did_not_serve_beside_each_other() {
    let early = (0..3).map(|number| part("blue", number, 50, 0, 40)).collect();
    let late = |failed, millis| {
        measured((3..6).map(|number| part("green", number, 50, failed, millis)).collect())
    };
    let blue = measured(early);
    assert_eq!(
        causes(&case(&[("blue", blue.clone()), ("green", late(5, 40))])),
        [Cause::ApplicationErrors]
    );
    assert_eq!(causes(&case(&[("blue", blue), ("green", late(0, 900))])), [Cause::SlowDependency]);
}

#[test]
fn failures_that_just_began_are_found_and_those_that_are_over_undo_nothing() {
    let failing = |failed: [u64; 6]| {
        let parts =
            (0..).zip(failed).map(|(number, failed)| part("blue", number, 1000, failed, 40));
        measured(parts.collect())
    };
    let began = find(&case(&[("blue", failing([0, 0, 0, 0, 0, 30]))]));
    assert_eq!((began[0].cause, began[0].confidence), (Cause::ApplicationErrors, 60));
    assert!(began[0].evidence[1].text.contains("30 of 1000"), "{began:?}");
    // Two failures are none that begin.
    let parts = (0..6).map(|number| part("blue", number, 50, if number == 5 { 2 } else { 0 }, 40));
    assert_eq!(causes(&case(&[("blue", measured(parts.collect()))])), []);
    let over =
        EnvironmentEvidence { metrics: failing([0, 200, 200, 200, 0, 0]).metrics, ..nothing() };
    let beside = measured((0..6).map(|number| part("green", number, 1000, 0, 40)).collect());
    let over = find(&case(&[("blue", over), ("green", beside)]));
    assert_eq!((over[0].cause, over[0].confidence), (Cause::FailingVersion, 40));
    assert_eq!(over[0].next_command.effect, Effect::Reads);
    assert!(over[0].summary.ends_with("by now it does not any more"), "{}", over[0].summary);
}

#[test]
fn slowness_that_just_began_is_found() {
    let parts = (0..6).map(|number| match number {
        5 => part("blue", number, 20, 0, 900),
        _ => part("blue", number, 500, 0, 40),
    });
    assert_eq!(causes(&case(&[("blue", measured(parts.collect()))])), [Cause::SlowDependency]);
}

#[test]
fn a_deployment_that_was_given_up_is_nothing_to_go_back_to() {
    let failed = || DeploymentProgress::Failed("circuit breaker".into());
    let before = |deployments: &[(&str, i64, DeploymentProgress, u32)]| {
        let parts =
            (0..6).map(|number| part("blue", number, 50, if number > 2 { 10 } else { 0 }, 40));
        let service = Looked::Seen(service(deployments));
        let seen = EnvironmentEvidence { service, ..measured(parts.collect()) };
        let found = diagnose(&case(&[("blue", seen)]), &Limits::default(), &AwsCommands::default());
        let first = found.hypotheses.iter().find(|one| one.cause == Cause::FailingVersion);
        first.expect("a failing version").next_command.clone()
    };
    let completed = DeploymentProgress::Completed;
    // The platform went back from 3 to 2, which is the newest now.
    let back = before(&[("shop:2", 250, completed.clone(), 4), ("shop:3", 100, failed(), 0)]);
    assert!(back.effect == Effect::Reads && !back.line.contains("shop:3"), "{back:?}");
    let good = before(&[
        ("shop:4", 250, DeploymentProgress::InProgress, 1),
        ("shop:3", 100, failed(), 0),
        ("shop:2", -900, completed, 3),
    ]);
    assert!(good.line.contains("--task-definition shop:2"), "{good:?}");
}

#[test]
fn more_tasks_are_never_fewer_and_never_more_than_auto_scaling_leaves() {
    let busy = |seen: EnvironmentEvidence| {
        let mut seen = EnvironmentEvidence { metrics: steadily("blue", 0, 40).metrics, ..seen };
        if let Looked::Seen(parts) = &mut seen.metrics {
            parts.iter_mut().for_each(|part| part.saturation.cpu = Some(0.97));
        }
        let found = diagnose(&case(&[("blue", seen)]), &Limits::default(), &AwsCommands::default());
        assert_eq!(found.hypotheses.last().map(|one| one.cause), Some(Cause::CpuSaturated));
        found.hypotheses.last().map(|one| one.next_command.clone()).expect("a command")
    };
    // How many there are is not known, and 2 may be fewer.
    let unknown = busy(nothing());
    assert!(
        unknown.effect == Effect::Reads && !unknown.line.contains("desired-count"),
        "{unknown:?}"
    );
    assert!(busy(running(10, nothing())).line.contains("--desired-count 15"));
    let scaled = |maximum| EnvironmentEvidence {
        scaling: Looked::Seen(Some(ScalingReport {
            minimum: 2,
            maximum,
            ..ScalingReport::default()
        })),
        ..running(10, nothing())
    };
    assert!(busy(scaled(20)).line.contains("--desired-count 15"));
    let limited = busy(scaled(12));
    assert!(limited.line.contains("--max-capacity 15"), "{limited:?}");
}

#[test]
fn a_container_that_was_stopped_with_another_one_had_no_lack_of_memory() {
    let container =
        |code| StoppedContainer { name: "x".to_owned(), exit_code: Some(code), reason: None };
    let ended = |codes: &[i32]| StoppedTask {
        stopped_at: at(590),
        containers: codes.iter().copied().map(container).collect(),
        ..stopped("Essential container in task exited", None, None)
    };
    let cause = |codes: &[i32]| tasks::cause_of(&ended(codes));
    assert_eq!(cause(&[1, 137]), Some(Cause::CrashWhileRunning));
    assert_eq!(cause(&[0, 137]), Some(Cause::CrashWhileRunning));
    assert_eq!(cause(&[137, 143]), Some(Cause::OutOfMemory));
    // SIGKILL may have another reason, so that is a guess; what the platform says is none.
    let seen = |tasks: Vec<StoppedTask>| {
        case(&[("green", EnvironmentEvidence { stopped: Looked::Seen(tasks.into()), ..nothing() })])
    };
    let guess = &find(&seen(vec![ended(&[137]), ended(&[137])]))[0];
    assert_eq!((guess.cause, guess.confidence), (Cause::OutOfMemory, 60));
    let said =
        || StoppedTask { reason: "OutOfMemoryError: Container killed".into(), ..ended(&[137]) };
    assert_eq!(find(&seen(vec![said(), said()]))[0].confidence, 95);
    for reason in [
        "TerminationNotice: Host EC2 (instance i-1) terminated.",
        "Amazon ECS is performing maintenance on the underlying infrastructure hosting the task.",
        "SpotInterruption: Your Spot Task was interrupted.",
    ] {
        let task = StoppedTask { reason: reason.into(), ..ended(&[137]) };
        assert_eq!(tasks::cause_of(&task), None, "{reason}");
    }
}

#[test]
fn targets_are_told_by_every_code_and_what_is_not_checked_is_not_unhealthy() {
    let target = |id: &str, condition, code: &str| TargetReport {
        id: id.to_owned(),
        condition,
        code: Some(code.to_owned()),
        description: None,
    };
    let seen = |targets: Vec<TargetReport>| EnvironmentEvidence {
        targets: Looked::Seen(targets),
        ..nothing()
    };
    let found = |seen: EnvironmentEvidence| find(&case(&[("green", seen)]));
    use TargetCondition::{Draining, Unavailable, Unhealthy};
    let two = found(seen(vec![
        target("a", Unhealthy, "Target.FailedHealthChecks"),
        target("b", Unhealthy, "Target.Timeout"),
    ]));
    let codes: Vec<_> = two.iter().map(|one| one.summary.as_str()).collect();
    assert_eq!(two.len(), 2, "{codes:?}");
    assert!(codes[0].contains("Target.FailedHealthChecks") && codes[1].contains("Target.Timeout"));
    assert_eq!(found(seen(vec![target("a", Unavailable, "Target.HealthCheckDisabled")])), []);
    let unknown = found(seen(vec![target("a", Unavailable, "Elb.InternalError")]));
    assert!(unknown[0].confidence == 50 && unknown[0].summary.contains("not available"));
    // Tasks that nobody can reach.
    let none =
        found(running(2, seen(vec![target("a", Draining, "Target.DeregistrationInProgress")])));
    assert_eq!((none[0].cause, none[0].confidence), (Cause::TargetUnreachable, 75));
    assert!(none[0].summary.starts_with("2 tasks of green run"), "{}", none[0].summary);
    assert_eq!(found(running(0, seen(vec![]))), []);
}

#[test]
fn a_deployment_whose_tasks_all_run_may_take_a_while() {
    let lasting = |minutes: i64| {
        let window = Window { from: at(-6000), to: at(600) };
        let service = service(&[("shop:2", 600 - minutes * 60, DeploymentProgress::InProgress, 4)]);
        let mut seen =
            case(&[("green", EnvironmentEvidence { service: Looked::Seen(service), ..nothing() })]);
        seen.scope.window = window;
        find(&seen)
    };
    assert_eq!(lasting(14), []);
    let stuck = lasting(16);
    assert_eq!((stuck[0].cause, stuck[0].confidence), (Cause::DeploymentStuck, 55));
}

#[test]
fn auto_scaling_that_works_again_is_history() {
    let activity = |second, failed| ScalingActivity { at: at(second), failed, text: "x".into() };
    let of = |activities: Vec<ScalingActivity>| {
        let scaling = ScalingReport { minimum: 2, maximum: 9, suspended: false, activities };
        let scaling = Looked::Seen(Some(scaling));
        find(&case(&[("green", EnvironmentEvidence { scaling, ..nothing() })]))[0].confidence
    };
    assert_eq!(of(vec![activity(300, true), activity(200, false)]), 86);
    assert_eq!(of(vec![activity(300, false), activity(200, true)]), 40);
}

#[test]
fn a_query_of_half_a_minute_is_less_than_one_of_five_and_neither_is_ended_unseen() {
    let of = |seconds| find(&with(&[session(7, SessionState::Active, seconds, &[])]))[0].clone();
    assert_eq!((of(31).confidence, of(300).confidence), (66, 88));
    assert_eq!(of(300).next_command.effect, Effect::Reads);
    assert!(of(300).summary.contains("pg_cancel_backend(7)"));
}
