//! A server in which things are made to happen.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use petswipe_monitor::conformance::diagnosis::DatabaseWorld;
use petswipe_monitor::diagnosis::DatabaseActivity;
use petswipe_monitor::diagnosis::postgres::PostgresActivity;
use tokio_postgres::{Client, NoTls};

use super::server::{DEADLINE, Server};

/// A server, the source that looks into it, and the sessions that are kept open.
pub(crate) struct World {
    open: Mutex<Vec<Client>>,
    pub(crate) source: PostgresActivity,
    /// Somebody who looks whether it is so already.
    watcher: Client,
    pub(crate) server: Server,
    connections: u32,
}

pub(crate) async fn pid(client: &Client) -> i32 {
    client.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0)
}

impl World {
    pub(crate) async fn new(connections: u32) -> Self {
        let server = Server::start(connections).await;
        let config = server.config("postgres");
        let source =
            PostgresActivity::connect(&config, NoTls, Duration::from_secs(10)).await.unwrap();
        let watcher = server.session("postgres").await;
        watcher.batch_execute("create table pets (id int primary key, name text)").await.unwrap();
        watcher.batch_execute("insert into pets values (1, 'Rex')").await.unwrap();
        Self { open: Mutex::default(), source, watcher, server, connections }
    }

    /// A session that is kept.
    pub(crate) fn keep(&self, client: Client) {
        self.open.lock().unwrap().push(client);
    }

    /// Runs a query that takes long in a session of its own, which is kept.
    pub(crate) async fn run(&self, sql: String) -> i32 {
        let client = self.server.session("postgres").await;
        let pid = pid(&client).await;
        tokio::spawn(async move {
            let _ = client.batch_execute(&sql).await;
        });
        pid
    }

    /// Waits until that is so of a session.
    pub(crate) async fn until(&self, pid: i32, condition: &str) {
        let sql = format!("select 1 from pg_stat_activity where pid = {pid} and {condition}");
        let began = Instant::now();
        while self.watcher.query(&sql, &[]).await.unwrap().is_empty() {
            assert!(began.elapsed() < DEADLINE, "{condition} of {pid}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl World {
    /// Waits until an update has got through.
    pub(crate) async fn becomes(&self, name: &str) {
        let began = Instant::now();
        let sql = "select 1 from pets where id = 1 and name = $1";
        while self.watcher.query(sql, &[&name]).await.unwrap().is_empty() {
            assert!(began.elapsed() < DEADLINE, "the pet is not called {name}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until a session is gone.
    pub(crate) async fn ends(&self, pid: i32) {
        let began = Instant::now();
        let sql = "select 1 from pg_stat_activity where pid = $1";
        while !self.watcher.query(sql, &[&pid]).await.unwrap().is_empty() {
            assert!(began.elapsed() < DEADLINE, "session {pid} is still there");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl DatabaseWorld for World {
    fn database(&self) -> &dyn DatabaseActivity {
        &self.source
    }

    async fn block(&self) -> (i32, i32) {
        let holder = self.server.session("postgres").await;
        holder.batch_execute("begin; update pets set name = 'Luna' where id = 1").await.unwrap();
        let holds = pid(&holder).await;
        self.keep(holder);
        let waits = self.run("update pets set name = 'Milo' where id = 1".to_owned()).await;
        self.until(waits, "wait_event_type = 'Lock'").await;
        (waits, holds)
    }

    async fn open_transaction(&self, lasting: Duration) -> i32 {
        let client = self.server.session("postgres").await;
        client.batch_execute("begin; select * from pets").await.unwrap();
        let pid = pid(&client).await;
        self.keep(client);
        let seconds = lasting.as_secs_f64();
        let condition = format!(
            "state = 'idle in transaction' and clock_timestamp() - state_change >= {seconds} * interval '1 s'"
        );
        self.until(pid, &condition).await;
        pid
    }

    async fn query_with(&self, literal: &str) -> i32 {
        let pid = self.run(format!("select pg_sleep(600), '{literal}'")).await;
        self.until(pid, &format!("query like '%{literal}%'")).await;
        pid
    }

    async fn connect(&self, more: u32) -> u32 {
        for _ in 0..more {
            let client = self.server.session("postgres").await;
            self.keep(client);
        }
        self.connections
    }
}
