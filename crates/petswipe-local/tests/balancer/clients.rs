//! Clients that misbehave: they leave, read nothing, or send slowly.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::Response;
use hyper::body::Frame;
use petswipe_local::balancer::Forward;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::*;

#[tokio::test]
async fn clients_that_leave_early_leave_nothing_in_flight() {
    let endless = Service::start(|_| async {
        let frames =
            futures_util::stream::repeat_with(|| Ok(Frame::data(Bytes::from(vec![b'x'; 65536]))));
        Response::new(BodyExt::boxed(StreamBody::new(frames)))
    })
    .await;
    let stuck = Service::start(|_| std::future::pending()).await;
    let balancer = balancer().await;
    group_of(&balancer, "endless", &[endless.target("endless")]).await;
    group_of(&balancer, "stuck", &[stuck.target("stuck")]).await;
    for group in ["endless", "stuck"] {
        balancer.set_default(Forward::to(group)).unwrap();
        let mut clients = Vec::new();
        for _ in 0..10 {
            let mut stream = TcpStream::connect(balancer.address()).await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
            if group == "endless" {
                let mut some = [0; 100_000];
                stream.read_exact(&mut some).await.unwrap();
            }
            clients.push(stream);
        }
        let metrics = balancer.metrics();
        until("all in flight", || metrics.in_flight(group) == Some(10)).await;
        drop(clients);
        until("nothing in flight", || metrics.in_flight(group) == Some(0)).await;
    }
    // What is left open are health checks, which come and go.
    until("no connection", || endless.open.load(Ordering::SeqCst) == 0).await;
    until("no connection", || stuck.open.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_off() {
    let endless = Service::start(|_| async {
        let frames =
            futures_util::stream::repeat_with(|| Ok(Frame::data(Bytes::from(vec![b'x'; 65536]))));
        Response::new(BodyExt::boxed(StreamBody::new(frames)))
    })
    .await;
    let balancer = start(|config| config.idle_timeout = Duration::from_millis(100)).await;
    group_of(&balancer, "endless", &[endless.target("endless")]).await;
    let mut stream = TcpStream::connect(balancer.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let metrics = balancer.metrics();
    until("in flight", || metrics.in_flight("endless") == Some(1)).await;
    until("nothing in flight", || metrics.in_flight("endless") == Some(0)).await;
    drop(stream);
}

#[tokio::test]
async fn clients_that_send_their_heads_slowly_are_cut_off_and_hinder_nobody() {
    let service = Service::named("a").await;
    let balancer = start(|config| config.header_timeout = Duration::from_millis(200)).await;
    group_of(&balancer, "group", &[service.target("a")]).await;
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(balancer.address()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nx: ").await.unwrap();
        slow.push(stream);
    }
    for _ in 0..10 {
        assert_eq!(fetch(&balancer, "/").await.text, "a");
    }
    for mut stream in slow {
        let mut rest = Vec::new();
        let end = soon("the end", stream.read_to_end(&mut rest)).await;
        assert!(end.is_ok() || end.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset));
        assert!(!rest.starts_with(b"HTTP/1.1 200"));
    }
    assert_eq!(service.count(), 10);
}
