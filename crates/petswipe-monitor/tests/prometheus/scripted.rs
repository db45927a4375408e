//! A server that answers as it is told, with all that it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What it answers to a request: by a word in its query, a status, more headers and the body.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) status: &'static str,
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self { status: "200 OK", headers: date(0), body: body.into() }
    }

    pub(crate) fn with(status: &'static str, headers: &str, body: &str) -> Self {
        let headers = format!("{}{headers}", date(0));
        Self { status, headers, body: body.to_owned() }
    }
}

/// The header `Date`, so many seconds off.
pub(crate) fn date(off: i64) -> String {
    let date = Timestamp::now() + jiff::SignedDuration::from_secs(off);
    format!("Date: {}\r\n", date.strftime("%a, %d %b %Y %H:%M:%S GMT"))
}

pub(crate) struct Scripted {
    pub(crate) url: String,
    pub(crate) heard: Arc<Mutex<Vec<String>>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Scripted {
    /// Answers one request after the other with these; without any left it never answers.
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let replies = Arc::new(Mutex::new(replies.into_iter().collect::<VecDeque<_>>()));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let record = heard.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, replies.clone(), record.clone()));
            }
        });
        Self { url, heard, serving }
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    replies: Arc<Mutex<VecDeque<Reply>>>,
    heard: Arc<Mutex<Vec<String>>>,
) {
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while stream.read_exact(&mut byte).await.is_ok() {
        head.push(byte[0]);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        heard.lock().unwrap().push(String::from_utf8(std::mem::take(&mut head)).unwrap());
        let reply = replies.lock().unwrap().pop_front();
        let Some(Reply { status, headers, body }) = reply else {
            return std::future::pending().await;
        };
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
