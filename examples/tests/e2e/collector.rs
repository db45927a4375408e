//! A collector of OpenTelemetry in this process: it takes OTLP over HTTP and keeps what it is told.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A collector, which ends when it is dropped.
pub(crate) struct Collector {
    pub(crate) url: String,
    seen: Arc<Mutex<Collected>>,
    serving: JoinHandle<()>,
}

/// What it was told.
#[derive(Clone, Default)]
pub(crate) struct Collected {
    pub(crate) spans: Vec<Span>,
    /// The names of all metrics.
    pub(crate) metrics: BTreeSet<String>,
    pub(crate) authorizations: BTreeSet<String>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        Self::answering(StatusCode::OK).await
    }

    /// One that takes nothing.
    pub(crate) async fn unwilling() -> Self {
        Self::answering(StatusCode::FORBIDDEN).await
    }

    async fn answering(status: StatusCode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Collected::default()));
        let into = Arc::clone(&seen);
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let into = Arc::clone(&into);
                let service = service_fn(move |request| take(Arc::clone(&into), request, status));
                let serving = hyper::server::conn::http1::Builder::new();
                tokio::spawn(serving.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, seen, serving }
    }

    pub(crate) fn seen(&self) -> Collected {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(
    into: Arc<Mutex<Collected>>,
    request: Request<Incoming>,
    status: StatusCode,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut seen = into.lock().unwrap();
    let sent = head.headers.get("authorization").map(|it| it.to_str().unwrap().to_owned());
    seen.authorizations.extend(sent);
    assert_eq!(head.headers["content-type"], "application/x-protobuf");
    match head.uri.path() {
        "/v1/traces" => {
            let told = ExportTraceServiceRequest::decode(body).unwrap().resource_spans;
            let scopes = told.into_iter().flat_map(|resource| resource.scope_spans);
            seen.spans.extend(scopes.flat_map(|scope| scope.spans));
        }
        "/v1/metrics" => {
            let told = ExportMetricsServiceRequest::decode(body).unwrap().resource_metrics;
            let scopes = told.into_iter().flat_map(|resource| resource.scope_metrics);
            seen.metrics.extend(scopes.flat_map(|scope| scope.metrics).map(|metric| metric.name));
        }
        other => panic!("{other} is no path of a collector"),
    }
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    Ok(response)
}

impl Collected {
    pub(crate) fn named(&self, name: &str) -> Vec<&Span> {
        self.spans.iter().filter(|span| span.name == name).collect()
    }
}

pub(crate) fn is_error(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code == SpanStatus::Error as i32)
}

/// An attribute as text, which must be there.
#[track_caller]
pub(crate) fn attribute(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|it| it.key == key);
    let value = found.and_then(|it| it.value.as_ref()?.value.as_ref());
    match value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::BoolValue(flag)) => flag.to_string(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        other => panic!("{key} is {other:?} in {attributes:?}"),
    }
}
