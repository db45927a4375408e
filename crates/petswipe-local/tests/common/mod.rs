//! What the tests of the cloud share.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use petswipe_deploy::{Authority, Deployment, Environment, Image, RevisionId};
use petswipe_local::{Cloud, CloudConfig};
use petswipe_runbook::{Fence, OperationId};

/// How long a condition may take to come true on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A small cloud that checks health often.
pub fn config() -> CloudConfig {
    let mut config = CloudConfig {
        program: Some(env!("CARGO_BIN_EXE_petswipe-local-task").into()),
        tasks: 2,
        ..CloudConfig::default()
    };
    config.target_group.health_check.interval = Duration::from_millis(250);
    config.target_group.health_check.timeout = Duration::from_millis(250);
    config
}

pub async fn cloud() -> Cloud {
    Cloud::start(config()).await.unwrap()
}

pub fn side(cloud: &Cloud, short: &str) -> Environment {
    cloud.environment(short).unwrap()
}

pub fn image(name: &str) -> Image {
    Image::new(name).unwrap()
}

pub fn by(operation: &str, fence: u64) -> Authority {
    Authority { operation: OperationId::new(operation).unwrap(), fence: Fence(fence) }
}

pub fn breaking(revision: &RevisionId, desired: u32) -> Deployment {
    Deployment { circuit_breaker: true, ..Deployment::new(revision.clone(), desired) }
}

/// Asks again and again until the answer is one.
pub async fn eventually<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
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
pub fn alive(pid: i32) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => {
            !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with(['Z', 'X'])
        }
        Err(_) => false,
    }
}

pub fn http() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

pub async fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Response<String> {
    let mut request = Request::get(format!("http://{address}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = http().request(request.body(Full::default()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(parts, String::from_utf8(body.to_vec()).unwrap())
}

pub fn version<B>(response: &Response<B>) -> &str {
    response.headers().get("x-app-version").map_or("", |value| value.to_str().unwrap())
}
