//! Plain HTTP/1.1 to loopback, with connections kept alive and a limit for every call.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use petswipe_deploy::Error;
use serde_json::Value;

use crate::CloudUrl;

/// The longest answer that is read.
const LONGEST: usize = 16 * 1024 * 1024;

#[derive(Clone, Debug)]
pub(super) struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    timeout: Duration,
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

impl Http {
    pub(super) fn new(timeout: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self { client, timeout }
    }

    /// A call of the control API.
    pub(super) async fn control(
        &self,
        url: &CloudUrl,
        method: Method,
        path: &str,
        body: Option<Value>,
        operation: &str,
    ) -> Result<Answer, Error> {
        let failed = |why: hyper::http::Error| Error::backend(operation, why);
        let bearer = format!("Bearer {}", url.token().reveal());
        let mut bearer = HeaderValue::from_str(&bearer).map_err(|why| failed(why.into()))?;
        bearer.set_sensitive(true);
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let request = Request::builder()
            .method(method)
            .uri(format!("{url}{path}"))
            .header(AUTHORIZATION, bearer)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(failed)?;
        self.send(request, operation).await.map_err(|error| match error {
            NoAnswer::NotThere => Error::backend(
                operation,
                format!("no cloud at {url}; start one with `cargo run --example local_cloud`"),
            ),
            NoAnswer::Error(error) => error,
        })
    }

    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        operation: &str,
    ) -> Result<Answer, NoAnswer> {
        let answer = async {
            let response = self.client.request(request).await.map_err(|why| {
                if why.is_connect() {
                    return NoAnswer::NotThere;
                }
                NoAnswer::Error(Error::backend(operation, why))
            })?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LONGEST).collect().await;
            let body = body.map_err(|why| NoAnswer::Error(Error::backend(operation, why)))?;
            Ok(Answer { status, body: body.to_bytes() })
        };
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(NoAnswer::Error(Error::TimedOut {
                action: operation.to_owned(),
                waited: self.timeout,
            })),
        }
    }
}

/// Why there is no answer.
pub(super) enum NoAnswer {
    /// Nobody listens.
    NotThere,
    Error(Error),
}
