//! Errors as they travel: one JSON object with a `type`, a `message` for people, and the fields of that type.

use std::time::Duration;

use hyper::StatusCode;
use jiff::Timestamp;
use petswipe_deploy::Error;
use petswipe_runbook::{Error as LeaseError, Fence, OperationId};
use serde::{Deserialize, Serialize};

/// Why a call was refused or failed. The first nine are [`petswipe_deploy::Error`] one to one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Problem {
    InvalidPlan { field: String, value: String, allowed: String },
    NotFound { what: String },
    Conflict { what: String, expected: String, found: String },
    Fenced { fence: Fence, newest: Fence },
    Denied { action: String },
    Throttled { action: String, retry_after_ms: Option<u64> },
    TimedOut { action: String, waited_ms: u64 },
    Unsupported { what: String, backend: String },
    Backend { operation: String, cause: String },
    Held { key: String, operation: OperationId, holder: String, expires_at: Timestamp },
    LeaseLost { key: String, fence: Fence, why: String },
}

impl Problem {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::InvalidPlan { .. } => StatusCode::BAD_REQUEST,
            Self::NotFound { .. } => StatusCode::NOT_FOUND,
            Self::Conflict { .. }
            | Self::Fenced { .. }
            | Self::Held { .. }
            | Self::LeaseLost { .. } => StatusCode::CONFLICT,
            Self::Denied { .. } => StatusCode::FORBIDDEN,
            Self::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::Unsupported { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Backend { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The JSON of an answer.
    pub(crate) fn body(&self) -> String {
        let message = match Result::<Error, LeaseError>::from(self.clone()) {
            Ok(error) => petswipe_monitor::explain(&error),
            Err(error) => petswipe_monitor::explain(&error),
        };
        let mut body = serde_json::to_value(self).unwrap_or_default();
        if let Some(object) = body.as_object_mut() {
            object.insert("message".to_owned(), message.into());
        }
        body.to_string()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidPlan { field, value, allowed } => {
                Self::InvalidPlan { field, value, allowed }
            }
            Error::NotFound { what } => Self::NotFound { what },
            Error::Conflict { what, expected, found } => Self::Conflict { what, expected, found },
            Error::Fenced { fence, newest } => Self::Fenced { fence, newest },
            Error::Denied { action } => Self::Denied { action },
            Error::Throttled { action, retry_after } => {
                Self::Throttled { action, retry_after_ms: retry_after.map(millis) }
            }
            Error::TimedOut { action, waited } => {
                Self::TimedOut { action, waited_ms: millis(waited) }
            }
            Error::Unsupported { what, backend } => Self::Unsupported { what, backend },
            Error::Backend { operation, source } => {
                Self::Backend { operation, cause: petswipe_monitor::explain(&*source) }
            }
            other => Self::Backend { operation: "the call".to_owned(), cause: other.to_string() },
        }
    }
}

impl From<LeaseError> for Problem {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::InvalidPlan { field, value, allowed } => {
                Self::InvalidPlan { field, value, allowed }
            }
            LeaseError::Held { key, operation, holder, expires_at } => {
                Self::Held { key, operation, holder, expires_at }
            }
            LeaseError::LeaseLost { key, fence, why } => Self::LeaseLost { key, fence, why },
            other => Self::Backend { operation: "the lease".to_owned(), cause: other.to_string() },
        }
    }
}

/// What concerns a lease is an error of leases (`Err`), everything else one of deployments (`Ok`).
impl From<Problem> for Result<Error, LeaseError> {
    fn from(problem: Problem) -> Self {
        Ok(match problem {
            Problem::Held { key, operation, holder, expires_at } => {
                return Err(LeaseError::Held { key, operation, holder, expires_at });
            }
            Problem::LeaseLost { key, fence, why } => {
                return Err(LeaseError::LeaseLost { key, fence, why });
            }
            Problem::InvalidPlan { field, value, allowed } => {
                Error::InvalidPlan { field, value, allowed }
            }
            Problem::NotFound { what } => Error::NotFound { what },
            Problem::Conflict { what, expected, found } => {
                Error::Conflict { what, expected, found }
            }
            Problem::Fenced { fence, newest } => Error::Fenced { fence, newest },
            Problem::Denied { action } => Error::Denied { action },
            Problem::Throttled { action, retry_after_ms } => {
                Error::Throttled { action, retry_after: retry_after_ms.map(Duration::from_millis) }
            }
            Problem::TimedOut { action, waited_ms } => {
                Error::TimedOut { action, waited: Duration::from_millis(waited_ms) }
            }
            Problem::Unsupported { what, backend } => Error::Unsupported { what, backend },
            Problem::Backend { operation, cause } => Error::backend(operation, cause),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_a_deployment_survives_the_journey() {
        let text = || "x".to_owned();
        let errors = [
            Error::invalid("desired", 7, "0 to 5"),
            Error::NotFound { what: text() },
            Error::Conflict { what: text(), expected: text(), found: text() },
            Error::Fenced { fence: Fence(1), newest: Fence(2) },
            Error::Denied { action: text() },
            Error::Throttled { action: text(), retry_after: Some(Duration::from_millis(1500)) },
            Error::TimedOut { action: text(), waited: Duration::from_secs(3) },
            Error::Unsupported { what: text(), backend: text() },
            Error::backend("doing", "cause"),
        ];
        for error in errors {
            let before = format!("{error:?}");
            let problem = Problem::from(error);
            assert!(problem.status().as_u16() >= 400);
            let read: Problem = serde_json::from_str(&problem.body()).unwrap();
            assert_eq!(read, problem);
            match Result::from(read) {
                Ok::<Error, LeaseError>(after) => assert_eq!(format!("{after:?}"), before),
                Err(lease) => panic!("{lease}"),
            }
        }
    }

    #[test]
    fn an_error_has_a_type_a_message_and_its_fields() {
        let problem = Problem::from(Error::Fenced { fence: Fence(1), newest: Fence(2) });
        let body: serde_json::Value = serde_json::from_str(&problem.body()).unwrap();
        let expected = serde_json::json!({
            "type": "fenced",
            "message": "a command with fence 1 was refused: fence 2 has been seen",
            "fence": 1,
            "newest": 2,
        });
        assert_eq!(body, expected);
    }
}
