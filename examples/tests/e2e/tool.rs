//! The examples as programs that end with their test.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::SemaphorePermit;
use tokio::task::JoinHandle;

use super::cloud::CloudProcess;
use super::support::*;

/// How long a program may run.
const LONGEST: Duration = Duration::from_secs(150);

/// An example that is about to be run.
pub(crate) struct Tool {
    name: String,
    directory: PathBuf,
    command: Command,
    own_cloud: bool,
}

impl Tool {
    /// The example of that name in that directory, in an environment with nothing in it.
    pub(crate) fn new(name: &str, directory: &TempDir) -> Self {
        Self::of(Command::new(program(name)), name, directory)
    }

    /// A command as an example prints it, in a shell whose cargo runs the examples that are built.
    pub(crate) fn shell(command: &str, directory: &TempDir) -> Self {
        let mut shell = Command::new("sh");
        let examples = program("canary");
        let cargo = r#"cargo() { name=$3; shift 4; exec "$0/$name" "$@" "#;
        shell.arg("-c").arg(format!("{cargo}; }}; {command}")).arg(examples.parent().unwrap());
        Self::of(shell, command, directory)
    }

    /// The same, with its files limited to `blocks` of 512 bytes; a longer write fails as on a full disk.
    pub(crate) fn on_small_disk(name: &str, directory: &TempDir, blocks: u32) -> Self {
        Self::after(&format!("trap '' XFSZ; ulimit -f {blocks}"), name, directory)
    }

    /// The same, started as `nohup` does.
    pub(crate) fn with_nohup(name: &str, directory: &TempDir) -> Self {
        Self::after("trap '' HUP", name, directory)
    }

    fn after(preparation: &str, name: &str, directory: &TempDir) -> Self {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{preparation}; exec \"$0\" \"$@\"")).arg(program(name));
        Self::of(shell, name, directory)
    }

    fn of(mut command: Command, name: &str, directory: &TempDir) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).current_dir(directory.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        let directory = directory.path().to_owned();
        Self { name: name.to_owned(), directory, command, own_cloud: true }
    }

    /// Acts upon that cloud, and not on one of its own.
    pub(crate) fn on(mut self, cloud: &CloudProcess) -> Self {
        self.own_cloud = false;
        self.env("PETSWIPE_CLOUD", &cloud.url)
    }

    /// Does not get as far as starting a cloud, so it needs no room for one.
    pub(crate) fn without_cloud(mut self) -> Self {
        self.own_cloud = false;
        self
    }

    pub(crate) fn args<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it.
    pub(crate) async fn start(mut self) -> Running {
        let permit = match self.own_cloud {
            true => Some(room().await),
            false => None,
        };
        let mut child = self.command.spawn().unwrap();
        let stdout = Heard::new(child.stdout.take().unwrap());
        let stderr = Heard::new(child.stderr.take().unwrap());
        let (name, directory, started) = (self.name, self.directory, Instant::now());
        Running { name, directory, child, stdout, stderr, started, _permit: permit }
    }

    /// Runs it to its end.
    pub(crate) async fn run(self) -> Done {
        self.start().await.end().await
    }
}

/// What a stream has said so far.
struct Heard {
    text: Arc<Mutex<Vec<u8>>>,
    reading: JoinHandle<()>,
}

