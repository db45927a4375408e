//! Blue-green: the test traffic comes before the users.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

use tokio::process::Command;

use super::support::{World, calls, on};
use crate::fixture::{Fault, run};

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
            // The guide's header.
            assert!(request.contains("x-test-environment: green"), "{request}");
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

/// A rule for test traffic that stands in an account is one: by the guide's header, or by the one that was said.
pub async fn a_standing_rule_for_test_traffic_does_not_hold_a_rollout_up() {
    let world = World::new().await;
    world.leads_tests_to_green("X-Test-Environment").await;
    run(world.canary(&["--dry-run"])).await.with(0);
    let done = run(world.canary(&["--dry-run", "--test-header", "X-Other"])).await.with(2);
    done.says(&["rule 5", "past the weights"]);
}

/// A line says that the listener speaks HTTPS.
pub async fn a_smoke_test_over_https_is_told_a_name_of_the_certificate() {
    let world = World::new().await;
    let before = world.standing().await;
    let secure = world.fixture.lines(|asked| {
        let https = Fault::Instead("<Protocol>HTTP</Protocol>", "<Protocol>HTTPS</Protocol>");
        (asked.action == "DescribeListeners").then_some(https)
    });
    let command = |arguments: &[&str]| {
        let mut command = world.rollout("blue_green");
        command.args(["--image", "registry/shop:v2", "--auto-promote"]).args(arguments);
        on(command, &secure)
    };
    let words = ["--smoke-url is missing", "port 80 speaks HTTPS", "allowed"];
    run(command(&[])).await.with(2).says(&words);
    run(command(&["--dry-run"])).await.with(2).says(&words);
    assert_eq!(world.standing().await, before);
    run(command(&["--dry-run", "--smoke-test-duration", "0"])).await.with(0);
    run(command(&["--dry-run", "--smoke-url", "https://shop.example"])).await.with(0);
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
