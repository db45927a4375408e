//! One run of a driver: from the lease to the end or the halt.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use jiff::Timestamp;
use tokio::sync::watch;

use super::tasks::Tasks;
use super::tenure::Tenure;
use super::{Completed, Driver, EffectContext, Halted};
use crate::abort::AbortRequest;
use crate::approval::Question;
use crate::journal::Durability;
use crate::log::History;
use crate::runbook::{Decision, Event, EventOf, Failure, FailureKind, Recorded, Runbook, Step};
use crate::{EffectId, Error, Fence, OperationId};

/// A core that decides so often in a row without waiting for anything forgets what it has begun.
const MOST_WITHOUT_WAIT: u32 = 10_000;

pub(super) struct Run<'a, R: Runbook> {
    pub(super) driver: &'a Driver<R>,
    pub(super) operation: OperationId,
    pub(super) fence: Fence,
    pub(super) tenure: Option<Tenure<'a>>,
    /// Added to the clock, so that time never runs back within an operation even when another machine resumes it.
    pub(super) ahead: Duration,
    pub(super) abort: watch::Receiver<Option<AbortRequest>>,
    pub(super) abort_recorded: bool,
    pub(super) tasks: Tasks<'a, R::Output>,
    story: Option<(R, R::State)>,
    next_seq: u64,
    next_effect: u64,
    touched: bool,
}

impl<'a, R: Runbook> Run<'a, R> {
    /// Takes the lease, if one is needed. Its fence, or the one used without a lease, is above `above`.
    pub(super) async fn acquire(
        driver: &'a Driver<R>,
        operation: &OperationId,
        above: Fence,
    ) -> Result<Self, Error> {
        let tenure = match &driver.lease {
            None => None,
            Some(terms) => {
                let (holder, clock) = (&driver.holder, &*driver.clock);
                Some(Tenure::acquire(terms, operation, holder, above, clock).await?)
            }
        };
        let without_lease = Fence(above.0.saturating_add(1));
        Ok(Self {
            driver,
            operation: operation.clone(),
            fence: tenure.as_ref().map_or(without_lease, Tenure::fence),
            tenure,
            ahead: Duration::ZERO,
            abort: driver.abort.subscribe(),
            abort_recorded: false,
            tasks: Tasks::new(),
            story: None,
            next_seq: 1,
            next_effect: 0,
            touched: false,
        })
    }

    pub(super) fn fence(&self) -> Fence {
        self.fence
    }

    pub(super) fn now(&self) -> Timestamp {
        self.driver.clock.now().saturating_add(self.ahead).unwrap_or(Timestamp::MAX)
    }

    /// Takes in what the journal has.
    pub(super) fn enter(&mut self, history: History<R>) {
        let behind = history.last_at().duration_since(self.driver.clock.now());
        self.ahead = Duration::try_from(behind).unwrap_or_default();
        self.next_seq = 1 + history.records.len() as u64;
        for recorded in &history.records {
            match &recorded.event {
                Event::Intended { id, .. } => self.next_effect = self.next_effect.max(id.0 + 1),
                Event::AbortRequested { .. } => self.abort_recorded = true,
                _ => {}
            }
        }
        self.touched = self.next_effect > 0;
        let state = history.state();
        self.story = Some((history.opening.plan, state));
    }

    /// Takes the operation over from whoever drove it before, and goes on.
    pub(super) async fn resume(mut self) -> Result<Completed<R>, Halted<R>> {
        loop {
            let resumed = Event::Resumed { holder: self.driver.holder.clone(), fence: self.fence };
            let refused = match self.record(vec![resumed], Durability::Durable).await {
                Ok(()) => return self.drive().await,
                Err(refused) => refused,
            };
            match self.catch_up(refused).await {
                Ok(None) => {}
                Ok(Some(completed)) => return Ok(completed),
                Err(error) => return Err(self.halt(error).await),
            }
        }
    }

