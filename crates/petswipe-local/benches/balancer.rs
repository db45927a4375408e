//! What the balancer adds to a request: open-loop load at 1,000 requests a second, straight to a target and through
//! the balancer to the same target, in alternating slices of one run; then how many requests a second pass at most.
//!
//! ```sh
//! cargo bench -p petswipe-local --bench balancer
//! ```
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A benchmark reads the clock.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use petswipe_local::balancer::{
    Balancer, BalancerConfig, Forward, Target, TargetGroupConfig, TargetState,
};
use petswipe_local::load::{Load, LoadConfig};
use petswipe_monitor::Histogram;
use tokio::net::{TcpListener, TcpStream};

const RATE: f64 = 1000.0;
const SLICE: Duration = Duration::from_secs(2);
const SLICES: usize = 6;
const CLIENTS: usize = 32;
const THROUGHPUT: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("nothing measured: figures need `cargo bench -p petswipe-local --bench balancer`");
        return;
    }
    let target = serve().await;
    let balancer = Balancer::start(BalancerConfig::default()).await.unwrap();
    let config = TargetGroupConfig::default();
    balancer.create_target_group("bench", config).unwrap();
    let member = Target { id: "one".to_owned(), address: target, revision: "1".to_owned() };
    balancer.register("bench", member).unwrap();
    balancer.set_default(Forward::to("bench")).unwrap();
    let healthy = balancer.wait_until("bench", |t| t[0].state == TargetState::Healthy);
    healthy.await.unwrap();

    let ways = [("direct", target), ("balanced", balancer.address())];
    let mut latencies = [Histogram::new(), Histogram::new()];
    for (_, address) in ways {
        slice(address).await;
    }
    for _ in 0..SLICES {
        for ((_, address), latency) in ways.iter().zip(&mut latencies) {
            latency.merge(&slice(*address).await);
        }
    }
    println!("open loop, {RATE} requests/s, latency in microseconds from the intended start:\n");
    println!("{:<10}{:>10}{:>8}{:>8}{:>8}{:>8}", "", "requests", "p50", "p90", "p99", "max");
    let at = |latency: &Histogram, q: f64| latency.quantile(q).unwrap().as_micros();
    for ((name, _), latency) in ways.iter().zip(&latencies) {
        let [p50, p90, p99] = [0.5, 0.9, 0.99].map(|q| at(latency, q));
        let max = latency.max().unwrap().as_micros();
        println!("{name:<10}{:>10}{p50:>8}{p90:>8}{p99:>8}{max:>8}", latency.count());
    }
    let added = |q: f64| at(&latencies[1], q).saturating_sub(at(&latencies[0], q));
    println!("{:<20}{:>8}{:>8}{:>8}", "added", added(0.5), added(0.9), added(0.99));

    println!("\nclosed loop, {CLIENTS} connections:\n");
    for (name, address) in ways {
        println!("{name:<10}{:>10.0} requests/s", throughput(address).await);
    }
}

async fn slice(address: SocketAddr) -> Histogram {
    let load = Load::start(LoadConfig::new(address, RATE)).unwrap();
    tokio::time::sleep(SLICE).await;
    let report = load.stop().await;
    assert_eq!(report.total.failed, 0, "{:?}", report.failures);
    report.total.latency
}

async fn throughput(address: SocketAddr) -> f64 {
    let answered = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(ask(address, start + THROUGHPUT, answered.clone())))
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    answered.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}

async fn ask(address: SocketAddr, end: Instant, answered: Arc<AtomicU64>) {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let io = TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    while Instant::now() < end {
        let request = Request::builder().uri("/").header("host", "bench");
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        sender.ready().await.unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert!(answer.status().is_success());
        answer.into_body().collect().await.unwrap();
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

/// The smallest service there is.
async fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let service = service_fn(|_| async {
                let response = Response::builder().header("x-app-version", "1");
                Ok::<_, Infallible>(response.body(Full::new(Bytes::from("hello"))).unwrap())
            });
            let server = hyper::server::conn::http1::Builder::new();
            tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}
