//! The sample application that tasks run: pets over HTTP, with faults on command.
//!
//! It serves until SIGTERM (then it finishes what is in flight and exits with 0) or until its standard input ends,
//! which means that the cloud that started it is gone.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use petswipe_deploy::Error;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::Fault;

/// The header that names the version that answered.
pub const VERSION_HEADER: &str = "x-app-version";
/// The variable that says what goes wrong, see [`Fault`].
pub const FAULT_VARIABLE: &str = "PETSWIPE_FAULT";
/// The variable with the version; the cloud sets it to the tag of the image.
pub(crate) const VERSION_VARIABLE: &str = "APP_VERSION";
/// What precedes the address in the line that says the application listens.
pub(crate) const LISTENING: &str = "listening on ";

/// How much longer answers take while caches are cold.
const COLD: Duration = Duration::from_secs(2);
/// How long requests in flight may take after SIGTERM.
const GRACE: Duration = Duration::from_secs(30);
const SPECIES: [&str; 4] = ["dog", "cat", "rabbit", "parrot"];
const NAMES: [&str; 8] = ["Biscuit", "Luna", "Milo", "Pepper", "Olive", "Rusty", "Willow", "Ziggy"];

#[derive(Serialize)]
struct Pet {
    id: u32,
    name: &'static str,
    species: &'static str,
}

struct App {
    version: HeaderValue,
    fault: Fault,
    first_request: OnceLock<Instant>,
}

/// Runs the application with what the environment says (`PORT`, `APP_VERSION`, `PETSWIPE_FAULT`); gives the exit code.
pub(crate) fn run() -> i32 {
    match configured().and_then(|(port, app)| serve(port, app)) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{}", petswipe_monitor::explain(&error));
            1
        }
    }
}

fn configured() -> Result<(u16, App), Error> {
    let variable = |name: &str| std::env::var(name).ok();
    let port = variable("PORT").unwrap_or_else(|| "8080".to_owned());
    let port = port.parse().map_err(|_| Error::invalid("PORT", &port, "0 to 65535"))?;
    let version = variable(VERSION_VARIABLE).unwrap_or_else(|| "dev".to_owned());
    let version = HeaderValue::from_str(&version).map_err(|_| {
        Error::invalid(VERSION_VARIABLE, &version, "text that can stand in a header")
    })?;
    let fault = variable(FAULT_VARIABLE).map_or(Ok(Fault::None), |text| text.parse())?;
    Ok((port, App { version, fault, first_request: OnceLock::new() }))
}

fn serve(port: u16, app: App) -> Result<(), Error> {
    if app.fault == Fault::CrashOnBoot {
        return Err(Error::backend("booting", "fault crash-on-boot"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::backend("starting the runtime", error))?;
    exit_when_input_ends();
    runtime.block_on(listen(port, Arc::new(app))).map_err(|error| Error::backend("serving", error))
}

/// Nobody would stop this process any more once the cloud is gone.
fn exit_when_input_ends() {
    std::thread::spawn(|| {
        let mut input = std::io::stdin().lock();
        let mut byte = [0];
        while matches!(input.read(&mut byte), Ok(count) if count > 0) {}
        std::process::exit(0);
    });
}

async fn listen(port: u16, app: Arc<App>) -> std::io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let mut output = std::io::stdout().lock();
    writeln!(output, "{LISTENING}{}", listener.local_addr()?)?;
    output.flush()?;
    drop(output);
    if let Fault::CrashAfter(time) = app.fault {
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            eprintln!("fault crash-after={time:?}");
            std::process::exit(1);
        });
    }
    let graceful = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Out of descriptors: what is open may close; try again a little later.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            },
            _ = terminated.recv() => break,
        };
        let _ = stream.set_nodelay(true);
        let app = app.clone();
        let service = service_fn(move |request| {
            let app = app.clone();
            async move { Ok::<_, Infallible>(app.answer(request).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let _ = connection.await;
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    Ok(())
}

impl App {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        let (status, body) = match (request.method(), path) {
            (&Method::GET | &Method::HEAD, "/health") => self.health(),
            (&Method::GET | &Method::HEAD, "/api/pets") => {
                self.api(|| pets(request.uri().query().unwrap_or_default())).await
            }
            (_, path) if path.starts_with("/api/") => self.api(not_found).await,
            _ => not_found(),
        };
        if status.is_server_error() {
            // The log of the task. Nobody reading it is no reason to fail.
            let method = request.method();
            let _ = writeln!(std::io::stderr(), "ERROR {method} {path} answered {status}: {body}");
        }
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(VERSION_HEADER, self.version.clone());
        response
    }

    fn health(&self) -> (StatusCode, String) {
        match self.fault {
            Fault::Unhealthy => failed("fault unhealthy"),
            _ => (StatusCode::OK, r#"{"status":"ok"}"#.to_owned()),
        }
    }

    async fn api(&self, answer: impl FnOnce() -> (StatusCode, String)) -> (StatusCode, String) {
        match self.fault {
            Fault::ErrorRate(rate) if fastrand::f64() < rate => return failed("fault error-rate"),
            Fault::Latency(time) => tokio::time::sleep(time).await,
            Fault::SlowStart(time)
                if self.first_request.get_or_init(Instant::now).elapsed() < time =>
            {
                tokio::time::sleep(COLD).await;
            }
            _ => {}
        }
        answer()
    }
}

fn failed(why: &str) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, format!(r#"{{"error":"{why}"}}"#))
}

fn not_found() -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, r#"{"error":"not found"}"#.to_owned())
}

fn pets(query: &str) -> (StatusCode, String) {
    let asked = query.split('&').find_map(|pair| pair.strip_prefix("limit="));
    match asked.map_or(Some(10), |text| text.parse().ok()) {
        Some(limit @ 1..=100u32) => {
            let list: Vec<Pet> = (1..=limit)
                .map(|id| Pet {
                    id,
                    name: NAMES[id as usize % NAMES.len()],
                    species: SPECIES[id as usize % SPECIES.len()],
                })
                .collect();
            match serde_json::to_string(&list) {
                Ok(body) => (StatusCode::OK, body),
                Err(_) => failed("the list can't be written"),
            }
        }
        _ => (StatusCode::BAD_REQUEST, r#"{"error":"limit: a number from 1 to 100"}"#.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pets_are_listed_up_to_the_limit() {
        for (query, count) in [("", 10), ("limit=1", 1), ("a=b&limit=100", 100)] {
            let (status, body) = pets(query);
            assert_eq!(status, StatusCode::OK, "{query}");
            let list: Vec<serde_json::Value> = serde_json::from_str(&body).unwrap();
            assert_eq!(list.len(), count, "{query}");
        }
    }

    #[test]
    fn a_limit_out_of_range_is_a_bad_request() {
        for query in ["limit=0", "limit=101", "limit=-1", "limit=x", "limit="] {
            assert_eq!(pets(query).0, StatusCode::BAD_REQUEST, "{query}");
        }
    }
}
