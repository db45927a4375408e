//! What is really wrong is the first hypothesis, and its command mends it.

use std::sync::Arc;
use std::time::Duration;

use petswipe_monitor::conformance::diagnosis::DatabaseWorld;
use petswipe_monitor::diagnosis::postgres::PostgresActivity;
use petswipe_monitor::diagnosis::*;
use petswipe_monitor::{Error, Window};
use tokio_postgres::NoTls;

use super::world::{World, pid};

const SECOND: Duration = Duration::from_secs(1);

/// Limits that are reached within a test.
fn limits() -> Limits {
    let short = Duration::from_millis(100);
    Limits { blocked: short, idle_in_transaction: short, slow_query: short, ..Limits::default() }
}

async fn look(source: PostgresActivity) -> Diagnosis {
    let now = jiff::Timestamp::now();
    let sources = Sources { database: Some(Arc::new(source)), ..Sources::default() };
    let scope = Scope::new(Vec::<String>::new(), Window { from: now - SECOND * 60, to: now }, now);
    let seen = collect(&sources, &scope, Deadlines::default()).await;
    diagnose(&seen, &limits(), &LocalCommands::new("shop", "production"))
}

async fn find(world: &World) -> Diagnosis {
    let config = world.server.config("postgres");
    let found = look(PostgresActivity::connect(&config, NoTls, SECOND * 10).await.unwrap()).await;
    assert_eq!(found.missing, []);
    found
}

fn first(found: &Diagnosis) -> &Hypothesis {
    found.hypotheses.first().unwrap_or_else(|| panic!("{found:?}"))
}

/// The SQL in a command of psql.
fn sql(hypothesis: &Hypothesis) -> String {
    let line = &hypothesis.next_command.line;
    line.split('\'').nth(1).unwrap_or_else(|| panic!("{line}")).to_owned()
}

#[tokio::test]
async fn a_blocked_query_is_found_and_ending_the_blocker_lets_it_go_on() {
    let world = World::new(20).await;
    let (waits, holds) = world.block().await;
    world.until(waits, "clock_timestamp() - query_start > interval '0.2 s'").await;
    let found = find(&world).await;
    let first = first(&found);
    assert_eq!(first.cause, Cause::DatabaseBlocked);
    assert!(first.summary.contains(&format!("pid {holds}, which is idle in its transaction")));
    assert!(!format!("{found:?}").contains("Milo"), "{found:?}");
    assert!(sql(first).contains(&format!(
        "pg_terminate_backend(pid) from pg_stat_activity where pid = {holds} "
    )));
    assert_eq!(first.next_command.effect, Effect::EndsWork);
    let operator = world.server.session("postgres").await;
    operator.batch_execute(&sql(first)).await.unwrap();
    world.becomes("Milo").await;
    assert!(find(&world).await.hypotheses.is_empty());
}

#[tokio::test]
async fn a_transaction_left_open_is_found() {
    let world = World::new(20).await;
    let open = world.open_transaction(Duration::from_millis(150)).await;
    let found = find(&world).await;
    assert_eq!(first(&found).cause, Cause::DatabaseIdleInTransaction);
    assert!(sql(first(&found)).contains(&format!("where pid = {open} and state like")));
    // Its client goes on in the meantime, and is not ended for what it did before.
    let operator = world.server.session("postgres").await;
    let ended = async |sql: String| operator.query(&sql, &[]).await.unwrap().len();
    let other_state = sql(first(&found)).replace("idle in transaction%", "active");
    assert_eq!(ended(other_state).await, 0);
    assert_eq!(ended(sql(first(&found))).await, 1);
}

