//! One run of a driver: from the lease to the end or the halt.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::tasks::Tasks;
use super::{Completed, Driver, EffectContext, Halted};
use crate::abort::AbortRequest;
use crate::approval::{Answer, Question};
use crate::journal::Durability;
use crate::lease::{Lease, LeaseRequest};
use crate::log::History;
use crate::runbook::{Decision, Event, EventOf, Failure, FailureKind, Recorded, Runbook, Step};
use crate::{EffectId, Error, Fence, OperationId};

/// What ended a wait.
enum Woken<T> {
    Settled(EffectId, Result<T, Failure>),
    Answered(String, Answer),
    Abort(AbortRequest),
    Renewed(Result<Lease, Error>),
    Time,
}

type Renewal<'a> = Pin<Box<dyn Future<Output = Result<Lease, Error>> + Send + 'a>>;

pub(super) struct Run<'a, R: Runbook> {
    driver: &'a Driver<R>,
    operation: OperationId,
    fence: Fence,
    lease: Option<Lease>,
    renewal: Option<Renewal<'a>>,
    renew_at: Timestamp,
    /// Added to the clock, so that time never runs back within an operation even when another machine resumes it.
    ahead: Duration,
    abort: watch::Receiver<Option<AbortRequest>>,
    abort_recorded: bool,
    tasks: Tasks<'a, R::Output>,
    story: Option<(R, R::State)>,
    next_seq: u64,
    next_effect: u64,
    touched: bool,
}

