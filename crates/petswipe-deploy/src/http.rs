//! A smoke test over HTTP, behind the feature `http`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::{Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::{Environment, Error, SmokeResult, SmokeTest, TrafficRouter};

/// Where and how to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmokeRequests {
    /// Where the load balancer is reached: `https://shop.example.com`. Its name must be one of the certificate.
    pub base: String,
    /// What to ask for, each with a `/` in front. The guide asks for `/health` and `/`.
    pub paths: Vec<String>,
    /// The header that the test route looks at. Its value is the [short](Environment::short) name of the environment.
    pub header: String,
    /// How long one answer may take.
    pub timeout: Duration,
}

/// Asks for some pages through the test route of a router, each once a round, each over HTTP/1.1.
pub struct HttpSmoke {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    router: Arc<dyn TrafficRouter>,
    requests: SmokeRequests,
    uris: Vec<Uri>,
}

impl HttpSmoke {
    /// A smoke test of what `router` leads test traffic to.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] for an address that is none, without paths, or for a header that is none;
    /// [`Error::Backend`] when the system has no trusted certificates.
    pub fn new(router: Arc<dyn TrafficRouter>, requests: SmokeRequests) -> Result<Self, Error> {
        let base = requests.base.trim_end_matches('/');
        let web = base.starts_with("http://") || base.starts_with("https://");
        if !web {
            let allowed = "an address that begins with http:// or https://";
            return Err(Error::invalid("address of the smoke test", &requests.base, allowed));
        }
        if requests.paths.is_empty() {
            return Err(Error::invalid("paths of the smoke test", "none", "at least one"));
        }
        let uri = |path: &String| {
            let allowed = "a path that begins with /, under an address";
            let uri = format!("{base}{path}").parse::<Uri>();
            uri.ok()
                .filter(|_| path.starts_with('/'))
                .ok_or_else(|| Error::invalid("path of the smoke test", path, allowed))
        };
        let uris = requests.paths.iter().map(uri).collect::<Result<_, _>>()?;
        if hyper::header::HeaderName::from_bytes(requests.header.as_bytes()).is_err() {
            return Err(Error::invalid(
                "header of test requests",
                &requests.header,
                "a header's name",
            ));
        }
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::aws_lc_rs::default_provider())
            .map_err(|why| Error::backend("reading the system's certificates", why))?
            .https_or_http()
            .enable_http1()
            .build();
        // Every request over a connection of its own: what it finds must not be what an older one found.
        let client =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { client, router, requests, uris })
    }

    /// Why a request failed, if it did.
    async fn ask(&self, uri: &Uri, environment: &Environment) -> Result<Option<String>, Error> {
        let request = Request::get(uri.clone())
            .header(&self.requests.header, environment.short())
            .body(Empty::new())
            .map_err(|why| Error::backend(format!("GET {uri}"), why))?;
        let answer =
            tokio::time::timeout(self.requests.timeout, self.client.request(request)).await;
        Ok(match answer {
            Err(_) => {
                Some(format!("{} did not answer within {:?}", uri.path(), self.requests.timeout))
            }
            Ok(Ok(answer)) if answer.status().is_success() || answer.status().is_redirection() => {
                None
            }
            Ok(Ok(answer)) => Some(format!("{} answered {}", uri.path(), answer.status())),
            // Nobody is there: that says nothing about the new version.
            Ok(Err(why)) if why.is_connect() => {
                return Err(Error::backend(format!("GET {uri}"), why));
            }
            Ok(Err(why)) => Some(format!("{}: {}", uri.path(), petswipe_monitor::explain(&why))),
        })
    }
}

#[async_trait]
impl SmokeTest for HttpSmoke {
    /// Without a test route to `environment` nothing is sent: it would be answered by the live side.
    async fn probe(&self, environment: &Environment) -> Result<SmokeResult, Error> {
        if self.router.route().await?.test.as_ref() != Some(environment) {
            return Err(Error::NotFound { what: format!("the test route to {environment}") });
        }
        let mut result = SmokeResult::default();
        for uri in &self.uris {
            result.requests += 1;
            if let Some(reason) = self.ask(uri, environment).await? {
                result.failed += 1;
                result.reasons.push(reason);
            }
        }
        Ok(result)
    }
}