#[tokio::test]
async fn a_slow_query_is_found_and_the_command_shows_it_before_anything_ends_it() {
    let world = World::new(20).await;
    let slow = world.run("select pg_sleep(600)".to_owned()).await;
    world.until(slow, "clock_timestamp() - query_start > interval '0.2 s'").await;
    let found = find(&world).await;
    assert_eq!(first(&found).cause, Cause::DatabaseSlowQuery);
    assert!(first(&found).evidence[0].text.contains("select pg_sleep(?)"), "{found:?}");
    let operator = world.server.session("postgres").await;
    assert_eq!(first(&found).next_command.effect, Effect::Reads);
    let shown = operator.query(&sql(first(&found)), &[]).await.unwrap();
    assert!(shown.iter().any(|row| row.get::<_, i32>(0) == slow));
    let cancel = format!("pg_cancel_backend({slow})");
    assert!(first(&found).summary.contains(&cancel), "{}", first(&found).summary);
    operator.batch_execute(&format!("select {cancel}")).await.unwrap();
    world.ends(slow).await;
}

#[tokio::test]
async fn exhausted_connections_are_found_from_within_and_by_the_refusal() {
    let world = World::new(10).await;
    let operator = world.server.session("postgres").await;
    operator.batch_execute("create role shop login").await.unwrap();
    // Ordinary roles may have 7; the source, the watcher and the operator have one each.
    for _ in 0..4 {
        world.keep(world.server.session("shop").await);
    }
    let found = find(&world).await;
    assert_eq!(first(&found).cause, Cause::DatabaseConnections);
    assert!(first(&found).summary.contains("8 of 7"), "{}", first(&found).summary);
    let config = world.server.config("shop");
    let refused = look(PostgresActivity::connect(&config, NoTls, SECOND * 10).await.unwrap()).await;
    assert_eq!(
        (first(&refused).cause, first(&refused).confidence),
        (Cause::DatabaseConnections, 98)
    );
    assert!(first(&refused).evidence[0].text.contains("reserved"), "{refused:?}");
}

#[tokio::test]
async fn a_weak_role_says_what_it_can_not_see_and_pg_monitor_sees_it() {
    let world = World::new(20).await;
    let operator = world.server.session("postgres").await;
    operator.batch_execute("create role weak login; create role watcher login").await.unwrap();
    operator.batch_execute("grant pg_monitor to watcher").await.unwrap();
    let (waits, holds) = world.block().await;
    world.until(waits, "clock_timestamp() - query_start > interval '0.2 s'").await;
    let look_as = async |role: &str| {
        let config = world.server.config(role);
        look(PostgresActivity::connect(&config, NoTls, SECOND * 10).await.unwrap()).await
    };
    let weak = look_as("weak").await;
    assert!(weak.hidden.iter().any(|one| one.contains("grant pg_monitor")), "{weak:?}");
    let watcher = look_as("watcher").await;
    assert_eq!(watcher.hidden, Vec::<String>::new());
    assert_eq!(first(&watcher).cause, Cause::DatabaseBlocked);
    assert!(first(&watcher).summary.contains(&holds.to_string()));
}

#[tokio::test]
async fn it_only_reads_within_its_time_and_errors_name_no_value() {
    let world = World::new(20).await;
    let client = world.server.session("postgres").await;
    let own = pid(&client).await;
    let source = PostgresActivity::new(client, Duration::from_millis(700)).await.unwrap();
    let operator = world.server.session("postgres").await;
    let called = "select application_name from pg_stat_activity where pid = $1";
    let name: String = operator.query_one(called, &[&own]).await.unwrap().get(0);
    assert_eq!(name, "petswipe diagnosis");
    assert!(source.activity().await.is_ok());
    let client = world.server.session("postgres").await;
    let refused = PostgresActivity::new(client, Duration::ZERO).await.unwrap_err();
    assert!(refused.to_string().starts_with("statement limit is 0ns"), "{refused}");
    let nobody = world.server.config("nobody-of-that-name");
    let denied = PostgresActivity::connect(&nobody, NoTls, SECOND * 10).await.unwrap_err();
    assert!(matches!(denied, Error::Denied { .. }), "{denied:?}");
}
