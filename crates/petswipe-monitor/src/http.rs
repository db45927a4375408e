//! The client that everything here speaks HTTP with: HTTP/1.1, and https with the feature `tls`.

use std::time::Duration;

use hyper::body::Body;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::Error;

#[cfg(feature = "tls")]
type Connector = hyper_rustls::HttpsConnector<HttpConnector>;
#[cfg(not(feature = "tls"))]
type Connector = HttpConnector;

/// Sends requests with bodies of that kind, over connections that it keeps for a minute.
pub(crate) type Client<B> = legacy::Client<Connector, B>;

/// A client that follows no redirect. It sends again only what it knows was not received.
///
/// # Errors
/// [`Error::Backend`] when the system has no trusted certificates.
pub(crate) fn client<B: Body + Send>() -> Result<Client<B>, Error>
where
    B::Data: Send,
{
    Ok(legacy::Client::builder(TokioExecutor::new())
        .pool_idle_timeout(Duration::from_secs(60))
        .pool_timer(TokioTimer::new())
        .build(connector()?))
}

#[cfg(feature = "tls")]
fn connector() -> Result<Connector, Error> {
    let builder = hyper_rustls::HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::aws_lc_rs::default_provider())
        .map_err(|why| Error::backend("reading the system's certificates", why))?;
    Ok(builder.https_or_http().enable_http1().build())
}

#[cfg(not(feature = "tls"))]
fn connector() -> Result<Connector, Error> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Ok(connector)
}
