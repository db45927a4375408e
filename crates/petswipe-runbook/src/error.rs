//! The crate's one error type, its variants named for what a caller can do about them.

use jiff::Timestamp;

use crate::{Fence, OperationId};

/// A boxed cause.
pub type Cause = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What can go wrong around a runbook. A failed *effect* is not an error but an event, see [`Failure`](crate::Failure).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input can't be accepted; nothing was touched. Correct the named field.
    #[error("{field} is {value}; allowed: {allowed}")]
    InvalidPlan {
        /// The field, in the words of the caller.
        field: String,
        /// Its value as given.
        value: String,
        /// What would be accepted.
        allowed: String,
    },
    /// The journal already holds an operation. Resume that one or name another journal.
    #[error(
        "journal {journal} already holds operation {operation}; resume it or name another journal"
    )]
    AlreadyExists {
        /// Where the journal is.
        journal: String,
        /// The operation in it.
        operation: OperationId,
    },
    /// The journal holds something else than was asked for: another kind of operation, or another version of it.
    #[error("journal {journal} holds {found}, not {expected}; {remedy}")]
    Mismatch {
        /// Where the journal is.
        journal: String,
        /// What was asked for.
        expected: String,
        /// What is in it.
        found: String,
        /// How to go on.
        remedy: String,
    },
    /// There is nothing at that place.
    #[error("{what} was not found")]
    NotFound {
        /// What was looked for, and where.
        what: String,
    },
    /// Something in the middle of the journal is not what was written. Nothing was acted upon.
    #[error(
        "journal {journal} is corrupted at line {line}: {why}; restore it from a copy, nothing was touched"
    )]
    Corrupt {
        /// Where the journal is.
        journal: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// Somebody else wrote to the journal meanwhile, so this driver has been replaced and must stop.
    #[error(
        "journal {journal}: expected to write record {expected}, but it is at {found}: another driver took over"
    )]
    Conflict {
        /// Where the journal is.
        journal: String,
        /// The sequence number this driver wanted to write.
        expected: u64,
        /// The sequence number that would be next.
        found: u64,
    },
    /// Another process has the journal open for writing. Wait until it is done, or end it.
    #[error("journal {journal} is in use by another process: {why}")]
    Busy {
        /// Where the journal is.
        journal: String,
        /// What was found, and what to do.
        why: String,
    },
    /// Another operation holds the lease. Wait for it, or resume it.
    #[error("{key} is held by operation {operation} ({holder}) until {expires_at}")]
    Held {
        /// What the lease protects.
        key: String,
        /// The operation that holds it.
        operation: OperationId,
        /// Who drives that operation.
        holder: String,
        /// When the lease ends if it is not renewed.
        expires_at: Timestamp,
    },
    /// The lease is no longer ours. This driver must stop; whoever has the higher fence goes on.
    #[error("the lease on {key} with fence {fence} was lost: {why}")]
    LeaseLost {
        /// What the lease protects.
        key: String,
        /// Our fencing number.
        fence: Fence,
        /// What was found instead.
        why: String,
    },
    /// The decision core waits for an event though nothing is under way, or for a time that has passed: a bug in the core.
    #[error("the runbook is stuck: {why}")]
    Stuck {
        /// What it waits for.
        why: String,
    },
    /// The runbook can do no more until a person has mended something. Then resume it.
    #[error("{why}")]
    Suspended {
        /// What has to be mended, and what state the system is in meanwhile.
        why: String,
    },
    /// This implementation can't do that.
    #[error("{what} is not supported: {why}")]
    Unsupported {
        /// What was asked.
        what: String,
        /// Why not.
        why: String,
    },
    /// The storage behind a journal or lease failed.
    #[error("{operation} failed")]
    Backend {
        /// What was being done, with the name of the resource.
        operation: String,
        /// Why it failed.
        #[source]
        source: Cause,
    },
}

impl Error {
    /// An [`Error::InvalidPlan`].
    pub fn invalid(
        field: impl Into<String>,
        value: impl ToString,
        allowed: impl Into<String>,
    ) -> Self {
        let value = value.to_string();
        let value = if value.is_empty() { "empty".to_owned() } else { value };
        Self::InvalidPlan { field: field.into(), value, allowed: allowed.into() }
    }

    /// An [`Error::Backend`].
    pub fn backend(operation: impl Into<String>, source: impl Into<Cause>) -> Self {
        Self::Backend { operation: operation.into(), source: source.into() }
    }

    /// Whether trying the same again later can help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Held { .. } | Self::Busy { .. } | Self::Backend { .. })
    }

    /// Whether nothing was changed because somebody else holds the operation, its journal or its lease.
    pub fn is_held(&self) -> bool {
        matches!(
            self,
            Self::Held { .. } | Self::Busy { .. } | Self::Conflict { .. } | Self::LeaseLost { .. }
        )
    }
}
