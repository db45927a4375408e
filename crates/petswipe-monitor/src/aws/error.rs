//! What an SDK's errors mean to who asks for metrics.

use petswipe_aws::{CallError, Failure};

use crate::Error;

/// Maps the error of a call that several may have waited for.
pub(super) fn called(error: CallError) -> Error {
    let operation = format!("{} of {}", error.action(), error.about());
    match error.failure() {
        Failure::Denied => Error::Denied { operation, source: error.into() },
        Failure::Throttled { retry_after } => {
            Error::Throttled { source_name: operation, retry_after }
        }
        Failure::NotFound => Error::NotFound { what: error.about().to_owned() },
        Failure::Refused => Error::Refused { operation, source: error.into() },
        _ => Error::backend(operation, error),
    }
}
