//! Starting a task, from the shim to the address it listens on.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::output::Tail;
use super::process::Process;
use super::role::{COMMAND_VARIABLE, HELLO, ROLE_VARIABLE, TASK};
use super::watchdog::{HANDSHAKE, Watchdog};
use crate::app::{LISTENING, VERSION_VARIABLE};

/// The running executable.
const ITSELF: &str = "/proc/self/exe";
/// How long the built-in application may take to listen.
const BOOT: Duration = Duration::from_secs(15);
/// How long any other command may take to listen.
const COMMAND_BOOT: Duration = Duration::from_secs(60);

/// What a task runs.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    /// A command that listens on `PORT`; `None` for the built-in application.
    pub(crate) command: Option<Vec<String>>,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) version: String,
}

/// The executable that plays the roles.
#[derive(Clone, Debug)]
pub(super) struct Program(PathBuf);

impl Program {
    /// `path`, or this very program.
    fn new(path: Option<PathBuf>) -> io::Result<Self> {
        match path {
            Some(path) => Ok(Self(path)),
            // Unlike its path, this still exists when the file was replaced by a newer build.
            None if cfg!(target_os = "linux") => Ok(Self(ITSELF.into())),
            None => std::env::current_exe().map(Self),
        }
    }

    /// A command that plays `role` in a process group of its own.
    pub(super) fn command(&self, role: &str) -> Command {
        let mut command = std::process::Command::new(&self.0);
        std::os::unix::process::CommandExt::arg0(&mut command, format!("petswipe-{role}"));
        let mut command = Command::from(command);
        command
            .env(ROLE_VARIABLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0);
        command
    }

    pub(super) fn does_not_answer(&self) -> io::Error {
        let name = match std::env::current_exe() {
            Ok(path) if self.0.as_os_str() == ITSELF => path,
            _ => self.0.clone(),
        };
        io::Error::other(format!(
            "{} did not become a task; call petswipe_local::run_task_if_asked() in the first line of its main, or set \
             CloudConfig::program to a program that does",
            name.display()
        ))
    }
}

/// Starts tasks.
#[derive(Clone, Debug)]
pub(crate) struct Launcher {
    program: Program,
    pub(crate) watchdog: Watchdog,
}

impl Launcher {
    /// Starts the watchdog. The handle ends when it has.
    pub(crate) async fn start(program: Option<PathBuf>) -> io::Result<(Self, JoinHandle<()>)> {
        let program = Program::new(program)?;
        let (watchdog, ended) = Watchdog::start(program.clone()).await?;
        Ok((Self { program, watchdog }, ended))
    }

    /// Starts a task and waits until it listens; `log` gets each line that it writes. The error says why it does not.
    pub(crate) async fn launch(
        &self,
        spec: &Spec,
        log: impl Fn(&str) + Clone + Send + 'static,
    ) -> Result<(Process, SocketAddr), String> {
        let text = |error: io::Error| error.to_string();
        let port = match spec.command {
            Some(_) => free_port().await.map_err(text)?,
            None => 0,
        };
        let mut command = self.program.command(TASK);
        // Nothing meant for the cloud itself: neither its address, which holds the token, nor a fault.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PETSWIPE_") {
                command.env_remove(name);
            }
        }
        command.envs(&spec.variables).env(ROLE_VARIABLE, TASK);
        if let Some(words) = &spec.command {
            let words = serde_json::to_string(words).map_err(|error| error.to_string())?;
            command.env(COMMAND_VARIABLE, words);
        }
        command
            .env(VERSION_VARIABLE, &spec.version)
            .env("PORT", port.to_string())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(text)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut input), Some(output), Some(errors)) = pipes else {
            return Err("the process has no pipes".to_owned());
        };

        let tails = [Tail::default(), Tail::default()];
        let (lines, mut said) = mpsc::channel(4);
        let log_errors = log.clone();
        tokio::spawn(tails[0].clone().follow(errors, move |line| {
            log_errors(line);
            true
        }));
        // Only the first lines matter here; when nobody listens any more, they go to the tail alone.
        tokio::spawn(tails[1].clone().follow(output, move |line| {
            let _ = lines.try_send(line.to_owned());
            let is_said = line != HELLO && !line.starts_with(LISTENING);
            if is_said {
                log(line);
            }
            is_said
        }));
        let mut process =
            Process::watch(child, tails, self.watchdog.clone()).ok_or("it ended at once")?;

        match tokio::time::timeout(HANDSHAKE, said.recv()).await {
            Ok(Some(line)) if line == HELLO => {}
            _ => return Err(text(self.program.does_not_answer())),
        }
        self.watchdog.guard(process.group()).await.map_err(text)?;
        input.write_all(b"g").await.map_err(text)?;
        process.input = Some(input);

        let listens = async {
            match spec.command {
                Some(_) => answers(port).await,
                None => heard(&mut said).await,
            }
        };
        let limit = if spec.command.is_some() { COMMAND_BOOT } else { BOOT };
        let address = tokio::select! {
            listens = tokio::time::timeout(limit, listens) => match listens {
                Ok(Some(address)) => Some(address),
                Ok(None) => None,
                Err(_) => return Err(format!("did not listen on its port within {limit:?}")),
            },
            _ = process.ended() => None,
        };
        match address {
            Some(address) => Ok((process, address)),
            None => Err(process.reason().await),
        }
    }
}

/// The address in the line that the built-in application writes.
async fn heard(said: &mut mpsc::Receiver<String>) -> Option<SocketAddr> {
    while let Some(line) = said.recv().await {
        if let Some(address) = line.strip_prefix(LISTENING) {
            return address.parse().ok();
        }
    }
    None
}

/// Tries until something accepts connections on the port.
async fn answers(port: u16) -> Option<SocketAddr> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    while TcpStream::connect(address).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Some(address)
}

/// A port nobody listens on at this moment. Should another process take it first, the task fails and the next one
/// gets another port.
async fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port())
}
