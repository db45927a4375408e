//! A PostgreSQL server on a socket in a directory of its own.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls};

/// How long a server or a condition may take on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A running server; it ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    directory: TempDir,
    port: u16,
}

fn programs() -> PathBuf {
    let named = std::env::var_os("PETSWIPE_POSTGRES");
    let how =
        "PETSWIPE_POSTGRES names no directory with initdb and postgres; `cargo xtask test` sets it";
    named.map(PathBuf::from).expect(how)
}

/// A command of the server's. It refuses to be root, so root becomes somebody else for it.
fn command(name: &str, directory: &Path) -> Command {
    let program = programs().join(name);
    let mut command = if geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn id(kind: &str) -> u32 {
    let output = Command::new("id").args([kind, "postgres"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().expect("there is no user postgres")
}

/// A port that nobody has at the moment. Should somebody take it first, the server says so and the test fails.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

impl Server {
    /// Starts one that takes so many connections, 3 of them only of superusers.
    pub(crate) async fn start(connections: u32) -> Self {
        Self::with(connections, None, None).await
    }

    /// The same on a port of `localhost`, too.
    pub(crate) async fn on_a_port(connections: u32) -> Self {
        Self::with(connections, Some(free_port()), None).await
    }

    /// The same with TLS, by `server.pem` and `server.key` in a directory.
    pub(crate) async fn with_certificates(connections: u32, from: &Path) -> Self {
        Self::with(connections, Some(free_port()), Some(from)).await
    }

    async fn with(connections: u32, port: Option<u16>, certificates: Option<&Path>) -> Self {
        let directory = tempfile::Builder::new().prefix("petswipe-pg-").tempdir().unwrap();
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o700)).unwrap();
        if geteuid().is_root() {
            chown(directory.path(), Some(id("-u")), Some(id("-g"))).unwrap();
        }
        let data = directory.path().join("data");
        let made = command("initdb", directory.path())
            .args([
                "--username=postgres",
                "--auth=trust",
                "--no-sync",
                "--encoding=UTF8",
                "--locale=C",
            ])
            .arg("--pgdata")
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut more = Vec::new();
        for name in certificates.iter().flat_map(|_| ["server.pem", "server.key"]) {
            let copy = directory.path().join(name);
            std::fs::copy(certificates.unwrap().join(name), &copy).unwrap();
            std::fs::set_permissions(&copy, PermissionsExt::from_mode(0o600)).unwrap();
            if geteuid().is_root() {
                chown(&copy, Some(id("-u")), Some(id("-g"))).unwrap();
            }
            let kind = if name.ends_with("pem") { "cert" } else { "key" };
            more.extend(["-c".to_owned(), format!("ssl_{kind}_file={}", copy.display())]);
        }
        if certificates.is_some() {
            more.extend(["-c", "ssl=on"].map(str::to_owned));
        }
        let addresses = if port.is_some() { "localhost" } else { "" };
        let port = port.unwrap_or(5432);
        let child = command("postgres", directory.path())
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(directory.path())
            .args(["-c", "fsync=off", "-c", "autovacuum=off", "-c", &format!("port={port}")])
            .args(["-c", &format!("listen_addresses={addresses}")])
            .args(more)
            .args(["-c", "shared_buffers=8MB", "-c", "superuser_reserved_connections=3"])
            .args(["-c", &format!("max_connections={connections}"), "-c", "max_wal_senders=0"])
            .args(["-c", "wal_level=minimal"])
            .stderr(std::fs::File::create(directory.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let server = Self { child, directory, port };
        let began = Instant::now();
        while server.config("postgres").connect(NoTls).await.is_err() {
            let log = std::fs::read_to_string(server.directory.path().join("log"));
            assert!(began.elapsed() < DEADLINE, "{}", log.unwrap_or_default());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server
    }

    /// How to connect as that role.
    pub(crate) fn config(&self, role: &str) -> Config {
        let mut config = Config::new();
        config.host_path(self.directory.path()).port(self.port).user(role).dbname("postgres");
        config
    }

    /// The same by its port, under that name.
    pub(crate) fn config_by_port(&self, role: &str, host: &str) -> Config {
        let mut config = Config::new();
        config.host(host).port(self.port).user(role).dbname("postgres");
        config
    }

    /// A new session of that role.
    pub(crate) async fn session(&self, role: &str) -> Client {
        let (client, connection) = self.config(role).connect(NoTls).await.unwrap();
        tokio::spawn(async move {
            let _ = connection.await;
        });
        client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // At once, with all sessions.
        let process = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(process) = process {
            let _ = kill_process(process, Signal::QUIT);
        }
        let _ = self.child.wait();
    }
}
