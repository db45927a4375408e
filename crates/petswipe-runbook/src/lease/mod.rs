//! Leases: one operation at a time on one thing, with a fencing number for whoever comes next.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Error, Fence, OperationId};

mod file;
mod memory;
#[cfg(feature = "object-store")]
mod object;
pub use file::FileLeases;
pub use memory::MemoryLeases;
#[cfg(feature = "object-store")]
pub use object::ObjectLeases;

/// What a driver asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRequest {
    /// What is protected, such as `service/petswipe-production`.
    pub key: String,
    /// The operation that wants it.
    pub operation: OperationId,
    /// Who drives it: host, process, person; for the message to the one who is refused.
    pub holder: String,
    /// How long it is held without renewal.
    pub ttl: Duration,
}

/// A lease that was granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// What is protected.
    pub key: String,
    /// The operation that holds it.
    pub operation: OperationId,
    /// Who drives it.
    pub holder: String,
    /// Higher than that of every lease granted on this key before.
    pub fence: Fence,
    /// How long each renewal holds.
    pub ttl: Duration,
    /// When it ends if it is not renewed.
    pub expires_at: Timestamp,
}

/// Where leases are kept. `now` is the caller's time; a store with a clock of its own may go by that instead.
///
/// # Contract
/// - `a_free_key_is_granted`: a key nobody holds is granted until `now + ttl`.
/// - `a_held_key_is_refused_with_its_holder`: while another operation's lease lasts, the answer is [`Error::Held`]
///   with that operation, its holder and the time it ends.
/// - `an_expired_lease_is_granted_to_the_next`: from `expires_at` on anybody may have the key.
/// - `the_same_operation_takes_over`: an operation that asks again gets the key with a higher fence, and its earlier
///   lease is lost: a resumed driver need not wait for the one that died.
/// - `of_two_racing_requests_one_is_granted`: of several operations that ask for a free key at the same time one is
///   granted it and the others are refused with [`Error::Held`]; several drivers of one operation get different fences.
/// - `fences_rise_for_ever`: every grant's fence is higher than all before it on that key, also after a release.
/// - `renew_extends_and_keeps_the_fence`: a renewal moves `expires_at` to `now + ttl` and leaves the fence, also after
///   the lease expired, as long as nobody else was granted the key.
/// - `a_lost_lease_is_not_renewed`: renewing after somebody else was granted the key, or after a release, is
///   [`Error::LeaseLost`] and changes nothing.
/// - `release_frees_the_key`: after a release the next request is granted; releasing a lost lease changes nothing
///   and is no error.
/// - `the_holder_is_shown_while_it_holds`: `current` gives the last lease granted until it ends or is released, and
///   changes nothing.
/// - `keys_do_not_touch_each_other`: keys that differ in any byte are different keys.
/// - `an_unusable_key_is_refused`: an empty key, or one of more than 200 bytes, where every byte other than
///   `a-z 0-9 _ -` counts as three, is refused with [`Error::InvalidPlan`].
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait LeaseStore: Send + Sync {
    /// Asks for a lease.
    ///
    /// # Errors
    /// [`Error::Held`] while another operation has it, [`Error::InvalidPlan`] when the key is empty or too long,
    /// [`Error::Backend`] when the store fails.
    async fn acquire(&self, request: &LeaseRequest, now: Timestamp) -> Result<Lease, Error>;

    /// Extends a lease to `now + ttl`.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when it was granted to another since, [`Error::Backend`] when the store fails.
    async fn renew(&self, lease: &Lease, now: Timestamp) -> Result<Lease, Error>;

    /// Gives a lease back. Does nothing when it is no longer the current one.
    ///
    /// # Errors
    /// [`Error::Backend`] when the store fails.
    async fn release(&self, lease: &Lease) -> Result<(), Error>;

    /// Who holds `key` at `now`, if anybody.
    ///
    /// # Errors
    /// [`Error::Backend`] when the store fails.
    async fn current(&self, key: &str, now: Timestamp) -> Result<Option<Lease>, Error>;
}

/// The name of the file or object in which a store keeps `key`: different for different keys, also where upper and
/// lower case are the same, and never with a dot or slash of the key's.
pub(crate) fn file_name(key: &str) -> Result<String, Error> {
    const LONGEST: usize = 200; // file systems allow 255 bytes
    let mut name = String::with_capacity(key.len() + 16);
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => name.push(char::from(byte)),
            _ => name.push_str(&format!("%{byte:02x}")),
        }
    }
    if name.is_empty() || name.len() > LONGEST {
        return Err(Error::invalid(
            "lease key",
            key,
            format!("1 to {LONGEST} bytes, each other than a-z 0-9 _ - counting as three"),
        ));
    }
    name.push_str(".json");
    Ok(name)
}

/// What a store keeps for a key: the highest fence ever granted, and the lease while it is held.
///
/// The rules of the contract are here, once, as pure functions; a store only loads, applies and saves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseSlot {
    /// The highest fence ever granted.
    pub fence: Fence,
    /// The lease, until it is released.
    pub lease: Option<Lease>,
}

impl LeaseSlot {
    /// Grants `request`, or says who holds it.
    ///
    /// # Errors
    /// [`Error::Held`] while another operation's lease lasts.
    pub fn acquire(&mut self, request: &LeaseRequest, now: Timestamp) -> Result<Lease, Error> {
        if let Some(held) = self.current(now)
            && held.operation != request.operation
        {
            return Err(Error::Held {
                key: held.key.clone(),
                operation: held.operation.clone(),
                holder: held.holder.clone(),
                expires_at: held.expires_at,
            });
        }
        self.fence = Fence(self.fence.0 + 1);
        let lease = Lease {
            key: request.key.clone(),
            operation: request.operation.clone(),
            holder: request.holder.clone(),
            fence: self.fence,
            ttl: request.ttl,
            expires_at: now.saturating_add(request.ttl).unwrap_or(Timestamp::MAX),
        };
        self.lease = Some(lease.clone());
        Ok(lease)
    }

    /// Extends `lease` if it is still the current one.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when another was granted since, or it was released.
    pub fn renew(&mut self, lease: &Lease, now: Timestamp) -> Result<Lease, Error> {
        match &mut self.lease {
            Some(held) if held.fence == lease.fence && held.operation == lease.operation => {
                held.expires_at = now.saturating_add(lease.ttl).unwrap_or(Timestamp::MAX);
                Ok(held.clone())
            }
            other => Err(Error::LeaseLost {
                key: lease.key.clone(),
                fence: lease.fence,
                why: match other {
                    Some(held) => format!(
                        "operation {} ({}) holds it with fence {}",
                        held.operation, held.holder, held.fence
                    ),
                    None => "it was released".to_owned(),
                },
            }),
        }
    }

    /// Frees the key if `lease` is still the current one.
    pub fn release(&mut self, lease: &Lease) {
        if self.lease.as_ref().is_some_and(|held| held.fence == lease.fence) {
            self.lease = None;
        }
    }

    /// The lease that lasts at `now`.
    pub fn current(&self, now: Timestamp) -> Option<&Lease> {
        self.lease.as_ref().filter(|held| held.expires_at > now)
    }
}
