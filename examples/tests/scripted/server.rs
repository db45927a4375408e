//! A port behind which a line of a script hangs.

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use petswipe_aws::script::{Service, Wire};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::watch::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use crate::program::command;

/// How long anything may take to happen.
const DEADLINE: Duration = Duration::from_secs(60);

/// A server, which ends when it is dropped.
pub struct Server<S> {
    pub wire: Wire<S>,
    url: String,
    /// After how many answers it answers no more.
    most: Sender<usize>,
    answered: Receiver<usize>,
    serving: JoinHandle<()>,
}

impl<S: Service> Server<S> {
    pub async fn start(service: S) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let wire = Wire::new(service);
        let (most, limit) = channel(usize::MAX);
        let (count, answered) = channel(0);
        let line = wire.clone();
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (line, limit, count) = (line.clone(), limit.clone(), count.clone());
                let service = service_fn(move |request| {
                    answer(line.clone(), limit.clone(), count.clone(), request)
                });
                let serving = hyper::server::conn::http1::Builder::new();
                tokio::spawn(serving.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { wire, url, most, answered, serving }
    }

    /// From now on it gives so many answers more, and then does what it is asked and lets everybody wait; `None` is all.
    pub fn answers(&self, more: Option<usize>) {
        let so_far = *self.answered.borrow();
        self.most.send(more.map_or(usize::MAX, |more| so_far + more)).unwrap();
    }

    /// Waits until somebody waits for an answer that does not come.
    pub async fn is_asked_in_vain(&self) {
        let limit = *self.most.borrow();
        let mut answered = self.answered.clone();
        let waiting = answered.wait_for(|answered| *answered > limit);
        tokio::time::timeout(DEADLINE, waiting).await.expect("nobody asks").unwrap();
    }

    /// An example whose account this is.
    pub fn command(&self, example: &str, directory: &Path) -> Command {
        let mut command = command(example, directory);
        command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "x");
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_ENDPOINT_URL", &self.url);
        command.env("AWS_MAX_ATTEMPTS", "1");
        command
    }
}

impl<S> Drop for Server<S> {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer<S: Service>(
    line: Wire<S>,
    limit: Receiver<usize>,
    count: Sender<usize>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    let mut is_late = false;
    count.send_modify(|count| {
        *count += 1;
        is_late = *count > *limit.borrow();
    });
    let headers = head.headers.iter();
    let headers = headers.map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let answered = line.over_http(&head.uri.to_string(), headers, body);
    if is_late {
        std::future::pending::<()>().await;
    }
    let (status, headers, body) = answered.expect("no line is cut here");
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::new(body.into())).unwrap())
}
