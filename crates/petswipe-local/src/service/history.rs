//! What happened to a service: its deployments, events, stopped tasks and log lines, the oldest of which are forgotten.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use petswipe_monitor::diagnosis::{
    DeploymentProgress, DeploymentReport, LogLine, LogLines, LogQuery, Redacted, ServiceEvent,
    ServiceReport, StoppedContainer, StoppedTask,
};

use super::deployment::Record;
use super::{Service, State, Task};

/// How many events and stopped tasks are kept. ECS shows the newest 100 events.
const KEPT: usize = 100;
/// How many deployments that were replaced are kept.
const DEPLOYMENTS: usize = 10;
/// How many lines are kept of all tasks of a service.
const LINES: usize = 5000;

/// Keeps the newest.
fn keep<T>(all: &mut VecDeque<T>, newest: T, most: usize) {
    all.push_front(newest);
    all.truncate(most);
}

/// Events and stopped tasks, the newest first.
#[derive(Debug, Default)]
pub(super) struct History {
    events: VecDeque<ServiceEvent>,
    stopped: VecDeque<StoppedTask>,
    replaced: VecDeque<DeploymentReport>,
}

impl History {
    pub(super) fn tell(&mut self, message: impl AsRef<str>) {
        let event = ServiceEvent { at: Timestamp::now(), message: Redacted::line(message) };
        keep(&mut self.events, event, KEPT);
    }

    pub(super) fn replace(&mut self, deployment: DeploymentReport) {
        keep(&mut self.replaced, deployment, DEPLOYMENTS);
    }

    pub(super) fn stopped(&mut self, id: String, task: &Task, reason: &str) {
        let exit_code = exit_code(reason);
        let container = exit_code.map(|code| StoppedContainer {
            name: "app".to_owned(),
            exit_code: Some(code),
            reason: None,
        });
        let stopped = StoppedTask {
            id,
            revision: Some(task.revision.id.to_string()),
            started_at: task.process.is_some().then_some(task.started_at),
            stopped_at: Timestamp::now(),
            was_healthy: Some(task.was_healthy),
            reason: Redacted::line(reason),
            containers: container.into_iter().collect(),
        };
        keep(&mut self.stopped, stopped, KEPT);
    }
}

/// What a shell would say: the code, or 128 and the signal.
fn exit_code(reason: &str) -> Option<i32> {
    let number = |prefix: &str| {
        let digits = reason.strip_prefix(prefix)?;
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        digits[..end].parse::<i32>().ok()
    };
    number("exited with code ").or_else(|| number("killed by signal ").map(|signal| 128 + signal))
}

/// A deployment as it is now.
pub(super) fn report(state: &State, record: &Record) -> DeploymentReport {
    let runs = |task: &&Task| {
        task.process.is_some() && !task.is_stopping() && task.revision.id == record.command.revision
    };
    let progress = match &record.failed {
        Some(reason) => DeploymentProgress::Failed(Redacted::line(reason)),
        None if record.completed => DeploymentProgress::Completed,
        None => DeploymentProgress::InProgress,
    };
    DeploymentReport {
        revision: record.command.revision.to_string(),
        started_at: record.started_at,
        progress,
        desired: state.desired,
        running: u32::try_from(state.tasks.values().filter(runs).count()).unwrap_or(u32::MAX),
        failed_tasks: Some(record.failed_tasks),
    }
}

impl Service {
    /// The service, its deployments and events.
    pub(crate) fn report(&self) -> ServiceReport {
        let state = self.state();
        let newest = state.record.as_ref().map(|record| report(&state, record));
        let live = |task: &&Task| task.process.is_some() && !task.is_stopping();
        let running = state.tasks.values().filter(live).count();
        ServiceReport {
            desired: state.desired,
            running: u32::try_from(running).unwrap_or(u32::MAX),
            deployments: newest.into_iter().chain(state.history.replaced.iter().cloned()).collect(),
            events: state.history.events.iter().cloned().collect(),
        }
    }

    /// Tasks that failed.
    pub(crate) fn stopped(&self) -> Vec<StoppedTask> {
        self.state().history.stopped.iter().cloned().collect()
    }

    /// What its tasks wrote.
    pub(crate) fn search(&self, query: &LogQuery) -> LogLines {
        self.log.search(query)
    }
}

/// The lines of all tasks of a service. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<VecDeque<LogLine>>>);

impl Log {
    /// Adds a line.
    pub(crate) fn write(&self, stream: &str, text: &str) {
        let text = Redacted::line(text);
        if text.as_str().is_empty() {
            return;
        }
        let line = LogLine { at: Timestamp::now(), stream: stream.to_owned(), text };
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn search(&self, query: &LogQuery) -> LogLines {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = |line: &&LogLine| query.wants(line.at, line.text.as_str());
        let mut found: Vec<_> = lines.iter().filter(wanted).cloned().collect();
        // Two tasks may write in the same instant.
        found.sort_by_key(|line| line.at);
        let complete = found.len() <= query.most;
        found.truncate(query.most);
        LogLines { lines: found, complete }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_code_is_read_from_the_reason() {
        for (reason, code) in [
            ("exited with code 1: fault", Some(1)),
            ("exited with code 0", Some(0)),
            ("killed by signal 9 (SIGKILL)", Some(137)),
            ("failed health checks: Target.Timeout", None),
            ("exited with code x", None),
        ] {
            assert_eq!(exit_code(reason), code, "{reason}");
        }
    }

    #[test]
    fn only_the_newest_are_kept() {
        let mut history = History::default();
        (0..150).for_each(|number| history.tell(format!("event {number}")));
        assert_eq!(history.events.len(), KEPT);
        assert_eq!(history.events[0].message.as_str(), "event 149");
        let log = Log::default();
        (0..LINES + 3).for_each(|number| log.write("a-1", &format!("ERROR {number}")));
        let window = petswipe_monitor::Window { from: Timestamp::MIN, to: Timestamp::MAX };
        let query = |most| LogQuery {
            environment: String::new(),
            window,
            words: vec!["ERROR".to_owned()],
            most,
        };
        let few = log.search(&query(2));
        assert_eq!((few.lines.len(), few.complete), (2, false));
        assert_eq!(few.lines[0].text.as_str(), "ERROR 3");
        assert!(log.search(&query(LINES)).complete);
    }
}
