//! The last look at a system after an operation halted half-way: how it is, or why that is not known.

use std::time::Duration;

use petswipe_deploy::Error;
use petswipe_monitor::explain;

/// How it is.
///
/// # Errors
/// Why that is not known, for a person.
pub(crate) async fn last_look<T>(
    within: Duration,
    look: impl Future<Output = Result<T, Error>>,
) -> Result<T, String> {
    match tokio::time::timeout(within, look).await {
        Ok(Ok(seen)) => Ok(seen),
        Ok(Err(error)) => Err(why(&error)),
        Err(_) => Err("the cloud does not answer".to_owned()),
    }
}

/// Who is refused has an answer: it is the caller that something is wrong with, and not the cloud.
fn why(error: &Error) -> String {
    let told = explain(error);
    match error {
        Error::Denied { .. } => {
            format!("the cloud refuses to say how it is now, with these credentials: {told}")
        }
        Error::TimedOut { .. } => "the cloud does not answer".to_owned(),
        Error::Backend { .. } if !is_refusal(error) => {
            format!("the cloud gives no answer that can be used: {told}")
        }
        _ => format!("the cloud does not say how it is now: {told}"),
    }
}

/// Whether a service of AWS said no.
fn is_refusal(error: &Error) -> bool {
    #[cfg(feature = "aws")]
    if let Error::Backend { source, .. } = error
        && let Some(call) = source.downcast_ref::<petswipe_aws::CallError>()
    {
        return call.failure() == petswipe_aws::Failure::Refused;
    }
    let _ = error;
    false
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    async fn told(look: impl Future<Output = Result<(), Error>>) -> String {
        last_look(Duration::from_millis(20), look).await.unwrap_err()
    }

    async fn failed(error: Error) -> String {
        told(std::future::ready(Err(error))).await
    }

    #[tokio::test]
    async fn a_refusal_is_not_said_to_be_silence() {
        let action = "DescribeServices of service blue (ExpiredTokenException)".to_owned();
        assert_eq!(
            failed(Error::Denied { action: action.clone() }).await,
            "the cloud refuses to say how it is now, with these credentials: DescribeServices of service blue \
             (ExpiredTokenException) was denied"
        );
        let throttled = Error::Throttled { action, retry_after: None };
        let text = failed(throttled).await;
        assert!(text.starts_with("the cloud does not say how it is now: "), "{text}");
        assert!(text.ends_with("was throttled"), "{text}");
    }

    #[tokio::test]
    async fn silence_is() {
        assert_eq!(told(std::future::pending()).await, "the cloud does not answer");
        let waited = Duration::from_secs(1);
        let error = Error::TimedOut { action: "looking".to_owned(), waited };
        assert_eq!(failed(error).await, "the cloud does not answer");
        assert_eq!(
            failed(Error::backend("looking", "connection refused")).await,
            "the cloud gives no answer that can be used: looking failed: connection refused"
        );
        assert_eq!(last_look(Duration::from_secs(1), std::future::ready(Ok(7))).await, Ok(7));
    }

    #[cfg(feature = "aws")]
    #[tokio::test]
    async fn what_could_not_be_used_was_no_refusal() {
        let call = petswipe_aws::CallError::unusable("DescribeRules", "a listener", "it is empty");
        let text = failed(Error::backend("DescribeRules of a listener", call)).await;
        assert!(text.starts_with("the cloud gives no answer that can be used: "), "{text}");
    }
}
