//! The HTTP API: one call, its limits, and what its failures mean.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::header::{ACCEPT, AUTHORIZATION, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Request, StatusCode, Uri};
use jiff::Timestamp;

use super::answer::Answer;
use super::config::{Credentials, PrometheusConfig};
use super::{Series, base64};
use crate::Error;
use crate::http::{self, Client};

/// What one call says, and the time by the clock of who answered.
pub(super) struct Reply {
    pub(super) series: Vec<Series>,
    pub(super) date: Option<Timestamp>,
}

/// A client of the HTTP API of Prometheus, for queries of one's own. Nothing is tried twice: who asks again decides when.
///
/// An answer with warnings is an error, because a part of it may be missing. It has to be used within a tokio runtime.
///
/// Source: "HTTP API", Prometheus documentation.
#[derive(Clone)]
pub struct PrometheusClient {
    http: Client<Empty<Bytes>>,
    base: String,
    authorization: Option<HeaderValue>,
    timeout: Duration,
    longest: usize,
}

impl fmt::Debug for PrometheusClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrometheusClient").field("base", &self.base).finish_non_exhaustive()
    }
}

impl PrometheusClient {
    /// A client of that server. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for an address that is none, holds a password, or would send credentials over plain HTTP to
    /// another machine, for https without the feature `tls`, and for times out of their range;
    /// [`Error::Backend`] when the system has no trusted certificates.
    pub fn new(config: &PrometheusConfig) -> Result<Self, Error> {
        config.check()?;
        let base = config.url.trim_end_matches('/').to_owned();
        check_url(&base, config)?;
        let authorization = match &config.credentials {
            Credentials::None => None,
            Credentials::Bearer(token) => Some(format!("Bearer {}", token.reveal())),
            Credentials::Basic { user, password } => {
                let pair = format!("{user}:{}", password.reveal());
                Some(format!("Basic {}", base64::encode(pair.as_bytes())))
            }
        };
        let authorization = authorization.map(|text| {
            let refused = |_| Error::invalid("credentials", "***", "characters of a header");
            let mut value = HeaderValue::from_str(&text).map_err(refused)?;
            value.set_sensitive(true);
            Ok::<_, Error>(value)
        });
        let http = http::client()?;
        let authorization = authorization.transpose()?;
        Ok(Self {
            http,
            base,
            authorization,
            timeout: config.timeout,
            longest: config.longest_answer,
        })
    }

    /// What a query gives at a time. A range vector gives raw samples.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the query when it is wrong, [`Error::Denied`], [`Error::Throttled`],
    /// [`Error::TimedOut`], and [`Error::Backend`] with the query for all else, such as an answer that is not complete.
    pub async fn query(&self, query: &str, at: Timestamp) -> Result<Vec<Series>, Error> {
        self.instant(query, at).await.map(|reply| reply.series)
    }

    /// What a query gives at each step from one time to another.
    ///
    /// # Errors
    /// As of [`query`](Self::query).
    pub async fn query_range(
        &self,
        query: &str,
        from: Timestamp,
        to: Timestamp,
        step: Duration,
    ) -> Result<Vec<Series>, Error> {
        let (from, to) = (from.as_millisecond(), to.as_millisecond());
        let step = step.as_secs_f64().to_string();
        let times = [("start", &seconds(from)), ("end", &seconds(to)), ("step", &step)];
        self.call("query_range", query, &times).await.map(|reply| reply.series)
    }

    /// The same as `query`, with the date of the answer.
    pub(super) async fn instant(&self, query: &str, at: Timestamp) -> Result<Reply, Error> {
        self.call("query", query, &[("time", &seconds(at.as_millisecond()))]).await
    }

    /// Where it is.
    pub(super) fn name(&self) -> String {
        format!("Prometheus at {}", self.base)
    }

    async fn call(
        &self,
        method: &str,
        query: &str,
        times: &[(&str, &String)],
    ) -> Result<Reply, Error> {
        let operation = format!("query `{query}` of {}", self.name());
        let limit = self.timeout.as_secs_f64().to_string();
        let mut uri =
            format!("{}/api/v1/{method}?query={}&timeout={limit}", self.base, encoded(query));
        for (name, value) in times {
            uri.push_str(&format!("&{name}={value}"));
        }
        let mut request = Request::get(uri).header(ACCEPT, "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Empty::new()).map_err(|why| Error::backend(&operation, why))?;
        let exchange = async {
            let response = self.http.request(request).await;
            let (head, body) =
                response.map_err(|why| Error::backend(&operation, why))?.into_parts();
            let body = Limited::new(body, self.longest).collect().await;
            let body = body.map_err(|why| Error::backend(&operation, why))?.to_bytes();
            Ok::<_, Error>((head, body))
        };
        let Ok(exchanged) = tokio::time::timeout(self.timeout, exchange).await else {
            return Err(Error::TimedOut { source_name: self.name(), waited: self.timeout });
        };
        let (head, body) = exchanged?;
        let series = self.read(head.status, &head.headers, &body, query, &operation)?;
        Ok(Reply { series, date: date(&head.headers) })
    }

    fn read(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        query: &str,
        operation: &str,
    ) -> Result<Vec<Series>, Error> {
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let source = format!("it answered {status}").into();
                return Err(Error::Denied { operation: operation.to_owned(), source });
            }
            StatusCode::TOO_MANY_REQUESTS => {
                let after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                let retry_after = after.and_then(|text| text.parse().ok()).map(Duration::from_secs);
                return Err(Error::Throttled { source_name: self.name(), retry_after });
            }
            _ => {}
        }
        let answer = Answer::parse(body).map_err(|why| match status.is_success() {
            true => Error::backend(operation, format!("the answer is none of Prometheus: {why}")),
            false => Error::backend(operation, format!("it answered {status}; is the URL right?")),
        })?;
        match answer.error {
            Some((kind, message)) if kind == "bad_data" => Err(Error::invalid(
                format!("query of {}", self.name()),
                format!("`{query}`"),
                format!("one that it takes; it says: {message}"),
            )),
            Some((kind, message)) => Err(Error::backend(operation, format!("{kind}: {message}"))),
            None if !status.is_success() => {
                Err(Error::backend(operation, format!("it answered {status}")))
            }
            None if !answer.warnings.is_empty() => {
                let warned = answer.warnings.join("; ");
                let why = format!("the answer may not be complete, it warns: {warned}");
                Err(Error::backend(operation, why))
            }
            None => Ok(answer.series),
        }
    }
}

