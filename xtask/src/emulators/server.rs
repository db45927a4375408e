//! One server: a free port, a process that cannot outlive this one, and the wait until it answers.

// Real processes take real time.
#![allow(clippy::disallowed_methods)]

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::workspace;

/// How long a server may take until it answers. Its first start on a busy machine compiles a lot of Python.
const READY: Duration = Duration::from_secs(120);
/// How long it may take to leave.
const LEAVE: Duration = Duration::from_secs(5);
/// How often it is looked at meanwhile.
const TICK: Duration = Duration::from_millis(50);
/// Somebody else may take the port between our look and its start; so often another one is tried.
const TRIES: usize = 3;

/// How a server is started.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// The variable that tells the tests its address.
    pub(super) variable: &'static str,
    /// The Python module that is the program.
    pub(super) module: &'static str,
    pub(super) arguments: fn(port: &str) -> Vec<String>,
    pub(super) environment: fn(port: &str) -> Vec<(&'static str, String)>,
    /// What it answers with 200 once it is ready.
    pub(super) health: &'static str,
}

/// A server that answers, until this is dropped.
pub(super) struct Server {
    kind: &'static Kind,
    child: Child,
    scratch: PathBuf,
    url: String,
}

impl Server {
    /// Starts it with that Python, on a free port of the loopback interface.
    pub(super) fn start(python: &Path, kind: &'static Kind) -> Result<Server, String> {
        let mut why = String::new();
        for _ in 0..TRIES {
            let port = free_port().map_err(|error| format!("no free port: {error}"))?;
            let mut server = Server::spawn(python, kind, port)
                .map_err(|error| format!("{} did not start: {error}", kind.name))?;
            match server.wait(port) {
                Ok(()) => return Ok(server),
                Err(ended) => why = ended,
            }
        }
        Err(why)
    }

    fn spawn(python: &Path, kind: &'static Kind, port: u16) -> io::Result<Server> {
        let scratch = std::env::temp_dir().join(format!(
            "petswipe-{}-{}-{port}",
            kind.name,
            std::process::id()
        ));
        fs::create_dir_all(&scratch)?;
        let log = File::create(scratch.join("log"))?;
        let digits = port.to_string();
        let mut command = Command::new(python);
        command
            .arg("-I")
            .arg(workspace::root().join("xtask/emulators/keeper.py"))
            .arg(&scratch)
            .arg(kind.module)
            .args((kind.arguments)(&digits))
            // Nothing of the person's own settings: no account, no proxy, no Docker.
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", &scratch)
            .env("TMPDIR", &scratch)
            .envs((kind.environment)(&digits))
            .current_dir(&scratch)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log);
        // Ctrl-C is for us; they follow because their standard input closes.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.spawn()?;
        Ok(Server { kind, child, scratch, url: format!("http://127.0.0.1:{port}") })
    }

    /// Waits until it answers; an error when it ends or takes too long.
    fn wait(&mut self, port: u16) -> Result<(), String> {
        let (name, began) = (self.kind.name, Instant::now());
        loop {
            let answers = is_healthy(port, self.kind.health);
            // Asked after the answer: what answers on the port of a server that has ended is somebody else's.
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("{name} ended at once ({status}): {}", self.last_words()));
            }
            if answers {
                return Ok(());
            }
            if began.elapsed() > READY {
                return Err(format!(
                    "{name} did not answer within {} s: {}",
                    READY.as_secs(),
                    self.last_words()
                ));
            }
            thread::sleep(TICK);
        }
    }

    /// The end of its log.
    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.scratch.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    pub(super) fn variable(&self) -> &'static str {
        self.kind.variable
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if began.elapsed() > LEAVE {
                let _ = self.child.kill();
                let _ = self.child.wait();
                break;
            }
            thread::sleep(TICK);
        }
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether a GET of `path` is answered with 200.
fn is_healthy(port: u16, path: &str) -> bool {
    let ask = || -> io::Result<bool> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.set_write_timeout(Some(Duration::from_secs(2)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        let mut line = [0; 12];
        stream.read_exact(&mut line)?;
        Ok(line.starts_with(b"HTTP/1.") && line.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_of_200_is_healthy() {
        for (answer, wanted) in
            [("HTTP/1.1 200 OK\r\n\r\n", true), ("HTTP/1.1 404 No\r\n\r\n", false)]
        {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            let asked = thread::spawn(move || is_healthy(port, "/health"));
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 19];
            stream.read_exact(&mut request).unwrap();
            assert_eq!(&request, b"GET /health HTTP/1.");
            stream.write_all(answer.as_bytes()).unwrap();
            assert_eq!(asked.join().unwrap(), wanted);
        }
        assert!(!is_healthy(free_port().unwrap(), "/health"), "nobody is there");
    }
}
