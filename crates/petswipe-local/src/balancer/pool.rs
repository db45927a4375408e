//! Connections to one target, kept open between requests.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::body::RequestBody;

/// The sending half of a connection.
pub(crate) type Sender = SendRequest<RequestBody>;

/// Why a connection could not be made.
#[derive(Debug)]
pub(crate) enum ConnectError {
    /// The target refused, or can't be reached.
    Refused(String),
    /// It did not answer in time.
    Timeout,
}

/// The connections to one target.
#[derive(Debug)]
pub(crate) struct Pool {
    address: SocketAddr,
    connect_timeout: Duration,
    keep: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Connections without a request, the one used last at the end.
    idle: Vec<(Sender, Instant)>,
    /// The tasks that drive all connections.
    drivers: Vec<AbortHandle>,
    /// No connection is kept any more.
    closed: bool,
    /// All connections were cut, and no new one is made.
    cut: bool,
}

impl Pool {
    pub(crate) fn new(address: SocketAddr, connect_timeout: Duration, keep: Duration) -> Self {
        Self { address, connect_timeout, keep, state: Mutex::default() }
    }

    /// An idle connection that was open when last looked at. Its target may close it any moment.
    pub(crate) fn checkout(&self) -> Option<Sender> {
        let mut state = self.lock();
        let mut index = state.idle.len();
        while index > 0 {
            index -= 1;
            let (sender, since) = &state.idle[index];
            if sender.is_closed() || since.elapsed() > self.keep {
                state.idle.remove(index);
            } else if sender.is_ready() {
                return Some(state.idle.remove(index).0);
            }
        }
        None
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> Result<Sender, ConnectError> {
        let refused = |error: &dyn std::fmt::Display| ConnectError::Refused(error.to_string());
        let connecting = TcpStream::connect(self.address);
        let stream = tokio::time::timeout(self.connect_timeout, connecting)
            .await
            .map_err(|_| ConnectError::Timeout)?
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::TimedOut => ConnectError::Timeout,
                _ => refused(&error),
            })?;
        // Latency matters more than the number of packets; a socket that can't be told so still works.
        let _ = stream.set_nodelay(true);
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| refused(&error))?;
        let mut state = self.lock();
        if state.cut {
            return Err(ConnectError::Refused("the target was removed".to_owned()));
        }
        if state.drivers.len() == state.drivers.capacity() {
            state.drivers.retain(|driver| !driver.is_finished());
        }
        let driver = tokio::spawn(async move {
            // Its errors reach whoever waits for an answer on this connection.
            let _ = connection.await;
        });
        state.drivers.push(driver.abort_handle());
        Ok(sender)
    }

    /// Takes back a connection whose request has ended.
    pub(crate) fn park(&self, sender: Sender) {
        let mut state = self.lock();
        if !state.closed && !sender.is_closed() {
            state.idle.push((sender, Instant::now()));
        }
    }

    /// Forgets connections that are closed or were idle for long.
    pub(crate) fn sweep(&self) {
        let keep = self.keep;
        self.lock().idle.retain(|(sender, since)| !sender.is_closed() && since.elapsed() <= keep);
    }

    /// Closes what is idle, and from now on each connection when its request ends.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.idle.clear();
    }

    /// Cuts all connections, whatever they are doing.
    pub(crate) fn cut(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.cut = true;
        state.idle.clear();
        state.drivers.drain(..).for_each(|driver| driver.abort());
    }

    /// Whether [`cut`](Self::cut) was called.
    pub(crate) fn is_cut(&self) -> bool {
        self.lock().cut
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.cut();
    }
}
