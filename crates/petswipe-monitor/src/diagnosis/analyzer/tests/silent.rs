//! What was not measured is said, and is never taken for health.

use super::*;

fn said(seen: &Collected) -> Diagnosis {
    diagnose(seen, &Limits::default(), &LocalCommands::new("shop", "production"))
}

fn hidden(seen: &Collected) -> Vec<String> {
    let found = said(seen);
    assert_eq!(found.is_complete(), found.missing.is_empty() && found.hidden.is_empty());
    found.hidden
}

fn of(change: impl Fn(usize, &mut Observation)) -> Vec<String> {
    let mut parts: Vec<_> = (0..6).map(|number| part("blue", number, 50, 0, 40)).collect();
    for (number, part) in parts.iter_mut().enumerate() {
        change(number, part);
    }
    hidden(&case(&[("blue", measured(parts))]))
}

#[test]
fn failures_latencies_and_requests_that_were_not_measured_are_told() {
    assert_eq!(of(|_, _| {}), Vec::<String>::new());
    assert_eq!(
        of(|number, part| part.errors.balancer = part.errors.balancer.filter(|_| number > 1)),
        ["metrics of blue: not all failures were measured in 2 of 6 parts of the time"]
    );
    assert_eq!(
        of(|_, part| part.latency = None),
        ["metrics of blue: latency was not measured in 6 of 6 parts of the time"]
    );
    assert_eq!(
        of(|number, part| part.requests = part.requests.filter(|_| number < 5)),
        ["metrics of blue: no request was measured in the newest part of the time"]
    );
    assert_eq!(
        of(|_, part| part.requests = None),
        ["metrics of blue: no request was measured in that time"]
    );
    assert_eq!(
        of(|_, part| part.requests = Some(3)),
        ["metrics of blue: 18 requests are too few to judge: it takes 20"]
    );
}

#[test]
fn an_environment_that_serves_nobody_is_idle_beside_one_that_serves_and_unknown_alone() {
    let idle = |side: &str| {
        let parts = (0..6).map(|number| Observation {
            latency: None,
            errors: Errors::default(),
            ..part(side, number, 0, 0, 40)
        });
        measured(parts.collect())
    };
    let beside = case(&[("blue", steadily("blue", 0, 40)), ("green", idle("green"))]);
    assert_eq!(hidden(&beside), Vec::<String>::new());
    assert_eq!(said(&beside).verdict(), Verdict::NothingFound);
    let alone = case(&[("blue", idle("blue")), ("green", idle("green"))]);
    assert_eq!(
        hidden(&alone),
        [
            "metrics: not a single request was served in that time, so errors and latency are unknown"
        ]
    );
    assert_eq!(said(&alone).verdict(), Verdict::NotKnown);
    // One request is one.
    let one =
        case(&[("blue", measured(vec![part("blue", 5, 1, 0, 40)])), ("green", idle("green"))]);
    assert_eq!(hidden(&one), ["metrics of blue: 1 requests are too few to judge: it takes 20"]);
}

#[test]
fn stopped_tasks_that_were_left_out_are_told() {
    let left = |left_out| {
        let stopped = Looked::Seen(StoppedTasks { tasks: vec![], left_out });
        case(&[("blue", EnvironmentEvidence { stopped, ..steadily("blue", 0, 40) })])
    };
    assert_eq!(hidden(&left(0)), Vec::<String>::new());
    assert_eq!(hidden(&left(17)), ["stopped tasks of blue: 17 more were not looked at"]);
}

#[test]
fn nothing_wrong_is_said_only_where_everything_was_seen() {
    let verdict = |seen: &Collected| said(seen).verdict();
    assert_eq!(verdict(&case(&[])), Verdict::NotKnown);
    assert_eq!(verdict(&case(&[("blue", nothing())])), Verdict::NotKnown);
    assert_eq!(verdict(&case(&[("blue", steadily("blue", 0, 40))])), Verdict::NothingFound);
    assert_eq!(verdict(&case(&[("blue", steadily("blue", 5, 40))])), Verdict::Found);
    let seen = EnvironmentEvidence {
        targets: Looked::Missing("denied".into()),
        ..steadily("blue", 0, 40)
    };
    assert_eq!(verdict(&case(&[("blue", seen)])), Verdict::NotKnown);
}

#[test]
fn what_nobody_was_asked_is_told_and_a_database_somebody_complains_about_is_not_healthy_unseen() {
    let mut seen = case(&[("blue", steadily("blue", 0, 40))]);
    let all = said(&seen);
    assert_eq!(all.not_asked.first().map(String::as_str), Some("logs"));
    assert!(all.not_asked.iter().any(|kind| kind == "database activity"));
    assert!(!all.not_asked.iter().any(|kind| kind == "metrics"));
    seen.scope.symptoms = vec![Symptom::Database];
    assert!(hidden(&seen)[0].starts_with("database: none was named"), "{:?}", hidden(&seen));
    seen.database = Looked::Seen(DatabaseReport {
        connections: Some(Connections { used: 1, maximum: 100, reserved: 3 }),
        ..DatabaseReport::default()
    });
    assert_eq!(said(&seen).verdict(), Verdict::NothingFound);
}

#[test]
fn a_database_that_tells_little_is_no_healthy_one() {
    let refuses = Some(Redacted::line("too many clients"));
    let refused = hidden(&database(DatabaseReport { refuses, ..DatabaseReport::default() }));
    assert!(refused[0].contains("sessions, locks and queries are unknown"), "{refused:?}");
    let unknown = hidden(&database(DatabaseReport::default()));
    assert!(unknown[0].contains("how many connections"), "{unknown:?}");
    let gauges = DatabaseGauges { cpu: Some(0.2), ..DatabaseGauges::default() };
    let seen = Collected { database_load: Looked::Seen(gauges), ..case(&[]) };
    assert_eq!(hidden(&seen), ["database metrics: free storage was not measured"]);
}

#[test]
fn sessions_that_are_hidden_still_wait_and_are_not_counted_as_busy() {
    let unseen = |pid: i32, blocked_by: &[i32]| Session {
        state: SessionState::Hidden,
        query: None,
        query_for: None,
        transaction_for: None,
        state_for: None,
        ..session(pid, SessionState::Hidden, 0, blocked_by)
    };
    let found = find(&with(&[unseen(1, &[]), unseen(2, &[1])]));
    assert_eq!(found[0].cause, Cause::DatabaseBlocked);
    assert!(found[0].summary.contains("for a time that is hidden"), "{}", found[0].summary);
    // Whoever holds the lock may not be a client at all, so it is looked at, and not ended.
    for sessions in
        [vec![unseen(1, &[]), unseen(2, &[1])], vec![session(2, SessionState::Active, 9, &[77])]]
    {
        let next = &find(&with(&sessions))[0].next_command;
        assert!(next.effect == Effect::Reads && next.line.contains("backend_type"), "{next:?}");
    }
    let connections = Some(Connections { used: 97, maximum: 100, reserved: 3 });
    let sessions = vec![unseen(1, &[])];
    let full =
        find(&database(DatabaseReport { connections, sessions, ..DatabaseReport::default() }));
    assert!(format!("{:?}", full[0].evidence).contains("of 1 it is hidden from this role"));
}
