//! The observer that translates, and those whom it tells.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::describe::Describe;
use super::track::{Signal, Track};
use crate::log::History;
use crate::observer::Observer;
use crate::runbook::{EventOf, Recorded};
use crate::{Error, OperationId};

/// Somebody who takes signals, of one operation or of many. It is called on the driver's task, so it must be quick.
pub trait Sink: Send + Sync {
    /// One signal of that operation; those of one operation come in order.
    fn take(&self, operation: &OperationId, signal: &Signal);
}

/// An observer that tells sinks what the facts of one operation mean.
pub struct Telemetry<R: Describe> {
    track: Mutex<Track<R>>,
    sinks: Vec<Arc<dyn Sink>>,
}

impl<R: Describe> Telemetry<R> {
    /// For an operation that is about to be started. Nobody is told anything yet.
    pub fn new(operation: &OperationId) -> Self {
        Self { track: Mutex::new(Track::new(operation)), sinks: Vec::new() }
    }

    /// For an operation that is about to be resumed: durations and attempts count from its beginning, and the effects
    /// that its driver left behind have their spans.
    pub fn resuming(history: &History<R>) -> Self {
        Self { track: Mutex::new(Track::resuming(history)), sinks: Vec::new() }
    }

    /// Somebody else who is told.
    #[must_use]
    pub fn sink(mut self, sink: Arc<dyn Sink>) -> Self {
        self.sinks.push(sink);
        self
    }

    /// The driver stopped half-way, which is no fact of the journal. Does nothing when nothing had begun or all was over.
    pub fn halt(&self, error: &Error) {
        let mut track = self.track();
        let signals = track.halt(Some(error));
        self.tell(track.operation(), &signals);
    }

    fn track(&self) -> MutexGuard<'_, Track<R>> {
        // A sink that panicked is no reason to go on without telemetry.
        self.track.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, operation: &OperationId, signals: &[Signal]) {
        for signal in signals {
            for sink in &self.sinks {
                sink.take(operation, signal);
            }
        }
    }
}

impl<R: Describe> Observer<R> for Telemetry<R> {
    fn notice(&self, plan: &R, recorded: &Recorded<EventOf<R>>, state: &R::State) {
        let mut track = self.track();
        let signals = track.take(plan, recorded, state);
        self.tell(track.operation(), &signals);
    }
}

/// What was begun has an end in any case, at the time of the last fact.
impl<R: Describe> Drop for Telemetry<R> {
    fn drop(&mut self) {
        let mut track = self.track();
        let signals = track.halt(None);
        self.tell(track.operation(), &signals);
    }
}
