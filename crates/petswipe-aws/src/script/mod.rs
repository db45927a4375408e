//! A connector that answers in process what services answer over HTTP, with everything that goes wrong on the way.
//!
//! Unlike a mock of a client it exercises the SDK's own serializers, parsers and error handling, over the services' wire
//! formats: the query protocol and EC2's kind of it, JSON 1.1, REST of JSON, S3's REST of XML, and RPC over CBOR. The one who writes a [`Service`] keeps its state.

mod cbor;
mod form;
mod http;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

pub use form::Form;
pub use http::Parts;

use crate::action::{action_of, operation_of, scope};

/// What requests are numbered by.
const REQUEST: &str = "59dbff89-35bd-4eac-99ed-be587EXAMPLE";

/// One or more services.
pub trait Service: Send + 'static {
    /// The answer to a call, or why it is refused.
    ///
    /// # Errors
    /// The refusal, as the service would give it.
    fn answer(&mut self, call: &Call) -> Result<Answer, Refusal>;
}

/// A call as it came over the wire.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its action as IAM names it, such as `ecs:UpdateService`.
    pub action: String,
    /// The region it is signed for.
    pub region: String,
    /// Where it was sent.
    pub uri: String,
    /// Its body.
    pub body: Vec<u8>,
}

impl Call {
    /// The operation without its service: `UpdateService`.
    pub fn operation(&self) -> &str {
        self.action.rsplit(':').next().unwrap_or_default()
    }

    /// The bucket and the key of a call to S3, empty where it names none, and the fields of its query.
    pub fn s3(&self) -> (&str, &str, Form) {
        let (bucket, key, query) = crate::s3::parts(&self.uri);
        (bucket, key, Form::parse(query.as_bytes()))
    }

    /// The fields of a body in the query protocol.
    pub fn form(&self) -> Form {
        Form::parse(&self.body)
    }

    /// A body in JSON; `Null` when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A body in CBOR, with times as seconds; `Null` when it is none.
    pub fn cbor(&self) -> serde_json::Value {
        cbor::decode(&self.body)
    }
}

/// The body of an answer.
#[derive(Clone, Debug)]
pub enum Answer {
    /// What belongs inside the result of the query protocol, or inside the response of EC2; of S3 the whole document.
    Xml(String),
    /// JSON 1.1, or REST of JSON.
    Json(serde_json::Value),
    /// RPC over CBOR.
    Cbor(Vec<u8>),
}

/// A call that a service refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The code, such as `ServiceNotFoundException`.
    pub code: String,
    /// What it says.
    pub message: String,
    /// The header `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
}

impl Answer {
    /// RPC over CBOR, without times.
    pub fn cbor(body: &serde_json::Value) -> Self {
        Self::Cbor(cbor::encode(body))
    }
}

impl Refusal {
    /// A refusal with status 400.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.into(), message: message.into(), retry_after: None }
    }
}

impl From<&str> for Refusal {
    fn from(code: &str) -> Self {
        Self::new(code, "as the script says")
    }
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is refused for being one too many. With how many seconds to wait, if it says so.
    Throttled(Option<u32>),
    /// The caller may not.
    Denied,
    /// The caller's credentials are no longer valid.
    Expired,
    /// The service finds a value that it does not take.
    Refused,
    /// The service breaks before it does anything.
    Broken,
    /// Nobody is reached.
    Unreachable,
    /// It happens, but the connection is cut before the answer.
    LostAnswer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Query,
    Ec2,
    S3,
    Json,
    Cbor,
}

type Fate = Box<dyn FnMut(&Call) -> Option<Fault> + Send>;

struct Line<S> {
    service: S,
    fate: Fate,
    calls: Vec<Call>,
}

/// A service at the end of a line.
pub struct Wire<S>(Arc<Mutex<Line<S>>>);

impl<S> Clone for Wire<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> fmt::Debug for Wire<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl<S: Service> Wire<S> {
    /// A line on which nothing goes wrong.
    pub fn new(service: S) -> Self {
        let fate: Fate = Box::new(|_| None);
        Self(Arc::new(Mutex::new(Line { service, fate, calls: Vec::new() })))
    }

