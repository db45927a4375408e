//! Who may call: programs of this machine that have the token, and no page in a browser.

use hyper::header::{AUTHORIZATION, HOST};
use hyper::{HeaderMap, Request, StatusCode};

use super::wire::Problem;
use crate::cloud::Control;

type Refusal = (StatusCode, Problem);

/// Refuses a call whose `Host` is not this machine, and one without the token, except for `/healthz`.
pub(super) fn admit<B>(control: &Control, request: &Request<B>) -> Result<(), Refusal> {
    let denied = |status, action: &str| (status, Problem::Denied { action: action.to_owned() });
    if !is_local(request.headers()) {
        // A page of another origin whose name was made to point here would carry that name.
        let action = "a call whose Host is not a loopback name";
        return Err(denied(StatusCode::FORBIDDEN, action));
    }
    if request.uri().path() == "/healthz" {
        return Ok(());
    }
    let given = request.headers().get(AUTHORIZATION).map(|value| value.as_bytes());
    match given.and_then(|value| value.strip_prefix(b"Bearer ")) {
        Some(token) if control.token.is(token) => Ok(()),
        _ => Err(denied(StatusCode::UNAUTHORIZED, "a call without the right token")),
    }
}

fn is_local(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next())
    else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let loopback = name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    loopback || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn only_names_of_this_machine_are_hosts() {
        let local = |host: &str| {
            let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_str(host).unwrap())]);
            is_local(&headers)
        };
        for host in
            ["127.0.0.1", "127.0.0.1:4100", "localhost:80", "LOCALHOST", "[::1]:80", "127.8.9.1"]
        {
            assert!(local(host), "{host}");
        }
        for host in
            ["", "example.com", "127.0.0.1.example.com", "10.0.0.1:80", "localhost.example.com:80"]
        {
            assert!(!local(host), "{host}");
        }
        assert!(!is_local(&HeaderMap::new()));
    }
}