impl Heard {
    fn new(mut stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&text);
        let reading = tokio::spawn(async move {
            let mut part = [0; 8192];
            while let Ok(length @ 1..) = stream.read(&mut part).await {
                into.lock().unwrap_or_else(PoisonError::into_inner).extend(&part[..length]);
            }
        });
        Self { text, reading }
    }

    fn so_far(&self) -> String {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// All of it. Who holds the other end has ended; a process that it left behind must not keep us.
    async fn all(self) -> String {
        let _ = tokio::time::timeout(Duration::from_secs(20), self.reading).await;
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// An example that runs. It is killed when this is dropped, also by a panic.
pub(crate) struct Running {
    name: String,
    directory: PathBuf,
    child: Child,
    stdout: Heard,
    stderr: Heard,
    started: Instant,
    _permit: Option<SemaphorePermit<'static>>,
}

impl Running {
    pub(crate) fn id(&self) -> i32 {
        self.child.id().unwrap().try_into().unwrap()
    }

    /// Sends it a signal, unless it has ended.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(id) = self.child.id().and_then(|id| Pid::from_raw(id.try_into().unwrap())) {
            kill_process(id, signal).unwrap();
        }
    }

    /// Closes its stdout and stderr, as `| head` does once it has seen enough.
    pub(crate) fn is_left_alone(&self) {
        self.stdout.reading.abort();
        self.stderr.reading.abort();
    }

    /// Kills it, unless it has ended, and waits until it is gone.
    pub(crate) async fn kill(mut self) -> Done {
        let _ = self.child.start_kill();
        self.end().await
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until it has said that on stderr.
    pub(crate) async fn says(&mut self, words: &str) {
        let began = Instant::now();
        while !self.stderr.so_far().contains(words) {
            let heard = self.stderr.so_far();
            assert!(!self.has_ended(), "{} ended without saying {words:?}:\n{heard}", self.name);
            assert!(began.elapsed() < DEADLINE, "{} never said {words:?}:\n{heard}", self.name);
            tokio::time::sleep(TICK).await;
        }
    }

    /// Waits until its journal holds so many records or it has ended, whichever is first.
    pub(crate) async fn writes(&mut self, journal: &Path, count: usize) {
        let began = Instant::now();
        while records(journal) < count && !self.has_ended() {
            assert!(began.elapsed() < DEADLINE, "{} never wrote {count} records", self.name);
            tokio::time::sleep(TICK).await;
        }
    }

    /// Waits for its end, and looks for secrets in all that it left.
    pub(crate) async fn end(mut self) -> Done {
        let Ok(status) = tokio::time::timeout(LONGEST, self.child.wait()).await else {
            let heard = format!("{}\n{}", self.stdout.so_far(), self.stderr.so_far());
            panic!("{} did not end within {LONGEST:?}:\n{heard}", self.name);
        };
        let took = self.started.elapsed();
        let (stdout, stderr) = (self.stdout.all().await, self.stderr.all().await);
        let code = status.unwrap().code();
        let done = Done { name: self.name, code, stdout, stderr, took };
        assert!(!has_secret(&done.stdout) && !has_secret(&done.stderr), "a secret in {done}");
        no_secret_in(&self.directory);
        done
    }
}

/// An example that has ended.
pub(crate) struct Done {
    name: String,
    /// The exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Done {
    /// The same, if it ended with one of those exit codes.
    #[track_caller]
    pub(crate) fn with_any(self, codes: &[i32]) -> Self {
        let ended = self.code.is_some_and(|code| codes.contains(&code));
        assert!(ended, "{:?} and not one of {codes:?}: {}", self.code, self.all());
        self
    }

    /// The same, if it ended with that exit code.
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// The report, which must be everything on stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|why| panic!("no JSON ({why}): {self}"))
    }

    /// Everything that a person could read.
    pub(crate) fn all(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }

    /// Checks that stderr says all of that.
    #[track_caller]
    pub(crate) fn says<'a>(&self, words: impl IntoIterator<Item = &'a str>) {
        let missing: Vec<_> =
            words.into_iter().filter(|word| !self.stderr.contains(word)).collect();
        assert!(missing.is_empty(), "it does not say {missing:?}: {self}");
    }

    /// What is wrong with it, if it should have refused its input with all of these words and nothing on stdout.
    pub(crate) fn is_no_refusal(&self, words: &[&str]) -> Option<String> {
        let missing: Vec<_> = words.iter().filter(|word| !self.stderr.contains(**word)).collect();
        let secret = self.all().contains(FAKE_TOKEN);
        let refused = self.code == Some(2) && self.stdout.is_empty() && !secret;
        (!refused || !missing.is_empty()).then(|| format!("missing {missing:?}: {self}"))
    }
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, code, stdout, stderr, took } = self;
        write!(
            f,
            "{name} ended with {code:?} after {took:?}\n-- stdout\n{stdout}\n-- stderr\n{stderr}"
        )
    }
}
