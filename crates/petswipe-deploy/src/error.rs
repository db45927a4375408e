//! The crate's one error type, its variants named for what a caller can do about them.

use std::time::Duration;

use petswipe_runbook::Fence;

/// A boxed cause.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What can go wrong when a plan is made or a cloud is spoken to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The plan, or an argument of a call, can't be accepted; nothing was touched. Correct the named field.
    #[error("{field} is {value}; allowed: {allowed}")]
    InvalidPlan {
        /// The field, in the words of the caller.
        field: String,
        /// Its value as given.
        value: String,
        /// What would be accepted.
        allowed: String,
    },
    /// It does not exist. Check the name, the project and the environment.
    #[error("{what} was not found")]
    NotFound {
        /// What was looked for, and where.
        what: String,
    },
    /// The state is not the one expected: somebody else changed it. Nothing was changed by this call.
    #[error("{what} is {found}, not {expected}: somebody else changed it")]
    Conflict {
        /// Which thing.
        what: String,
        /// What it should have been.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The command came from a driver that has been replaced. Nothing was changed by this call; that driver must stop.
    #[error("a command with fence {fence} was refused: fence {newest} has been seen")]
    Fenced {
        /// The fence of the command.
        fence: Fence,
        /// The highest one seen.
        newest: Fence,
    },
    /// The credentials do not allow it.
    #[error("{action} was denied")]
    Denied {
        /// What was tried.
        action: String,
    },
    /// The cloud asks us to slow down.
    #[error("{action} was throttled")]
    Throttled {
        /// What was tried.
        action: String,
        /// How long it asks to wait, if it says so.
        retry_after: Option<Duration>,
    },
    /// No answer came in time; whether the call took effect is unknown.
    #[error("{action} did not answer within {waited:?}")]
    TimedOut {
        /// What was tried.
        action: String,
        /// How long was waited.
        waited: Duration,
    },
    /// This backend can't do that.
    #[error("{what} is not supported by {backend}")]
    Unsupported {
        /// What was asked.
        what: String,
        /// By whom not.
        backend: String,
    },
    /// The cloud failed; whether the call took effect is unknown.
    #[error("{operation} failed")]
    Backend {
        /// What was being done, with the name of the resource.
        operation: String,
        /// Why it failed.
        #[source]
        source: BoxError,
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
    pub fn backend(operation: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self::Backend { operation: operation.into(), source: source.into() }
    }

    /// Whether trying the same again later can help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::TimedOut { .. } | Self::Backend { .. })
    }
}
