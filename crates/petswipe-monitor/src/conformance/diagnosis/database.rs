//! A database, and the metrics of its instance.

use std::time::Duration;

use jiff::Timestamp;

use crate::Window;
use crate::diagnosis::{DatabaseActivity, DatabaseGauges, DatabaseLoad, SessionState};

/// A database in which something happens. What was made to happen lasts until the world ends.
pub trait DatabaseWorld: Send + Sync {
    /// The source that looks into it.
    fn database(&self) -> &dyn DatabaseActivity;
    /// Has one session wait for a lock that another one holds; their pids, when it waits.
    fn block(&self) -> impl Future<Output = (i32, i32)> + Send;
    /// Has a session open a transaction and do nothing; its pid, when it is so for that long or more.
    fn open_transaction(&self, lasting: Duration) -> impl Future<Output = i32> + Send;
    /// Has a session run a query with that text as a literal; its pid, when that is seen.
    fn query_with(&self, literal: &str) -> impl Future<Output = i32> + Send;
    /// Opens so many more connections, and returns how many there may be.
    fn connect(&self, more: u32) -> impl Future<Output = u32> + Send;
}

/// See [`DatabaseActivity`]: the holder's pid is told.
pub async fn a_session_that_waits_names_who_blocks_it(world: &impl DatabaseWorld) {
    let (waits, holds) = world.block().await;
    let seen = world.database().activity().await.expect("activity");
    let waiting = seen.sessions.iter().find(|session| session.pid == waits).expect("who waits");
    assert_eq!(waiting.blocked_by, [holds], "{waiting:?}");
    assert!(waiting.query_for.is_some(), "{waiting:?}");
    assert!(seen.sessions.iter().any(|session| session.pid == holds), "{seen:?}");
}

/// See [`DatabaseActivity`]: its state and since when.
pub async fn an_open_transaction_is_told_with_its_age(world: &impl DatabaseWorld) {
    let age = Duration::from_millis(30);
    let pid = world.open_transaction(age).await;
    let seen = world.database().activity().await.expect("activity");
    let open = seen.sessions.iter().find(|session| session.pid == pid).expect("the session");
    assert_eq!(open.state, SessionState::IdleInTransaction);
    assert!(open.state_for.is_some_and(|since| since >= age), "{open:?}");
}

/// See [`DatabaseActivity`]: the query is there without its values.
pub async fn query_texts_hold_no_values(world: &impl DatabaseWorld) {
    let literal = "a-value-of-somebody";
    let pid = world.query_with(literal).await;
    let seen = world.database().activity().await.expect("activity");
    let session = seen.sessions.iter().find(|session| session.pid == pid).expect("the session");
    assert!(session.query.is_some(), "{session:?}");
    assert!(!format!("{seen:?}").contains(literal), "{session:?}");
}

/// See [`DatabaseActivity`]: open ones and the limit.
pub async fn connections_are_held_against_their_limit(world: &impl DatabaseWorld) {
    let before = world.database().activity().await.expect("activity").connections;
    let maximum = world.connect(3).await;
    let after = world.database().activity().await.expect("activity").connections;
    let (before, after) = (before.expect("connections"), after.expect("connections"));
    assert!(after.used >= before.used + 3, "{before:?}, {after:?}");
    assert_eq!(after.maximum, maximum);
    assert!(after.reserved < after.maximum);
}

/// The metrics of an instance.
pub trait LoadWorld: Send + Sync {
    /// The source that reads them.
    fn load(&self) -> &dyn DatabaseLoad;
    /// A minute in which things may be measured, and which is over.
    fn minute(&self) -> Timestamp;
    /// Measures the CPU, 0 to 1, and nothing else, in that minute.
    fn measure_cpu(&self, minute: Timestamp, cpu: f64);
}

async fn gauges(world: &impl LoadWorld, from: Timestamp, to: Timestamp) -> DatabaseGauges {
    let now = world.minute() + Duration::from_secs(3600);
    world.load().gauges(Window { from, to }, now).await.expect("gauges")
}

/// See [`DatabaseLoad`]: what is unknown is not zero.
pub async fn a_gauge_that_was_not_measured_is_none(world: &impl LoadWorld) {
    let minute = world.minute();
    let end = minute + Duration::from_secs(60);
    assert_eq!(gauges(world, minute, end).await.cpu, None);
    world.measure_cpu(minute, 0.0);
    let seen = gauges(world, minute, end).await;
    assert_eq!((seen.cpu, seen.free_storage, seen.connections), (Some(0.0), None, None));
}

/// See [`DatabaseLoad`]: the later value wins, and no other time counts.
pub async fn the_gauges_are_the_newest_of_the_window(world: &impl LoadWorld) {
    let minute = |number: u64| world.minute() + Duration::from_secs(number * 60);
    for (number, cpu) in [(1, 0.5), (0, 0.25), (2, 0.75)] {
        world.measure_cpu(minute(number), cpu);
    }
    assert_eq!(gauges(world, minute(0), minute(2)).await.cpu, Some(0.5));
    assert_eq!(gauges(world, minute(0), minute(3)).await.cpu, Some(0.75));
    assert_eq!(gauges(world, minute(3), minute(5)).await.cpu, None);
}