    /// Whoever drove it before may have written until just now. It can't renew its lease any more, since we have that;
    /// so if both of us stopped here, nobody would go on.
    async fn catch_up(&mut self, refused: Error) -> Result<Option<Completed<R>>, Error> {
        if !matches!(refused, Error::Conflict { .. }) || self.tenure.is_none() {
            return Err(refused);
        }
        self.check_lease()?;
        let Some(history) = self.driver.log.load().await? else {
            return Err(refused);
        };
        if history.opening.operation != self.operation || history.fence() >= self.fence {
            return Err(refused);
        }
        match Completed::before(history) {
            Ok(completed) => {
                self.release().await;
                Ok(Some(completed))
            }
            Err(unfinished) => {
                self.enter(unfinished);
                Ok(None)
            }
        }
    }

    /// Goes on until the end or until it must stop.
    pub(super) async fn drive(mut self) -> Result<Completed<R>, Halted<R>> {
        let outcome = match self.steps().await {
            Ok(outcome) => outcome,
            Err(error) => return Err(self.halt(error).await),
        };
        self.release().await;
        let operation = self.operation;
        match self.story {
            Some((plan, state)) => {
                Ok(Completed { operation, plan, outcome, state, already: false })
            }
            None => Err(Halted::early(not_entered())),
        }
    }

    async fn halt(mut self, error: Error) -> Halted<R> {
        if !self.touched {
            // Otherwise the lease stays until it ends by itself, so that nobody else comes upon a half-changed system
            // before this operation had a chance to be resumed.
            self.release().await;
        }
        Halted {
            error,
            operation: Some(self.operation),
            left: self.story.map(Box::new),
            touched: self.touched,
        }
    }

    pub(super) async fn release(&mut self) {
        if let Some(tenure) = self.tenure.take() {
            tenure.release().await;
        }
    }

    async fn steps(&mut self) -> Result<R::Outcome, Error> {
        let mut without_wait = 0;
        loop {
            self.check_lease()?;
            if !self.abort_recorded {
                let request = self.abort.borrow_and_update().clone();
                if let Some(request) = request {
                    self.record_abort(request).await?;
                }
            }
            let now = self.now();
            let (plan, state) = self.story.as_ref().ok_or_else(not_entered)?;
            let until = match plan.decide(state, now) {
                Decision::Perform(steps) if steps.is_empty() => {
                    return Err(stuck("it decided to perform nothing"));
                }
                Decision::Perform(_) | Decision::Ask(_) if without_wait >= MOST_WITHOUT_WAIT => {
                    return Err(stuck(&format!(
                        "it began something {without_wait} times in a row without waiting for any of it"
                    )));
                }
                Decision::Perform(steps) => {
                    without_wait += 1;
                    self.perform(steps, now).await?;
                    continue;
                }
                Decision::Ask(question) => {
                    without_wait += 1;
                    self.ask(question).await?;
                    continue;
                }
                Decision::WaitUntil(time) if time <= now => {
                    return Err(stuck(&format!("it waits until {time}, which has passed")));
                }
                Decision::WaitUntil(time) => Some(time),
                Decision::WaitForEvent if self.tasks.is_empty() => {
                    return Err(stuck("it waits for an event, but nothing is under way"));
                }
                Decision::WaitForEvent => None,
                // What is under way is let come to its end, so that nothing happens after the end is recorded.
                Decision::Finish(_) | Decision::Suspend { .. } if !self.tasks.no_effects() => None,
                Decision::Suspend { why } => {
                    // Whoever mends it may want to do so with another tool; the journal keeps the operation.
                    self.release().await;
                    return Err(Error::Suspended { why });
                }
                Decision::Finish(outcome) => {
                    let finished = Event::Finished { outcome: outcome.clone() };
                    self.record(vec![finished], Durability::Durable).await?;
                    return Ok(outcome);
                }
            };
            without_wait = 0;
            self.wait(until).await?;
        }
    }

