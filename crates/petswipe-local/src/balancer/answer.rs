//! Answers the balancer gives itself.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};

use super::body::ResponseBody;

/// Why the balancer answers instead of a target.
///
/// Source: AWS, *Troubleshoot your Application Load Balancers*, "The load balancer generates an HTTP error".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// 400: the request is not proper HTTP.
    Malformed(&'static str),
    /// 405: the method is TRACE.
    Method,
    /// 408: the client stopped sending its request.
    ClientTimeout,
    /// 502: no proper answer came from the target.
    BadGateway(String),
    /// 503: no rule holds, and no default action was ever set.
    NoRule,
    /// 503: no target is registered in the chosen group.
    NoTargets,
    /// 504: the target did not accept a connection in time.
    ConnectTimeout,
    /// 504: the target was silent for the idle timeout.
    IdleTimeout,
}

impl Reason {
    fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::ClientTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BadGateway(_) => StatusCode::BAD_GATEWAY,
            Self::NoRule | Self::NoTargets => StatusCode::SERVICE_UNAVAILABLE,
            Self::ConnectTimeout | Self::IdleTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// Whether metrics count it as an error of the balancer: 502, 503, 504.
    pub(crate) fn is_balancer_error(&self) -> bool {
        self.status().is_server_error()
    }

    fn text(&self) -> String {
        let status = self.status();
        let detail = match self {
            Self::Malformed(what) => *what,
            Self::Method => "TRACE is not supported",
            Self::ClientTimeout => "the client stopped sending its request",
            Self::BadGateway(cause) => cause,
            Self::NoRule => "no rule holds for the request, and there is no default action",
            Self::NoTargets => "the target group has no registered targets",
            Self::ConnectTimeout => "the target did not accept a connection in time",
            Self::IdleTimeout => "the target did not answer in time",
        };
        format!("{status}: {detail}\n")
    }
}

/// Marks an answer that no target gave.
pub(crate) fn own(reason: Reason) -> Response<ResponseBody> {
    let body = Full::new(Bytes::from(reason.text()));
    let mut response = Response::new(ResponseBody::Own(body));
    *response.status_mut() = reason.status();
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
