//! Asking a running operation to end and leave things safe.

use std::sync::Arc;

use tokio::sync::watch;

/// Who asked for the end, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbortRequest {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Given to whoever may end the operation. Cloning gives another handle on the same operation.
#[derive(Clone, Debug)]
pub struct AbortHandle {
    sender: Arc<watch::Sender<Option<AbortRequest>>>,
}

impl Default for AbortHandle {
    fn default() -> Self {
        Self::new()
    }
}

impl AbortHandle {
    /// A handle to give to a driver.
    pub fn new() -> Self {
        Self { sender: Arc::new(watch::Sender::new(None)) }
    }

    /// Asks for the end. The driver turns it into an event, and the core brings the system to safety. Only the first
    /// request counts.
    pub fn abort(&self, by: impl Into<String>, reason: impl Into<String>) {
        let request = AbortRequest { by: by.into(), reason: reason.into() };
        self.sender.send_if_modified(|held| {
            let first = held.is_none();
            if first {
                *held = Some(request);
            }
            first
        });
    }

    /// The request, if there was one.
    pub fn requested(&self) -> Option<AbortRequest> {
        self.sender.borrow().clone()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<AbortRequest>> {
        self.sender.subscribe()
    }
}
