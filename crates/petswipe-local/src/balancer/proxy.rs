//! One request: from the client, to a target, and back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use hyper::body::{Body, Incoming};
use hyper::header::{HOST, HeaderValue, SET_COOKIE};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use jiff::Timestamp;

use crate::metrics::Answer;

use super::Shared;
use super::answer::{self, Reason};
use super::body::{Relay, RequestBody, ResponseBody, Upload};
use super::pool::{ConnectError, Sender};
use super::routes::Route;
use super::target::{InFlight, Member};
use super::{headers, sticky};

/// Answers a request.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    client: SocketAddr,
    mut rng: Rng,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let received = Instant::now();
    let (mut head, body) = request.into_parts();
    if let Err(reason) = accept(&mut head) {
        return answer::own(reason);
    }
    let now = Timestamp::now().as_second();
    let routes = shared.routes();
    let route = routes.route(head.uri.path(), &head.headers);
    let Some(group) = route.choose(&head.headers, now, &mut rng).cloned() else {
        return answer::own(Reason::NoRule);
    };
    let Some(in_flight) = group.pick() else {
        group.metrics.series(None).record(Answer::Balancer, route.test);
        return answer::own(Reason::NoTargets);
    };
    headers::prepare_request(&mut head.headers, client, shared.address.port(), now, &mut rng);
    let series = in_flight.member().series.clone();
    match exchange(&shared, in_flight, head, body).await {
        Ok(mut response) => {
            let (status, latency) = (response.status().as_u16(), received.elapsed());
            series.record(Answer::Target { status, latency }, route.test);
            stick(&mut response, route, &group.name, now);
            response
        }
        Err(reason) => {
            if reason.is_balancer_error() {
                series.record(Answer::Balancer, route.test);
            }
            answer::own(reason)
        }
    }
}

/// Refuses what a balancer must not pass on, and brings the rest into the form that an origin server expects.
fn accept(head: &mut Parts) -> Result<(), Reason> {
    match head.method {
        Method::TRACE => return Err(Reason::Method),
        Method::CONNECT => return Err(Reason::Malformed("CONNECT is not supported")),
        _ => {}
    }
    // RFC 9112, section 3.2: exactly one Host, except in HTTP/1.0; and 3.2.2: an absolute URI replaces it.
    let mut hosts = head.headers.get_all(HOST).iter();
    let first = hosts.next().is_some();
    if hosts.next().is_some() || (!first && head.version > Version::HTTP_10) {
        return Err(Reason::Malformed("exactly one host header is needed"));
    }
    if let Some(authority) = head.uri.authority() {
        let host = HeaderValue::from_str(authority.as_str())
            .map_err(|_| Reason::Malformed("the host is not a header value"))?;
        head.headers.insert(HOST, host);
    }
    let target = head.uri.path_and_query().map(|target| target.as_str());
    let target = match target.unwrap_or("/") {
        "*" if head.method != Method::OPTIONS => return Err(Reason::Malformed("bad target")),
        target => target.parse::<Uri>(),
    };
    head.uri = target.map_err(|_| Reason::Malformed("bad target"))?;
    head.version = Version::HTTP_11;
    Ok(())
}

/// Sends a request to its target and waits for the head of the answer.
///
/// A kept connection may be closed by the target at the very moment it is used. What has certainly not reached the
/// target is sent again on a new connection; so is a request that may have been, when it is idempotent and has no body
/// (RFC 9110, section 9.2.2). Anything else becomes a 502, as with an Application Load Balancer.
async fn exchange(
    shared: &Shared,
    in_flight: InFlight,
    head: Parts,
    body: Incoming,
) -> Result<Response<ResponseBody>, Reason> {
    let member = in_flight.member().clone();
    let upload = Upload::begin();
    let empty = body.is_end_stream();
    let mut request = match empty {
        true => Request::from_parts(head, RequestBody::empty()),
        false => Request::from_parts(head, RequestBody::streamed(body, upload.clone())),
    };
    let repeatable = empty && request.method().is_idempotent();
    let upload = (!empty).then_some(upload);
    let idle_timeout = shared.config.idle_timeout;

    if let Some(sender) = member.pool.checkout() {
        let spare = repeatable.then(|| request.clone_head());
        match send(sender, request, upload.as_deref(), idle_timeout).await {
            Ok((response, sender)) => return Ok(relay(response, sender, in_flight, idle_timeout)),
            Err(Failed::NotSent(unsent)) => request = *unsent,
            Err(Failed::Closed(cause)) => match spare {
                Some(spare) if !member.pool.is_cut() => request = spare,
                _ => return Err(Reason::BadGateway(cause)),
            },
            Err(Failed::Other(reason)) => return Err(reason),
        }
    }
    let sender = connect(&member).await?;
    match send(sender, request, upload.as_deref(), idle_timeout).await {
        Ok((response, sender)) => Ok(relay(response, sender, in_flight, idle_timeout)),
        Err(Failed::NotSent(_)) => {
            Err(Reason::BadGateway("the target closed the connection".to_owned()))
        }
        Err(Failed::Closed(cause)) => Err(Reason::BadGateway(cause)),
        Err(Failed::Other(reason)) => Err(reason),
    }
}

