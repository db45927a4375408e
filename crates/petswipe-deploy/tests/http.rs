//! The smoke test over HTTP, against a server on loopback.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use petswipe_deploy::http::{HttpSmoke, SmokeRequests};
use petswipe_deploy::memory::MemoryCloud;
use petswipe_deploy::{Authority, Environment, Error, Image, SmokeTest, TrafficRouter};
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::{Fence, OperationId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn green() -> Environment {
    Environment::new("shop-production-green").unwrap()
}

/// A router whose test route leads to green, or nowhere.
async fn router(open: bool) -> Arc<MemoryCloud> {
    let clock = Arc::new(SimClock::new(Timestamp::UNIX_EPOCH));
    let sides = [Environment::new("shop-production-blue").unwrap(), green()];
    let cloud = MemoryCloud::new(clock, &sides, Image::new("shop:v1").unwrap(), 1).unwrap();
    let authority = Authority { operation: OperationId::new("test").unwrap(), fence: Fence(1) };
    if open {
        cloud.set_test_route(&authority, Some(&green())).await.unwrap();
    }
    Arc::new(cloud)
}

/// What was asked of a server, and its address. It answers `/slow` never, `/moved` with a redirection, `/broken` with 500
/// and everything else with 200.
async fn server() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let heads = Arc::new(Mutex::new(Vec::new()));
    let kept = heads.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let kept = kept.clone();
            tokio::spawn(async move {
                let mut head = vec![0; 4096];
                let length = stream.read(&mut head).await.unwrap();
                let head = String::from_utf8_lossy(&head[..length]).to_ascii_lowercase();
                kept.lock().unwrap().push(head.clone());
                let status = match head.split(' ').nth(1) {
                    Some("/slow") => return std::future::pending().await,
                    Some("/moved") => "302 Found",
                    Some("/broken") => "500 Internal Server Error",
                    _ => "200 OK",
                };
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            });
        }
    });
    (base, heads)
}

fn requests(base: &str, paths: &[&str]) -> SmokeRequests {
    SmokeRequests {
        base: base.to_owned(),
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        header: "X-Test".to_owned(),
        timeout: Duration::from_millis(500),
    }
}

#[tokio::test]
async fn every_page_is_asked_for_once_with_the_header_and_failures_are_counted() {
    let (base, heads) = server().await;
    let paths = ["/health", "/moved", "/broken", "/slow"];
    let smoke = HttpSmoke::new(router(true).await, requests(&base, &paths)).unwrap();
    let result = smoke.probe(&green()).await.unwrap();
    assert_eq!((result.requests, result.failed), (4, 2), "{:?}", result.reasons);
    assert!(result.reasons[0].starts_with("/broken answered 500"), "{:?}", result.reasons);
    assert_eq!(result.reasons[1], "/slow did not answer within 500ms");
    let heads = heads.lock().unwrap();
    assert_eq!(heads.len(), 4);
    assert!(heads.iter().all(|head| head.contains("\r\nx-test: green\r\n")), "{heads:?}");
}

#[tokio::test]
async fn without_a_test_route_nothing_is_sent() {
    let (base, heads) = server().await;
    let smoke = HttpSmoke::new(router(false).await, requests(&base, &["/"])).unwrap();
    let refused = smoke.probe(&green()).await.unwrap_err();
    assert!(matches!(refused, Error::NotFound { .. }), "{refused}");
    assert!(heads.lock().unwrap().is_empty());
}

#[tokio::test]
async fn where_nobody_listens_no_request_counts_as_failed() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let smoke = HttpSmoke::new(router(true).await, requests(&base, &["/"])).unwrap();
    let error = smoke.probe(&green()).await.unwrap_err();
    assert!(matches!(error, Error::Backend { .. }), "{error}");
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let header =
        SmokeRequests { header: "not a header".to_owned(), ..requests("http://a", &["/"]) };
    for (requests, field) in [
        (requests("shop.example.com", &["/"]), "address of the smoke test"),
        (requests("http://shop.example.com", &[]), "paths of the smoke test"),
        (requests("http://shop.example.com", &["health"]), "path of the smoke test"),
        (header, "header of test requests"),
    ] {
        let refused = HttpSmoke::new(router(true).await, requests).err().unwrap();
        let Error::InvalidPlan { field: found, .. } = refused else { panic!("{refused}") };
        assert_eq!(found, field);
    }
}
