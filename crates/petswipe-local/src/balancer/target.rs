//! A registered target: its health, its connections, and what is in flight to it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::metrics::{GroupMetrics, Series};

use super::pool::Pool;
use super::{Target, TargetState, TargetStatus};

/// A target while it is registered.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) target: Target,
    pub(crate) pool: Pool,
    pub(crate) series: Arc<Series>,
    group: Arc<GroupMetrics>,
    state: Mutex<(TargetState, Timestamp)>,
    in_flight: AtomicUsize,
    draining: AtomicBool,
    /// Becomes true when nothing is in flight to a draining target.
    drained: watch::Sender<bool>,
}

impl Member {
    pub(crate) fn new(target: Target, pool: Pool, group: Arc<GroupMetrics>) -> Self {
        Self {
            series: group.series(Some(&target.revision)),
            target,
            pool,
            group,
            state: Mutex::new((TargetState::Initial, Timestamp::now())),
            in_flight: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
            drained: watch::Sender::new(false),
        }
    }

    /// Takes a request in. `None` when the target is draining.
    ///
    /// The count goes up before the flag is read, and [`drain`](Self::drain) sets the flag before it reads the count:
    /// either the request sees the flag, or the drain sees the request.
    pub(crate) fn begin(self: &Arc<Self>) -> Option<InFlight> {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        if self.is_draining() {
            self.leave();
            return None;
        }
        self.group.begin();
        Some(InFlight(self.clone()))
    }

    fn leave(&self) {
        if self.in_flight.fetch_sub(1, Ordering::SeqCst) == 1 && self.is_draining() {
            self.report_drained();
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// From now on no request is taken in. Returns false if that was so already.
    pub(crate) fn stop(&self) -> bool {
        let first = !self.draining.swap(true, Ordering::SeqCst);
        if first {
            self.set_state(TargetState::Draining);
            self.pool.close();
            self.report_drained();
        }
        first
    }

    /// Waits until nothing is in flight; after `delay` cuts what still is.
    pub(crate) async fn drain(&self, delay: Duration) {
        let mut drained = self.drained.subscribe();
        let ended = drained.wait_for(|drained| *drained);
        let _ = tokio::time::timeout(delay, ended).await;
        self.pool.cut();
    }

    fn report_drained(&self) {
        if self.in_flight.load(Ordering::SeqCst) == 0 {
            self.drained.send_replace(true);
        }
    }

    pub(crate) fn state(&self) -> TargetState {
        self.lock_state().0.clone()
    }

    /// Whether the state changed. A draining target stays so.
    pub(crate) fn set_state(&self, next: TargetState) -> bool {
        let mut state = self.lock_state();
        if state.0 == next || state.0 == TargetState::Draining {
            return false;
        }
        let same_kind = std::mem::discriminant(&state.0) == std::mem::discriminant(&next);
        let since = if same_kind { state.1 } else { Timestamp::now() };
        *state = (next, since);
        true
    }

    pub(crate) fn status(&self) -> TargetStatus {
        let (state, since) = self.lock_state().clone();
        TargetStatus {
            id: self.target.id.clone(),
            address: self.target.address,
            revision: self.target.revision.clone(),
            state,
            since,
        }
    }

    fn lock_state(&self) -> std::sync::MutexGuard<'_, (TargetState, Timestamp)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that was given to a target, until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Member>);

impl InFlight {
    pub(crate) fn member(&self) -> &Arc<Member> {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.group.end();
        self.0.leave();
    }
}