fn check_url(base: &str, config: &PrometheusConfig) -> Result<(), Error> {
    // The text is not repeated: it may hold a password.
    let allowed =
        "http:// or https://, a host, a port and a path, without a user, a query or a fragment";
    let wrong = || Error::invalid("URL of Prometheus", "***", allowed);
    let uri: Uri = base.parse().map_err(|_| wrong())?;
    let authority = uri.authority().ok_or_else(wrong)?;
    if authority.as_str().contains('@') || uri.query().is_some() || base.contains('#') {
        return Err(wrong());
    }
    let https = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(wrong()),
    };
    if https && !cfg!(feature = "tls") {
        let allowed = "http://, or https:// in a program with the feature tls";
        return Err(Error::invalid("URL of Prometheus", base, allowed));
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let here = host == "localhost"
        || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    let secret = config.credentials != Credentials::None;
    if secret && !https && !here && !config.plain_credentials {
        let allowed =
            "https:// where credentials are sent to another machine, or plain_credentials";
        return Err(Error::invalid("URL of Prometheus", base, allowed));
    }
    Ok(())
}

/// Seconds with their milliseconds.
fn seconds(millis: i64) -> String {
    let sign = if millis < 0 { "-" } else { "" };
    let millis = millis.unsigned_abs();
    format!("{sign}{}.{:03}", millis / 1000, millis % 1000)
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    // Such as "Fri, 27 Nov 2026 15:07:26 GMT".
    let text = text.strip_suffix("GMT")?;
    jiff::fmt::rfc2822::parse(&format!("{text}+0000")).ok().map(|date| date.timestamp())
}

/// A text as it stands in a query.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::super::Secret;
    use super::*;

    fn refused(url: &str, credentials: Credentials) -> Option<String> {
        let config = PrometheusConfig { credentials, ..PrometheusConfig::new(url) };
        PrometheusClient::new(&config).err().map(|error| format!("{error} {error:?}"))
    }

    #[tokio::test]
    async fn addresses_that_are_none_or_hold_a_secret_are_refused_without_saying_it() {
        for url in [
            "",
            "127.0.0.1:9090",
            "ftp://x",
            "http://",
            "http://u:hunter2@h:1",
            "http://h/?token=hunter2",
            "http://h/#hunter2",
        ] {
            let said = refused(url, Credentials::None).unwrap_or_else(|| panic!("{url}"));
            assert!(said.contains("URL of Prometheus") && !said.contains("hunter2"), "{said}");
        }
        for url in ["http://127.0.0.1:9090", "http://prometheus:9090/some/path/"] {
            assert_eq!(refused(url, Credentials::None), None);
        }
    }

    #[tokio::test]
    async fn credentials_do_not_go_to_other_machines_in_the_clear_and_are_never_shown() {
        let bearer = || Credentials::Bearer(Secret::new("hunter2\n").unwrap());
        let said = refused("http://prometheus:9090", bearer()).unwrap();
        assert!(said.contains("https://") && !said.contains("hunter2"), "{said}");
        for here in ["http://127.0.0.1:9090", "http://[::1]:9090", "http://localhost:9090"] {
            assert_eq!(refused(here, bearer()), None);
        }
        let config =
            PrometheusConfig { credentials: bearer(), ..PrometheusConfig::new("http://[::1]:1") };
        let client = PrometheusClient::new(&config).unwrap();
        assert!(!format!("{config:?} {client:?}").contains("hunter2"));
        for wrong in ["", " \n", "a\nb", "ä"] {
            assert!(Secret::new(wrong).unwrap_err().to_string().contains("***"));
        }
    }

    #[test]
    fn times_and_texts_are_as_the_api_has_them() {
        assert_eq!([1_700_000_000_045, -1, 0].map(seconds), ["1700000000.045", "-0.001", "0.000"]);
        assert_eq!(encoded("up{a=\"é\"}[1ms] + 1"), "up%7Ba%3D%22%C3%A9%22%7D%5B1ms%5D%20%2B%201");
        let headers =
            |text: &'static str| HeaderMap::from_iter([(DATE, HeaderValue::from_static(text))]);
        let told = date(&headers("Fri, 27 Nov 2026 15:07:26 GMT")).unwrap();
        assert_eq!(told.to_string(), "2026-11-27T15:07:26Z");
        assert_eq!(date(&headers("today")), None);
    }
}
