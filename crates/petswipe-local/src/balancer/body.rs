//! Bodies on their way through: streamed, never collected.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Sleep;

use super::pool::Sender;
use super::target::InFlight;

/// What a body can fail with.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// How far the upload of a request is, shared with the one who waits for the answer.
#[derive(Debug)]
pub(crate) struct Upload {
    start: Instant,
    last_millis: AtomicU64,
    waiting: AtomicBool,
    broken: AtomicBool,
}

impl Upload {
    pub(crate) fn begin() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            last_millis: AtomicU64::new(0),
            waiting: AtomicBool::new(false),
            broken: AtomicBool::new(false),
        })
    }

    /// When something last moved.
    pub(crate) fn last(&self) -> Instant {
        self.start + Duration::from_millis(self.last_millis.load(Ordering::Relaxed))
    }

    /// Whether it is the client that is waited for: more was wanted, and has not come.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether the client's part failed: it left, or sent what is no body.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    fn moved(&self) {
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_millis.store(millis, Ordering::Relaxed);
    }
}

/// The body of a request: nothing, or what the client sends.
#[derive(Debug)]
pub(crate) struct RequestBody(Option<(Incoming, Arc<Upload>)>);

impl RequestBody {
    pub(crate) fn empty() -> Self {
        Self(None)
    }

    pub(crate) fn streamed(body: Incoming, upload: Arc<Upload>) -> Self {
        Self(Some((body, upload)))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some((body, upload)) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(&mut *body).poll_frame(cx);
        upload.waiting.store(polled.is_pending(), Ordering::Relaxed);
        if let Poll::Ready(frame) = &polled {
            upload.moved();
            if matches!(frame, Some(Err(_))) {
                upload.broken.store(true, Ordering::Relaxed);
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|(body, _)| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Some((body, _)) => body.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}

/// The body of an answer: the balancer's own, or what the target sends.
pub(crate) enum ResponseBody {
    Own(Full<Bytes>),
    Relayed(Relay),
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Own(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Relayed(relay) => relay.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            Self::Relayed(relay) => relay.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::Relayed(relay) => relay.body.size_hint(),
        }
    }
}

/// A target's answer being passed on. When it has ended, the connection goes back to the pool; when it is dropped
/// before, because the client left, the connection is closed. Either way the request is no longer in flight.
pub(crate) struct Relay {
    body: Incoming,
    lease: Option<(Sender, InFlight)>,
    idle_timeout: Duration,
    silence: Option<Pin<Box<Sleep>>>,
}

impl Relay {
    pub(crate) fn new(
        body: Incoming,
        sender: Sender,
        in_flight: InFlight,
        idle_timeout: Duration,
    ) -> Self {
        Self { body, lease: Some((sender, in_flight)), idle_timeout, silence: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.silence = None;
                match &frame {
                    Some(Ok(_)) if !self.body.is_end_stream() => {}
                    Some(Err(_)) => self.lease = None,
                    _ => self.release(),
                }
                Poll::Ready(frame.map(|result| result.map_err(Into::into)))
            }
            Poll::Pending => {
                let timeout = self.idle_timeout;
                let silence =
                    self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
                if silence.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.lease = None;
                let error = format!("the target sent nothing for {timeout:?}");
                Poll::Ready(Some(Err(error.into())))
            }
        }
    }

    fn release(&mut self) {
        if let Some((sender, in_flight)) = self.lease.take() {
            in_flight.member().pool.park(sender);
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if self.body.is_end_stream() {
            self.release();
        }
    }
}
