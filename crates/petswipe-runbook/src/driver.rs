//! The driver: the only code that waits. It makes no decisions.
//!
//! Its loop: ask the core; write down what it is about to do, durably; do it; write down what came of it; again. So
//! whenever the process dies, the journal says what may be under way, and [`Driver::resume`] goes on from there.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::abort::AbortHandle;
use crate::approval::{Approver, NobodyApproves};
use crate::clock::{Clock, SystemClock};
use crate::journal::Journal;
use crate::lease::LeaseStore;
use crate::log::{EventLog, History, Journaled, Opening};
use crate::observer::Observer;
use crate::runbook::{Failure, Runbook};
use crate::{EffectId, Error, Fence, OperationId};

mod run;
mod tasks;
mod tenure;
mod wait;

use run::Run;

/// Does what the core decides: the shell around the real world.
#[async_trait]
pub trait Performer<R: Runbook>: Send + Sync {
    /// Performs one effect. It may be performed again after a crash, so it must be idempotent; it may be dropped at
    /// its deadline.
    ///
    /// # Errors
    /// A [`Failure`] is recorded as an event, and the core decides what follows.
    async fn perform(
        &self,
        context: &EffectContext,
        effect: &R::Effect,
    ) -> Result<R::Output, Failure>;
}

/// Whose effect it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectContext {
    /// The operation.
    pub operation: OperationId,
    /// The number of the effect within it.
    pub id: EffectId,
    /// The driver's fence, to be passed on to whatever can check it.
    pub fence: Fence,
    /// When the driver stops waiting, in the operation's time: ahead of the clock's when an operation was resumed on a
    /// machine whose clock is behind.
    pub deadline: Timestamp,
}

/// Which lease a driver needs while it runs.
///
/// It is given back at the end, when the operation suspends itself, and when it halts before it touched anything. An
/// operation that halts half-way keeps it until it runs out, so that no other one comes upon a half-changed system at
/// once; resuming the same operation need not wait.
#[derive(Clone)]
pub struct LeaseTerms {
    /// Where leases are kept.
    pub store: Arc<dyn LeaseStore>,
    /// What is protected, such as `service/petswipe-production`.
    pub key: String,
    /// How long the lease lasts without renewal; it is renewed after each third of that. Longer than any single append
    /// to the journal takes, for renewals rest meanwhile, and a driver whose lease ends halts.
    pub ttl: Duration,
}

/// Drives operations of one kind.
pub struct Driver<R: Runbook> {
    log: Arc<dyn EventLog<R>>,
    performer: Arc<dyn Performer<R>>,
    clock: Arc<dyn Clock>,
    approver: Arc<dyn Approver>,
    observers: Vec<Arc<dyn Observer<R>>>,
    lease: Option<LeaseTerms>,
    abort: AbortHandle,
    holder: String,
    journal_timeout: Duration,
}

/// How long a journal may take for one append unless somebody says otherwise.
const JOURNAL_TIMEOUT: Duration = Duration::from_secs(60);

/// An operation that came to its end.
#[derive(Clone, Debug)]
pub struct Completed<R: Runbook> {
    /// Which.
    pub operation: OperationId,
    /// Its plan.
    pub plan: R,
    /// How it ended.
    pub outcome: R::Outcome,
    /// The state it left.
    pub state: R::State,
    /// Whether it had ended before this driver came: then nothing was done now.
    pub already: bool,
}

/// An operation that stopped half-way. It can be resumed when the cause is gone.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.describe())]
pub struct Halted<R: Runbook> {
    /// Why.
    #[source]
    pub error: Error,
    /// Which, if it got as far as having a name.
    pub operation: Option<OperationId>,
    /// The plan and the state it left, if it got as far as having one.
    pub left: Option<Box<(R, R::State)>>,
    /// Whether any effect was begun, or may have been, now or by an earlier driver. If not, the system is untouched.
    pub touched: bool,
}

impl<R: Runbook> Completed<R> {
    /// From a history that has an end; one that has none is given back.
    fn before(history: History<R>) -> Result<Self, History<R>> {
        let Some(outcome) = history.outcome().cloned() else {
            return Err(history);
        };
        let state = history.state();
        let Opening { operation, plan, .. } = history.opening;
        Ok(Self { operation, plan, outcome, state, already: true })
    }
}

impl<R: Runbook> Halted<R> {
    fn early(error: Error) -> Self {
        Self { error, operation: None, left: None, touched: false }
    }

    /// The journal can't be read, so what an earlier driver did is unknown.
    fn unread(error: Error) -> Self {
        Self { error, operation: None, left: None, touched: true }
    }

    /// Nothing was done now, but perhaps by an earlier driver.
    fn refused(error: Error, history: History<R>) -> Self {
        let state = history.state();
        let mut events = history.records.iter().map(|recorded| &recorded.event);
        Self {
            error,
            touched: events.any(|event| matches!(event, crate::Event::Intended { .. })),
            operation: Some(history.opening.operation),
            left: Some(Box::new((history.opening.plan, state))),
        }
    }