trait CloneHead {
    fn clone_head(&self) -> Self;
}

impl CloneHead for Request<RequestBody> {
    /// The same request without a body.
    fn clone_head(&self) -> Self {
        let mut copy = Request::new(RequestBody::empty());
        *copy.method_mut() = self.method().clone();
        *copy.uri_mut() = self.uri().clone();
        *copy.version_mut() = self.version();
        *copy.headers_mut() = self.headers().clone();
        copy
    }
}

async fn connect(member: &Member) -> Result<Sender, Reason> {
    member.pool.connect().await.map_err(|error| match error {
        ConnectError::Refused(cause) => Reason::BadGateway(cause),
        ConnectError::Timeout => Reason::ConnectTimeout,
    })
}

/// Why a request on one connection failed.
enum Failed {
    /// Nothing of it was sent.
    NotSent(Box<Request<RequestBody>>),
    /// The connection ended before an answer.
    Closed(String),
    /// No other connection would help.
    Other(Reason),
}

async fn send(
    mut sender: Sender,
    request: Request<RequestBody>,
    upload: Option<&Upload>,
    idle_timeout: Duration,
) -> Result<(Response<Incoming>, Sender), Failed> {
    let started = Instant::now();
    let mut answer = std::pin::pin!(sender.try_send_request(request));
    let result = loop {
        // While the client is still sending, each piece it sends begins the wait anew.
        let moved = upload.map_or(started, |upload| upload.last().max(started));
        let deadline = tokio::time::Instant::from_std(moved + idle_timeout);
        match tokio::time::timeout_at(deadline, &mut answer).await {
            Ok(result) => break result,
            Err(_) => match upload {
                Some(upload) if upload.last() > moved => {}
                Some(upload) if upload.is_waiting() => {
                    return Err(Failed::Other(Reason::ClientTimeout));
                }
                _ => return Err(Failed::Other(Reason::IdleTimeout)),
            },
        }
    };
    match result {
        Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
            let cause = "the target switched protocols without being asked to";
            Err(Failed::Other(Reason::BadGateway(cause.to_owned())))
        }
        Ok(response) => Ok((response, sender)),
        Err(mut error) => match error.take_message() {
            Some(unsent) => Err(Failed::NotSent(Box::new(unsent))),
            None => {
                let error = error.into_error();
                if upload.is_some_and(Upload::is_broken) {
                    return Err(Failed::Other(Reason::Malformed("the body is broken")));
                }
                let cause = petswipe_monitor::explain(&error);
                match error.is_parse() {
                    true => Err(Failed::Other(Reason::BadGateway(cause))),
                    false => Err(Failed::Closed(cause)),
                }
            }
        },
    }
}

/// Turns the target's answer into the client's.
fn relay(
    response: Response<Incoming>,
    sender: Sender,
    in_flight: InFlight,
    idle_timeout: Duration,
) -> Response<ResponseBody> {
    let (mut head, body) = response.into_parts();
    headers::strip_hop_by_hop(&mut head.headers);
    head.version = Version::HTTP_11;
    let relay = Relay::new(body, sender, in_flight, idle_timeout);
    Response::from_parts(head, ResponseBody::Relayed(relay))
}

fn stick(response: &mut Response<ResponseBody>, route: &Route, group: &str, now: i64) {
    let stickiness = route.forward.stickiness;
    let cookie = stickiness.and_then(|stickiness| sticky::set_cookie(group, stickiness, now));
    if let Some(cookie) = cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}
