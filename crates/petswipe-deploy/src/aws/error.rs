//! What an SDK's errors mean to a caller.

use std::error::Error as StdError;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::Error;

/// Maps the error of a call: `action` is the API's name for it, `what` the resource it was about.
///
/// Codes: Amazon ECS and Elastic Load Balancing API references, "Common errors", and the errors of each operation.
pub(super) fn error<E>(action: &str, what: &str, error: SdkError<E, HttpResponse>) -> Error
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    let called = format!("{action} of {what}");
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
    match code {
        "AccessDenied"
        | "AccessDeniedException"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "NotAuthorized"
        | "SignatureDoesNotMatch"
        | "UnauthorizedOperation"
        | "UnrecognizedClientException" => return Error::Denied { action: called },
        "RequestLimitExceeded"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException" => {
            let retry_after = error.raw_response().and_then(|response| {
                let seconds = response.headers().get("retry-after")?.parse().ok()?;
                Some(Duration::from_secs(seconds))
            });
            return Error::Throttled { action: called, retry_after };
        }
        code if code.ends_with("NotFound") || code.ends_with("NotFoundException") => {
            return Error::NotFound { what: what.to_owned() };
        }
        _ => {}
    }
    match error {
        // How long that was is the configuration's affair.
        SdkError::TimeoutError(cause) => {
            Error::backend(called, SdkError::<E, HttpResponse>::TimeoutError(cause))
        }
        error => Error::backend(called, error),
    }
}
