//! What an SDK's errors mean to a caller.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// What a caller can do about a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The credentials do not allow it, or are no longer valid. Nothing happened.
    Denied,
    /// One call too many. Nothing happened.
    Throttled {
        /// How long it asks to wait, if it says so.
        retry_after: Option<Duration>,
    },
    /// What it is about does not exist. Nothing happened.
    NotFound,
    /// It was refused for another reason: an invalid value, or a state that does not allow it. Nothing happened.
    Refused,
    /// No answer came, or a broken one. Whether it happened is unknown.
    Unknown,
}

/// A call that failed. Cheap to clone, as everybody who waited for the same answer gets one.
#[derive(Clone, Debug)]
pub struct CallError {
    action: String,
    about: String,
    failure: Failure,
    code: Option<String>,
    cause: Arc<dyn StdError + Send + Sync>,
}

impl CallError {
    /// The error of a call: `action` is the API's name for it, `about` the resource.
    ///
    /// Codes: the "Common errors" of the Amazon ECS, Elastic Load Balancing, CloudWatch, Application Auto Scaling, RDS, EC2
    /// and IAM API references, "Error responses" of S3, and the errors of each operation.
    pub fn new<E>(
        action: impl Into<String>,
        about: impl Into<String>,
        error: SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code).map(str::to_owned);
        let failure = match &error {
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status().as_u16();
                let retry_after = answer.raw().headers().get("retry-after");
                let retry_after = retry_after.and_then(|seconds| seconds.parse().ok());
                of_code(code.as_deref().unwrap_or_default(), status, retry_after)
            }
            SdkError::ConstructionFailure(_) => Failure::Refused,
            _ => Failure::Unknown,
        };
        let (action, about) = (action.into(), about.into());
        Self { action, about, failure, code, cause: Arc::new(error) }
    }

    /// A call that was answered with something of no use, such as a description without its resource.
    pub fn unusable(
        action: impl Into<String>,
        about: impl Into<String>,
        why: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            action: action.into(),
            about: about.into(),
            failure: Failure::Unknown,
            code: None,
            cause: Arc::from(why.into()),
        }
    }

    /// The API's name of the call.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// The resource it was about.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// What can be done about it.
    pub fn failure(&self) -> Failure {
        self.failure
    }

    /// The service's code for it, such as `ServiceNotActiveException`.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.action, self.about)?;
        match self.failure {
            Failure::Denied => f.write_str(" was denied"),
            Failure::Throttled { .. } => f.write_str(" was throttled"),
            Failure::NotFound => f.write_str(": not found"),
            Failure::Refused => f.write_str(" was refused"),
            Failure::Unknown => f.write_str(" failed"),
        }
    }
}

impl StdError for CallError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.cause)
    }
}

fn of_code(code: &str, status: u16, retry_after: Option<u64>) -> Failure {
    match code {
        "AccessDenied"
        | "AccessDeniedException"
        | "AuthFailure"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "MissingAuthenticationToken"
        | "NotAuthorized"
        | "OptInRequired"
        | "RequestExpired"
        | "SignatureDoesNotMatch"
        | "UnauthorizedOperation"
        | "UnrecognizedClientException" => Failure::Denied,
        "LimitExceededException" if status == 429 => throttled(retry_after),
        "RequestLimitExceeded"
        | "SlowDown"
        | "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequestsException" => throttled(retry_after),
        code if code.ends_with("NotFound")
            || code.ends_with("NotFoundException")
            || code.ends_with("NotFoundFault")
            || code.starts_with("NoSuch") =>
        {
            Failure::NotFound
        }
        _ if status == 429 => throttled(retry_after),
        _ if (400..500).contains(&status) => Failure::Refused,
        _ => Failure::Unknown,
    }
}

fn throttled(seconds: Option<u64>) -> Failure {
    Failure::Throttled { retry_after: seconds.map(Duration::from_secs) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_say_what_a_caller_can_do() {
        let minute = Failure::Throttled { retry_after: Some(Duration::from_secs(60)) };
        for (code, status, wanted) in [
            ("AccessDeniedException", 400, Failure::Denied),
            ("ExpiredToken", 403, Failure::Denied),
            ("ThrottlingException", 400, minute),
            ("Whatever", 429, minute),
            ("ServiceNotFoundException", 400, Failure::NotFound),
            ("DBInstanceNotFound", 404, Failure::NotFound),
            ("NoSuchEntity", 404, Failure::NotFound),
            ("NoSuchBucket", 404, Failure::NotFound),
            ("InvalidVolume.NotFound", 400, Failure::NotFound),
            ("AuthFailure", 401, Failure::Denied),
            ("RequestLimitExceeded", 503, minute),
            ("SlowDown", 503, minute),
            ("InvalidParameterException", 400, Failure::Refused),
            ("ServerException", 500, Failure::Unknown),
            ("", 503, Failure::Unknown),
        ] {
            assert_eq!(of_code(code, status, Some(60)), wanted, "{code} {status}");
        }
    }
}
