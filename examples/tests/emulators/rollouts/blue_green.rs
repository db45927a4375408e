//! Blue-green: the test traffic comes before the users.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

use tokio::process::Command;

use super::support::{World, calls};
use crate::fixture::run;

/// What answers test traffic: the requests that came, in lower case, and where it is.
struct Tested {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Tested {
    /// Answers everything with that status until the test ends.
    fn answering(status: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let all = Arc::clone(&requests);
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                    head.push(byte[0]);
                }
                all.lock().unwrap().push(String::from_utf8_lossy(&head).to_lowercase());
                let head = format!("HTTP/1.1 {status} Said\r\nconnection: close\r\n");
                // Who hangs up does not want the answer.
                let _ = write!(stream, "{head}content-length: 0\r\n\r\n");
            }
        });
        Self { url, requests }
    }

    /// Checks that all requests were test traffic for these paths, and that there were some for each.
    fn saw_only_tests_of(&self, paths: [&str; 2]) {
        let requests = self.requests.lock().unwrap();
        for request in requests.iter() {
            assert!(request.contains("x-petswipe-test:"), "{request}");
            let asked = |path: &&str| request.starts_with(&format!("get {path} "));
            assert!(paths.iter().any(asked), "{request}");
        }
        for path in paths {
            let asked = |request: &String| request.starts_with(&format!("get {path} "));
            assert!(requests.iter().any(asked), "nobody asked for {path}");
        }
    }
}

fn blue_green(world: &World, tested: &Tested) -> Command {
    let mut command = world.rollout("blue_green");
    command.args(["--image", "registry/shop:v2", "--smoke-url", &tested.url, "--auto-promote"]);
    command.args(["--smoke-test-duration", "3", "--health-check-interval", "1"]);
    command.args(["--bake", "0", "--json"]);
    command
}

pub async fn what_passes_the_smoke_test_gets_everything_at_once() {
    let world = World::new().await;
    let before = world.standing().await;
    let tested = Tested::answering(200);
    let report = run(blue_green(&world, &tested)).await.with(0).json();
    assert_eq!(report["outcome"], "promoted", "{report:#}");
    world.is_promoted(&before).await;
    tested.saw_only_tests_of(["/health", "/"]);
    for (action, count) in [("ModifyListener", 1), ("CreateRule", 1), ("DeleteRule", 1)] {
        assert_eq!(calls(&report, action), count, "{action}: {:#}", report["calls"]);
    }
    let seen = world.agent.stop().await;
    assert_eq!(seen.balancer, 0, "{seen:?}");
}

pub async fn what_fails_the_smoke_test_gets_no_user() {
    let world = World::new().await;
    let before = world.standing().await;
    let tested = Tested::answering(500);
    let done = run(blue_green(&world, &tested)).await.with(1);
    let report = done.json();
    assert_eq!(report["outcome"], "rolled-back", "{done}");
    assert!(report["reason"].as_str().unwrap().contains("smoke test"), "{}", report["reason"]);
    assert_eq!(world.standing().await, before, "{done}");
    tested.saw_only_tests_of(["/health", "/"]);
    for (action, count) in [("ModifyListener", 0), ("CreateRule", 1), ("DeleteRule", 1)] {
        assert_eq!(calls(&report, action), count, "{action}: {:#}", report["calls"]);
    }
    let seen = world.agent.stop().await;
    assert_eq!(seen.sides["green"].0, 0, "{seen:?}");
}
