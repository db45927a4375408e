//! What the tests share.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use petswipe_deploy::{
    Authority, Compute, Deployment, DeploymentState, Environment, Image, RevisionId, ServiceStatus,
};
use petswipe_local::{Cloud, CloudConfig, LocalClient};
use petswipe_runbook::{Fence, OperationId};

/// How long a condition may take to come true on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A small cloud that checks health often, but not so often that a busy machine makes it fail.
pub(crate) fn config() -> CloudConfig {
    let mut config = CloudConfig {
        program: Some(env!("CARGO_BIN_EXE_petswipe-local-task").into()),
        tasks: 2,
        ..CloudConfig::default()
    };
    config.target_group.health_check.interval = Duration::from_millis(500);
    config.target_group.health_check.timeout = Duration::from_millis(500);
    config
}

pub(crate) async fn cloud() -> Cloud {
    Cloud::start(config()).await.unwrap()
}

pub(crate) fn side(cloud: &Cloud, short: &str) -> Environment {
    cloud.environment(short).unwrap()
}

pub(crate) fn image(name: &str) -> Image {
    Image::new(name).unwrap()
}

pub(crate) fn by(operation: &str, fence: u64) -> Authority {
    Authority { operation: OperationId::new(operation).unwrap(), fence: Fence(fence) }
}

pub(crate) fn breaking(revision: &RevisionId, desired: u32) -> Deployment {
    Deployment { circuit_breaker: Some(true), ..Deployment::new(revision.clone(), desired) }
}

/// Asks again and again until the answer is one.
pub(crate) async fn eventually<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether a process exists and is not just waiting to be reaped.
pub(crate) fn alive(pid: i32) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => {
            !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with(['Z', 'X'])
        }
        Err(_) => false,
    }
}

pub(crate) fn http() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

pub(crate) async fn get(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
) -> Response<String> {
    let mut request = Request::get(format!("http://{address}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = http().request(request.body(Full::default()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(parts, String::from_utf8(body.to_vec()).unwrap())
}

pub(crate) fn version<B>(response: &Response<B>) -> &str {
    response.headers().get("x-app-version").map_or("", |value| value.to_str().unwrap())
}

/// Waits until the newest deployment is complete and as many tasks run as are asked for.
pub(crate) async fn completed(client: &LocalClient, environment: &Environment) -> ServiceStatus {
    eventually("the deployment completes", async || {
        let status = client.service(environment).await.unwrap();
        let complete = status.deployment == DeploymentState::Completed;
        (complete && status.running == status.desired).then_some(status)
    })
    .await
}

/// Waits until that many tasks run.
pub(crate) async fn client_runs(client: &LocalClient, environment: &Environment, tasks: u32) {
    let status = completed(client, environment).await;
    assert_eq!(status.running, tasks, "{status:?}");
}
