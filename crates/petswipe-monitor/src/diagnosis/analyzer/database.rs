//! The database: who blocks whom, transactions left open, connections, slow queries, caches, and its instance.
//!
//! Sources: PostgreSQL documentation, "The Cumulative Statistics System" (`pg_stat_activity`, `pg_stat_database`), "Session
//! Information Functions" (`pg_blocking_pids`), "Server Signaling Functions": `pg_cancel_backend` cancels the query of a
//! session, so one that is idle in a transaction can only be ended by `pg_terminate_backend`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::{
    Cause, Command, DatabaseGauges, DatabaseReport, Effect, NextStep, Session, SessionState,
};
use super::limits::{lasting, percent};
use super::{Case, Draft, Evidence};

const SOURCE: &str = "database activity";
/// So few blocks say nothing about a cache.
const FEWEST_BLOCKS: u64 = 10_000;
/// A query that runs for longer is slow for certain: the guide's runbook looks for that. One of
/// [`Limits::slow_query`](super::Limits::slow_query) may be as it should be.
const LONG: Duration = Duration::from_secs(300);
/// A statement that takes longer in the mean is slow.
const SLOW_STATEMENT: Duration = Duration::from_secs(1);

pub(super) fn rules(case: &Case<'_>, drafts: &mut Vec<Draft>) {
    if let Some(report) = case.seen.database.seen() {
        blocked(case, report, drafts);
        idle(case, report, drafts);
        connections(case, report, drafts);
        slow(case, report, drafts);
        cache(case, report, drafts);
    }
    if let Some(gauges) = case.seen.database_load.seen() {
        instance(case, gauges, drafts);
    }
}

fn query(case: &Case<'_>, sql: impl Into<String>, effect: Effect) -> Command {
    case.command(NextStep::Query { sql: sql.into(), effect })
}

/// Ends a transaction, if its session is still idle in one: by the time somebody types that it may serve another client.
fn terminate(case: &Case<'_>, pid: i32) -> Command {
    let sql = format!(
        "select pid, pg_terminate_backend(pid) from pg_stat_activity where pid = {pid} and state like $$idle in transaction%$$"
    );
    query(case, sql, Effect::EndsWork)
}

/// What a session is that can't be seen well enough to be ended.
fn look_at(case: &Case<'_>, pid: i32) -> Command {
    let sql = format!(
        "select pid, backend_type, usename, application_name, state, query_start, left(query, 200) from pg_stat_activity where pid = {pid}"
    );
    query(case, sql, Effect::Reads)
}

/// A session in a line.
fn shown(session: &Session) -> String {
    let mut text = format!("pid {}", session.pid);
    for (name, value) in [("user", &session.user), ("application", &session.application)] {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            text.push_str(&format!(", {name} {value}"));
        }
    }
    let (state, since) = match session.state {
        SessionState::Active => ("active", session.query_for),
        SessionState::Idle => ("idle", session.state_for),
        SessionState::IdleInTransaction => ("idle in transaction", session.state_for),
        SessionState::Hidden => ("hidden from this role", None),
    };
    text.push_str(&format!(", {state}"));
    if let Some(since) = since {
        text.push_str(&format!(" for {}", lasting(since)));
    }
    if let Some(query) = &session.query {
        text.push_str(&format!(": {query}"));
    }
    text
}

/// Sessions that wait, by the one at the end of the chain that waits for nobody.
fn blocked(case: &Case<'_>, report: &DatabaseReport, drafts: &mut Vec<Draft>) {
    let by_pid: BTreeMap<i32, &Session> =
        report.sessions.iter().map(|session| (session.pid, session)).collect();
    let root = |session: &Session| {
        let mut at = session.blocked_by.first().copied()?;
        // A circle is a deadlock, which the database ends by itself.
        for _ in 0..=by_pid.len() {
            match by_pid.get(&at).and_then(|held| held.blocked_by.first()) {
                Some(next) => at = *next,
                None => return Some(at),
            }
        }
        Some(at)
    };
    let mut waiting: BTreeMap<i32, Vec<&Session>> = BTreeMap::new();
    for session in &report.sessions {
        // Of a session that this role can't see it is not known since when it waits, but only that it does.
        let since = session.query_for.or(session.state_for);
        let long = since.is_none_or(|since| since >= case.limits.blocked);
        if let Some(root) = root(session).filter(|_| long) {
            waiting.entry(root).or_default().push(session);
        }
    }
    for (root, mut sessions) in waiting {
        sessions.sort_by_key(|session| std::cmp::Reverse(session.query_for));
        let longest = sessions.first().and_then(|session| session.query_for);
        let longest = longest.map_or("for a time that is hidden".to_owned(), |longest| {
            format!("up to {}", lasting(longest))
        });
        let holder = by_pid.get(&root);
        let mut evidence: Vec<_> = sessions
            .iter()
            .take(4)
            .map(|session| {
                let by: Vec<_> = session.blocked_by.iter().map(ToString::to_string).collect();
                let lock = session.waits_for.as_deref().unwrap_or("a lock");
                Evidence::new(
                    SOURCE,
                    format!("waits for {lock} of pid {}: {}", by.join(", "), shown(session)),
                )
            })
            .collect();
        if let Some(holder) = holder {
            evidence.push(Evidence::new(SOURCE, format!("holds it: {}", shown(holder))));
        }
        let next = match holder.map(|holder| holder.state) {
            _ if root == 0 => query(
                case,
                "select gid, prepared, owner, database from pg_prepared_xacts order by prepared",
                Effect::Reads,
            ),
            Some(SessionState::Active) => {
                let sql = format!(
                    "select pid, pg_cancel_backend(pid) from pg_stat_activity where pid = {root} and state = $$active$$"
                );
                query(case, sql, Effect::EndsWork)
            }
            Some(SessionState::IdleInTransaction) => terminate(case, root),
            // Perhaps it is no client at all, but vacuums, or replicates.
            _ => look_at(case, root),
        };
        let who = match root {
            0 => "a prepared transaction".to_owned(),
            pid => match holder.map(|holder| holder.state) {
                Some(SessionState::IdleInTransaction) => {
                    format!("pid {pid}, which is idle in its transaction")
                }
                _ => format!("pid {pid}"),
            },
        };
        drafts.push(Draft {
            cause: Cause::DatabaseBlocked,
            environment: None,
            summary: format!("{} sessions wait for {who}, {longest}", sessions.len()),
            confidence: 96,
            why: "the database says who waits for whom",
            evidence,
            next,
        });
    }
}

