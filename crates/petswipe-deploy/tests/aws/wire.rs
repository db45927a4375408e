//! A connector that answers in process what a service answers over HTTP, with everything that goes wrong on the way.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_credential_types::Credentials;
use aws_sdk_elasticloadbalancingv2::config::retry::RetryConfig;
use aws_sdk_elasticloadbalancingv2::config::timeout::TimeoutConfig;
use aws_sdk_elasticloadbalancingv2::config::{BehaviorVersion, Region, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_types::SdkConfig;

/// A service of AWS in the query protocol.
pub trait Service: Send + 'static {
    /// The answer to a request: the XML inside the result, or an error's code.
    fn answer(&mut self, request: &Form) -> Result<String, String>;
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is refused for being one too many. With how many seconds to wait, if it says so.
    Throttled(Option<u32>),
    /// The caller may not.
    Denied,
    /// The service breaks before it does anything.
    Broken,
    /// It happens, but the connection is cut before the answer.
    LostAnswer,
}

/// The fields of a request in the query protocol.
#[derive(Clone, Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn action(&self) -> &str {
        self.get("Action").unwrap_or_default()
    }

    /// The members of a list, each as a form of its own.
    pub fn list(&self, name: &str) -> Vec<Form> {
        let member = |number: usize| format!("{name}.member.{number}");
        let of = |prefix: String| {
            let fields = self.0.iter().filter_map(|(key, value)| {
                let rest = key.strip_prefix(&prefix)?;
                let rest = rest.strip_prefix('.').or(rest.is_empty().then_some(""))?;
                Some((rest.to_owned(), value.clone()))
            });
            Form(fields.collect())
        };
        (1..).map(|number| of(member(number))).take_while(|form| !form.0.is_empty()).collect()
    }

    /// The value of a member that is not a structure.
    pub fn value(&self) -> &str {
        self.get("").unwrap_or_default()
    }
}

type Fate = Box<dyn FnMut(&Form) -> Option<Fault> + Send>;

struct Line<S> {
    service: S,
    fate: Fate,
    calls: Vec<Form>,
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
    pub fn new(service: S) -> Self {
        let fate: Fate = Box::new(|_| None);
        Self(Arc::new(Mutex::new(Line { service, fate, calls: Vec::new() })))
    }

    fn line(&self) -> MutexGuard<'_, Line<S>> {
        self.0.lock().unwrap()
    }

    /// What goes wrong from now on.
    pub fn fate(&self, fate: impl FnMut(&Form) -> Option<Fault> + Send + 'static) {
        self.line().fate = Box::new(fate);
    }

    pub fn with<T>(&self, look: impl FnOnce(&mut S) -> T) -> T {
        look(&mut self.line().service)
    }

    /// The actions called so far, in order, also those that failed.
    pub fn actions(&self) -> Vec<String> {
        self.line().calls.iter().map(|call| call.action().to_owned()).collect()
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
        let body = request.body().bytes().unwrap_or_default();
        let form = Form(form_urlencoded::parse(body).into_owned().collect());
        let mut line = self.line();
        line.calls.push(form.clone());
        let fault = (line.fate)(&form);
        let answer = match fault {
            None => line.service.answer(&form),
            Some(Fault::Throttled(seconds)) => {
                return HttpConnectorFuture::ready(Ok(failed(400, "Throttling", seconds)));
            }
            Some(Fault::Denied) => Err("AccessDenied".to_owned()),
            Some(Fault::Broken) => {
                return HttpConnectorFuture::ready(Ok(failed(500, "InternalFailure", None)));
            }
            Some(Fault::LostAnswer) => {
                let _ = line.service.answer(&form);
                let cut = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                return HttpConnectorFuture::ready(Err(ConnectorError::io(cut.into())));
            }
        };
        let action = form.action();
        let answer = match answer {
            Ok(result) => response(
                200,
                format!(
                    "<{action}Response><{action}Result>{result}</{action}Result></{action}Response>"
                ),
            ),
            Err(code) => failed(400, &code, None),
        };
        HttpConnectorFuture::ready(Ok(answer))
    }
}

fn failed(status: u16, code: &str, retry_after: Option<u32>) -> HttpResponse {
    let kind = if status < 500 { "Sender" } else { "Receiver" };
    let error =
        format!("<Type>{kind}</Type><Code>{code}</Code><Message>as the test says</Message>");
    let mut response =
        response(status, format!("<ErrorResponse><Error>{error}</Error></ErrorResponse>"));
    if let Some(seconds) = retry_after {
        response.headers_mut().insert("retry-after", seconds.to_string());
    }
    response
}

fn response(status: u16, body: String) -> HttpResponse {
    HttpResponse::new(status.try_into().unwrap(), body.into())
}
