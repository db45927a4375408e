//! What happens in a PostgreSQL database, by SQL that only reads.
//!
//! It works for any role and says what a weaker one than `pg_monitor` can't see. Every statement has a time limit, and the
//! session is read only.
//!
//! Sources: PostgreSQL documentation, "The Cumulative Statistics System", "System Information Functions",
//! "Predefined Roles" (`pg_monitor`, `pg_read_all_stats`), "pg_stat_statements", "PostgreSQL Error Codes".

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Row, Socket};

#[cfg(feature = "postgres-tls")]
mod tls;
#[cfg(feature = "postgres-tls")]
pub use tls::{Encrypted, Handshake, Tls};

use super::{
    CacheUse, Connections, DatabaseActivity, DatabaseReport, Redacted, Session, SessionState,
    StatementUse,
};
use crate::Error;

/// Rows of other roles have no state and no kind; of those that have one, only clients' sessions count.
/// `pg_blocking_pids` takes the lock manager's locks for a moment, so it is asked only about who waits.
const SESSIONS: &str = "\
    select pid, usename::text, datname::text, application_name, state, left(query, 2000), \
        extract(epoch from clock_timestamp() - query_start)::float8, \
        extract(epoch from clock_timestamp() - xact_start)::float8, \
        extract(epoch from clock_timestamp() - state_change)::float8, \
        wait_event_type || ': ' || wait_event, \
        case when wait_event_type = 'Lock' or state is null then pg_blocking_pids(pid) else '{}' end \
    from pg_stat_activity \
    where datid is not null and coalesce(backend_type, 'client backend') = 'client backend' \
        and pid <> pg_backend_pid() \
    order by query_start nulls last \
    limit 1000";

const CONNECTIONS: &str = "\
    select (select count(*) from pg_stat_activity \
            where datid is not null and coalesce(backend_type, 'client backend') = 'client backend'), \
        current_setting('max_connections')::int, \
        current_setting('superuser_reserved_connections')::int \
            + coalesce(nullif(current_setting('reserved_connections', true), '')::int, 0), \
        current_user::text";

const CACHE: &str =
    "select blks_hit, blks_read from pg_stat_database where datname = current_database()";

const EXTENSION: &str = "\
    select quote_ident(n.nspname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace \
    where e.extname = 'pg_stat_statements'";

/// A PostgreSQL database, looked into over a connection of its own.
///
/// # A caller's connection, or one made here
///
/// [`new`](Self::new) takes a client that the caller connected, with whatever TLS it wants; Amazon RDS asks for TLS unless it
/// is told otherwise. [`connect`](Self::connect) connects by a configuration, with TLS by `Tls` of the feature `postgres-tls`. Settings are made for the session, so the
/// connection must not go through a pooler that shares sessions between transactions.
pub struct PostgresActivity(Link);

enum Link {
    Open(Client),
    /// It takes no more connections, in its own words: that is an answer, too.
    Full(Redacted),
}

impl fmt::Debug for PostgresActivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresActivity")
    }
}

impl PostgresActivity {
    /// Looks through that client. Its session becomes read only, and no statement of it may take longer than `limit`
    /// (1 ms to an hour).
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for another limit, or that the session can't be set up so.
    pub async fn new(client: Client, limit: Duration) -> Result<Self, Error> {
        let millis = limit.as_millis();
        if !(1..=3_600_000).contains(&millis) {
            return Err(Error::invalid("statement limit", format!("{limit:?}"), "1 ms to 1 h"));
        }
        let settings = format!(
            "set application_name = 'petswipe diagnosis'; set statement_timeout = {millis}; \
             set lock_timeout = {millis}; set default_transaction_read_only = on"
        );
        client
            .batch_execute(&settings)
            .await
            .map_err(|why| failed("the session's settings", why))?;
        Ok(Self(Link::Open(client)))
    }

    /// Connects, and looks through that. A server that takes no more connections is no error: it is what
    /// [`activity`](DatabaseActivity::activity) tells then.
    ///
    /// # Errors
    /// [`Error::Denied`] for a wrong password or role, and that it can't be reached.
    pub async fn connect<T>(config: &Config, tls: T, limit: Duration) -> Result<Self, Error>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
    {
        let connected = tokio::time::timeout(limit, config.connect(tls)).await;
        let late = || Error::TimedOut { source_name: "PostgreSQL".to_owned(), waited: limit };
        match connected.map_err(|_| late())? {
            Ok((client, connection)) => {
                // It ends when the client is dropped.
                tokio::spawn(async move {
                    let _ = connection.await;
                });
                Self::new(client, limit).await
            }
            Err(error) if error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) => {
                let said = error.as_db_error().map_or("", |said| said.message());
                Ok(Self(Link::Full(Redacted::line(said))))
            }
            Err(error) => Err(failed("connecting to PostgreSQL", error)),
        }
    }
}

