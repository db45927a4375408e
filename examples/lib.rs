//! Shared helpers of the example binaries: flags, the place where the crates are put together, progress, prompts, exit
//! codes. Nothing here decides about a rollout.

// The examples are programs at the edge: they read the clock and print.
#![allow(clippy::disallowed_methods)]

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(feature = "aws")]
pub mod aws;
mod aws_flags;
mod budgets;
pub mod cli;
pub mod cost;
pub mod diagnosis;
mod drive;
pub mod forecast;
mod going_on;
mod journal;
pub mod lab;
mod last_look;
pub mod leases;
mod metrics;
// Beside it is the example of that name.
#[cfg(feature = "aws")]
#[path = "native/mod.rs"]
pub mod native;
pub mod probing;
mod progress;
mod prompt;
pub mod report;
pub mod rollout;
pub mod scaling;
mod signals;
// Beside it is the example of that name.
#[path = "slo/mod.rs"]
pub mod slo;
mod target;
pub mod telemetry;
// Beside it is the example of that name.
#[path = "watch/mod.rs"]
pub mod watch;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Done as asked.
pub const DONE: u8 = 0;
/// Ended safely, but not as asked.
pub const NOT_AS_ASKED: u8 = 1;
/// Bad usage or an invalid plan; nothing was touched.
pub const BAD_USAGE: u8 = 2;
/// Stopped half-way; `--resume` or a person is needed.
pub const HALF_WAY: u8 = 3;
/// Another operation holds the lease.
pub const HELD: u8 = 4;

/// An error that ends the program: the message, and the exit code.
#[derive(Debug)]
pub struct Exit {
    /// The exit code.
    pub code: u8,
    /// For the person.
    pub message: String,
}

impl Exit {
    /// Nothing was touched.
    pub fn usage(message: impl std::fmt::Display) -> Self {
        Self { code: BAD_USAGE, message: message.to_string() }
    }
}

impl From<petswipe_deploy::Error> for Exit {
    fn from(error: petswipe_deploy::Error) -> Self {
        Self::usage(petswipe_monitor::explain(&error))
    }
}

/// Whether a result was lost, as there was no room for it or its file could not be written.
static LOST: AtomicBool = AtomicBool::new(false);

/// Ends the program: prints the message, if any, on stderr, and gives the exit code. What was done, and whose result was lost, is not
/// as asked.
pub fn finish(result: Result<u8, Exit>) -> std::process::ExitCode {
    match result {
        Ok(DONE) if LOST.load(Ordering::Relaxed) => NOT_AS_ASKED.into(),
        Ok(code) => code.into(),
        Err(exit) => {
            say(&format!("error: {}", exit.message));
            exit.code.into()
        }
    }
}

/// A line on stderr. Nobody reading it (a closed pipe, a terminal that is gone) is no reason to stop half-way.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Progress: a line on stderr.
pub fn notice(line: &str) {
    say(line);
}

/// Becomes true at the first signal that asks for the end; the second one leaves at once and says how to go on.
///
/// # Errors
/// When signals can't be listened to.
#[cfg(feature = "aws")]
pub fn until_stopped(going_on: &'static str) -> Result<std::sync::Arc<AtomicBool>, Exit> {
    let stop = std::sync::Arc::new(AtomicBool::new(false));
    let signals = signals::Signals::listen()?;
    tokio::spawn(signals.stop(std::sync::Arc::clone(&stop), going_on));
    Ok(stop)
}

/// Text on stdout, the result of the program. If nobody takes it, stderr says so; that somebody has read enough, as `head` has, is
/// no loss.
pub fn print(text: &str) {
    let mut stdout = std::io::stdout();
    if let Err(error) = writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        if error.kind() != std::io::ErrorKind::BrokenPipe {
            LOST.store(true, Ordering::Relaxed);
        }
        say(&format!("the result could not be written to stdout: {error}"));
    }
}
