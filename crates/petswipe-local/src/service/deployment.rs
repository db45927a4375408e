//! What is remembered of the newest deployment.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use petswipe_deploy::{Deployment, TaskFailure};
use petswipe_runbook::OperationId;

use super::breaker::threshold;
use crate::registry::Revision;

/// How many failures are listed; the oldest are forgotten.
const LISTED: usize = 100;

/// The least and the most tasks while others are replaced, in percent of the desired count. A service here keeps no such
/// settings: what a deployment does not name are ECS's defaults.
pub(crate) fn percents(command: &Deployment) -> (u32, u32) {
    (command.minimum_healthy_percent.unwrap_or(100), command.maximum_percent.unwrap_or(200))
}

/// The newest deployment of a service.
#[derive(Debug)]
pub(super) struct Record {
    operation: Option<OperationId>,
    pub(super) started_at: Timestamp,
    pub(super) command: Deployment,
    /// What the service goes for: the revision of the command, or after the circuit breaker the one before.
    pub(super) revision: Arc<Revision>,
    /// Whether it was ever complete; from then on, the circuit breaker stays closed.
    pub(super) completed: bool,
    pub(super) failed: Option<String>,
    /// Given up with nothing to go back to: no task is started any more.
    pub(super) stuck: bool,
    pub(super) failures: VecDeque<TaskFailure>,
    pub(super) failed_tasks: u32,
}

impl Record {
    pub(super) fn new(
        operation: Option<&OperationId>,
        revision: Arc<Revision>,
        command: Deployment,
    ) -> Self {
        Self {
            operation: operation.cloned(),
            started_at: Timestamp::now(),
            command,
            revision,
            completed: false,
            failed: None,
            stuck: false,
            failures: VecDeque::new(),
            failed_tasks: 0,
        }
    }

    /// Whether `command` asks for what this deployment is already: the same revision, unless that was given up and
    /// somebody else asks for another try.
    pub(super) fn is_repeated_by(
        &self,
        operation: Option<&OperationId>,
        command: &Deployment,
    ) -> bool {
        command.revision == self.command.revision
            && (self.failed.is_none() || operation == self.operation.as_ref())
    }

    pub(super) fn count_failure(&mut self, failure: TaskFailure) {
        if self.failures.len() == LISTED {
            self.failures.pop_front();
        }
        self.failures.push_back(failure);
        self.failed_tasks = self.failed_tasks.saturating_add(1);
    }

    /// Opens the circuit breaker if it is time: goes back to `last_completed`.
    pub(super) fn trip(&mut self, desired: u32, last_completed: Option<&Arc<Revision>>) {
        let limit = threshold(desired);
        let closed =
            self.command.circuit_breaker != Some(true) || self.completed || self.failed.is_some();
        if closed || self.failed_tasks < limit {
            return;
        }
        let failed = self.failed_tasks;
        let last = self.failures.back().map_or("", |failure| failure.reason.as_str());
        let (what_now, back) = match last_completed {
            Some(before) if before.id != self.revision.id => {
                (format!("going back to {}", before.id), Some(before.clone()))
            }
            _ => ("there is no revision to go back to".to_owned(), None),
        };
        self.failed = Some(format!(
            "circuit breaker: {failed} tasks of {} failed (threshold {limit}), the last one {last}; {what_now}",
            self.revision.id
        ));
        match back {
            Some(before) => self.revision = before,
            None => self.stuck = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use petswipe_deploy::{Image, RevisionId};

    fn revision(number: u32) -> Arc<Revision> {
        Arc::new(Revision {
            id: RevisionId::new(format!("petswipe:{number}")).unwrap(),
            image: Image::new(format!("petswipe:v{number}")).unwrap(),
            command: None,
            variables: Default::default(),
        })
    }

    fn record(circuit_breaker: bool) -> Record {
        let command = Deployment {
            circuit_breaker: Some(circuit_breaker),
            ..Deployment::new(revision(2).id.clone(), 4)
        };
        Record::new(None, revision(2), command)
    }

    fn fail(record: &mut Record, times: u32) {
        for _ in 0..times {
            let reason = "exited with code 1".to_owned();
            record.count_failure(TaskFailure { at: Timestamp::UNIX_EPOCH, reason });
        }
    }

    #[test]
    fn the_breaker_goes_back_after_three_failures_of_four_tasks() {
        let before = revision(1);
        let mut record = record(true);
        fail(&mut record, 2);
        record.trip(4, Some(&before));
        assert_eq!(record.failed, None);
        fail(&mut record, 1);
        record.trip(4, Some(&before));
        assert_eq!(record.revision.id, before.id);
        let reason = record.failed.clone().unwrap();
        assert!(reason.contains("petswipe:2") && reason.contains("exited with code 1"), "{reason}");
        assert!(!record.stuck);
    }

    #[test]
    fn without_a_breaker_or_after_completion_nothing_is_given_up() {
        let mut open = record(false);
        fail(&mut open, 500);
        open.trip(4, Some(&revision(1)));
        assert_eq!((open.failed, open.failures.len()), (None, LISTED));
        let mut complete = record(true);
        complete.completed = true;
        fail(&mut complete, 500);
        complete.trip(4, Some(&revision(1)));
        assert_eq!(complete.failed, None);
    }

    #[test]
    fn with_nothing_to_go_back_to_it_stops_trying() {
        for before in [None, Some(revision(2))] {
            let mut record = record(true);
            fail(&mut record, 3);
            record.trip(4, before.as_ref());
            assert!(record.failed.is_some() && record.stuck);
        }
    }

    #[test]
    fn a_failed_deployment_is_tried_again_by_another_operation_only() {
        let operation = |name| OperationId::new(name).unwrap();
        let command = Deployment::new(revision(2).id.clone(), 4);
        let mut record = Record::new(Some(&operation("a")), revision(2), command.clone());
        assert!(record.is_repeated_by(Some(&operation("b")), &command));
        record.failed = Some("why".to_owned());
        assert!(record.is_repeated_by(Some(&operation("a")), &command));
        assert!(!record.is_repeated_by(Some(&operation("b")), &command));
        let other = Deployment::new(revision(3).id.clone(), 4);
        assert!(!record.is_repeated_by(Some(&operation("a")), &other));
    }
}
