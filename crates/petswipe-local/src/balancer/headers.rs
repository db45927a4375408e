//! What a proxy takes out of a message's head, and what it adds.

use std::fmt::Write;
use std::net::SocketAddr;

use fastrand::Rng;
use hyper::HeaderMap;
use hyper::header::{CONNECTION, EXPECT, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Removes what concerns one connection only: the headers that `Connection` names, and those that always do.
/// `Trailer` stays, because trailers are passed on.
///
/// Source: RFC 9110, section 7.6.1.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| name.trim().parse().ok())
            .collect();
        for name in named {
            // A client must not be able to take these out of what the balancer relies on.
            if name != hyper::header::HOST && name != hyper::header::CONTENT_LENGTH {
                headers.remove(name);
            }
        }
        headers.remove(CONNECTION);
    }
    for name in [KEEP_ALIVE, PROXY_CONNECTION, TE, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
}

/// Prepares the head of a request for a target.
///
/// Source: AWS, *HTTP headers and Application Load Balancers* (the client's address is appended to `X-Forwarded-For`)
/// and *Request tracing for your Application Load Balancer*.
pub(crate) fn prepare_request(
    headers: &mut HeaderMap,
    client: SocketAddr,
    port: u16,
    now: i64,
    rng: &mut Rng,
) {
    let trailers = headers.get_all(TE).iter().any(|value| {
        let text = value.to_str().unwrap_or_default();
        text.split(',').any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
    });
    strip_hop_by_hop(headers);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    // The balancer itself has told the client to continue.
    headers.remove(EXPECT);

    let mut forwarded = String::new();
    for earlier in headers.get_all(FORWARDED_FOR) {
        if let Ok(earlier) = earlier.to_str() {
            forwarded.push_str(earlier);
            forwarded.push_str(", ");
        }
    }
    let _ = write!(forwarded, "{}", client.ip());
    set(headers, FORWARDED_FOR, &forwarded);
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static("http"));
    headers.insert(FORWARDED_PORT, HeaderValue::from(port));
    trace(headers, now, rng);
}

/// Adds a `Root` to the trace header where there is none, else sets its `Self`.
fn trace(headers: &mut HeaderMap, now: i64, rng: &mut Rng) {
    let id = format!("1-{:08x}-{:024x}", now as u32, rng.u128(..) >> 32);
    let given = headers.get(TRACE_ID).and_then(|value| value.to_str().ok());
    let value = match given {
        Some(given) if given.contains("Root=") => {
            let fields = given.split(';').map(str::trim);
            fields
                .filter(|field| !field.is_empty() && !field.starts_with("Self="))
                .fold(format!("Self={id}"), |all, field| all + ";" + field)
        }
        Some(given) if !given.is_empty() => format!("Root={id};{given}"),
        _ => format!("Root={id}"),
    };
    set(headers, TRACE_ID, &value);
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // Both are made of header values and of text that is legal in one.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in list {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    fn prepared(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = headers(list);
        let client = "192.0.2.7:4000".parse().unwrap();
        prepare_request(&mut map, client, 8080, 0x1234_5678, &mut Rng::with_seed(1));
        map
    }

    #[test]
    fn headers_of_one_connection_are_removed() {
        let mut map = headers(&[
            ("connection", "close, X-Secret"),
            ("connection", "x-other,host"),
            ("x-secret", "1"),
            ("x-other", "1"),
            ("host", "example.com"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("te", "gzip"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("trailer", "x-sum"),
            ("x-kept", "1"),
        ]);
        strip_hop_by_hop(&mut map);
        let mut left: Vec<_> = map.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["host", "trailer", "x-kept"]);
    }

    #[test]
    fn the_client_is_appended_to_those_before_it() {
        let map = prepared(&[
            ("x-forwarded-for", "203.0.113.1"),
            ("x-forwarded-for", "203.0.113.2, 203.0.113.3"),
            ("x-forwarded-proto", "https"),
        ]);
        assert_eq!(map["x-forwarded-for"], "203.0.113.1, 203.0.113.2, 203.0.113.3, 192.0.2.7");
        assert_eq!(map.get_all("x-forwarded-for").iter().count(), 1);
        assert_eq!(map["x-forwarded-proto"], "http");
        assert_eq!(map["x-forwarded-port"], "8080");
    }

    #[test]
    fn only_the_trailers_of_te_are_passed_on() {
        assert_eq!(prepared(&[("te", "gzip, Trailers")])["te"], "trailers");
        assert!(!prepared(&[("te", "gzip")]).contains_key("te"));
        assert!(!prepared(&[("expect", "100-continue")]).contains_key("expect"));
    }

    #[test]
    fn a_trace_gets_a_root_and_then_selves() {
        let root = prepared(&[])["x-amzn-trace-id"].clone();
        let root = root.to_str().unwrap();
        assert!(root.starts_with("Root=1-12345678-"), "{root}");
        assert_eq!(root.len(), "Root=1-12345678-".len() + 24);
        let traced = |given: &'static str| {
            let value = prepared(&[("x-amzn-trace-id", given)])["x-amzn-trace-id"].clone();
            value.to_str().unwrap().to_owned()
        };
        let second = traced("Self=1-00000000-0;Root=1-2-3;CalledFrom=app");
        assert!(second.starts_with("Self=1-12345678-"), "{second}");
        assert!(second.ends_with(";Root=1-2-3;CalledFrom=app"), "{second}");
        assert_eq!(second.matches("Self=").count(), 1);
        assert!(traced("CalledFrom=app").starts_with("Root=1-12345678-"));
    }
}
