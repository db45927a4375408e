//! What the database says of itself, and from where on it is too much.

use super::*;

#[test]
fn who_waits_is_put_down_to_the_one_at_the_end_of_the_chain() {
    use SessionState::{Active, IdleInTransaction};
    let chain = |holder| {
        let sessions =
            [session(1, holder, 5, &[]), session(2, Active, 4, &[1]), session(3, Active, 3, &[2])];
        let found = find(&with(&sessions));
        assert_eq!(found[0].cause, Cause::DatabaseBlocked);
        assert!(found[0].summary.starts_with("2 sessions wait for pid 1"), "{}", found[0].summary);
        assert!(!format!("{found:?}").contains("Rex"));
        found[0].next_command.clone()
    };
    // Cancelling does nothing to a session that runs no query.
    let terminate = chain(IdleInTransaction);
    assert!(terminate.line.contains("pg_terminate_backend(pid)"), "{}", terminate.line);
    assert!(terminate.line.contains("pid = 1 and state like $$idle in transaction%$$"));
    let cancel = chain(Active);
    assert!(cancel.line.contains("pg_cancel_backend(pid)") && cancel.effect == Effect::EndsWork);
    assert!(cancel.line.contains("pid = 1 and state = $$active$$"), "{}", cancel.line);
    // A prepared transaction has no session to end.
    let prepared = find(&with(&[session(2, Active, 4, &[0])]));
    assert!(prepared[0].next_command.line.contains("pg_prepared_xacts"));
    assert_eq!(prepared[0].next_command.effect, Effect::Reads);
    // A circle ends; a wait of a moment is none.
    let circle = [session(1, Active, 5, &[2]), session(2, Active, 5, &[1])];
    assert_eq!(find(&with(&circle))[0].cause, Cause::DatabaseBlocked);
    assert_eq!(causes(&with(&[session(2, Active, 0, &[1])])), []);
}

#[test]
fn transactions_left_open_and_slow_queries_are_found_after_their_time() {
    use SessionState::{Active, Idle, IdleInTransaction};
    let only = |state, seconds| causes(&with(&[session(7, state, seconds, &[])]));
    assert_eq!(only(IdleInTransaction, 60), [Cause::DatabaseIdleInTransaction]);
    assert_eq!(only(IdleInTransaction, 59), []);
    assert_eq!(only(Active, 30), [Cause::DatabaseSlowQuery]);
    assert_eq!(only(Active, 29), []);
    assert_eq!(only(Idle, 9000), []);
    // What waits for a lock is blocked, not slow.
    let waits = [session(7, Active, 300, &[8]), session(8, Active, 1, &[])];
    assert_eq!(causes(&with(&waits)), [Cause::DatabaseBlocked]);
}

#[test]
fn connections_caches_and_statements_are_held_against_limits() {
    let used = |used, maximum, reserved| {
        let connections = Some(Connections { used, maximum, reserved });
        find(&database(DatabaseReport { connections, ..DatabaseReport::default() }))
    };
    assert_eq!(used(79, 103, 3).len(), 0);
    assert_eq!(used(80, 103, 3)[0].confidence, 79);
    assert_eq!(used(96, 103, 3)[0].confidence, 95);
    assert_eq!(used(3, 3, 3)[0].cause, Cause::DatabaseConnections);
    let refuses = Some(Redacted::line("sorry, too many clients already"));
    let refused = find(&database(DatabaseReport { refuses, ..DatabaseReport::default() }));
    assert_eq!((refused[0].cause, refused[0].confidence), (Cause::DatabaseConnections, 98));
    let cache = |hit, read| {
        causes(&database(DatabaseReport {
            cache: Some(CacheUse { hit, read }),
            ..DatabaseReport::default()
        }))
    };
    assert_eq!(cache(8_000, 2_000), [Cause::DatabaseCache]);
    assert_eq!(cache(9_500, 500), []);
    assert_eq!(cache(80, 20), []);
    let statement = |millis| {
        let one = StatementUse {
            query: Redacted::query("select 1"),
            calls: 9,
            mean: Duration::from_millis(millis),
        };
        causes(&database(DatabaseReport {
            statements: Some(vec![one]),
            ..DatabaseReport::default()
        }))
    };
    assert_eq!(statement(1500), [Cause::DatabaseSlowQuery]);
    assert_eq!(statement(900), []);
}

#[test]
fn a_full_instance_is_found_and_an_unmeasured_one_is_not() {
    let gauges = |cpu, free_storage| {
        let gauges = DatabaseGauges {
            instance: "shop-db".to_owned(),
            cpu,
            free_storage,
            ..DatabaseGauges::default()
        };
        causes(&Collected { database_load: Looked::Seen(gauges), ..case(&[]) })
    };
    assert_eq!(gauges(Some(0.95), Some(1e9)), [Cause::DatabaseStorage, Cause::DatabaseCpu]);
    assert_eq!(gauges(Some(0.5), Some(1e11)), []);
    assert_eq!(gauges(None, None), []);
}