fn idle(case: &Case<'_>, report: &DatabaseReport, drafts: &mut Vec<Draft>) {
    let open = |session: &&Session| {
        session.state == SessionState::IdleInTransaction
            && session.state_for.unwrap_or_default() >= case.limits.idle_in_transaction
    };
    let mut open: Vec<_> = report.sessions.iter().filter(open).collect();
    open.sort_by_key(|session| std::cmp::Reverse(session.state_for));
    let Some(oldest) = open.first() else { return };
    drafts.push(Draft {
        cause: Cause::DatabaseIdleInTransaction,
        environment: None,
        summary: format!(
            "{} transactions are open without a query, the longest for {}: they hold locks and keep dead rows",
            open.len(),
            lasting(oldest.state_for.unwrap_or_default())
        ),
        confidence: 78,
        why: "the database says so; whether anybody suffers from it is another matter",
        evidence: open.iter().take(4).map(|session| Evidence::new(SOURCE, shown(session))).collect(),
        next: terminate(case, oldest.pid),
    });
}

fn connections(case: &Case<'_>, report: &DatabaseReport, drafts: &mut Vec<Draft>) {
    let who = "select usename, application_name, state, count(*) from pg_stat_activity group by 1, 2, 3 order by 4 desc";
    if let Some(refusal) = &report.refuses {
        drafts.push(Draft {
            cause: Cause::DatabaseConnections,
            environment: None,
            summary: "the database takes no more connections; a superuser may still get in by those kept back".to_owned(),
            confidence: 98,
            why: "it refused ours for that",
            evidence: vec![Evidence::new(SOURCE, refusal.as_str())],
            next: query(case, who, Effect::Reads),
        });
        return;
    }
    let Some(connections) = report.connections else { return };
    let share = connections.share().unwrap_or(1.0);
    if share < case.limits.connections {
        return;
    }
    let usable = connections.maximum.saturating_sub(connections.reserved);
    let states = report.by_state();
    let idle = states.get(&SessionState::Idle).copied().unwrap_or_default();
    let mut evidence = vec![Evidence::new(
        SOURCE,
        format!(
            "{} connections, max_connections {}, {} of them kept back for superusers",
            connections.used, connections.maximum, connections.reserved
        ),
    )];
    let mut by_application: BTreeMap<&str, usize> = BTreeMap::new();
    for session in &report.sessions {
        let name = session.application.as_deref().filter(|name| !name.is_empty());
        *by_application.entry(name.unwrap_or("without a name")).or_default() += 1;
    }
    let mut by_application: Vec<_> = by_application.into_iter().collect();
    by_application.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    for (name, count) in by_application.into_iter().take(3) {
        evidence.push(Evidence::new(SOURCE, format!("{count} of the application {name}")));
    }
    let hidden = states.get(&SessionState::Hidden).copied().unwrap_or_default();
    evidence.push(Evidence::new(
        SOURCE,
        match hidden {
            0 => format!("{idle} of them are idle"),
            hidden => {
                format!("{idle} of them are idle, and of {hidden} it is hidden from this role")
            }
        },
    ));
    drafts.push(Draft {
        cause: Cause::DatabaseConnections,
        environment: None,
        summary: format!(
            "{} of {usable} connections are in use ({}): close idle ones, use smaller pools or a pooler",
            connections.used,
            percent(share)
        ),
        confidence: if share >= 0.95 { 95 } else { 79 },
        why: "the database counts them",
        evidence,
        next: query(case, who, Effect::Reads),
    });
}

