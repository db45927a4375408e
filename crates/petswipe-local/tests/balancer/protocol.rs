//! HTTP on both sides: what is passed on, what is not, and that nobody can hurt the others.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::{HeaderMap, Request, Response};
use petswipe_local::balancer::Balancer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::*;

/// A target that keeps what it was sent and answers with a fixed head and body.
async fn keeps(answer: &'static str) -> (Balancer, Seen<String>) {
    let kept: Seen<String> = seen();
    let keeping = kept.clone();
    let address = raw_target(move |mut stream, head| {
        let keeping = keeping.clone();
        async move {
            keeping.lock().unwrap().push(head);
            stream.write_all(answer.as_bytes()).await.unwrap();
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            let rest = String::from_utf8(rest).unwrap();
            keeping.lock().unwrap().push(rest);
        }
    })
    .await;
    let balancer = balancer().await;
    group_of(&balancer, "group", &[target("raw", address)]).await;
    (balancer, kept)
}

/// A target that answers with the body it was sent.
async fn echo() -> (Balancer, Service) {
    let service =
        Service::start(
            |request: Request<_>| async move { Response::new(request.into_body().boxed()) },
        )
        .await;
    let balancer = balancer().await;
    group_of(&balancer, "group", &[service.target("echo")]).await;
    (balancer, service)
}

#[tokio::test]
async fn the_head_of_a_request_arrives_as_a_proxy_must_send_it() {
    let (balancer, kept) = keeps("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    talk(
        &balancer,
        "GET /a/b?c=%20d HTTP/1.1\r\nHost: pets.example:99\r\nConnection: close, X-Private\r\n\
         X-Private: 1\r\nKeep-Alive: 5\r\nUpgrade: websocket\r\nX-Forwarded-For: 203.0.113.9\r\n\
         X-Kept: one\r\nX-Kept: two\r\n\r\n",
    )
    .await;
    let head = kept.lock().unwrap()[0].to_lowercase();
    let lines: Vec<&str> = head.lines().collect();
    assert_eq!(lines[0], "get /a/b?c=%20d http/1.1");
    let port = balancer.address().port();
    for expected in [
        "host: pets.example:99",
        "x-forwarded-for: 203.0.113.9, 127.0.0.1",
        "x-forwarded-proto: http",
        &format!("x-forwarded-port: {port}"),
        "x-kept: one",
        "x-kept: two",
    ] {
        assert!(lines.contains(&expected), "{expected} in {head}");
    }
    assert!(head.contains("x-amzn-trace-id: root=1-"), "{head}");
    for removed in ["x-private", "keep-alive", "upgrade", "connection"] {
        assert!(!head.contains(&format!("\n{removed}:")), "{removed} in {head}");
    }
}

#[tokio::test]
async fn the_head_of_an_answer_arrives_without_what_concerns_one_connection() {
    let (balancer, _) = keeps(
        "HTTP/1.1 203 Fine\r\ncontent-length: 2\r\nConnection: X-Private\r\nX-Private: 1\r\n\
         Keep-Alive: timeout=5\r\nX-Kept: one\r\nX-Kept: two\r\nServer: raw\r\n\r\nok",
    )
    .await;
    let reply = fetch(&balancer, "/").await;
    assert_eq!((reply.status, reply.text.as_str()), (203, "ok"));
    assert_eq!(reply.headers.get_all("x-kept").iter().count(), 2);
    assert_eq!(reply.headers["server"], "raw");
    for removed in ["connection", "x-private", "keep-alive"] {
        assert!(!reply.headers.contains_key(removed), "{removed}");
    }
}

