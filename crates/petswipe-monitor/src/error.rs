//! The crate's one error type, its variants named for what a caller can do about them.

use std::time::Duration;

/// A boxed cause.
pub type Cause = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What can go wrong when metrics are read or a policy is set up.
///
/// A source that fails is never read as "healthy": [`observe_and_judge`](crate::observe_and_judge) turns it into an
/// inconclusive verdict that carries the cause.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A policy or a window can't be accepted. Correct the named field.
    #[error("{field} is {value}; allowed: {allowed}")]
    InvalidPolicy {
        /// The field, in the words of the caller.
        field: String,
        /// Its value as given.
        value: String,
        /// What would be accepted.
        allowed: String,
    },
    /// Something is in the way that belongs to somebody else. Rename one or the other, or give it the tags.
    #[error("not ours: {what}; nothing was changed")]
    NotOurs {
        /// What it is, and what it lacks.
        what: String,
    },
    /// Something is no longer as it was when the change was planned. Look again, and decide again.
    #[error("{what} was changed since it was looked at, so it was left as it is")]
    Changed {
        /// What it is.
        what: String,
    },
    /// The source does not know that subject.
    #[error("{what} was not found")]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// The source does not let us see it. Other credentials or rights are needed.
    #[error("{operation} was denied")]
    Denied {
        /// What was being done.
        operation: String,
        /// What the source said.
        #[source]
        source: Cause,
    },
    /// The source takes no such request: a value that is not allowed, or a state that does not allow it. Asked the same
    /// again, it refuses again.
    #[error("{operation} was refused")]
    Refused {
        /// What was being done.
        operation: String,
        /// What the source said.
        #[source]
        source: Cause,
    },
    /// The source asks us to slow down.
    #[error("{source_name} throttles")]
    Throttled {
        /// The source.
        source_name: String,
        /// How long it asks to wait, if it says so.
        retry_after: Option<Duration>,
    },
    /// The source did not answer in time.
    #[error("{source_name} did not answer within {waited:?}")]
    TimedOut {
        /// The source.
        source_name: String,
        /// How long was waited.
        waited: Duration,
    },
    /// The source failed, or answered something that makes no sense.
    #[error("{operation} failed")]
    Backend {
        /// What was being done.
        operation: String,
        /// Why it failed.
        #[source]
        source: Cause,
    },
}

impl Error {
    /// An [`Error::InvalidPolicy`].
    pub fn invalid(
        field: impl Into<String>,
        value: impl ToString,
        allowed: impl Into<String>,
    ) -> Self {
        Self::InvalidPolicy {
            field: field.into(),
            value: value.to_string(),
            allowed: allowed.into(),
        }
    }

    /// An [`Error::Backend`].
    pub fn backend(operation: impl Into<String>, source: impl Into<Cause>) -> Self {
        Self::Backend { operation: operation.into(), source: source.into() }
    }

    /// Whether trying the same again later can help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::TimedOut { .. } | Self::Backend { .. })
    }
}

/// An error and all its causes in one line, for evidence and logs. A cause that only says the same again is left out.
///
/// ```
/// use petswipe_monitor::{Error, explain};
/// let refused = std::io::Error::other("connection refused");
/// let inner = Error::backend("GetMetricData", refused);
/// assert_eq!(explain(&inner), "GetMetricData failed: connection refused");
/// assert_eq!(explain(&Error::backend("GetMetricData", inner)), "GetMetricData failed: connection refused");
/// ```
pub fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut last = text.clone();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if said != last {
            text.push_str(": ");
            text.push_str(&said);
        }
        last = said;
        cause = next.source();
    }
    text
}
