//! Ctrl-C, SIGTERM and SIGHUP (the terminal went away): the first brings the system to safety, the second leaves at once.

#[cfg(feature = "aws")]
use std::sync::Arc;
#[cfg(feature = "aws")]
use std::sync::atomic::{AtomicBool, Ordering};

use petswipe_runbook::AbortHandle;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{Exit, HALF_WAY, say};

/// The signals that ask for the end.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    /// From now on they do not end the process by themselves.
    pub(crate) fn listen() -> Result<Self, Exit> {
        let to = |kind| signal(kind).map_err(Exit::usage);
        Ok(Self {
            interrupt: to(SignalKind::interrupt())?,
            terminate: to(SignalKind::terminate())?,
            // Who started it with nohup wants it to go on without a terminal.
            hangup: if is_ignored(SignalKind::hangup()) {
                None
            } else {
                Some(to(SignalKind::hangup())?)
            },
        })
    }

    /// Waits for one of them, and says which it was.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "Ctrl-C",
            _ = self.terminate.recv() => "SIGTERM",
            Some(()) = async { self.hangup.as_mut()?.recv().await } => "SIGHUP",
        }
    }

    /// The first one brings the system to safety; the second leaves at once.
    pub(crate) async fn obey(mut self, abort: AbortHandle, going_on: String) {
        let by = self.next().await;
        abort.abort(by, "the operator wants it to end");
        let by = self.next().await;
        say(&format!("left half-way because of a second {by}; {going_on}"));
        std::process::exit(i32::from(HALF_WAY));
    }

    /// The first one sets the flag, which ends the work after the step that is under way; the second leaves at once.
    #[cfg(feature = "aws")]
    pub(crate) async fn stop(mut self, flag: Arc<AtomicBool>, going_on: &'static str) {
        let by = self.next().await;
        say(&format!("{by}: it ends after the step that is under way"));
        flag.store(true, Ordering::Relaxed);
        let by = self.next().await;
        say(&format!("left half-way because of a second {by}; {going_on}"));
        std::process::exit(i32::from(HALF_WAY));
    }
}

/// Whether whoever started this process wanted that signal ignored, as far as the system tells.
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (kind.as_raw_value() - 1) & 1 == 1)
}
