//! Typed histories on top of untyped journals.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::journal::{Durability, Journal, Record};
use crate::runbook::{EventOf, Recorded, Runbook};
use crate::{Error, Fence, OperationId};

/// What the first record of an operation says: which one it is, and its whole plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Opening<R> {
    /// The operation.
    pub operation: OperationId,
    /// The plan.
    pub plan: R,
    /// Who started it.
    pub holder: String,
    /// When.
    pub at: Timestamp,
    /// With which fence.
    pub fence: Fence,
}

/// An operation as its journal has it.
#[derive(Clone, Debug, PartialEq)]
pub struct History<R: Runbook> {
    /// The first record.
    pub opening: Opening<R>,
    /// All that followed, numbered from 1.
    pub records: Vec<Recorded<EventOf<R>>>,
}

impl<R: Runbook> History<R> {
    /// The state that was left: all events folded.
    pub fn state(&self) -> R::State {
        let plan = &self.opening.plan;
        let mut state = plan.begin(self.opening.at);
        for recorded in &self.records {
            plan.evolve(&mut state, &recorded.event, recorded.at);
        }
        state
    }

    /// How it ended, if it did.
    pub fn outcome(&self) -> Option<&R::Outcome> {
        self.records.iter().rev().find_map(|recorded| match &recorded.event {
            crate::Event::Finished { outcome } => Some(outcome),
            _ => None,
        })
    }

    /// The time of the last record.
    pub fn last_at(&self) -> Timestamp {
        self.records.last().map_or(self.opening.at, |recorded| recorded.at)
    }

    /// The highest fence that wrote to it.
    pub fn fence(&self) -> Fence {
        self.records.last().map_or(self.opening.fence, |recorded| recorded.fence)
    }
}

/// Where a driver keeps its history. [`Journaled`] is the one for production; the simulator has its own.
///
/// # Contract
/// - `an_empty_log_loads_as_none`: loading a log in which nothing was written gives nothing, not an error.
/// - `what_was_appended_is_loaded`: the opening and all events are loaded again as they were, in order, with their
///   times and fences; appending nothing changes nothing.
/// - `an_opened_log_is_not_opened_again`: a log that holds an operation is not opened for another: the answer is
///   [`Error::Conflict`], and nothing is written.
/// - `another_position_is_refused`: events whose first number is not how many records the log has, counting the
///   opening, are [`Error::Conflict`], and nothing is written.
/// - `an_event_of_a_lower_fence_is_refused`: an event with a lower fence than the record before it is refused with
///   [`Error::LeaseLost`], and nothing of its batch is written.
#[async_trait]
pub trait EventLog<R: Runbook>: Send + Sync {
    /// The whole history, or `None` when nothing was ever written.
    ///
    /// # Errors
    /// As [`Journal::read`], and [`Error::Mismatch`] when it holds another kind or version of operation.
    async fn load(&self) -> Result<Option<History<R>>, Error>;

    /// Writes the first record, durably.
    ///
    /// # Errors
    /// As [`Journal::append`].
    async fn open(&self, opening: &Opening<R>) -> Result<(), Error>;

    /// Appends records, which carry their own numbers; the first one's must be how many there are.
    ///
    /// # Errors
    /// As [`Journal::append`].
    async fn append(
        &self,
        batch: &[Recorded<EventOf<R>>],
        durability: Durability,
    ) -> Result<(), Error>;

    /// Where it is, for messages.
    fn location(&self) -> String;
}

/// Histories as JSON in a [`Journal`].
#[derive(Clone)]
pub struct Journaled(pub Arc<dyn Journal>);

#[derive(Serialize, Deserialize)]
struct OpeningLine {
    operation: OperationId,
    kind: String,
    version: u32,
    holder: String,
    plan: Box<RawValue>,
}

#[async_trait]
impl<R: Runbook> EventLog<R> for Journaled {
    async fn load(&self) -> Result<Option<History<R>>, Error> {
        let journal = self.0.location();
        let records = self.0.read().await?;
        let Some((first, rest)) = records.split_first() else {
            return Ok(None);
        };
        let corrupt = |record: &Record, error: serde_json::Error| Error::Corrupt {
            journal: journal.clone(),
            line: record.seq + 1,
            why: error.to_string(),
        };
        let line: OpeningLine =
            serde_json::from_str(first.payload.get()).map_err(|error| corrupt(first, error))?;
        check_kind::<R>(&journal, &line)?;
        let plan: R =
            serde_json::from_str(line.plan.get()).map_err(|error| corrupt(first, error))?;
        let opening = Opening {
            operation: line.operation,
            plan,
            holder: line.holder,
            at: first.at,
            fence: first.fence,
        };
        let mut events = Vec::with_capacity(rest.len());
        for record in rest {
            let event = serde_json::from_str(record.payload.get())
                .map_err(|error| corrupt(record, error))?;
            events.push(Recorded { seq: record.seq, at: record.at, fence: record.fence, event });
        }
        Ok(Some(History { opening, records: events }))
    }

    async fn open(&self, opening: &Opening<R>) -> Result<(), Error> {
        let line = OpeningLine {
            operation: opening.operation.clone(),
            kind: R::KIND.to_owned(),
            version: R::VERSION,
            holder: opening.holder.clone(),
            plan: encode("the plan", &opening.plan)?,
        };
        let payload = encode("the first record", &line)?;
        let record = Record { seq: 0, at: opening.at, fence: opening.fence, payload };
        self.0.append(0, &[record], Durability::Durable).await
    }

    async fn append(
        &self,
        batch: &[Recorded<EventOf<R>>],
        durability: Durability,
    ) -> Result<(), Error> {
        let Some(first) = batch.first() else {
            return Ok(());
        };
        let mut records = Vec::with_capacity(batch.len());
        for recorded in batch {
            records.push(Record {
                seq: recorded.seq,
                at: recorded.at,
                fence: recorded.fence,
                payload: encode("an event", &recorded.event)?,
            });
        }
        self.0.append(first.seq, &records, durability).await
    }

    fn location(&self) -> String {
        self.0.location()
    }
}

fn encode<T: Serialize>(what: &str, value: &T) -> Result<Box<RawValue>, Error> {
    to_raw_value(value).map_err(|error| Error::backend(format!("writing {what} as JSON"), error))
}

fn check_kind<R: Runbook>(journal: &str, line: &OpeningLine) -> Result<(), Error> {
    if line.kind != R::KIND {
        return Err(Error::Mismatch {
            journal: journal.to_owned(),
            expected: format!("an operation of kind {}", R::KIND),
            found: format!("operation {} of kind {}", line.operation, line.kind),
            remedy: format!("resume it with the tool for {}, or name another journal", line.kind),
        });
    }
    if line.version != R::VERSION {
        return Err(Error::Mismatch {
            journal: journal.to_owned(),
            expected: format!("version {} of {}", R::VERSION, R::KIND),
            found: format!("operation {} of version {}", line.operation, line.version),
            remedy: format!("resume it with the release that wrote version {}", line.version),
        });
    }
    Ok(())
}
