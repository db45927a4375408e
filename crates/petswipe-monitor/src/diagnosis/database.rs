//! What a database tells about itself: sessions, who blocks whom, connections, caches.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Redacted;

/// What a session does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SessionState {
    /// It runs a query.
    Active,
    /// It waits for its client.
    Idle,
    /// It waits for its client within a transaction, whose locks it holds.
    IdleInTransaction,
    /// The role that asked may not see it.
    Hidden,
}

/// A session of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The process that serves it.
    pub pid: i32,
    /// Who is logged in.
    pub user: Option<String>,
    /// Its database.
    pub database: Option<String>,
    /// What its client calls itself.
    pub application: Option<String>,
    /// What it does.
    pub state: SessionState,
    /// Its newest query without values, shortened.
    pub query: Option<Redacted>,
    /// Since when that query began.
    pub query_for: Option<Duration>,
    /// Since when its transaction began.
    pub transaction_for: Option<Duration>,
    /// Since when its state is that.
    pub state_for: Option<Duration>,
    /// What it waits for, such as `Lock: transactionid`.
    pub waits_for: Option<String>,
    /// Who holds the lock it waits for. 0 is a prepared transaction.
    pub blocked_by: Vec<i32>,
}

/// Connections, and how many there may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    /// Those of clients that are open.
    pub used: u32,
    /// `max_connections`.
    pub maximum: u32,
    /// Of these kept back for superusers.
    pub reserved: u32,
}

impl Connections {
    /// How much of what ordinary clients may have is used, from 0 to 1 and above where superusers have their own.
    /// `None` where nothing may be had.
    pub fn share(&self) -> Option<f64> {
        let usable = self.maximum.checked_sub(self.reserved).filter(|usable| *usable > 0)?;
        Some(f64::from(self.used) / f64::from(usable))
    }
}

/// Blocks that were read since the statistics were reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheUse {
    /// Found in shared buffers.
    pub hit: u64,
    /// Read from the operating system.
    pub read: u64,
}

impl CacheUse {
    /// The share that was found, 0 to 1. `None` before any was looked for.
    pub fn share(&self) -> Option<f64> {
        let all = self.hit.saturating_add(self.read);
        (all > 0).then(|| self.hit as f64 / all as f64)
    }
}

/// A kind of statement, and how long it takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatementUse {
    /// It, without values.
    pub query: Redacted,
    /// How often it ran.
    pub calls: u64,
    /// How long it takes in the mean.
    pub mean: Duration,
}

/// What a database does at the moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DatabaseReport {
    /// That it takes no more connections, in its own words. Then nothing else is known.
    pub refuses: Option<Redacted>,
    /// The sessions of clients, but for the one that asked.
    pub sessions: Vec<Session>,
    /// `None` where it is not known.
    pub connections: Option<Connections>,
    /// Of the database that was asked; `None` where it is not known.
    pub cache: Option<CacheUse>,
    /// Those that took longest in all, where statements are counted.
    pub statements: Option<Vec<StatementUse>>,
    /// What could not be seen, and what would be needed.
    pub hidden: Vec<String>,
}

impl DatabaseReport {
    /// How many sessions do what.
    pub fn by_state(&self) -> BTreeMap<SessionState, usize> {
        let mut states = BTreeMap::new();
        for session in &self.sessions {
            *states.entry(session.state).or_default() += 1;
        }
        states
    }
}

/// How full a database instance is, by the metrics of its platform.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DatabaseGauges {
    /// The instance.
    pub instance: String,
    /// Use of its CPU, 0 to 1.
    pub cpu: Option<f64>,
    /// Bytes of storage that are free.
    pub free_storage: Option<f64>,
    /// Bytes of memory that are free.
    pub free_memory: Option<f64>,
    /// Open connections.
    pub connections: Option<f64>,
}

impl DatabaseGauges {
    /// Whether nothing was measured.
    pub fn is_blank(&self) -> bool {
        let all = [self.cpu, self.free_storage, self.free_memory, self.connections];
        all.iter().all(Option::is_none)
    }
}
