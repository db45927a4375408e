//! Small targets and clients, and waiting for conditions.
#![allow(dead_code)]

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use petswipe_local::balancer::{
    Balancer, BalancerConfig, Forward, HealthCheck, Target, TargetGroupConfig, TargetState,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Nothing in these tests takes that long unless it is broken.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) type Body = BoxBody<Bytes, hyper::Error>;

pub(crate) fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never| match never {}).boxed()
}

/// Fails the test if it takes too long.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {DEADLINE:?}"),
    }
}

/// Waits until the condition holds.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A target served by hyper, whose answers are a function of the request. `/health` answers with `health`.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Arc<AtomicUsize>,
    pub(crate) connections: Arc<AtomicUsize>,
    pub(crate) open: Arc<AtomicUsize>,
    pub(crate) health: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Service {
    /// Answers every request with its name.
    pub(crate) async fn named(name: &'static str) -> Self {
        Self::start(move |_| async move { Response::new(full(name)) }).await
    }

    pub(crate) async fn start<F, A>(answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response<Body>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::serve(listener, answer)
    }

    pub(crate) fn serve<F, A>(listener: TcpListener, answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response<Body>> + Send + 'static,
    {
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let connections = Arc::new(AtomicUsize::new(0));
        let open = Arc::new(AtomicUsize::new(0));
        let health = Arc::new(AtomicU64::new(200));
        let counters = (requests.clone(), connections.clone(), open.clone(), health.clone());
        let accepting = tokio::spawn(async move {
            let (requests, connections, open, health) = counters;
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                open.fetch_add(1, Ordering::SeqCst);
                let (answer, requests, open, health) =
                    (answer.clone(), requests.clone(), open.clone(), health.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let checked = request.uri().path() == "/health";
                    let status = health.load(Ordering::SeqCst) as u16;
                    let answer = (!checked).then(|| answer(request));
                    if !checked {
                        requests.fetch_add(1, Ordering::SeqCst);
                    }
                    async move {
                        Ok::<_, Infallible>(match answer {
                            Some(answer) => answer.await,
                            None => Response::builder()
                                .status(StatusCode::from_u16(status).unwrap())
                                .body(full("checked"))
                                .unwrap(),
                        })
                    }
                });
                tokio::spawn(async move {
                    let connection = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service);
                    let _ = connection.await;
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, requests, connections, open, health, accepting }
    }

    pub(crate) fn count(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn target(&self, id: &str) -> Target {
        target(id, self.address)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

pub(crate) fn target(id: &str, address: SocketAddr) -> Target {
    Target { id: id.to_owned(), address, revision: format!("{id}:1") }
}

/// A target that answers health checks properly and hands every other connection, with the head of its first request
/// read, to a function.
pub(crate) async fn raw_target<F, A>(handle: F) -> SocketAddr
where
    F: Fn(TcpStream, String) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let handle = handle.clone();
            tokio::spawn(async move {
                let head = read_head(&mut stream).await;
                if head.starts_with("GET /health ") {
                    let answer =
                        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                    let _ = stream.write_all(answer).await;
                } else if !head.is_empty() {
                    handle(stream, head).await;
                }
            });
        }
    });
    address
}

/// Reads up to the empty line; empty at the end of the stream.
pub(crate) async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte).await {
            Ok(1) => head.push(byte[0]),
            _ => return String::new(),
        }
    }
    String::from_utf8(head).unwrap()
}

/// An address on which nothing listens.
pub(crate) async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// Checks ten times a second, on `/health`: for tests in which health changes.
pub(crate) fn quick() -> TargetGroupConfig {
    checked(Duration::from_millis(100))
}

/// Checks a target when it is registered and then not before the test is over.
pub(crate) fn calm() -> TargetGroupConfig {
    checked(Duration::from_secs(3600))
}

fn checked(interval: Duration) -> TargetGroupConfig {
    TargetGroupConfig {
        health_check: HealthCheck {
            path: "/health".to_owned(),
            interval,
            timeout: interval,
            healthy_threshold: 3,
            unhealthy_threshold: 2,
            ..HealthCheck::default()
        },
        deregistration_delay: DEADLINE,
    }
}

pub(crate) async fn balancer() -> Balancer {
    start(|_| {}).await
}

pub(crate) async fn start(change: impl FnOnce(&mut BalancerConfig)) -> Balancer {
    let mut config = BalancerConfig { seed: Some(42), ..BalancerConfig::default() };
    change(&mut config);
    Balancer::start(config).await.unwrap()
}

/// A group with these targets, all of them healthy, as the default action.
pub(crate) async fn group_of(balancer: &Balancer, group: &str, targets: &[Target]) {
    group_with(balancer, group, calm(), targets).await;
}

/// The same with a configuration.
pub(crate) async fn group_with(
    balancer: &Balancer,
    group: &str,
    config: TargetGroupConfig,
    targets: &[Target],
) {
    balancer.create_target_group(group, config).unwrap();
    for target in targets {
        balancer.register(group, target.clone()).unwrap();
    }
    healthy(balancer, group, targets.len()).await;
    if balancer.default_action().groups.is_empty() {
        balancer.set_default(Forward::to(group)).unwrap();
    }
}

/// Waits until that many targets are healthy.
pub(crate) async fn healthy(balancer: &Balancer, group: &str, count: usize) {
    let wanted = balancer.wait_until(group, |targets| {
        let healthy = targets.iter().filter(|t| t.state == TargetState::Healthy);
        healthy.count() == count
    });
    soon("healthy targets", wanted).await.unwrap();
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) text: String,
}

/// One client with one connection.
pub(crate) struct Client {
    sender: SendRequest<Body>,
    driver: JoinHandle<()>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let driver = tokio::spawn(async move {
            let _ = connection.await;
        });
        Self { sender, driver }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        self.send(get(path)).await
    }

    pub(crate) async fn send(&mut self, request: Request<Body>) -> Reply {
        let answer = self.begin(request).await;
        let (head, body) = answer.into_parts();
        let body = soon("a body", body.collect()).await.unwrap().to_bytes();
        Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(crate) async fn begin(&mut self, request: Request<Body>) -> Response<Incoming> {
        soon("a ready connection", self.sender.ready()).await.unwrap();
        let answer = self.sender.send_request(request);
        soon("an answer", answer).await.unwrap()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

pub(crate) fn get(path: &str) -> Request<Body> {
    request("GET", path, &[], "")
}

pub(crate) fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    request = request.header("host", "example.com");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(full(body)).unwrap()
}

/// One request on a connection of its own.
pub(crate) async fn fetch(balancer: &Balancer, path: &str) -> Reply {
    Client::connect(balancer.address()).await.get(path).await
}

/// Sends bytes and reads until the balancer closes the connection.
pub(crate) async fn talk(balancer: &Balancer, text: &str) -> String {
    let mut stream = TcpStream::connect(balancer.address()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    soon("the end of the connection", read).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// A place to put what targets saw.
pub(crate) type Seen<T> = Arc<Mutex<Vec<T>>>;

pub(crate) fn seen<T>() -> Seen<T> {
    Arc::default()
}
