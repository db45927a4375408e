//! Sending spans and metrics to a collector by OTLP over HTTP. The threads of the SDK do so; a collector that can't be
//! reached costs the operation nothing, and is mentioned once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use petswipe_runbook::telemetry::{OpenTelemetry, Sink};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::{Exit, say};

/// How long one export may take, with all its attempts.
const EXPORT: Duration = Duration::from_secs(2);
/// The longest answer of a collector, in bytes.
const LONGEST: usize = 64 * 1024;

/// Spans and metrics on their way to a collector.
pub(super) struct Exporter {
    tracers: SdkTracerProvider,
    meters: SdkMeterProvider,
    news: News,
}

impl Exporter {
    /// To the collector at `url`, which was checked, in the name of `example`. Nothing is sent yet.
    ///
    /// # Errors
    /// When variables of OpenTelemetry say something that is not possible.
    pub(super) fn new(url: &str, example: &str) -> Result<Self, Exit> {
        let news = News { url: url.into(), said: Arc::default() };
        let client = HttpSender {
            client: Client::builder(TokioExecutor::new()).build_http(),
            runtime: Handle::current(),
            news: news.clone(),
        };
        let refused = |error| Exit::usage(format!("--otlp: {error}"));
        let spans = SpanExporter::builder()
            .with_http()
            .with_http_client(client.clone())
            .with_endpoint(format!("{url}/v1/traces"))
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(EXPORT)
            .build()
            .map_err(refused)?;
        let numbers = MetricExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(format!("{url}/v1/metrics"))
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(EXPORT)
            .build()
            .map_err(refused)?;
        let mut resource = Resource::builder()
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name(format!("petswipe-{example}"));
        }
        let resource = resource.build();
        let tracers = SdkTracerProvider::builder()
            .with_batch_exporter(spans)
            .with_resource(resource.clone())
            .build();
        let meters = SdkMeterProvider::builder()
            .with_periodic_exporter(numbers)
            .with_resource(resource)
            .build();
        Ok(Self { tracers, meters, news })
    }

    pub(super) fn sink(&self) -> Arc<dyn Sink> {
        let (tracer, meter) = (self.tracers.tracer("petswipe"), self.meters.meter("petswipe"));
        Arc::new(OpenTelemetry::new(tracer, meter))
    }

    /// Sends what was not sent yet, and waits for that no longer than said.
    pub(super) async fn finish(self, within: Duration) {
        let Self { tracers, meters, news } = self;
        // The SDK waits by blocking, so it does that where nobody minds.
        let spans = elsewhere(move || tracers.shutdown_with_timeout(within).is_ok());
        let numbers = elsewhere(move || meters.shutdown_with_timeout(within).is_ok());
        let both = async { (spans.await, numbers.await) };
        if !matches!(tokio::time::timeout(within, both).await, Ok((Ok(true), Ok(true)))) {
            news.say("not everything was taken in time");
        }
    }
}

fn elsewhere(work: impl FnOnce() -> bool + Send + 'static) -> oneshot::Receiver<bool> {
    let (finished, done) = oneshot::channel();
    // Without a thread nobody answers, which is an answer.
    let _ = std::thread::Builder::new().name("telemetry".to_owned()).spawn(move || {
        // Nobody may be waiting any more.
        let _ = finished.send(work());
    });
    done
}

/// What a person is told about a collector: one line at most.
#[derive(Clone, Debug)]
struct News {
    url: Arc<str>,
    said: Arc<AtomicBool>,
}

impl News {
    fn say(&self, why: &str) {
        if !self.said.swap(true, Ordering::Relaxed) {
            say(&format!(
                "telemetry does not reach {}: {why}; the operation goes on without",
                self.url
            ));
        }
    }
}

/// Sends the requests of the SDK's threads on the runtime of the program. Its requests hold what is secret, so it shows
/// none.
#[derive(Clone, Debug)]
struct HttpSender {
    client: Client<HttpConnector, Full<Bytes>>,
    runtime: Handle,
    news: News,
}

#[async_trait]
impl HttpClient for HttpSender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.client.request(request.map(Full::new));
        let answered = async {
            let (head, body) = sent.await?.into_parts();
            let body = Limited::new(body, LONGEST).collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(head, body))
        };
        // The thread that asks has no runtime, so the timer has to be set on ours as well.
        let timed = async move { tokio::time::timeout(EXPORT, answered).await };
        let answer = self.runtime.spawn(timed).await;
        let result = match answer {
            Ok(Ok(result)) => result,
            Ok(Err(late)) => Err(late.into()),
            Err(gone) => Err(gone.into()),
        };
        match &result {
            Ok(response) if !response.status().is_success() => {
                self.news.say(&format!("it answers {}", response.status()));
            }
            Ok(_) => {}
            Err(error) => self.news.say(&petswipe_monitor::explain(error.as_ref())),
        }
        result
    }
}
