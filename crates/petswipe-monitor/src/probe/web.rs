//! Who sends the requests.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

/// Sends one request and waits for its answer.
///
/// # Contract
/// - `a_request_is_sent_as_it_is`: with its method, path, headers and body.
/// - `an_answer_is_whole`: it has the status, the headers and the body that were sent, and `took` lasts until its last byte.
/// - `nothing_is_sent_twice`: neither after a failure nor because of a redirect, which is an answer like any other.
/// - `no_answer_in_time_is_no_answer`: it is given up once the time of the request is over.
#[async_trait]
pub trait Web: Send + Sync {
    /// The answer to `request`, or why there is none.
    async fn send(&self, request: &Request) -> Reply;
}

/// A request to a service.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Such as `GET`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: String,
    /// How long it may take, above 0.
    pub timeout: Duration,
}

impl fmt::Debug for Request {
    /// Without what may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &path)
            .finish_non_exhaustive()
    }
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// From the first byte of the request to the last one of the answer, or until it was given up.
    pub took: Duration,
    /// The answer, or in words why there is none.
    pub answer: Result<Answer, String>,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body; what is no UTF-8 is replaced.
    pub body: String,
}

impl Reply {
    /// An answer without headers.
    pub fn answered(status: u16, body: impl Into<String>, took: Duration) -> Self {
        Self { took, answer: Ok(Answer { status, headers: Vec::new(), body: body.into() }) }
    }

    /// No answer.
    pub fn failed(why: impl Into<String>, took: Duration) -> Self {
        Self { took, answer: Err(why.into()) }
    }
}

/// Answers from a function: for tests and documentation.
pub struct MemoryWeb<F>(F);

impl<F: Fn(&Request) -> Reply + Send + Sync> MemoryWeb<F> {
    /// What `answer` says. A reply that took longer than the request may is one that was given up.
    pub fn new(answer: F) -> Self {
        Self(answer)
    }
}

#[async_trait]
impl<F: Fn(&Request) -> Reply + Send + Sync> Web for MemoryWeb<F> {
    async fn send(&self, request: &Request) -> Reply {
        let reply = (self.0)(request);
        match reply.took <= request.timeout {
            true => reply,
            false => Reply::failed("got no answer in time", request.timeout),
        }
    }
}

impl<F> fmt::Debug for MemoryWeb<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryWeb").finish_non_exhaustive()
    }
}

#[async_trait]
impl<T: Web + ?Sized> Web for Arc<T> {
    async fn send(&self, request: &Request) -> Reply {
        (**self).send(request).await
    }
}

#[async_trait]
impl<T: Web + ?Sized> Web for Box<T> {
    async fn send(&self, request: &Request) -> Reply {
        (**self).send(request).await
    }
}
