//! One request, over connections that are kept between requests.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::config::Checked;

type Sender = SendRequest<Empty<Bytes>>;

/// An idle connection is not used after that time, well before any server closes it.
const KEEP: Duration = Duration::from_secs(10);

/// A failed request's connection error, in words.
pub(crate) type Broken = String;

#[derive(Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    checked: Checked,
    idle: Mutex<Vec<(Sender, Instant)>>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, checked: Checked) -> Self {
        Self { address, checked, idle: Mutex::default() }
    }

    /// Sends a request and reads its whole answer: the status, and the version that answered.
    ///
    /// Only what certainly was not sent, because its kept connection had been closed, is tried again: a request that
    /// was lost under way is a failure, and shall be seen.
    pub(crate) async fn request(&self) -> Result<(u16, Option<String>), Broken> {
        let mut request = self.build();
        if let Some(mut sender) = self.checkout() {
            match sender.try_send_request(request).await {
                Ok(answer) => return self.finish(answer, sender).await,
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(explain(error.into_error())),
                },
            }
        }
        let stream = TcpStream::connect(self.address).await.map_err(explain)?;
        stream.set_nodelay(true).map_err(explain)?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(explain)?;
        tokio::spawn(async move {
            // Its errors reach the request that is under way on it.
            let _ = connection.await;
        });
        let answer = sender.send_request(request).await.map_err(explain)?;
        self.finish(answer, sender).await
    }

    async fn finish(
        &self,
        answer: hyper::Response<hyper::body::Incoming>,
        sender: Sender,
    ) -> Result<(u16, Option<String>), Broken> {
        let status = answer.status().as_u16();
        let version = answer.headers().get(&self.checked.version_header);
        let version = version.and_then(|value| value.to_str().ok());
        let version = version.map(str::to_owned);
        let mut body = answer.into_body();
        while let Some(frame) = body.frame().await {
            frame.map_err(explain)?;
        }
        self.idle().push((sender, Instant::now()));
        Ok((status, version))
    }

    fn build(&self) -> Request<Empty<Bytes>> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = self.checked.path.clone();
        *request.headers_mut() = self.checked.headers.clone();
        request
    }

    fn checkout(&self) -> Option<Sender> {
        let mut idle = self.idle();
        idle.retain(|(sender, since)| !sender.is_closed() && since.elapsed() < KEEP);
        let ready = idle.iter().rposition(|(sender, _)| sender.is_ready())?;
        Some(idle.swap_remove(ready).0)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(Sender, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn explain(error: impl std::error::Error) -> Broken {
    petswipe_monitor::explain(&error)
}
