//! A call that failed: what it was, what the service said, and whether it may have acted all the same.

use std::error::Error;
use std::fmt;

use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};

/// A call that failed.
#[derive(Debug)]
pub(super) struct Failed {
    /// The API's name of the call, and what it was about.
    called: String,
    /// The service's code for it, if the service answered.
    code: Option<String>,
    message: String,
}

impl Failed {
    /// Whether the service refused with that code.
    pub(super) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Whether it is certain that nothing happened: the service said no. What broke on its side, and what was lost on
    /// the way, may have happened.
    pub(super) fn is_refusal(&self) -> bool {
        self.code.is_some()
    }

    /// The same of a call that came after one that acted.
    pub(super) fn after_acting(mut self) -> Self {
        if let Some(code) = self.code.take() {
            self.message = format!("{code}: {}", self.message);
        }
        self
    }

    /// An answer that is not what was asked for.
    pub(super) fn answer(action: &str, what: impl fmt::Display, message: &str) -> Self {
        Self { called: format!("{action} of {what}"), code: None, message: message.to_owned() }
    }

    /// Something that did not come to pass in time.
    pub(super) fn wait(what: &str, why: &str) -> Self {
        Self { called: format!("waiting for {what}"), code: None, message: why.to_owned() }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.called)?;
        match &self.code {
            Some(code) if self.message.is_empty() => f.write_str(code),
            Some(code) => write!(f, "{code}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// The result of a call: `action` is the API's name for it, `what` the resource it was about.
pub(super) fn called<T, E>(
    action: &str,
    what: impl fmt::Display,
    result: Result<T, SdkError<E>>,
) -> Result<T, Failed>
where
    E: Error + ProvideErrorMetadata + 'static,
{
    result.map_err(|error| {
        let called = format!("{action} of {what}");
        let broke = error.raw_response().is_some_and(|answer| answer.status().as_u16() >= 500);
        match error.as_service_error() {
            Some(said) => {
                let code = said.code().filter(|_| !broke).map(str::to_owned);
                let said_so = said.message().unwrap_or_default();
                let mut message = said_so.trim_end_matches('.').to_owned();
                if code.is_none() && message.is_empty() {
                    message = said.code().unwrap_or("the service broke").to_owned();
                }
                Failed { called, code, message }
            }
            None => Failed { called, code: None, message: chain(&error) },
        }
    })
}

/// An error with its causes, each once.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = next.source();
    }
    text
}
