//! Leases on object storage: between workers anywhere.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{
    Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    UpdateVersion,
};

use super::{Lease, LeaseRequest, LeaseSlot, LeaseStore, file_name};
use crate::{Error, object};

/// How often a change is tried again when others change the same key meanwhile. Each time, one of them has succeeded.
const ATTEMPTS: usize = 64;

/// Leases under a prefix of their own, one small JSON object per key.
///
/// A change is put only if the object is still the one it was made from (`If-Match` with its ETag on S3). Stores that
/// can't do that, such as `LocalFileSystem`, are refused with [`Error::Unsupported`] at the first lease, not at its
/// first renewal. Objects are never removed: they hold the highest fence; keep life-cycle rules away from the prefix.
/// The clocks of the workers should agree within a small part of the time to live.
///
/// ```
/// use std::sync::Arc;
/// use petswipe_runbook::{Fence, OperationId, lease::{LeaseRequest, LeaseStore, ObjectLeases}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Arc::new(object_store::memory::InMemory::new());
/// let leases = ObjectLeases::new(store, "leases")?;
/// let request = LeaseRequest {
///     key: "service/petswipe-production".to_owned(),
///     operation: OperationId::new("canary-1")?,
///     holder: "ana on build-7".to_owned(),
///     ttl: std::time::Duration::from_secs(30),
/// };
/// let lease = leases.acquire(&request, "2026-11-23T03:10:38Z".parse()?).await?;
/// assert_eq!(lease.fence, Fence(1));
/// leases.release(&lease).await?;
/// # Ok(())
/// # }
/// ```
pub struct ObjectLeases {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl ObjectLeases {
    /// The leases under `prefix` in `store`. Nothing is asked or written yet.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] when `prefix` is empty or can't be part of an object's name.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: impl AsRef<str>) -> Result<Self, Error> {
        let prefix = object::prefix("lease prefix", prefix.as_ref())?;
        Ok(Self { store, prefix })
    }

    /// Loads the slot of `key`, applies `work`, and saves what it changed, again and again until nobody came between.
    ///
    /// When the answer to a put is lost and the client library repeats it, the repetition fails and the slot is loaded
    /// again. `work` then runs on its own result, which every rule of [`LeaseSlot`] allows: an acquisition takes over
    /// from itself with the next fence, a renewal renews again, and a release finds nothing to do.
    async fn change<T>(
        &self,
        key: &str,
        work: impl Fn(&mut LeaseSlot) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let object = self.object(key)?;
        for _ in 0..ATTEMPTS {
            let (before, mode) = match self.load(&object).await? {
                Some((slot, version)) => (slot, PutMode::Update(version)),
                None => {
                    // Stored empty first, so that the lease itself is an update. A store that has no updates is then
                    // found out before the lease is granted, and not in the middle of the operation at its renewal.
                    let mut nothing = LeaseSlot::default();
                    work(&mut nothing)?;
                    if nothing != LeaseSlot::default() {
                        self.save(&object, &LeaseSlot::default(), PutMode::Create).await?;
                        continue;
                    }
                    (nothing, PutMode::Create)
                }
            };
            let mut slot = before.clone();
            let answer = work(&mut slot)?;
            if slot == before || self.save(&object, &slot, mode).await? {
                return Ok(answer);
            }
        }
        Err(Error::backend(
            format!("changing {}", self.describe(&object)),
            format!("others changed it {ATTEMPTS} times meanwhile; try again"),
        ))
    }

    async fn load(&self, object: &Path) -> Result<Option<(LeaseSlot, UpdateVersion)>, Error> {
        let failed = |source| object::failed("reading", &self.describe(object), source);
        let found = match self.store.get(object).await {
            Err(source) if object::is_absent(&source) => return Ok(None),
            other => other.map_err(failed)?,
        };
        let version =
            UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
        let json = found.bytes().await.map_err(failed)?;
        let slot = serde_json::from_slice(&json).map_err(|source| {
            Error::backend(format!("reading {}", self.describe(object)), source)
        })?;
        Ok(Some((slot, version)))
    }

    /// Whether the slot was saved: false when somebody else's change came first.
    async fn save(&self, object: &Path, slot: &LeaseSlot, mode: PutMode) -> Result<bool, Error> {
        let what = || self.describe(object);
        if let PutMode::Update(version) = &mode
            && version.e_tag.is_none()
            && version.version.is_none()
        {
            return Err(Error::Unsupported {
                what: format!("writing {}", what()),
                why: "the store gives objects neither an ETag nor a version; use one that does, such as S3".to_owned(),
            });
        }
        let json = serde_json::to_vec(slot)
            .map_err(|source| Error::backend(format!("writing {}", what()), source))?;
        let put = self.store.put_opts(object, PutPayload::from(json), PutOptions::from(mode));
        match put.await {
            Ok(_) => Ok(true),
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => Ok(false),
            Err(source) => Err(object::failed("writing", &what(), source)),
        }
    }

    fn object(&self, key: &str) -> Result<Path, Error> {
        Ok(self.prefix.clone().join(file_name(key)?))
    }

    fn describe(&self, object: &Path) -> String {
        format!("{}/{object}", self.store)
    }
}

#[async_trait]
impl LeaseStore for ObjectLeases {
    async fn acquire(&self, request: &LeaseRequest, now: Timestamp) -> Result<Lease, Error> {
        self.change(&request.key, |slot| slot.acquire(request, now)).await
    }

    async fn renew(&self, lease: &Lease, now: Timestamp) -> Result<Lease, Error> {
        self.change(&lease.key, |slot| slot.renew(lease, now)).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), Error> {
        let release = |slot: &mut LeaseSlot| {
            slot.release(lease);
            Ok(())
        };
        self.change(&lease.key, release).await
    }

    async fn current(&self, key: &str, now: Timestamp) -> Result<Option<Lease>, Error> {
        let found = self.load(&self.object(key)?).await?;
        Ok(found.and_then(|(slot, _)| slot.current(now).cloned()))
    }
}

impl fmt::Debug for ObjectLeases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectLeases")
            .field("location", &self.describe(&self.prefix))
            .finish_non_exhaustive()
    }
}
