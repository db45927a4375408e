//! One process group that runs a task.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;
use tokio::process::{Child, ChildStdin};
use tokio::sync::watch;

use super::output::Tail;
use super::role::kill_group;
use super::watchdog::Watchdog;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exit(Option<ExitStatus>);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signal = self.0.and_then(|status| status.signal());
        match (self.0.and_then(|status| status.code()), signal) {
            (Some(code), _) => write!(f, "exited with code {code}"),
            (None, Some(9)) => f.write_str("killed by signal 9 (SIGKILL)"),
            (None, Some(15)) => f.write_str("killed by signal 15 (SIGTERM)"),
            (None, Some(11)) => f.write_str("killed by signal 11 (SIGSEGV)"),
            (None, Some(signal)) => write!(f, "killed by signal {signal}"),
            (None, None) => f.write_str("ended"),
        }
    }
}

/// A running process group. Dropping it kills the group.
#[derive(Debug)]
pub(crate) struct Process {
    group: i32,
    exit: watch::Receiver<Option<Exit>>,
    /// What it said last: standard error first, else standard output.
    tails: [Tail; 2],
    /// Stays open for as long as the task shall live.
    pub(super) input: Option<ChildStdin>,
}

impl Process {
    /// Watches `child`, the leader of its own group. `watchdog` forgets the group when it has ended.
    pub(super) fn watch(mut child: Child, tails: [Tail; 2], watchdog: Watchdog) -> Option<Self> {
        let group = i32::try_from(child.id()?).ok()?;
        let (ended, exit) = watch::channel(None);
        tokio::spawn(async move {
            let status = child.wait().await.ok();
            // What the task itself started ends with it.
            kill_group(group, Signal::KILL);
            watchdog.release(group);
            ended.send_replace(Some(Exit(status)));
        });
        Some(Self { group, exit, tails, input: None })
    }

    /// The process id of the leader, which is the id of the group.
    pub(crate) fn group(&self) -> i32 {
        self.group
    }

    /// Waits for the end.
    pub(crate) async fn ended(&self) -> Exit {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(ended) => ended.unwrap_or(Exit(None)),
            Err(_) => Exit(None),
        }
    }

    /// SIGTERM to all, and SIGKILL to what is left after `timeout`.
    pub(crate) async fn stop(&self, timeout: Duration) -> Exit {
        kill_group(self.group, Signal::TERM);
        if let Ok(exit) = tokio::time::timeout(timeout, self.ended()).await {
            return exit;
        }
        self.kill();
        self.ended().await
    }

    /// SIGKILL to all, at once.
    pub(crate) fn kill(&self) {
        if self.exit.borrow().is_none() {
            kill_group(self.group, Signal::KILL);
        }
    }

    /// Why it failed, in a line: how it ended, and what it said last.
    pub(crate) async fn reason(&self) -> String {
        let exit = self.ended().await;
        // Its last words may still be in the pipe.
        for _ in 0..20 {
            if let Some(line) = self.tails.iter().find_map(Tail::last) {
                return format!("{exit}: {line}");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        exit.to_string()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