    fn line(&self) -> MutexGuard<'_, Line<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What goes wrong from now on.
    pub fn fate(&self, fate: impl FnMut(&Call) -> Option<Fault> + Send + 'static) {
        self.line().fate = Box::new(fate);
    }

    /// Looks at the service, or changes it.
    pub fn with<T>(&self, look: impl FnOnce(&mut S) -> T) -> T {
        look(&mut self.line().service)
    }

    /// The calls so far, in order, also those that failed.
    pub fn calls(&self) -> Vec<Call> {
        self.line().calls.clone()
    }

    /// The operations called so far, in order, also those that failed.
    pub fn operations(&self) -> Vec<String> {
        self.line().calls.iter().map(|call| call.operation().to_owned()).collect()
    }

    /// Forgets the calls so far.
    pub fn forget(&self) {
        self.line().calls.clear();
    }

    /// The same as [`config`](Self::config) of an SDK that tries each call so many times, without any wait between.
    pub fn retrying(&self, attempts: u32) -> SdkConfig {
        let retry = RetryConfig::standard().with_max_attempts(attempts);
        self.config().into_builder().retry_config(retry).sleep_impl(NoSleep).build()
    }

    /// A configuration that leads here. The SDK tries nothing again by itself.
    pub fn config(&self) -> SdkConfig {
        let credentials = Credentials::from_keys("AKIDEXAMPLE", "not a secret", None);
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::disabled())
            .http_client(self.clone())
            .build()
    }
}

/// Every wait is over at once.
#[derive(Clone, Debug)]
struct NoSleep;

impl AsyncSleep for NoSleep {
    fn sleep(&self, _: Duration) -> Sleep {
        Sleep::new(std::future::ready(()))
    }
}

impl<S: Service> HttpClient for Wire<S> {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl<S: Service> HttpConnector for Wire<S> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(self.line().call(&request))
    }
}

impl Protocol {
    fn of(request: &HttpRequest) -> Self {
        match request.headers().get("smithy-protocol") {
            Some("rpc-v2-cbor") => return Self::Cbor,
            _ if request.headers().get("x-amz-target").is_some() => return Self::Json,
            // REST of JSON has errors of the same shape.
            _ if request.headers().get("content-type") == Some("application/json") => {
                return Self::Json;
            }
            _ => {}
        }
        match scope(request) {
            Some((_, "ec2")) => Self::Ec2,
            Some((_, "s3")) => Self::S3,
            _ => Self::Query,
        }
    }
}

impl Fault {
    /// How a service of that protocol refuses; `None` where it gives no answer at all.
    fn refusal(self, protocol: Protocol) -> Option<Refusal> {
        let with = |status: u16, code: &str| Refusal { status, ..code.into() };
        Some(match (self, protocol) {
            (Self::Throttled(retry_after), _) => {
                let refusal = match protocol {
                    Protocol::Query => "Throttling".into(),
                    Protocol::Ec2 => with(503, "RequestLimitExceeded"),
                    Protocol::S3 => with(503, "SlowDown"),
                    Protocol::Json | Protocol::Cbor => "ThrottlingException".into(),
                };
                Refusal { retry_after, ..refusal }
            }
            (Self::Denied, Protocol::Query) => "AccessDenied".into(),
            (Self::Denied, Protocol::Ec2) => with(403, "UnauthorizedOperation"),
            (Self::Denied, Protocol::S3) => with(403, "AccessDenied"),
            (Self::Denied, _) => "AccessDeniedException".into(),
            (Self::Expired, Protocol::Ec2) => "RequestExpired".into(),
            (Self::Expired, Protocol::S3) => "ExpiredToken".into(),
            (Self::Expired, _) => "ExpiredTokenException".into(),
            (Self::Refused, Protocol::Query) => "ValidationError".into(),
            (Self::Refused, Protocol::Ec2) => "InvalidParameterValue".into(),
            (Self::Refused, Protocol::S3) => "InvalidArgument".into(),
            (Self::Refused, _) => "InvalidParameterValueException".into(),
            (Self::Broken, _) => with(500, "InternalFailure"),
            (Self::Unreachable | Self::LostAnswer, _) => return None,
        })
    }
}

