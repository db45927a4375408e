//! The control API: HTTP and JSON on loopback, for whoever has the token.

mod call;
mod endpoints;
mod guard;
mod wire;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use petswipe_deploy::Error;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use self::call::Call;
pub(crate) use self::call::encode;
use self::endpoints::ENDPOINTS;
pub(crate) use self::wire::Problem;
use crate::cloud::Control;
use crate::metrics::CONTENT_TYPE as CONTENT_TYPE_OF_METRICS;

/// The longest body that is read.
const LONGEST: usize = 1024 * 1024;
/// How long a client may take to send a head, and how long it may stay silent between calls.
const PATIENCE: Duration = Duration::from_secs(60);

/// The API while it is served. Dropping it ends that too, a moment later.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    accepting: JoinHandle<()>,
}

impl Serving {
    /// Returns when nothing listens any more and no connection is open.
    pub(crate) async fn close(self) {
        let _ = self.stop.send(());
        let _ = self.accepting.await;
    }
}

/// Listens and serves.
pub(crate) async fn serve(address: SocketAddr, control: Arc<Control>) -> Result<Serving, Error> {
    let failed = |why| Error::backend(format!("listening on {address}"), why);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let (stop, stopped) = oneshot::channel();
    Ok(Serving { address, stop, accepting: tokio::spawn(accept(listener, control, stopped)) })
}

async fn accept(listener: TcpListener, control: Arc<Control>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            _ = &mut stopped => break,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let control = control.clone();
        let service = service_fn(move |request| {
            let control = control.clone();
            async move { Ok::<_, Infallible>(answer(&control, request).await) }
        });
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
        let connection = http.serve_connection(TokioIo::new(stream), service);
        connections.spawn(async move {
            let _ = connection.await;
        });
    }
    drop(listener);
    connections.shutdown().await;
}

async fn answer(control: &Control, request: Request<Incoming>) -> Response<Full<Bytes>> {
    if let Err((status, problem)) = guard::admit(control, &request) {
        let mut response = json(status, problem.body());
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        return response;
    }
    if request.uri().path() == "/healthz" {
        return json(StatusCode::OK, r#"{"status":"ok"}"#.to_owned());
    }
    if request.uri().path() == "/metrics" && request.method() == Method::GET {
        return typed(StatusCode::OK, control.exposition(), CONTENT_TYPE_OF_METRICS);
    }
    let path = request.uri().path();
    let matching: Vec<_> = ENDPOINTS.iter().filter_map(|e| Some((e, e.captures(path)?))).collect();
    let Some((endpoint, captures)) = matching.iter().find(|(e, _)| e.method == request.method())
    else {
        let allowed: Vec<_> = matching.iter().map(|(e, _)| e.method.as_str()).collect();
        return nothing_there(&request, &allowed.join(", "));
    };
    let mut call = Call {
        captures: captures.clone(),
        query: call::query(request.uri().query().unwrap_or_default()),
        ..Call::default()
    };
    let bytes = match Limited::new(request.into_body(), LONGEST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(why) => {
            let problem = Error::invalid("body", why, format!("at most {LONGEST} bytes"));
            return json(StatusCode::PAYLOAD_TOO_LARGE, Problem::from(problem).body());
        }
    };
    let answer = call::body(&bytes).map_err(Problem::from).and_then(|body| {
        call.body = body;
        (endpoint.answer)(control, &call)
    });
    match answer {
        Ok((status, value)) => json(status, value.to_string()),
        Err(problem) => json(problem.status(), problem.body()),
    }
}

fn nothing_there(request: &Request<Incoming>, allowed: &str) -> Response<Full<Bytes>> {
    let what = format!("endpoint {} {}", request.method(), request.uri().path());
    if allowed.is_empty() {
        return json(StatusCode::NOT_FOUND, Problem::NotFound { what }.body());
    }
    let backend = format!("the control API (allowed: {allowed})");
    let mut response =
        json(StatusCode::METHOD_NOT_ALLOWED, Problem::Unsupported { what, backend }.body());
    if let Ok(allowed) = HeaderValue::from_str(allowed) {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

fn json(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    typed(status, body, "application/json")
}

fn typed(status: StatusCode, body: String, content_type: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
