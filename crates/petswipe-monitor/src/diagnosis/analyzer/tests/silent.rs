//! What was not measured is said, and is never taken for health.

use super::*;

fn hidden(seen: &Collected) -> Vec<String> {
    let found = diagnose(seen, &Limits::default(), &LocalCommands::new("shop", "production"));
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
    // An environment that serves nobody has no failures to measure.
    let idle = |_: usize, part: &mut Observation| {
        (part.requests, part.latency, part.errors) = (Some(0), None, Errors::default());
    };
    assert_eq!(of(idle), Vec::<String>::new());
    assert_eq!(
        of(|_, part| part.requests = Some(3)),
        ["metrics of blue: 18 requests are too few to judge: it takes 20"]
    );
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
