//! What a re-executed program does instead of its own `main`: be a task, or the watchdog over all tasks.

use std::collections::BTreeSet;
use std::io::{BufRead, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

/// Says which role the process has.
pub(crate) const ROLE_VARIABLE: &str = "PETSWIPE_LOCAL_ROLE";
/// The command of a task that is not the built-in application: a JSON list of strings.
pub(super) const COMMAND_VARIABLE: &str = "PETSWIPE_LOCAL_COMMAND";
pub(super) const TASK: &str = "task";
pub(super) const WATCHDOG: &str = "watchdog";
/// The first line of every role, by which the cloud sees that it really started one.
pub(super) const HELLO: &str = "petswipe-local role 1";
/// How the watchdog confirms that it knows a group.
pub(super) const CONFIRMED: &str = "ok";

/// The role this process was started for, if the cloud of another process started it.
pub(crate) fn asked_role() -> Option<String> {
    std::env::var(ROLE_VARIABLE).ok()
}

/// Becomes a task of the local cloud, if that is what this process was started for, and then never returns.
///
/// The cloud runs its tasks by starting the program it is embedded in once more. So a program that calls
/// [`Cloud::start`](crate::Cloud::start) calls this first, before it reads arguments, opens files or starts threads:
///
/// ```no_run
/// # async fn main_body() -> Result<(), petswipe_deploy::Error> {
/// petswipe_local::run_task_if_asked();
/// // From here on it is the program itself.
/// let cloud = petswipe_local::Cloud::start(Default::default()).await?;
/// # cloud.shutdown().await;
/// # Ok(()) }
/// ```
///
/// In a program that does not, starting a cloud is an error that says so; nothing is started over and over. Programs
/// that can't (test harnesses) name another one in [`CloudConfig::program`](crate::CloudConfig::program).
pub fn run_task_if_asked() {
    let Some(role) = asked_role() else { return };
    let code = match role.as_str() {
        TASK => task(),
        WATCHDOG => watchdog(),
        // A role of the embedding program's own.
        _ => return,
    };
    std::process::exit(code);
}

fn say(line: &str) -> bool {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}").and_then(|()| output.flush()).is_ok()
}

fn task() -> i32 {
    let mut word = [0];
    if !say(HELLO) || std::io::stdin().lock().read_exact(&mut word).is_err() {
        // The cloud ended before it gave the word.
        return 0;
    }
    match std::env::var(COMMAND_VARIABLE) {
        Err(_) => crate::app::run(),
        Ok(command) => {
            let error = become_command(&command);
            eprintln!("the command {command} can't be run: {error}");
            1
        }
    }
}

/// Replaces this process; returns only when that is impossible.
fn become_command(json: &str) -> std::io::Error {
    let words: Vec<String> = serde_json::from_str(json).unwrap_or_default();
    let Some((program, arguments)) = words.split_first() else {
        return std::io::Error::other("it is empty");
    };
    Command::new(program)
        .args(arguments)
        .env_remove(ROLE_VARIABLE)
        .env_remove(COMMAND_VARIABLE)
        .stdin(Stdio::null())
        .exec()
}

/// Learns of groups by lines `+1234` and `-1234`, and kills those left when its input ends.
fn watchdog() -> i32 {
    let mut groups = BTreeSet::new();
    if say(HELLO) {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            match (line.get(..1), line.get(1..).and_then(|id| id.parse().ok())) {
                (Some("+"), Some(group)) => groups.insert(group),
                (Some("-"), Some(group)) => groups.remove(&group),
                _ => false,
            };
            if !say(CONFIRMED) {
                break;
            }
        }
    }
    for group in groups {
        kill_group(group, Signal::KILL);
    }
    0
}

/// Sends a signal to all processes of a group; one that is gone is no error.
pub(super) fn kill_group(group: i32, signal: Signal) {
    // 1 would mean every process there is.
    if group > 1
        && let Some(group) = Pid::from_raw(group)
    {
        let _ = kill_process_group(group, signal);
    }
}
