//! The client of a cloud: the traits of deployments, metrics and leases over the control API.

mod backend;
mod diagnosis;
mod http;
mod lease;
mod metrics;
mod smoke;

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::Method;
use petswipe_deploy::{Error, ServiceStatus};
use petswipe_runbook::Error as LeaseError;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::http::Http;
use crate::api::{Problem, encode};
use crate::cloud::CloudSummary;
use crate::registry::{ImageSource, Revision};
use crate::service::TaskStatus;
use crate::{CloudUrl, Fault};

/// The variable with the URL of a running cloud.
pub const CLOUD_VARIABLE: &str = "PETSWIPE_CLOUD";

/// Speaks to a running cloud, in this process or another. Cheap to clone.
///
/// It is [`Compute`](petswipe_deploy::Compute), [`TrafficRouter`](petswipe_deploy::TrafficRouter),
/// [`AutoScaling`](petswipe_deploy::AutoScaling), [`SmokeTest`](petswipe_deploy::SmokeTest),
/// [`MetricSource`](petswipe_monitor::MetricSource), the sources of
/// [`diagnosis`](petswipe_monitor::diagnosis) but for those of a database, and [`LeaseStore`](petswipe_runbook::lease::LeaseStore).
///
/// ```
/// use petswipe_local::{CloudUrl, LocalClient};
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let url: CloudUrl = "http://0123456789abcdef@127.0.0.1:9".parse()?;
/// let error = LocalClient::new(url).cloud().await.unwrap_err();
/// let text = petswipe_monitor::explain(&error);
/// assert!(text.contains("no cloud at http://127.0.0.1:9; start one with"), "{text}");
/// # Ok::<(), petswipe_deploy::Error>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LocalClient {
    url: CloudUrl,
    http: Http,
    variables: BTreeMap<String, String>,
}

impl LocalClient {
    /// A client of the cloud at `url`; nothing is sent yet.
    pub fn new(url: CloudUrl) -> Self {
        Self { url, http: Http::new(Duration::from_secs(10)), variables: BTreeMap::new() }
    }

    /// A client of the cloud that the variable `PETSWIPE_CLOUD` names; `None` where it is not set.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] when it is no URL of a cloud.
    pub fn from_environment() -> Result<Option<Self>, Error> {
        let url = std::env::var(CLOUD_VARIABLE).ok().filter(|url| !url.is_empty());
        url.map(|url| Ok(Self::new(url.parse()?))).transpose()
    }

    /// The same client with another limit for each call (10 s).
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.http = Http::new(timeout);
        self
    }

    /// The same client, whose new revisions have this environment variable over those of the revision they are made
    /// from.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The same client, whose new revisions have this fault.
    #[must_use]
    pub fn with_fault(self, fault: Fault) -> Self {
        self.with_variable(crate::app::FAULT_VARIABLE, fault.to_string())
    }

    /// Where the cloud is.
    pub fn url(&self) -> &CloudUrl {
        &self.url
    }

    /// What the cloud is: names, addresses.
    ///
    /// # Errors
    /// That the cloud could not be asked.
    pub async fn cloud(&self) -> Result<CloudSummary, Error> {
        self.get("/v1/cloud").await
    }

    /// All services.
    ///
    /// # Errors
    /// That the cloud could not be asked.
    pub async fn services(&self) -> Result<Vec<ServiceStatus>, Error> {
        self.list("/v1/services", "services").await
    }

    /// All tasks there are.
    ///
    /// # Errors
    /// That the cloud could not be asked.
    pub async fn tasks(&self) -> Result<Vec<TaskStatus>, Error> {
        self.list("/v1/tasks", "tasks").await
    }

    /// Kills a running task, as if it had crashed. Its service replaces it.
    ///
    /// # Errors
    /// [`Error::NotFound`], or that the cloud could not be asked.
    pub async fn kill(&self, task: &str) -> Result<(), Error> {
        let path = format!("/v1/tasks/{}/kill", encode(task));
        self.tell(Method::POST, &path, json!({})).await
    }

    /// All revisions, in the order in which they were registered.
    ///
    /// # Errors
    /// That the cloud could not be asked.
    pub async fn revisions(&self) -> Result<Vec<Revision>, Error> {
        self.list("/v1/revisions", "revisions").await
    }

    /// All images that can be run.
    ///
    /// # Errors
    /// That the cloud could not be asked.
    pub async fn images(&self) -> Result<Vec<ImageSource>, Error> {
        self.list("/v1/images", "images").await
    }

    /// Adds images that run a command, or replaces those of that name.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`], or that the cloud could not be asked.
    pub async fn add_image(&self, source: &ImageSource) -> Result<(), Error> {
        self.tell(Method::POST, "/v1/images", json!(source)).await
    }

    /// Asks the program that runs the cloud to stop it, see [`Cloud::stop_asked`](crate::Cloud::stop_asked).
    ///
    /// # Errors
    /// That the cloud could not be asked.
    pub async fn ask_to_stop(&self) -> Result<(), Error> {
        self.tell(Method::POST, "/v1/shutdown", json!({})).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.call(Method::GET, path, None).await
    }

    async fn list<T: DeserializeOwned>(&self, path: &str, name: &str) -> Result<T, Error> {
        let mut answer: Value = self.get(path).await?;
        let list = answer.get_mut(name).map(Value::take).unwrap_or_default();
        T::deserialize(list).map_err(|why| Error::backend(format!("reading {path}"), why))
    }

    /// A command whose answer has no content.
    async fn tell(&self, method: Method, path: &str, body: Value) -> Result<(), Error> {
        self.call::<Value>(method, path, Some(body)).await.map(drop)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<T, Error> {
        match self.call_with_leases(method, path, body).await {
            Ok(answer) => Ok(answer),
            Err(Failed::Here(error)) => Err(error),
            Err(Failed::There(problem)) => Err(match Result::<Error, LeaseError>::from(problem) {
                Ok(error) => error,
                Err(lease) => Error::backend(path, lease),
            }),
        }
    }

    async fn call_with_leases<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<T, Failed> {
        let operation = format!("{method} {path} at {}", self.url);
        let answer = self.http.control(&self.url, method, path, body, &operation).await?;
        if answer.status.is_success() {
            return serde_json::from_slice(&answer.body)
                .map_err(|why| Failed::Here(Error::backend(operation, why)));
        }
        Err(match serde_json::from_slice(&answer.body) {
            Ok(problem) => Failed::There(problem),
            Err(_) => {
                Failed::Here(Error::backend(operation, format!("answered {}", answer.status)))
            }
        })
    }
}

/// Who says that a call failed: the client itself, or the cloud.
enum Failed {
    Here(Error),
    There(Problem),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}
