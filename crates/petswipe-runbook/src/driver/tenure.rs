//! Holding a lease: acquiring it, renewing it in time, and knowing when it is over.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use jiff::Timestamp;

use super::LeaseTerms;
use crate::clock::Clock;
use crate::lease::{Lease, LeaseRequest};
use crate::{Error, Fence, OperationId};

/// A lease store that lost its memory counts its fences from 1 again. So many grants are asked for to get above the
/// journal's fence; beyond that something else is wrong.
const MOST_GRANTS: u32 = 1_000;

type Renewal<'a> = Pin<Box<dyn Future<Output = Result<Lease, Error>> + Send + 'a>>;

/// A lease while it is held.
pub(super) struct Tenure<'a> {
    terms: &'a LeaseTerms,
    lease: Lease,
    renewal: Option<Renewal<'a>>,
    renew_at: Timestamp,
}

impl<'a> Tenure<'a> {
    /// Asks for the lease, with a fence above `above`.
    pub(super) async fn acquire(
        terms: &'a LeaseTerms,
        operation: &OperationId,
        holder: &str,
        above: Fence,
        clock: &dyn Clock,
    ) -> Result<Self, Error> {
        let request = LeaseRequest {
            key: terms.key.clone(),
            operation: operation.clone(),
            holder: holder.to_owned(),
            ttl: terms.ttl,
        };
        let mut lease = terms.store.acquire(&request, clock.now()).await?;
        for _ in 1..MOST_GRANTS {
            if lease.fence > above {
                break;
            }
            lease = terms.store.acquire(&request, clock.now()).await?;
        }
        if lease.fence <= above {
            return Err(Error::LeaseLost {
                key: lease.key,
                fence: lease.fence,
                why: format!(
                    "the journal was written with fence {above}, far above what its store grants"
                ),
            });
        }
        let renew_at = renewal_time(&lease, clock.now());
        Ok(Self { terms, lease, renewal: None, renew_at })
    }

    pub(super) fn fence(&self) -> Fence {
        self.lease.fence
    }

    pub(super) fn key(&self) -> &str {
        &self.lease.key
    }

    /// When it ends unless it is renewed.
    pub(super) fn expires_at(&self) -> Timestamp {
        self.lease.expires_at
    }

    /// Refuses when the lease has run out.
    pub(super) fn check_held(&self, now: Timestamp) -> Result<(), Error> {
        if now < self.lease.expires_at {
            return Ok(());
        }
        Err(Error::LeaseLost {
            key: self.lease.key.clone(),
            fence: self.lease.fence,
            why: format!("it ended at {} and could not be renewed", self.lease.expires_at),
        })
    }

    /// Refuses when the lease has run out, and begins a renewal when it is time.
    pub(super) fn check(&mut self, now: Timestamp) -> Result<(), Error> {
        self.check_held(now)?;
        if self.renewal.is_none() && now >= self.renew_at {
            let (terms, lease) = (self.terms, self.lease.clone());
            self.renewal = Some(Box::pin(async move { terms.store.renew(&lease, now).await }));
        }
        Ok(())
    }

    /// When `check` has something to do again.
    pub(super) fn next_time(&self) -> Timestamp {
        if self.renewal.is_some() {
            return self.lease.expires_at;
        }
        self.renew_at.min(self.lease.expires_at)
    }

    /// The answer to a renewal under way.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Lease, Error>> {
        let Some(work) = &mut self.renewal else {
            return Poll::Pending;
        };
        let answer = work.as_mut().poll(context);
        if answer.is_ready() {
            self.renewal = None;
        }
        answer
    }

    /// Takes that answer in.
    pub(super) fn renewed(
        &mut self,
        answer: Result<Lease, Error>,
        now: Timestamp,
    ) -> Result<(), Error> {
        match answer {
            Ok(lease) => {
                self.renew_at = renewal_time(&lease, now);
                self.lease = lease;
                Ok(())
            }
            Err(error @ Error::LeaseLost { .. }) => Err(error),
            Err(_) => {
                // The store may be back before the lease ends; `check` stops us if not.
                self.renew_at = after(now, self.lease.ttl / 10);
                Ok(())
            }
        }
    }

    /// Gives the lease back.
    pub(super) async fn release(self) {
        // It ends by itself if this fails.
        let _ = self.terms.store.release(&self.lease).await;
    }
}

/// A third of its time after the lease was granted. The answer may have been long on its way, so that is counted back
/// from the end; but a store whose clock is behind ours must not be asked without pause.
fn renewal_time(lease: &Lease, now: Timestamp) -> Timestamp {
    let wanted = lease.expires_at.saturating_sub(lease.ttl / 3 * 2).unwrap_or(Timestamp::MIN);
    wanted.max(after(now, lease.ttl / 10)).min(after(now, lease.ttl / 3))
}

fn after(time: Timestamp, wait: std::time::Duration) -> Timestamp {
    time.saturating_add(wait).unwrap_or(Timestamp::MAX)
}
