//! Waiting for the next thing to happen, and recording it.

use std::future::{Future, poll_fn};
use std::task::Poll;

use jiff::Timestamp;

use super::run::Run;
use crate::abort::AbortRequest;
use crate::approval::Answer;
use crate::journal::Durability;
use crate::lease::Lease;
use crate::runbook::{Event, Failure, FailureKind, Runbook};
use crate::{EffectId, Error};

/// What ended a wait.
enum Woken<T> {
    Renewed(Result<Lease, Error>),
    Settled(EffectId, Result<T, Failure>),
    Answered(String, Answer),
    Abort(AbortRequest),
    Time,
}

impl<R: Runbook> Run<'_, R> {
    /// Waits for the next thing to happen, until `until` at the latest, and records it.
    pub(super) async fn wait(&mut self, until: Option<Timestamp>) -> Result<(), Error> {
        match self.woken(until).await {
            Woken::Renewed(answer) => match &mut self.tenure {
                Some(tenure) => tenure.renewed(answer, self.driver.clock.now()),
                None => Ok(()),
            },
            Woken::Settled(_, Err(failure)) if failure.kind == FailureKind::Fenced => {
                let tenure = self.tenure.as_ref();
                Err(Error::LeaseLost {
                    key: tenure.map_or(self.operation.as_str(), |tenure| tenure.key()).to_owned(),
                    fence: self.fence,
                    why: failure.message,
                })
            }
            Woken::Settled(id, Ok(output)) => {
                self.record(vec![Event::Succeeded { id, output }], Durability::Buffered).await
            }
            Woken::Settled(id, Err(failure)) => {
                self.record(vec![Event::Failed { id, failure }], Durability::Buffered).await
            }
            Woken::Answered(key, answer) => {
                self.record(vec![Event::Answered { key, answer }], Durability::Durable).await
            }
            Woken::Abort(request) => self.record_abort(request).await,
            Woken::Time => {
                let now = self.now();
                let failed = |(id, failure)| Event::Failed { id, failure };
                let mut events: Vec<_> = self.tasks.expire(now).into_iter().map(failed).collect();
                let unanswered = self.tasks.unanswered(now).into_iter();
                events.extend(unanswered.map(|key| Event::Unanswered { key }));
                if events.is_empty() {
                    return Ok(());
                }
                self.record(events, Durability::Buffered).await
            }
        }
    }

    async fn woken(&mut self, until: Option<Timestamp>) -> Woken<R::Output> {
        let mut time = until.unwrap_or(Timestamp::MAX);
        if let Some(deadline) = self.tasks.next_deadline() {
            time = time.min(deadline);
        }
        // The lease lives on the clock's time, the operation on its own, which may be ahead.
        let mut clock_time = time.saturating_sub(self.ahead).unwrap_or(Timestamp::MIN);
        if let Some(tenure) = &self.tenure {
            clock_time = clock_time.min(tenure.next_time());
        }
        let mut sleep = self.driver.clock.sleep_until(clock_time);
        let watched = !self.abort_recorded;
        let abort = &mut self.abort;
        let mut changed = Box::pin(async move {
            if watched
                && abort.changed().await.is_ok()
                && let Some(request) = abort.borrow_and_update().clone()
            {
                return request;
            }
            std::future::pending().await
        });
        let (tasks, tenure) = (&mut self.tasks, &mut self.tenure);
        poll_fn(|context| {
            // First, so that no rush of outcomes lets the lease run out.
            if let Some(tenure) = tenure
                && let Poll::Ready(answer) = tenure.poll(context)
            {
                return Poll::Ready(Woken::Renewed(answer));
            }
            // Before the time, so that an outcome which is there counts even when its deadline is now.
            if let Poll::Ready((id, result)) = tasks.poll_effect(context) {
                return Poll::Ready(Woken::Settled(id, result));
            }
            if let Poll::Ready((key, answer)) = tasks.poll_answer(context) {
                return Poll::Ready(Woken::Answered(key, answer));
            }
            if let Poll::Ready(request) = changed.as_mut().poll(context) {
                return Poll::Ready(Woken::Abort(request));
            }
            sleep.as_mut().poll(context).map(|()| Woken::Time)
        })
        .await
    }
}
