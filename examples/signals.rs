//! Ctrl-C, SIGTERM and SIGHUP (the terminal went away): the first brings the system to safety, the second leaves at once.

use petswipe_runbook::AbortHandle;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{Exit, HALF_WAY, say};

/// The signals that ask for the end.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// From now on they do not end the process by themselves.
    pub(crate) fn listen() -> Result<Self, Exit> {
        let to = |kind| signal(kind).map_err(Exit::usage);
        Ok(Self {
            interrupt: to(SignalKind::interrupt())?,
            terminate: to(SignalKind::terminate())?,
            hangup: to(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "Ctrl-C",
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.hangup.recv() => "SIGHUP",
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
}
