//! What load to send.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::Uri;
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use jiff::fmt::serde::unsigned_duration::friendly::compact::required as duration;
use serde::{Deserialize, Serialize};

use crate::balancer::Error;

/// How requests are spread over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    /// Always the same time between two.
    #[default]
    Uniform,
    /// Independent of each other, as many users together are: exponentially distributed times between two.
    Poisson {
        /// The same seed gives the same times.
        seed: u64,
    },
}

/// GET requests at a fixed rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadConfig {
    /// Where to send them.
    pub address: SocketAddr,
    /// How many a second, on average; 0 sends none.
    pub rate: f64,
    /// The path and query.
    #[serde(default = "root")]
    pub path: String,
    /// Further headers; `host` is the address unless it is given here.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How they are spread.
    #[serde(default)]
    pub spacing: Spacing,
    /// How long after its intended start a request may end; then it has failed.
    #[serde(default = "five_seconds", with = "duration")]
    pub timeout: Duration,
    /// How many may be under way at once; one more has failed before it began.
    #[serde(default = "thousand")]
    pub max_in_flight: usize,
    /// The response header that names the version that answered.
    #[serde(default = "version_header")]
    pub version_header: String,
    /// How many failures are kept in detail.
    #[serde(default = "hundred")]
    pub failures_kept: usize,
}

fn root() -> String {
    "/".to_owned()
}

fn five_seconds() -> Duration {
    Duration::from_secs(5)
}

fn thousand() -> usize {
    1000
}

fn version_header() -> String {
    "x-app-version".to_owned()
}

fn hundred() -> usize {
    100
}

impl LoadConfig {
    /// Evenly spaced requests for `/`, with a timeout of 5 seconds, at most 1000 in flight, versions by
    /// `x-app-version`, and the first 100 failures in detail.
    pub fn new(address: SocketAddr, rate: f64) -> Self {
        Self {
            address,
            rate,
            path: root(),
            headers: BTreeMap::new(),
            spacing: Spacing::default(),
            timeout: five_seconds(),
            max_in_flight: thousand(),
            version_header: version_header(),
            failures_kept: hundred(),
        }
    }

    /// Checks everything that is text or a number.
    pub(crate) fn check(&self) -> Result<Checked, Error> {
        if !self.rate.is_finite() || !(0.0..=1_000_000.0).contains(&self.rate) {
            return Err(Error::invalid("rate", self.rate, "0 to 1000000 a second"));
        }
        let path = self.path.parse::<Uri>().ok();
        let path = path.filter(|uri| uri.authority().is_none() && self.path.starts_with('/'));
        let path = path.ok_or_else(|| Error::invalid("path", &self.path, "/path?query"))?;
        let mut headers = HeaderMap::new();
        let host = HeaderValue::from_str(&self.address.to_string());
        headers.extend(host.ok().map(|host| (HOST, host)));
        for (name, value) in &self.headers {
            let invalid = || Error::invalid("headers", format!("{name}: {value}"), "a header");
            let key: HeaderName = name.parse().map_err(|_| invalid())?;
            headers.insert(key, value.parse().map_err(|_| invalid())?);
        }
        let version_header = self.version_header.parse().map_err(|_| {
            Error::invalid("version_header", &self.version_header, "the name of a header")
        })?;
        Ok(Checked { path, headers, version_header })
    }
}

/// The parts of a configuration in the form in which they are sent.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) path: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) version_header: HeaderName,
}
