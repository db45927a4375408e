//! The sender over HTTP, at a server that reads and writes the bytes itself.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use petswipe_monitor::conformance::web::{Answering, WebWorld};
use petswipe_monitor::probe::{Check, HttpWeb, Request, Step, Variables, Web};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

type Queue = Arc<Mutex<VecDeque<Answering>>>;
type Got = Arc<Mutex<Vec<Request>>>;

struct World {
    next: Queue,
    got: Got,
    web: HttpWeb,
}

impl World {
    async fn new() -> Self {
        let (next, got) = (Queue::default(), Got::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let web = HttpWeb::new(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let world = Self { next: next.clone(), got: got.clone(), web };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, next.clone(), got.clone()));
            }
        });
        world
    }
}

#[expect(clippy::disallowed_methods, reason = "a slow server takes real time")]
async fn serve(stream: TcpStream, next: Queue, got: Got) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let request = read(&mut stream).await?;
    got.lock().unwrap().push(request);
    let answering = next.lock().unwrap().pop_front();
    match answering {
        Some(Answering::With(answer, late)) => {
            let length = answer.body.len();
            let mut head = format!("HTTP/1.1 {} x\r\ncontent-length: {length}\r\n", answer.status);
            for (name, value) in &answer.headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            head.push_str("\r\n");
            stream.write_all(head.as_bytes()).await.ok()?;
            let (all, last) = answer.body.as_bytes().split_at(length.saturating_sub(1));
            stream.write_all(all).await.ok()?;
            stream.flush().await.ok()?;
            tokio::time::sleep(late).await;
            stream.write_all(last).await.ok()?;
            stream.flush().await.ok()
        }
        // Until the other side has gone.
        Some(Answering::Never) => stream.read_u8().await.ok().map(drop),
        Some(Answering::Leave) | None => None,
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers: Vec<(String, String)> = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let body = String::from_utf8(body).unwrap();
    Some(Request { method, path, headers, body, timeout: Duration::ZERO })
}

#[async_trait]
impl WebWorld for World {
    fn web(&self) -> &dyn Web {
        &self.web
    }

    async fn put(&self, answering: Answering) {
        self.next.lock().unwrap().push_back(answering);
    }

    async fn got(&self) -> Vec<Request> {
        self.got.lock().unwrap().clone()
    }
}

petswipe_monitor::web_conformance!(conformance, World::new().await);

#[tokio::test]
async fn nobody_there_is_a_failed_run_that_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let web = HttpWeb::new(&format!("http://{address}")).unwrap();
    let check = Check::new("nobody", vec![Step::get("/")]);
    let run = check.run(&web, &Variables::default(), jiff::Timestamp::UNIX_EPOCH).await;
    let said = run.to_string();
    assert!(said.contains("step 1 (GET /) got no answer: "), "{said}");
    assert!(said.contains("refused"), "{said}");
}

#[test]
fn an_address_that_is_none_or_holds_a_password_is_refused_without_saying_it() {
    for address in [
        "",
        "shop",
        "ftp://shop",
        "http://u:hunter2@shop",
        "http://shop/?k=hunter2",
        "http://shop/#hunter2",
    ] {
        let error = HttpWeb::new(address).unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains("address of the service is ***"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let https = HttpWeb::new("https://shop.example.com");
    assert_eq!(https.is_ok(), cfg!(feature = "tls"));
}
