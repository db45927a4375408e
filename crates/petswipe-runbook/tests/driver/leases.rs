//! A lease store for tests of the driver.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use petswipe_runbook::lease::{Lease, LeaseRequest, LeaseStore, MemoryLeases};
use petswipe_runbook::{Clock, Error};

use crate::support::*;

/// What the leases are on.
pub const KEY: &str = "service/petswipe-production";

/// Leases that note when they are renewed and released, with trouble on demand.
pub struct Leases {
    held: MemoryLeases,
    clock: Arc<dyn Clock>,
    began: Timestamp,
    renewed: Mutex<Vec<i64>>,
    released: Mutex<Vec<i64>>,
    /// Each renewal takes so many seconds.
    pub renewal_takes: AtomicU64,
    /// So many renewals fail.
    pub renewals_fail: AtomicU64,
}

impl Leases {
    pub fn new(house: &House) -> Arc<Self> {
        Arc::new(Self {
            held: MemoryLeases::new(),
            clock: Arc::clone(&house.clock),
            began: house.stage.began,
            renewed: Mutex::default(),
            released: Mutex::default(),
            renewal_takes: AtomicU64::new(0),
            renewals_fail: AtomicU64::new(0),
        })
    }

    fn second(&self) -> i64 {
        self.clock.now().duration_since(self.began).as_secs()
    }

    pub fn renewed(&self) -> Vec<i64> {
        self.renewed.lock().unwrap().clone()
    }

    pub fn released(&self) -> Vec<i64> {
        self.released.lock().unwrap().clone()
    }

    /// Asks for the lease in the name of an operation.
    pub async fn ask(&self, name: &str) -> Result<Lease, Error> {
        let request = LeaseRequest {
            key: KEY.to_owned(),
            operation: operation(name),
            holder: "somebody else".to_owned(),
            ttl: Duration::from_secs(30),
        };
        self.held.acquire(&request, self.clock.now()).await
    }
}

#[async_trait]
impl LeaseStore for Leases {
    async fn acquire(&self, request: &LeaseRequest, now: Timestamp) -> Result<Lease, Error> {
        self.held.acquire(request, now).await
    }

    async fn renew(&self, lease: &Lease, now: Timestamp) -> Result<Lease, Error> {
        self.renewed.lock().unwrap().push(self.second());
        let takes = self.renewal_takes.load(Ordering::Relaxed);
        if takes > 0 {
            self.clock.sleep_until(self.clock.now() + Duration::from_secs(takes)).await;
        }
        let fail = |left: u64| left.checked_sub(1);
        if self.renewals_fail.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fail).is_ok() {
            return Err(Error::backend("renewing", "the network is down"));
        }
        self.held.renew(lease, now).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), Error> {
        self.released.lock().unwrap().push(self.second());
        self.held.release(lease).await
    }

    async fn current(&self, key: &str, now: Timestamp) -> Result<Option<Lease>, Error> {
        self.held.current(key, now).await
    }
}
