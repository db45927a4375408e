//! Looking on: a stream of typed events for progress bars, logs, webhooks and traces.

use futures_util::stream::Stream;

use crate::runbook::{EventOf, Recorded, Runbook};

/// Somebody who is told every fact right after it was recorded, in order.
///
/// It is called on the driver's task, so it must be quick; use [`EventStream`] to do slow work elsewhere.
pub trait Observer<R: Runbook>: Send + Sync {
    /// One fact, with the state after it.
    fn notice(&self, plan: &R, recorded: &Recorded<EventOf<R>>, state: &R::State);
}

impl<R: Runbook, F> Observer<R> for F
where
    F: Fn(&R, &Recorded<EventOf<R>>, &R::State) + Send + Sync,
{
    fn notice(&self, plan: &R, recorded: &Recorded<EventOf<R>>, state: &R::State) {
        self(plan, recorded, state);
    }
}

/// The recorded facts of an operation as a stream, for a task of its own. Ends when the driver is gone.
#[derive(Debug)]
pub struct EventStream<R: Runbook> {
    receiver: tokio::sync::mpsc::UnboundedReceiver<Recorded<EventOf<R>>>,
}

struct Sender<R: Runbook>(tokio::sync::mpsc::UnboundedSender<Recorded<EventOf<R>>>);

impl<R: Runbook> Observer<R> for Sender<R> {
    fn notice(&self, _plan: &R, recorded: &Recorded<EventOf<R>>, _state: &R::State) {
        // A receiver that is gone only means that nobody looks on any more.
        let _ = self.0.send(recorded.clone());
    }
}

impl<R: Runbook> EventStream<R> {
    /// An observer for the driver, and the stream that it feeds. Nothing is lost while the stream is slow: it queues.
    pub fn new() -> (std::sync::Arc<dyn Observer<R>>, Self) {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        (std::sync::Arc::new(Sender(sender)), Self { receiver })
    }

    /// The next fact, or `None` when the driver is gone.
    pub async fn next(&mut self) -> Option<Recorded<EventOf<R>>> {
        self.receiver.recv().await
    }
}

impl<R: Runbook> Stream for EventStream<R> {
    type Item = Recorded<EventOf<R>>;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.receiver.poll_recv(context)
    }
}
