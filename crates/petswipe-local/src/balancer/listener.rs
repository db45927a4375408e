//! The accept loop: one task for the listener, one for each client connection.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::stall::StallGuard;
use super::{Shared, proxy};

/// The most an Application Load Balancer takes for all headers of a request together.
const LARGEST_HEAD: usize = 64 * 1024;

/// Accepts clients until told to stop, then lets their requests end, for as long as the configured grace.
pub(crate) async fn run(
    listener: TcpListener,
    shared: Arc<Shared>,
    mut rng: Rng,
    mut stop: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    let mut clients = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => accepted,
        };
        while clients.try_join_next().is_some() {}
        match accepted {
            Ok((stream, client)) => {
                let watcher = graceful.watcher();
                clients.spawn(attend(stream, client, shared.clone(), rng.fork(), watcher));
            }
            // Out of file descriptors, or the client was gone already: others may still be served.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(shared.config.shutdown_grace, graceful.shutdown()).await;
    clients.shutdown().await;
}

async fn attend(
    stream: TcpStream,
    client: SocketAddr,
    shared: Arc<Shared>,
    rng: Rng,
    watcher: Watcher,
) {
    // As with targets: latency matters more than the number of packets.
    let _ = stream.set_nodelay(true);
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(shared.config.header_timeout)
        .max_header_size(LARGEST_HEAD);
    // The requests of a connection come one after another, so each simply takes the next number: no lock is needed,
    // and the same requests on the same connection are divided the same way.
    let seed = std::cell::Cell::new(rng.get_seed());
    let stream = StallGuard::new(stream, shared.config.idle_timeout);
    let service = service_fn(move |request| {
        let mut next = Rng::with_seed(seed.get());
        let rng = next.fork();
        seed.set(next.get_seed());
        let answer = proxy::serve(shared.clone(), client, rng, request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = server.serve_connection(TokioIo::new(stream), service);
    // It ends with an error when the client leaves, or sends what is not HTTP; both concern only that client.
    let _ = watcher.watch(connection).await;
}
