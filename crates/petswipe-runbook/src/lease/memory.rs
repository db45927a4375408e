//! Leases in memory: between the tasks of one process, and in simulations.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Lease, LeaseRequest, LeaseSlot, LeaseStore, file_name};
use crate::Error;

/// Leases that live as long as the value does.
#[derive(Debug, Default)]
pub struct MemoryLeases {
    slots: Mutex<HashMap<String, LeaseSlot>>,
}

impl MemoryLeases {
    /// A store in which every key is free.
    pub fn new() -> Self {
        Self::default()
    }

    fn change<T>(
        &self,
        key: &str,
        work: impl FnOnce(&mut LeaseSlot) -> Result<T, Error>,
    ) -> Result<T, Error> {
        file_name(key)?; // what other stores refuse is refused here too
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        work(slots.entry(key.to_owned()).or_default())
    }
}

#[async_trait]
impl LeaseStore for MemoryLeases {
    async fn acquire(&self, request: &LeaseRequest, now: Timestamp) -> Result<Lease, Error> {
        self.change(&request.key, |slot| slot.acquire(request, now))
    }

    async fn renew(&self, lease: &Lease, now: Timestamp) -> Result<Lease, Error> {
        self.change(&lease.key, |slot| slot.renew(lease, now))
    }

    async fn release(&self, lease: &Lease) -> Result<(), Error> {
        self.change(&lease.key, |slot| {
            slot.release(lease);
            Ok(())
        })
    }

    async fn current(&self, key: &str, now: Timestamp) -> Result<Option<Lease>, Error> {
        self.change(key, |slot| Ok(slot.current(now).cloned()))
    }
}