    fn describe(&self) -> String {
        match (&self.operation, self.touched) {
            (Some(operation), true) => format!("operation {operation} stopped half-way"),
            (Some(operation), false) => {
                format!("operation {operation} stopped before it touched anything")
            }
            (None, true) => "the operation could not be resumed".to_owned(),
            (None, false) => "the operation did not start".to_owned(),
        }
    }
}

impl<R: Runbook> Driver<R> {
    /// A driver that keeps its history in `journal` and acts through `performer`. Nobody approves, nobody looks on,
    /// no lease is needed, time is the system's, until the methods below say otherwise.
    pub fn new(journal: Arc<dyn Journal>, performer: Arc<dyn Performer<R>>) -> Self {
        Self::with_clock(Arc::new(Journaled(journal)), performer, Arc::new(SystemClock::new()))
    }

    /// A driver with a log and a clock of one's own; it needs no tokio runtime if they do not.
    pub fn with_clock(
        log: Arc<dyn EventLog<R>>,
        performer: Arc<dyn Performer<R>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            log,
            performer,
            clock,
            approver: Arc::new(NobodyApproves),
            observers: Vec::new(),
            lease: None,
            abort: AbortHandle::new(),
            holder: format!("process {}", std::process::id()),
            journal_timeout: JOURNAL_TIMEOUT,
        }
    }

    /// Who is asked.
    #[must_use]
    pub fn approver(mut self, approver: Arc<dyn Approver>) -> Self {
        self.approver = approver;
        self
    }

    /// Somebody else who looks on.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer<R>>) -> Self {
        self.observers.push(observer);
        self
    }

    /// The lease without which nothing is done.
    #[must_use]
    pub fn lease(mut self, terms: LeaseTerms) -> Self {
        self.lease = Some(terms);
        self
    }

    /// The handle that ends the operation early.
    #[must_use]
    pub fn abort(mut self, handle: AbortHandle) -> Self {
        self.abort = handle;
        self
    }

    /// Who drives, for the message to those who are refused.
    #[must_use]
    pub fn holder(mut self, holder: impl Into<String>) -> Self {
        self.holder = holder.into();
        self
    }

    /// How long the journal may take for one append, 60 s unless it is said here. After that, or when the lease ends
    /// meanwhile, the driver halts: whether the records were written is unknown, and whoever resumes finds out.
    #[must_use]
    pub fn journal_timeout(mut self, timeout: Duration) -> Self {
        self.journal_timeout = timeout;
        self
    }

    /// Starts a new operation and drives it to its end.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`], [`Error::Held`] and [`Error::AlreadyExists`] before anything is touched; later
    /// whatever stopped it half-way. The [`Halted`] says which.
    pub async fn start(&self, operation: OperationId, plan: R) -> Result<Completed<R>, Halted<R>> {
        plan.validate().map_err(Halted::early)?;
        if let Some(history) = self.log.load().await.map_err(Halted::early)? {
            return Err(Halted::early(Error::AlreadyExists {
                journal: self.log.location(),
                operation: history.opening.operation,
            }));
        }
        let mut run = Run::acquire(self, &operation, Fence(0)).await.map_err(Halted::early)?;
        let opening = Opening {
            operation: operation.clone(),
            plan: plan.clone(),
            holder: self.holder.clone(),
            at: run.now(),
            fence: run.fence(),
        };
        if let Err(error) = run.in_time(self.log.open(&opening)).await {
            run.release().await;
            return Err(Halted::early(self.opened_by_another(error).await));
        }
        run.enter(History { opening, records: Vec::new() });
        run.drive().await
    }

    /// Somebody who started at the same time was faster: that is no other driver of this operation.
    async fn opened_by_another(&self, error: Error) -> Error {
        match (error, self.log.load().await) {
            (Error::Conflict { journal, .. }, Ok(Some(history))) => {
                Error::AlreadyExists { journal, operation: history.opening.operation }
            }
            (error, _) => error,
        }
    }

    /// Goes on with the operation in the journal, from where it stopped. One that has ended is left alone and its
    /// outcome given again.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an empty journal, [`Error::Mismatch`], [`Error::Corrupt`] and [`Error::Held`] before
    /// anything is touched; later whatever stopped it again.
    pub async fn resume(&self) -> Result<Completed<R>, Halted<R>> {
        let Some(history) = self.log.load().await.map_err(Halted::unread)? else {
            return Err(Halted::early(Error::NotFound {
                what: format!("an operation in journal {}", self.log.location()),
            }));
        };
        let history = match Completed::before(history) {
            Ok(completed) => return Ok(completed),
            Err(unfinished) => unfinished,
        };
        let operation = history.opening.operation.clone();
        let mut run = match Run::acquire(self, &operation, history.fence()).await {
            Ok(run) => run,
            Err(error) => return Err(Halted::refused(error, history)),
        };
        run.enter(history);
        run.resume().await
    }

    /// The operation in the journal as it was left, without touching anything.
    ///
    /// # Errors
    /// As [`EventLog::load`].
    pub async fn history(&self) -> Result<Option<History<R>>, Error> {
        self.log.load().await
    }
}