    /// Journals the intents, durably, and only then begins.
    async fn perform(&mut self, steps: Vec<Step<R::Effect>>, now: Timestamp) -> Result<(), Error> {
        let mut intents = Vec::with_capacity(steps.len());
        let mut begun = Vec::with_capacity(steps.len());
        for step in steps {
            let id = EffectId(self.next_effect);
            self.next_effect += 1;
            let deadline = now.saturating_add(step.timeout).unwrap_or(Timestamp::MAX);
            intents.push(Event::Intended { id, effect: step.effect.clone(), deadline });
            begun.push((id, deadline, step));
        }
        self.record(intents, Durability::Durable).await?;
        // A slow journal may have outlasted the lease.
        self.check_lease()?;
        self.touched = true;
        let driver = self.driver;
        for (id, deadline, step) in begun {
            let context = EffectContext {
                operation: self.operation.clone(),
                id,
                fence: self.fence,
                deadline,
            };
            let effect = step.effect;
            let work = async move { driver.performer.perform(&context, &effect).await };
            self.tasks.start(id, deadline, step.interruptible, Box::pin(work));
        }
        Ok(())
    }

    async fn ask(&mut self, question: Question) -> Result<(), Error> {
        let asked = Event::Asked { question: question.clone() };
        self.record(vec![asked], Durability::Durable).await?;
        let driver = self.driver;
        let (key, deadline) = (question.key.clone(), question.deadline);
        let answer = async move { driver.approver.ask(&question).await };
        self.tasks.ask(key, deadline, Box::pin(answer));
        Ok(())
    }

    pub(super) async fn record_abort(&mut self, request: AbortRequest) -> Result<(), Error> {
        self.abort_recorded = true;
        let mut events = vec![Event::AbortRequested { by: request.by, reason: request.reason }];
        for id in self.tasks.interrupt() {
            let failure = Failure::new(FailureKind::Interrupted, "dropped because of the abort");
            events.push(Event::Failed { id, failure });
        }
        self.record(events, Durability::Durable).await
    }

    pub(super) async fn record(
        &mut self,
        events: Vec<EventOf<R>>,
        durability: Durability,
    ) -> Result<(), Error> {
        let at = self.now();
        let mut batch = Vec::with_capacity(events.len());
        for event in events {
            let seq = self.next_seq + batch.len() as u64;
            batch.push(Recorded { seq, at, fence: self.fence, event });
        }
        let appended = self.driver.log.append(&batch, durability);
        self.in_time(appended).await?;
        self.next_seq += batch.len() as u64;
        let (plan, state) = self.story.as_mut().ok_or_else(not_entered)?;
        for recorded in &batch {
            plan.evolve(state, &recorded.event, recorded.at);
            for observer in &self.driver.observers {
                observer.notice(plan, recorded, state);
            }
        }
        Ok(())
    }

    /// An append, which must not hang for ever: nothing else goes on meanwhile, and nobody else may act.
    pub(super) async fn in_time(
        &self,
        appended: impl Future<Output = Result<(), Error>> + Send,
    ) -> Result<(), Error> {
        let (clock, timeout) = (&self.driver.clock, self.driver.journal_timeout);
        let mut appended = pin!(appended);
        if let Some(result) = appended.as_mut().now_or_never() {
            return result;
        }
        let time = clock.now().saturating_add(timeout).unwrap_or(Timestamp::MAX);
        let lease = self.tenure.as_ref().map_or(Timestamp::MAX, Tenure::expires_at);
        match select(appended, clock.sleep_until(time.min(lease))).await {
            Either::Left((result, _)) => result,
            Either::Right(((), _)) => {
                if let Some(tenure) = &self.tenure {
                    tenure.check_held(clock.now())?;
                }
                let what = format!("appending to journal {}", self.driver.log.location());
                let why =
                    format!("no answer within {timeout:?}; whether it was written is unknown");
                Err(Error::backend(what, why))
            }
        }
    }

    fn check_lease(&mut self) -> Result<(), Error> {
        match &mut self.tenure {
            Some(tenure) => tenure.check(self.driver.clock.now()),
            None => Ok(()),
        }
    }
}

fn stuck(why: &str) -> Error {
    Error::Stuck { why: why.to_owned() }
}

fn not_entered() -> Error {
    stuck("the driver has no history to go by")
}