fn slow(case: &Case<'_>, report: &DatabaseReport, drafts: &mut Vec<Draft>) {
    // What waits for a lock is not slow but blocked.
    let running = |session: &&Session| {
        session.state == SessionState::Active
            && session.blocked_by.is_empty()
            && session.query_for.unwrap_or_default() >= case.limits.slow_query
    };
    let mut running: Vec<_> = report.sessions.iter().filter(running).collect();
    running.sort_by_key(|session| std::cmp::Reverse(session.query_for));
    let mut evidence: Vec<_> =
        running.iter().take(4).map(|session| Evidence::new(SOURCE, shown(session))).collect();
    let statements = report.statements.iter().flatten().filter(|one| one.mean >= SLOW_STATEMENT);
    evidence.extend(statements.take(3).map(|one| {
        let text =
            format!("{} in the mean over {} calls: {}", lasting(one.mean), one.calls, one.query);
        Evidence::new("pg_stat_statements", text)
    }));
    let (summary, confidence, why, next) = match running.first() {
        Some(longest) => (
            format!(
                "{} queries run for long, the longest for {}: pg_cancel_backend({}) ends that one, unless it is a backup or a \
                 migration",
                running.len(),
                lasting(longest.query_for.unwrap_or_default()),
                longest.pid
            ),
            if longest.query_for.unwrap_or_default() >= LONG { 88 } else { 66 },
            "the database says that they run, and wait for no lock",
            query(
                case,
                "select pid, usename, application_name, now() - query_start as runs_for, wait_event, left(query, 200) from pg_stat_activity where state = $$active$$ and pid <> pg_backend_pid() order by query_start limit 10",
                Effect::Reads,
            ),
        ),
        None if !evidence.is_empty() => (
            "there are statements that take long in the mean".to_owned(),
            48,
            "they were slow at some time since the statistics were reset",
            query(
                case,
                "select calls, mean_exec_time, query from pg_stat_statements order by total_exec_time desc limit 10",
                Effect::Reads,
            ),
        ),
        None => return,
    };
    let cause = Cause::DatabaseSlowQuery;
    drafts.push(Draft { cause, environment: None, summary, confidence, why, evidence, next });
}

fn cache(case: &Case<'_>, report: &DatabaseReport, drafts: &mut Vec<Draft>) {
    let enough =
        |cache: &super::super::CacheUse| cache.hit.saturating_add(cache.read) >= FEWEST_BLOCKS;
    let Some(cache) = report.cache.filter(enough) else { return };
    let Some(share) = cache.share().filter(|share| *share < case.limits.cache) else { return };
    drafts.push(Draft {
        cause: Cause::DatabaseCache,
        environment: None,
        summary: format!("only {} of the blocks were in the cache: missing indexes, or too little memory", percent(share)),
        confidence: 52,
        why: "it is the mean since the statistics were reset, not that of now",
        evidence: vec![Evidence::new(SOURCE, format!("{} blocks found, {} read", cache.hit, cache.read))],
        next: query(
            case,
            "select relname, heap_blks_read, heap_blks_hit, seq_scan from pg_statio_user_tables join pg_stat_user_tables using (relid, relname) order by heap_blks_read desc limit 10",
            Effect::Reads,
        ),
    });
}

fn instance(case: &Case<'_>, gauges: &DatabaseGauges, drafts: &mut Vec<Draft>) {
    let source = "database metrics";
    let next = || {
        case.command(NextStep::ShowDatabaseLoad {
            instance: gauges.instance.clone(),
            metric: "FreeStorageSpace".to_owned(),
            window: case.seen.scope.window,
        })
    };
    if let Some(cpu) = gauges.cpu.filter(|cpu| *cpu > case.limits.cpu) {
        drafts.push(Draft {
            cause: Cause::DatabaseCpu,
            environment: None,
            summary: format!("{} uses {} of its CPU: look for slow or frequent queries", gauges.instance, percent(cpu)),
            confidence: 85,
            why: "it was measured",
            evidence: vec![Evidence::new(source, format!("CPU use {}", percent(cpu)))],
            next: query(
                case,
                "select pid, now() - query_start as runs_for, state, left(query, 100) from pg_stat_activity where state = 'active' order by 2 desc",
                Effect::Reads,
            ),
        });
    }
    if let Some(free) = gauges.free_storage.filter(|free| *free < case.limits.free_storage) {
        drafts.push(Draft {
            cause: Cause::DatabaseStorage,
            environment: None,
            summary: format!(
                "{} has {:.2} GiB of storage left",
                gauges.instance,
                free / 1024.0_f64.powi(3)
            ),
            confidence: 87,
            why: "it was measured; without storage it stops",
            evidence: vec![Evidence::new(source, format!("{free:.0} bytes of storage are free"))],
            next: next(),
        });
    }
}
