//! What the answer to a change means.

use petswipe_aws::{CallError, Failure};

use crate::aws::error::{called, is_gone};
use crate::{Error, explain};

/// It is done, also where what it is about is gone. `in_use` are the codes by which the service refuses what something needs, or whose
/// state does not allow it.
pub(super) fn done<T>(answer: Result<T, CallError>, in_use: &[&str]) -> Result<(), Error> {
    match answer {
        Ok(_) => Ok(()),
        Err(error) if is_gone(&error) => Ok(()),
        Err(error) => Err(failed(error, in_use)),
    }
}

/// The error of a call that was to change something.
pub(super) fn failed(error: CallError, in_use: &[&str]) -> Error {
    if error.code().is_some_and(|code| in_use.contains(&code)) {
        return Error::Conflict { what: explain(&error) };
    }
    match error.failure() {
        Failure::Refused => {
            let action = error.action().to_owned();
            Error::Refused { action, source: error.into() }
        }
        _ => called(error),
    }
}
