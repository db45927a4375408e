//! What a client is told when there is no proper answer, and what is repeated for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::Response;
use petswipe_local::balancer::{Balancer, Forward, TargetState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::support::*;

/// Balancer errors counted since the start.
fn balancer_errors(balancer: &Balancer, group: &str) -> u64 {
    balancer.metrics().totals(group, None).unwrap().balancer_error
}

async fn with_raw(address: std::net::SocketAddr) -> Balancer {
    let balancer = balancer().await;
    group_of(&balancer, "raw", &[target("raw", address)]).await;
    balancer
}

#[tokio::test]
async fn a_target_that_refuses_is_502() {
    let balancer = balancer().await;
    balancer.create_target_group("gone", quick()).unwrap();
    balancer.register("gone", target("gone", nobody().await)).unwrap();
    balancer.set_default(Forward::to("gone")).unwrap();
    let reply = fetch(&balancer, "/").await;
    assert_eq!(reply.status, 502, "{reply:?}");
    assert!(reply.text.contains("refused"), "{reply:?}");
    assert_eq!(balancer_errors(&balancer, "gone"), 1);
}

#[tokio::test]
async fn a_target_that_resets_is_502() {
    let address = raw_target(|stream, _| async move {
        // Closing with a linger of zero sends a reset.
        stream.set_zero_linger().unwrap();
    })
    .await;
    let balancer = with_raw(address).await;
    assert_eq!(fetch(&balancer, "/").await.status, 502);
    assert_eq!(balancer_errors(&balancer, "raw"), 1);
}

#[tokio::test]
async fn a_target_that_closes_without_an_answer_is_502() {
    let address = raw_target(|stream, _| async move { drop(stream) }).await;
    let balancer = with_raw(address).await;
    assert_eq!(fetch(&balancer, "/").await.status, 502);
}

#[tokio::test]
async fn a_target_that_answers_garbage_is_502() {
    let answers = [
        "no http at all\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    ];
    for answer in answers {
        let address = raw_target(move |mut stream, _| async move {
            stream.write_all(answer.as_bytes()).await.unwrap();
            read_head(&mut stream).await;
        })
        .await;
        let balancer = with_raw(address).await;
        assert_eq!(fetch(&balancer, "/").await.status, 502, "{answer}");
        assert_eq!(balancer_errors(&balancer, "raw"), 1, "{answer}");
    }
}

#[tokio::test]
async fn an_answer_cut_short_is_cut_short_for_the_client_too() {
    let address = raw_target(|mut stream, _| async move {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort";
        stream.write_all(answer).await.unwrap();
    })
    .await;
    let balancer = with_raw(address).await;
    let answer = talk(&balancer, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("content-length: 10"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nshort"), "{answer}");
    until("nothing in flight", || balancer.metrics().in_flight("raw") == Some(0)).await;
}

#[tokio::test]
async fn no_targets_and_no_rule_are_503() {
    let balancer = balancer().await;
    let reply = fetch(&balancer, "/").await;
    assert_eq!(reply.status, 503);
    assert!(reply.text.contains("no default action"), "{reply:?}");
    balancer.create_target_group("empty", quick()).unwrap();
    balancer.set_default(Forward::to("empty")).unwrap();
    let reply = fetch(&balancer, "/").await;
    assert_eq!(reply.status, 503);
    assert!(reply.text.contains("no registered targets"), "{reply:?}");
    assert_eq!(balancer_errors(&balancer, "empty"), 1);
}

#[tokio::test]
async fn a_target_that_is_silent_is_504() {
    let address = raw_target(|mut stream, _| async move {
        read_head(&mut stream).await;
    })
    .await;
    let balancer = start(|config| config.idle_timeout = Duration::from_millis(100)).await;
    group_of(&balancer, "raw", &[target("raw", address)]).await;
    let reply = fetch(&balancer, "/").await;
    assert_eq!(reply.status, 504, "{reply:?}");
    assert!(reply.text.contains("did not answer in time"), "{reply:?}");
    assert_eq!(balancer_errors(&balancer, "raw"), 1);
    assert_eq!(balancer.metrics().in_flight("raw"), Some(0));
}

#[tokio::test]
async fn a_target_that_accepts_no_connection_in_time_is_504() {
    // A listener nobody accepts from, its queue filled: further connections get no answer.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    loop {
        let connecting = TcpStream::connect(address);
        match tokio::time::timeout(Duration::from_millis(100), connecting).await {
            Ok(stream) => queue.push(stream.unwrap()),
            Err(_) => break,
        }
    }
    let balancer = start(|config| config.connect_timeout = Duration::from_millis(100)).await;
    balancer.create_target_group("full", quick()).unwrap();
    balancer.register("full", target("full", address)).unwrap();
    balancer.set_default(Forward::to("full")).unwrap();
    let reply = fetch(&balancer, "/").await;
    assert_eq!(reply.status, 504, "{reply:?}");
    assert!(reply.text.contains("accept a connection"), "{reply:?}");
}

#[tokio::test]
async fn a_body_that_stops_coming_from_the_target_ends_the_answer() {
    let address = raw_target(|mut stream, _| async move {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort";
        stream.write_all(answer).await.unwrap();
        read_head(&mut stream).await;
    })
    .await;
    let balancer = start(|config| config.idle_timeout = Duration::from_millis(100)).await;
    group_of(&balancer, "raw", &[target("raw", address)]).await;
    let answer = talk(&balancer, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(answer.ends_with("\r\n\r\nshort"), "{answer}");
    until("nothing in flight", || balancer.metrics().in_flight("raw") == Some(0)).await;
}

#[tokio::test]
async fn a_client_that_stops_sending_its_body_is_408_and_no_fault_of_the_balancer() {
    let service = Service::start(|request| async move {
        let body = http_body_util::BodyExt::collect(request.into_body()).await;
        Response::new(full(format!("{}", body.is_ok())))
    })
    .await;
    let balancer = start(|config| config.idle_timeout = Duration::from_millis(100)).await;
    group_of(&balancer, "group", &[service.target("a")]).await;
    let answer = talk(
        &balancer,
        "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 10\r\n\r\nshort",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(balancer.metrics().totals("group", None).unwrap().requests, 0);
    until("nothing in flight", || balancer.metrics().in_flight("group") == Some(0)).await;
}

#[tokio::test]
async fn a_target_that_stops_reading_a_body_is_504() {
    let address = raw_target(|stream, _| async move {
        // Long after the balancer gave up; closing the connection earlier would be a 502.
        tokio::time::sleep(DEADLINE).await;
        drop(stream);
    })
    .await;
    let balancer = start(|config| config.idle_timeout = Duration::from_millis(200)).await;
    group_of(&balancer, "raw", &[target("raw", address)]).await;
    let mut client = Client::connect(balancer.address()).await;
    let body = vec![b'x'; 10 << 20];
    let answer = client.begin(request("POST", "/", &[], body)).await;
    assert_eq!(answer.status(), 504);
    assert_eq!(balancer_errors(&balancer, "raw"), 1);
}

#[tokio::test]
async fn while_a_client_sends_its_body_slowly_nobody_gives_up() {
    let service = Service::start(|request| async move {
        let body = http_body_util::BodyExt::collect(request.into_body()).await;
        Response::new(full(body.unwrap().to_bytes()))
    })
    .await;
    let balancer = start(|config| config.idle_timeout = Duration::from_millis(300)).await;
    group_of(&balancer, "group", &[service.target("a")]).await;
    let mut stream = TcpStream::connect(balancer.address()).await.unwrap();
    let head = b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 10\r\n\r\n";
    stream.write_all(head).await.unwrap();
    // Altogether longer than the idle timeout, but never silent for that long.
    for digit in b"0123456789" {
        tokio::time::sleep(Duration::from_millis(60)).await;
        stream.write_all(&[*digit]).await.unwrap();
    }
    let mut answer = String::new();
    soon("an answer", stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.ends_with("0123456789"), "{answer}");
}

#[tokio::test]
async fn if_no_target_is_healthy_all_get_requests() {
    let services = [Service::named("a").await, Service::named("b").await];
    let balancer = balancer().await;
    let targets = [services[0].target("a"), services[1].target("b")];
    group_with(&balancer, "group", quick(), &targets).await;
    services[0].health.store(500, Ordering::SeqCst);
    healthy(&balancer, "group", 1).await;
    for _ in 0..10 {
        assert_eq!(fetch(&balancer, "/").await.text, "b");
    }
    services[1].health.store(500, Ordering::SeqCst);
    healthy(&balancer, "group", 0).await;
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(fetch(&balancer, "/").await.text);
    }
    answers.sort();
    assert_eq!(answers, ["a", "a", "b", "b"]);
    services[0].health.store(200, Ordering::SeqCst);
    healthy(&balancer, "group", 1).await;
    for _ in 0..10 {
        assert_eq!(fetch(&balancer, "/").await.text, "a");
    }
}

/// A target that answers the first request on every connection, and closes the connection when it has read the second
/// one, without answering it.
async fn closes_on_reuse(requests: Arc<AtomicUsize>) -> std::net::SocketAddr {
    raw_target(move |mut stream, _| {
        let requests = requests.clone();
        async move {
            requests.fetch_add(1, Ordering::SeqCst);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            stream.write_all(answer).await.unwrap();
            if !read_head(&mut stream).await.is_empty() {
                requests.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await
}

#[tokio::test]
async fn an_idempotent_request_on_a_stale_connection_is_repeated_on_a_new_one() {
    let requests = Arc::new(AtomicUsize::new(0));
    let balancer = with_raw(closes_on_reuse(requests.clone()).await).await;
    let mut client = Client::connect(balancer.address()).await;
    for round in 0..20 {
        for method in ["GET", "PUT"] {
            let reply = client.send(request(method, "/", &[], "")).await;
            assert_eq!((reply.status, reply.text.as_str()), (200, "ok"), "{round}");
        }
    }
    assert!(requests.load(Ordering::SeqCst) > 40);
    assert_eq!(balancer_errors(&balancer, "raw"), 0);
}

#[tokio::test]
async fn another_request_that_may_have_been_carried_out_is_not_repeated() {
    let requests = Arc::new(AtomicUsize::new(0));
    let balancer = with_raw(closes_on_reuse(requests.clone()).await).await;
    let mut client = Client::connect(balancer.address()).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let reply = client.send(request("POST", "/", &[], "pay")).await;
        statuses.push(reply.status);
    }
    // One request for each answer: none was sent twice.
    assert_eq!(requests.load(Ordering::SeqCst), 4);
    assert_eq!(statuses, [200, 502, 200, 502]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_a_target_closed_while_idle_lose_no_request() {
    // Each answer is followed by the end of the connection, without saying so in the answer.
    let address = raw_target(|mut stream, _| async move {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        stream.write_all(answer).await.unwrap();
    })
    .await;
    let balancer = with_raw(address).await;
    let mut client = Client::connect(balancer.address()).await;
    for _ in 0..3000 {
        let reply = client.get("/").await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
}

#[tokio::test]
async fn a_restarted_target_on_the_same_address_is_found_again() {
    let balancer = balancer().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = |text: &'static str| move |_| async move { Response::new(full(text)) };
    let first = Service::serve(listener, answer("first"));
    group_with(&balancer, "group", quick(), &[first.target("a")]).await;
    assert_eq!(fetch(&balancer, "/").await.text, "first");
    drop(first);
    let down = balancer.wait_until("group", |targets| {
        matches!(&targets[0].state, TargetState::Unhealthy { reason }
            if reason.starts_with("Target.FailedHealthChecks"))
    });
    soon("unhealthy", down).await.unwrap();
    let listener = soon("the address", async {
        loop {
            match TcpListener::bind(address).await {
                Ok(listener) => break listener,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    })
    .await;
    let _second = Service::serve(listener, answer("second"));
    healthy(&balancer, "group", 1).await;
}
