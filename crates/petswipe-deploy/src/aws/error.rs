//! What an SDK's errors mean to a caller.

use std::error::Error as StdError;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use petswipe_aws::{CallError, Failure};

use crate::Error;

/// Maps the error of a call: `action` is the API's name for it, `what` the resource it was about.
pub(super) fn error<E>(action: &str, what: &str, error: SdkError<E, HttpResponse>) -> Error
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    called(CallError::new(action, what, error))
}

/// The same for a call that several waited for.
pub(super) fn called(error: CallError) -> Error {
    let action = || format!("{} of {}", error.action(), error.about());
    match error.failure() {
        // The code tells credentials that have expired from those that never were enough.
        Failure::Denied => {
            let code = error.code().map_or_else(String::new, |code| format!(" ({code})"));
            Error::Denied { action: action() + &code }
        }
        Failure::Throttled { retry_after } => Error::Throttled { action: action(), retry_after },
        Failure::NotFound => Error::NotFound { what: error.about().to_owned() },
        _ => Error::backend(action(), error),
    }
}
