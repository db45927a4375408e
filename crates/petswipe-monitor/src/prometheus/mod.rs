//! A source for Prometheus and what speaks its HTTP API, behind the feature `prometheus`; https behind `tls`.
//!
//! [`PrometheusSource`] counts from raw samples, [`PrometheusQueries`] says which, [`PrometheusClient`] asks queries of
//! one's own.

mod answer;
mod base64;
mod client;
mod config;
mod increase;
mod observed;
mod queries;
mod scrapes;
mod source;

pub use answer::{NativeBucket, NativeSample, Sample, Series};
pub use client::PrometheusClient;
pub use config::{Credentials, PrometheusConfig, Secret};
pub use queries::{Count, Latency, Matcher, PrometheusQueries, Selector};
pub use source::PrometheusSource;

/// Parses the body of an answer of the HTTP API: what a call to it does with the bytes that came.
///
/// # Errors
/// [`Error::Backend`](crate::Error::Backend) for what is no successful answer, or makes no sense.
pub fn parse(body: &[u8]) -> Result<Vec<Series>, crate::Error> {
    let failed = |why: String| crate::Error::backend("an answer of Prometheus", why);
    let answer = answer::Answer::parse(body).map_err(failed)?;
    match answer.error {
        Some((kind, message)) => Err(failed(format!("{kind}: {message}"))),
        None => Ok(answer.series),
    }
}
