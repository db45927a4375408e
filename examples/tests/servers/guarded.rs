//! A canary that has to prove to Prometheus who asks, and tells nobody how.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::cloud::CloudProcess;
use super::prometheus::Prometheus;
use super::report::*;
use super::support::*;
use super::tool::*;

const WORD: &str = "hunter2-and-more";
/// `ann:hunter2-and-more`, as the header has it: RFC 7617.
const ENCODED: &str = "YW5uOmh1bnRlcjItYW5kLW1vcmU=";

/// A proxy that lets nobody through to Prometheus but who sends that header.
struct Guard {
    url: String,
    /// What came in the header.
    heard: Arc<Mutex<BTreeSet<String>>>,
    guarding: JoinHandle<()>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.guarding.abort();
    }
}

impl Guard {
    async fn of(prometheus: &Prometheus, wanted: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let behind = prometheus.url.trim_start_matches("http://").to_owned();
        let heard = Arc::new(Mutex::new(BTreeSet::new()));
        let record = Arc::clone(&heard);
        let guarding = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (behind, record) = (behind.clone(), Arc::clone(&record));
                tokio::spawn(async move { pass(stream, &behind, wanted, &record).await });
            }
        });
        Self { url, heard, guarding }
    }
}

/// One request and its answer, after which the connection ends.
async fn pass(
    mut stream: TcpStream,
    behind: &str,
    wanted: &str,
    heard: &Mutex<BTreeSet<String>>,
) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let mut sent = lines.filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let sent = sent.next().map(|(_, value)| value.to_owned()).unwrap_or_default();
    let may_pass = sent == wanted;
    heard.lock().unwrap().insert(sent);
    if !may_pass {
        let refusal =
            b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return stream.write_all(refusal).await.ok();
    }
    let mut server = TcpStream::connect(behind).await.ok()?;
    let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    server.write_all(head.as_bytes()).await.ok()?;
    tokio::io::copy(&mut server, &mut stream).await.ok()?;
    stream.shutdown().await.ok()
}

/// A canary behind a guard who wants that header, with those variables.
async fn guarded(wanted: &'static str, variables: &[(&str, &str)], code: i32) -> String {
    let (cloud, directory) = (CloudProcess::start().await, directory());
    let prometheus = Prometheus::of(&cloud).await;
    let guard = Guard::of(&prometheus, wanted).await;
    let mut tool = Tool::new("canary", &directory)
        .on(&cloud)
        .args(["--json", "--scrape-interval", "1", "--patience", "6"])
        .args(["--report", "canary.html", "--metrics-file", "canary.prom"])
        .args(SHORT)
        .env("METRICS", &format!("prometheus={}", guard.url));
    for (name, value) in variables {
        tool = tool.env(name, value);
    }
    let done = tool.run().await.with(code);
    let heard = guard.heard.lock().unwrap().clone();
    let mut all = done.all();
    match code {
        // Where it is refused nothing is written.
        2 => assert_eq!(files(&directory), [""; 0], "{done}"),
        _ => {
            for file in ["canary.html", "canary.prom", ".petswipe/canary.jsonl"] {
                all.push_str(&std::fs::read_to_string(directory.path().join(file)).unwrap());
            }
        }
    }
    for secret in [WORD, ENCODED] {
        assert!(!all.contains(secret), "{secret} is told: {done}");
    }
    let sent = heard.into_iter().collect::<Vec<_>>();
    assert_eq!(sent.len(), 1, "{sent:?}");
    let outcome = match code {
        2 => {
            let words = ["--metrics is Prometheus at", "denied", "nothing was touched"];
            assert_eq!(done.is_no_refusal(&words), None);
            "refused".to_owned()
        }
        _ => text(&done.json(), "outcome").to_owned(),
    };
    format!("{outcome} with {}", sent[0])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_sent_and_told_nobody() {
    let with = guarded("Bearer hunter2-and-more", &[("PROMETHEUS_TOKEN", WORD)], 0).await;
    assert_eq!(with, format!("promoted with Bearer {WORD}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_sent_and_told_nobody() {
    let variables = [("PROMETHEUS_USER", "ann"), ("PROMETHEUS_PASSWORD", WORD)];
    let with = guarded("Basic YW5uOmh1bnRlcjItYW5kLW1vcmU=", &variables, 0).await;
    assert_eq!(with, format!("promoted with Basic {ENCODED}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_refused_at_once_and_told_nobody() {
    let with = guarded("Bearer another", &[("PROMETHEUS_TOKEN", WORD)], 2).await;
    assert_eq!(with, format!("refused with Bearer {WORD}"));
}
