//! The crate's one error type, its variants named for what a caller can do about them.

use std::time::Duration;

/// A boxed cause.
pub type Cause = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What can go wrong when an account is looked at, or a file about it is read.
///
/// Nothing that failed is ever read as "not used": what could not be looked at is reported as not analysed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something given can't be accepted. Correct the named field.
    #[error("{field} is {value}; allowed: {allowed}")]
    Invalid {
        /// The field, in the words of the caller.
        field: String,
        /// Its value as given.
        value: String,
        /// What would be accepted.
        allowed: String,
    },
    /// A file can't be read for what it should be. Correct it at the place that is named.
    #[error("{file}: {problem}")]
    Malformed {
        /// Which file.
        file: String,
        /// What is wrong, and where.
        problem: String,
    },
    /// The credentials do not allow it. Give them the action.
    #[error("{action} was denied")]
    Denied {
        /// The action as IAM names it, such as `ec2:DescribeVolumes`.
        action: String,
        /// What was said.
        #[source]
        source: Cause,
    },
    /// One call too many, even after waiting. Ask again later.
    #[error("{action} was throttled")]
    Throttled {
        /// The action as IAM names it.
        action: String,
        /// How long to wait, if it was said.
        retry_after: Option<Duration>,
    },
    /// The region is not switched on in this account, or does not exist.
    #[error("region {region} is not enabled in this account")]
    Disabled {
        /// The region.
        region: String,
    },
    /// It does not exist, or no longer.
    #[error("{what} was not found")]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// Something uses it, so it was left as it is. Look again, and decide again.
    #[error("{what}; it was left as it is")]
    Conflict {
        /// What is in the way.
        what: String,
    },
    /// It was refused as it was asked for, and nothing happened. What was said tells why.
    #[error("{action} was refused, and nothing was changed")]
    Refused {
        /// The action as IAM names it.
        action: String,
        /// What was said.
        #[source]
        source: Cause,
    },
    /// This source can't tell. Use another one.
    #[error("{what} is not supported here")]
    Unsupported {
        /// What was asked for.
        what: String,
    },
    /// No answer came, or one that makes no sense.
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
    /// An [`Error::Invalid`].
    pub fn invalid(
        field: impl Into<String>,
        value: impl ToString,
        allowed: impl Into<String>,
    ) -> Self {
        Self::Invalid { field: field.into(), value: value.to_string(), allowed: allowed.into() }
    }

    /// An [`Error::Backend`].
    pub fn backend(operation: impl Into<String>, source: impl Into<Cause>) -> Self {
        Self::Backend { operation: operation.into(), source: source.into() }
    }

    /// The action that the credentials lack, as IAM names it.
    pub fn missing_action(&self) -> Option<&str> {
        match self {
            Self::Denied { action, .. } => Some(action),
            _ => None,
        }
    }

    /// Whether trying the same again later can help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Backend { .. })
    }
}

/// An error and all its causes in one line.
///
/// ```
/// use petswipe_cost::{Error, explain};
/// let refused = std::io::Error::other("connection refused");
/// assert_eq!(explain(&Error::backend("DescribeVolumes", refused)), "DescribeVolumes failed: connection refused");
/// ```
pub fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = next.source();
    }
    text
}