/// The message of a server may repeat a value, so it is not shown as it is.
fn failed(operation: &str, error: tokio_postgres::Error) -> Error {
    let said = error.as_db_error().map(|said| Redacted::query(said.message()).to_string());
    let denied = error.code().is_some_and(|code| {
        [
            &SqlState::INSUFFICIENT_PRIVILEGE,
            &SqlState::INVALID_PASSWORD,
            &SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        ]
        .contains(&code)
    });
    match (denied, said) {
        (true, Some(said)) => {
            Error::Denied { operation: operation.to_owned(), source: said.into() }
        }
        (_, Some(said)) => Error::backend(operation, said),
        (_, None) => Error::backend(operation, error),
    }
}

fn text(row: &Row, column: usize) -> Option<String> {
    row.try_get::<_, Option<String>>(column).ok().flatten()
}

fn seconds(row: &Row, column: usize) -> Option<Duration> {
    let seconds = row.try_get::<_, Option<f64>>(column).ok().flatten()?;
    Duration::try_from_secs_f64(seconds.max(0.0)).ok()
}

fn session(row: &Row) -> Result<Session, tokio_postgres::Error> {
    let state = match text(row, 4).as_deref() {
        None => SessionState::Hidden,
        Some("idle") => SessionState::Idle,
        Some(state) if state.starts_with("idle in transaction") => SessionState::IdleInTransaction,
        Some(_) => SessionState::Active,
    };
    let visible = state != SessionState::Hidden;
    let query = text(row, 5).filter(|query| visible && !query.is_empty());
    Ok(Session {
        pid: row.try_get(0)?,
        user: text(row, 1),
        database: text(row, 2),
        application: text(row, 3),
        state,
        query: query.map(Redacted::query),
        query_for: seconds(row, 6),
        transaction_for: seconds(row, 7),
        state_for: seconds(row, 8),
        waits_for: text(row, 9),
        blocked_by: row.try_get(10)?,
    })
}

#[async_trait]
impl DatabaseActivity for PostgresActivity {
    async fn activity(&self) -> Result<DatabaseReport, Error> {
        let client = match &self.0 {
            Link::Open(client) => client,
            Link::Full(said) => {
                let refuses = Some(said.clone());
                return Ok(DatabaseReport { refuses, ..DatabaseReport::default() });
            }
        };
        let of_sessions = |why| failed("pg_stat_activity", why);
        let rows = client.query(SESSIONS, &[]).await.map_err(of_sessions)?;
        let sessions: Result<Vec<_>, _> = rows.iter().map(session).collect();
        let sessions = sessions.map_err(of_sessions)?;
        let row = client.query_one(CONNECTIONS, &[]).await.map_err(of_sessions)?;
        let count = |column| row.try_get::<_, i32>(column).map_err(of_sessions);
        let used: i64 = row.try_get(0).map_err(of_sessions)?;
        let connections = Connections {
            used: u32::try_from(used).unwrap_or_default(),
            maximum: u32::try_from(count(1)?).unwrap_or_default(),
            reserved: u32::try_from(count(2)?).unwrap_or_default(),
        };
        let role = text(&row, 3).unwrap_or_default();
        let mut hidden = Vec::new();
        let unseen = sessions.iter().filter(|one| one.state == SessionState::Hidden).count();
        if unseen > 0 {
            hidden.push(format!(
                "{unseen} of {} sessions are of other roles, and {role} may not see what they do: grant pg_monitor to it",
                sessions.len()
            ));
        }
        let cache = cache(client, &mut hidden).await;
        let statements = statements(client, &mut hidden).await;
        let connections = Some(connections);
        Ok(DatabaseReport { refuses: None, sessions, connections, cache, statements, hidden })
    }
}

/// Without it there is still the rest.
async fn cache(client: &Client, hidden: &mut Vec<String>) -> Option<CacheUse> {
    match client.query_opt(CACHE, &[]).await {
        Ok(row) => {
            let row = row?;
            let count = |column| u64::try_from(row.try_get::<_, i64>(column).ok()?).ok();
            Some(CacheUse { hit: count(0)?, read: count(1)? })
        }
        Err(why) => {
            hidden.push(crate::explain(&failed("pg_stat_database", why)));
            None
        }
    }
}

/// Without the extension there is nothing to see, and that is no fault.
async fn statements(client: &Client, hidden: &mut Vec<String>) -> Option<Vec<StatementUse>> {
    let found = async {
        let Some(row) = client.query_opt(EXTENSION, &[]).await? else { return Ok(None) };
        let schema: String = row.try_get(0)?;
        let sql = format!(
            "select query, calls, mean_exec_time from {schema}.pg_stat_statements \
             where dbid = (select oid from pg_database where datname = current_database()) \
             order by total_exec_time desc limit 10"
        );
        client.query(&sql, &[]).await.map(Some)
    };
    match found.await {
        Ok(rows) => {
            let statement = |row: &Row| {
                let mean: f64 = row.try_get(2).ok()?;
                Some(StatementUse {
                    query: Redacted::query(text(row, 0)?),
                    calls: u64::try_from(row.try_get::<_, i64>(1).ok()?).ok()?,
                    mean: Duration::try_from_secs_f64(mean / 1000.0).ok()?,
                })
            };
            rows.map(|rows| rows.iter().filter_map(statement).collect())
        }
        Err(why) => {
            hidden.push(crate::explain(&failed("pg_stat_statements", why)));
            None
        }
    }
}