impl<S: Service> Line<S> {
    fn call(&mut self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let protocol = Protocol::of(request);
        let call = Call {
            action: action_of(request).unwrap_or_default(),
            region: scope(request).map_or("", |(region, _)| region).to_owned(),
            uri: request.uri().to_owned(),
            body: request.body().bytes().unwrap_or_default().to_vec(),
        };
        self.calls.push(call.clone());
        let cut = |kind: std::io::ErrorKind| ConnectorError::io(std::io::Error::from(kind).into());
        let fault = (self.fate)(&call);
        let answer = match fault.map(|fault| (fault, fault.refusal(protocol))) {
            None => self.service.answer(&call),
            Some((_, Some(refusal))) => Err(refusal),
            Some((Fault::LostAnswer, None)) => {
                let _ = self.service.answer(&call);
                return Err(cut(std::io::ErrorKind::ConnectionReset));
            }
            Some((_, None)) => return Err(cut(std::io::ErrorKind::ConnectionRefused)),
        };
        let operation = operation_of(request).unwrap_or_default();
        let response = match answer {
            Ok(Answer::Xml(document)) if protocol == Protocol::S3 => response(200, document),
            Ok(Answer::Xml(members)) if protocol == Protocol::Ec2 => response(
                200,
                format!(
                    "<{operation}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
                     <requestId>{REQUEST}</requestId>{members}</{operation}Response>"
                ),
            ),
            Ok(Answer::Xml(result)) => response(
                200,
                format!(
                    "<{operation}Response><{operation}Result>{result}</{operation}Result></{operation}Response>"
                ),
            ),
            Ok(Answer::Json(value)) => response(200, value.to_string()),
            Ok(Answer::Cbor(bytes)) => with_cbor(response(200, bytes)),
            Err(refusal) => refused(protocol, &refusal),
        };
        response.ok_or_else(|| cut(std::io::ErrorKind::InvalidData))
    }
}

fn refused(protocol: Protocol, refusal: &Refusal) -> Option<HttpResponse> {
    let Refusal { status, code, message, retry_after } = refusal;
    let mut response = match protocol {
        Protocol::Query => {
            let kind = if *status < 500 { "Sender" } else { "Receiver" };
            let error =
                format!("<Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message>");
            response(*status, format!("<ErrorResponse><Error>{error}</Error></ErrorResponse>"))
        }
        // Source: "Troubleshooting API request errors", Amazon EC2 Developer Guide.
        Protocol::Ec2 => {
            let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
            let body = format!(
                "<Response><Errors>{error}</Errors><RequestID>{REQUEST}</RequestID></Response>"
            );
            response(*status, body)
        }
        // Source: "REST error responses", Amazon S3 API Reference.
        Protocol::S3 => {
            let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
            response(*status, body)
        }
        Protocol::Json => {
            let body = serde_json::json!({"__type": code, "message": message});
            response(*status, body.to_string())
        }
        Protocol::Cbor => {
            // A map of two texts: major types 5 and 3 of RFC 8949, section 3.1.
            let mut body = vec![0xa2];
            for text in ["__type", code, "message", message] {
                body.push(0x79);
                body.extend(u16::try_from(text.len()).ok()?.to_be_bytes());
                body.extend(text.as_bytes());
            }
            with_cbor(response(*status, body))
        }
    }?;
    if let Some(seconds) = retry_after {
        response.headers_mut().insert("retry-after", seconds.to_string());
    }
    Some(response)
}

fn response(status: u16, body: impl Into<Vec<u8>>) -> Option<HttpResponse> {
    Some(HttpResponse::new(StatusCode::try_from(status).ok()?, body.into().into()))
}

fn with_cbor(response: Option<HttpResponse>) -> Option<HttpResponse> {
    let mut response = response?;
    response.headers_mut().insert("smithy-protocol", "rpc-v2-cbor");
    response.headers_mut().insert("content-type", "application/cbor");
    Some(response)
}