#[tokio::test]
async fn an_absolute_target_becomes_a_path_and_its_host_counts() {
    let (balancer, kept) = keeps("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let text = "GET http://real.example/x?y HTTP/1.1\r\nhost: other\r\nconnection: close\r\n\r\n";
    talk(&balancer, text).await;
    let head = kept.lock().unwrap()[0].clone();
    assert!(head.starts_with("GET /x?y HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("host: real.example\r\n"), "{head}");
}

#[tokio::test]
async fn what_is_no_proper_request_is_refused_and_reaches_no_target() {
    let service = Service::named("a").await;
    let balancer = balancer().await;
    group_of(&balancer, "group", &[service.target("a")]).await;
    let cases = [
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: a\r\nbad header: x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: a\r\n folded: x\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +1\r\n\r\na", 400),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", 400),
        ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, gzip\r\n\r\n", 400),
        ("POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        ("CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n", 400),
        ("TRACE / HTTP/1.1\r\nhost: a\r\n\r\n", 405),
    ];
    for (text, expected) in cases {
        let closing = text.replacen("\r\nhost: a\r\n", "\r\nhost: a\r\nconnection: close\r\n", 1);
        let mut stream = TcpStream::connect(balancer.address()).await.unwrap();
        stream.write_all(closing.as_bytes()).await.unwrap();
        let head = soon(text, read_head(&mut stream)).await;
        let found = format!("HTTP/1.1 {expected} ");
        assert!(head.starts_with(&found), "{text:?}: {head}");
    }
    let long = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "a".repeat(70_000));
    let answer = talk(&balancer, &long).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert_eq!(service.count(), 0);
    assert_eq!(fetch(&balancer, "/").await.text, "a");
}

#[tokio::test]
async fn a_length_beside_a_transfer_encoding_smuggles_nothing() {
    let hidden = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    let (balancer, service) = echo().await;
    // Whoever believes the length sees a second request in the body, whoever believes the encoding sees it after it.
    // The encoding counts, and the connection is closed after the answer.
    let texts = [
        format!(
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\ntransfer-encoding: chunked\r\n\r\n\
             0\r\n\r\n{hidden}",
            hidden.len() + 5
        ),
        format!(
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n\
             {:x}\r\n{hidden}\r\n0\r\n\r\n",
            hidden.len()
        ),
    ];
    for (index, text) in texts.iter().enumerate() {
        let answer = talk(&balancer, text).await;
        assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 1, "{answer}");
        assert_eq!(service.count(), index + 1, "{answer}");
    }
    // On the target's side there is exactly one framing.
    let (balancer, kept) = keeps("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    talk(&balancer, &texts[1]).await;
    for head in kept.lock().unwrap().iter().filter(|text| text.starts_with("POST")) {
        let head = head.to_lowercase();
        assert!(head.contains("transfer-encoding: chunked"), "{head}");
        assert!(!head.contains("content-length"), "{head}");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let service = Service::start(|request| async move {
        let path = request.uri().path().to_owned();
        if path == "/0" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Response::new(full(path))
    })
    .await;
    let balancer = balancer().await;
    group_of(&balancer, "group", &[service.target("a")]).await;
    let mut text = String::new();
    for index in 0..20 {
        let close = if index == 19 { "connection: close\r\n" } else { "" };
        text += &format!("GET /{index} HTTP/1.1\r\nhost: a\r\n{close}\r\n");
    }
    let answer = talk(&balancer, &text).await;
    let bodies: Vec<&str> = answer
        .split("HTTP/1.1 200 OK")
        .skip(1)
        .filter_map(|part| part.split("\r\n\r\n").nth(1))
        .collect();
    let expected: Vec<String> = (0..20).map(|index| format!("/{index}")).collect();
    assert_eq!(bodies, expected);
}

#[tokio::test]
async fn connections_are_kept_on_both_sides() {
    let service = Service::named("a").await;
    let balancer = balancer().await;
    group_of(&balancer, "group", &[service.target("a")]).await;
    service.health.store(200, Ordering::SeqCst);
    let mut client = Client::connect(balancer.address()).await;
    let before = service.open.load(Ordering::SeqCst);
    for _ in 0..100 {
        client.get("/").await;
    }
    // Health checks open and close connections of their own; the requests need one or two that stay.
    until("few connections", || service.open.load(Ordering::SeqCst) <= before + 3).await;
    assert_eq!(service.count(), 100);
}

#[tokio::test]
async fn answers_without_a_body_have_none() {
    let service = Service::start(|request| async move {
        let response = Response::builder();
        match request.uri().path() {
            "/204" => response.status(204).body(full("")).unwrap(),
            "/304" => {
                let response = response.status(304).header("etag", "x");
                response.body(full("")).unwrap()
            }
            _ => response.header("content-length", "5").body(full("hello")).unwrap(),
        }
    })
    .await;
    let balancer = balancer().await;
    group_of(&balancer, "group", &[service.target("a")]).await;
    // All on one connection: a body where none belongs would be taken for the next answer.
    let mut client = Client::connect(balancer.address()).await;
    for _ in 0..3 {
        let head = client.send(request("HEAD", "/", &[], "")).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""));
        assert_eq!(head.headers["content-length"], "5");
        assert_eq!(client.get("/204").await.status, 204);
        let unchanged = client.get("/304").await;
        assert_eq!(unchanged.status, 304);
        assert_eq!(unchanged.headers["etag"], "x");
        assert_eq!(client.get("/").await.text, "hello");
    }
    until("nothing in flight", || balancer.metrics().in_flight("group") == Some(0)).await;
}

#[tokio::test]
async fn interim_answers_are_not_taken_for_the_answer() {
    let (balancer, _) = keeps(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n\
         HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    )
    .await;
    let reply = fetch(&balancer, "/").await;
    assert_eq!((reply.status, reply.text.as_str()), (200, "ok"));
}

#[tokio::test]
async fn a_client_that_expects_to_be_told_to_continue_is_told() {
    let (balancer, _service) = echo().await;
    let mut stream = TcpStream::connect(balancer.address()).await.unwrap();
    let head = b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\nconnection: close\r\n\
                 content-length: 4\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let told = soon("to continue", read_head(&mut stream)).await;
    assert_eq!(told, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"body").await.unwrap();
    let mut answer = String::new();
    soon("an answer", stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.ends_with("body"), "{answer}");
}

#[tokio::test]
async fn chunks_and_trailers_pass_both_ways() {
    let (balancer, _service) = echo().await;
    let frames = [
        Frame::data(Bytes::from("one ")),
        Frame::data(Bytes::from("two")),
        Frame::trailers(HeaderMap::from_iter([("x-sum".parse().unwrap(), "6".parse().unwrap())])),
    ];
    let frames = futures_util::stream::iter(frames.map(Ok::<_, hyper::Error>));
    let mut request = request("POST", "/", &[("te", "trailers"), ("trailer", "x-sum")], "");
    *request.body_mut() = BodyExt::boxed(StreamBody::new(frames));
    let mut client = Client::connect(balancer.address()).await;
    let answer = client.begin(request).await;
    let collected = answer.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().map(|t| t["x-sum"].clone()), None);
    assert_eq!(collected.to_bytes(), "one two");

    // A target that announces its trailers gets them through to a client that takes them.
    let service = Service::start(|request| async move {
        assert_eq!(request.headers()["te"], "trailers");
        let trailers = HeaderMap::from_iter([("x-sum".parse().unwrap(), "6".parse().unwrap())]);
        let frames = [Frame::data(Bytes::from("body")), Frame::trailers(trailers)];
        let frames = futures_util::stream::iter(frames.map(Ok));
        Response::builder()
            .header("trailer", "x-sum")
            .body(BodyExt::boxed(StreamBody::new(frames)))
            .unwrap()
    })
    .await;
    let balancer = self::balancer().await;
    group_of(&balancer, "group", &[service.target("a")]).await;
    let mut client = Client::connect(balancer.address()).await;
    for _ in 0..3 {
        let request = super::support::request("GET", "/", &[("te", "trailers")], "");
        let answer = client.begin(request).await;
        let collected = answer.into_body().collect().await.unwrap();
        assert_eq!(collected.trailers().unwrap()["x-sum"], "6");
        assert_eq!(collected.to_bytes(), "body");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_megabytes_stream_through_both_ways() {
    let (balancer, _service) = echo().await;
    let size = 10 << 20;
    let body: Bytes = (0..size).map(|i: usize| (i % 251) as u8).collect();
    for chunked in [false, true] {
        let mut request = request("POST", "/", &[], body.clone());
        if chunked {
            let pieces: Vec<Bytes> = (0..size)
                .step_by(100_000)
                .map(|from| body.slice(from..size.min(from + 100_000)))
                .collect();
            let pieces = futures_util::stream::iter(pieces);
            let frames = pieces.map(|piece| Ok::<_, hyper::Error>(Frame::data(piece)));
            *request.body_mut() = BodyExt::boxed(StreamBody::new(frames));
        }
        let mut client = Client::connect(balancer.address()).await;
        let answer = client.begin(request).await;
        let received = soon("the body", answer.into_body().collect()).await;
        assert!(received.unwrap().to_bytes() == body, "chunked: {chunked}");
    }
    until("nothing in flight", || balancer.metrics().in_flight("group") == Some(0)).await;
}

#[tokio::test]
async fn a_body_is_passed_on_while_it_is_still_coming() {
    let (balancer, _service) = echo().await;
    let mut stream = TcpStream::connect(balancer.address()).await.unwrap();
    let head = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let answer = soon("the head", async {
        stream.write_all(b"abc").await.unwrap();
        read_head(&mut stream).await
    })
    .await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let mut half = [0; 32];
    // The echo's body is chunked or not; either way the first half comes before the second is sent.
    let read = soon("the first half", stream.read(&mut half)).await.unwrap();
    assert!(String::from_utf8_lossy(&half[..read]).contains("abc"));
    stream.write_all(b"def").await.unwrap();
    let mut rest = String::new();
    soon("the second half", async {
        while !rest.contains("def") {
            let read = stream.read(&mut half).await.unwrap();
            assert!(read > 0);
            rest += &String::from_utf8_lossy(&half[..read]);
        }
    })
    .await;
}

#[tokio::test]
async fn an_old_client_gets_an_old_answer() {
    let service = Service::named("old").await;
    let balancer = balancer().await;
    group_of(&balancer, "group", &[service.target("a")]).await;
    let answer = talk(&balancer, "GET / HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200 OK"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nold"), "{answer}");
}
