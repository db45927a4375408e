//! What the errors of calls mean to who scans an account.

use petswipe_aws::{CallError, Failure};

use crate::{Error, Region};

/// With these a service answers where it does not know the credentials at all: in a region that is not enabled, whose services
/// know nobody of the account, and when the credentials are wrong.
///
/// Sources: "Error codes for the Amazon EC2 API" (AuthFailure, OptInRequired), "Common errors" of the API references of the
/// other services, "List of error codes" of Amazon S3 (InvalidAccessKeyId, InvalidToken).
const STRANGERS: [&str; 7] = [
    "AuthFailure",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "OptInRequired",
    "UnrecognizedClientException",
    "UnrecognizedClient",
];

/// Whether the service does not know who asks.
pub(super) fn is_stranger(error: &CallError) -> bool {
    error.code().is_some_and(|code| STRANGERS.contains(&code))
}

/// Whether what it is about is no longer there.
pub(super) fn is_gone(error: &CallError) -> bool {
    error.failure() == Failure::NotFound
}

/// The error of a region that is not enabled.
pub(super) fn disabled(region: &Region) -> Error {
    Error::Disabled { region: region.to_string() }
}

/// The error of a call; its action is IAM's name for it.
pub(super) fn called(error: CallError) -> Error {
    let action = error.action().to_owned();
    // Cost Explorer has its own code for one call too many, which elsewhere means a quota. Source: "GetSavingsPlansCoverage",
    // errors, AWS Billing and Cost Management API Reference.
    if action.starts_with("ce:") && error.code() == Some("LimitExceededException") {
        return Error::Throttled { action, retry_after: None };
    }
    match error.failure() {
        Failure::Denied => Error::Denied { action, source: error.into() },
        Failure::Throttled { retry_after } => Error::Throttled { action, retry_after },
        Failure::NotFound => Error::NotFound { what: error.about().to_owned() },
        _ => Error::backend(format!("{action} of {}", error.about()), error),
    }
}