impl<'a, R: Runbook> Run<'a, R> {
    /// Takes the lease, if one is needed. Without one `fence` is used.
    pub(super) async fn acquire(
        driver: &'a Driver<R>,
        operation: &OperationId,
        fence: Fence,
    ) -> Result<Self, Error> {
        let now = driver.clock.now();
        let lease = match &driver.lease {
            None => None,
            Some(terms) => {
                let request = LeaseRequest {
                    key: terms.key.clone(),
                    operation: operation.clone(),
                    holder: driver.holder.clone(),
                    ttl: terms.ttl,
                };
                Some(terms.store.acquire(&request, now).await?)
            }
        };
        let mut run = Self {
            driver,
            operation: operation.clone(),
            fence: lease.as_ref().map_or(fence, |lease| lease.fence),
            lease: None,
            renewal: None,
            renew_at: Timestamp::MAX,
            ahead: Duration::ZERO,
            abort: driver.abort.subscribe(),
            abort_recorded: false,
            tasks: Tasks::new(),
            story: None,
            next_seq: 1,
            next_effect: 0,
            touched: false,
        };
        if let Some(lease) = lease {
            run.hold(lease);
        }
        Ok(run)
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
                Event::Intended { id, .. } => self.next_effect = id.0 + 1,
                Event::AbortRequested { .. } => self.abort_recorded = true,
                _ => {}
            }
        }
        self.touched = self.next_effect > 0;
        let state = history.state();
        self.story = Some((history.opening.plan, state));
    }

    pub(super) async fn resume(mut self) -> Result<Completed<R>, Halted<R>> {
        let resumed = Event::Resumed { holder: self.driver.holder.clone(), fence: self.fence };
        match self.record(vec![resumed], Durability::Durable).await {
            Ok(()) => self.drive().await,
            Err(error) => Err(self.halt(error)),
        }
    }

    /// Goes on until the end or until it must stop.
    pub(super) async fn drive(mut self) -> Result<Completed<R>, Halted<R>> {
        match self.steps().await {
            Ok(outcome) => {
                self.release().await;
                match self.story.take() {
                    Some((plan, state)) => Ok(Completed {
                        operation: self.operation,
                        plan,
                        outcome,
                        state,
                        already: false,
                    }),
                    None => Err(Halted::early(not_entered())),
                }
            }
            Err(error) => Err(self.halt(error)),
        }
    }

    fn halt(self, error: Error) -> Halted<R> {
        Halted {
            error,
            operation: Some(self.operation),
            left: self.story.map(Box::new),
            touched: self.touched,
        }
    }

    pub(super) async fn release(&mut self) {
        if let (Some(lease), Some(terms)) = (self.lease.take(), &self.driver.lease) {
            // It ends by itself if this fails; the operation is over either way.
            let _ = terms.store.release(&lease).await;
        }
    }

    async fn steps(&mut self) -> Result<R::Outcome, Error> {
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
            match plan.decide(state, now) {
                Decision::Perform(steps) if steps.is_empty() => {
                    return Err(stuck("it decided to perform nothing"));
                }
                Decision::Perform(steps) => self.perform(steps, now).await?,
                Decision::Ask(question) => self.ask(question).await?,
                Decision::WaitUntil(time) if time <= now => {
                    return Err(stuck(&format!("it waits until {time}, which has passed")));
                }
                Decision::WaitUntil(time) => self.wait(Some(time)).await?,
                Decision::WaitForEvent if self.tasks.is_empty() => {
                    return Err(stuck("it waits for an event, but nothing is under way"));
                }
                Decision::WaitForEvent => self.wait(None).await?,
                // What is under way is let come to its end, so that nothing happens after the end is recorded.
                Decision::Finish(_) if !self.tasks.no_effects() => self.wait(None).await?,
                Decision::Suspend { .. } if !self.tasks.no_effects() => self.wait(None).await?,
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
            }
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

    async fn record_abort(&mut self, request: AbortRequest) -> Result<(), Error> {
        self.abort_recorded = true;
        let mut events = vec![Event::AbortRequested { by: request.by, reason: request.reason }];
        for id in self.tasks.interrupt() {
            let failure = Failure::new(FailureKind::Interrupted, "dropped because of the abort");
            events.push(Event::Failed { id, failure });
        }
        self.record(events, Durability::Durable).await
    }

    /// Waits for the next thing to happen and records it.
    async fn wait(&mut self, until: Option<Timestamp>) -> Result<(), Error> {
        match self.woken(until).await {
            Woken::Settled(_, Err(failure)) if failure.kind == FailureKind::Fenced => {
                Err(Error::LeaseLost {
                    key: self.operation.to_string(),
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
            Woken::Renewed(Ok(lease)) => {
                self.hold(lease);
                Ok(())
            }
            Woken::Renewed(Err(error @ Error::LeaseLost { .. })) => Err(error),
            Woken::Renewed(Err(_)) => {
                // The store may be back before the lease ends; `check_lease` stops us if not.
                let terms_ttl = self.lease.as_ref().map_or(Duration::ZERO, |lease| lease.ttl);
                self.renew_at = after(self.driver.clock.now(), terms_ttl / 10);
                Ok(())
            }
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
        if let Some(lease) = &self.lease {
            clock_time = clock_time.min(lease.expires_at);
            if self.renewal.is_none() {
                clock_time = clock_time.min(self.renew_at);
            }
        }
        let mut sleep = self.driver.clock.sleep_until(clock_time);
        let watched = !self.abort_recorded;
        let abort = &mut self.abort;
        let mut changed = Box::pin(async move {
            if watched && abort.changed().await.is_ok() {
                return abort.borrow_and_update().clone();
            }
            std::future::pending().await
        });
        let (tasks, renewal) = (&mut self.tasks, &mut self.renewal);
        let woken = poll_fn(|context| {
            if let Poll::Ready((id, result)) = tasks.poll_effect(context) {
                return Poll::Ready(Woken::Settled(id, result));
            }
            if let Poll::Ready((key, answer)) = tasks.poll_answer(context) {
                return Poll::Ready(Woken::Answered(key, answer));
            }
            if let Poll::Ready(Some(request)) = changed.as_mut().poll(context) {
                return Poll::Ready(Woken::Abort(request));
            }
            if let Some(work) = renewal
                && let Poll::Ready(result) = work.as_mut().poll(context)
            {
                return Poll::Ready(Woken::Renewed(result));
            }
            sleep.as_mut().poll(context).map(|()| Woken::Time)
        })
        .await;
        if matches!(woken, Woken::Renewed(_)) {
            self.renewal = None;
        }
        woken
    }

    async fn record(
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
        self.driver.log.append(&batch, durability).await?;
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

    fn hold(&mut self, lease: Lease) {
        self.renew_at = after(self.driver.clock.now(), lease.ttl / 3);
        self.lease = Some(lease);
    }

    /// Stops when the lease has run out, and begins a renewal when it is time.
    fn check_lease(&mut self) -> Result<(), Error> {
        let (Some(lease), Some(terms)) = (&self.lease, &self.driver.lease) else {
            return Ok(());
        };
        let now = self.driver.clock.now();
        if now >= lease.expires_at {
            return Err(Error::LeaseLost {
                key: lease.key.clone(),
                fence: lease.fence,
                why: format!("it ended at {} and could not be renewed", lease.expires_at),
            });
        }
        if self.renewal.is_none() && now >= self.renew_at {
            let lease = lease.clone();
            self.renewal = Some(Box::pin(async move { terms.store.renew(&lease, now).await }));
        }
        Ok(())
    }
}

fn after(time: Timestamp, wait: Duration) -> Timestamp {
    time.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

fn stuck(why: &str) -> Error {
    Error::Stuck { why: why.to_owned() }
}

fn not_entered() -> Error {
    stuck("the driver has no history to go by")
}
