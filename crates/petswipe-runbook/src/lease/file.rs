//! Leases in a directory: between the processes of one machine.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Lease, LeaseRequest, LeaseSlot, LeaseStore, file_name};
use crate::{Error, disk};

/// Leases in a directory on a local disk, one small JSON file per key.
///
/// Every change is made under a lock on the file `.lock` in that directory (flock(2) or its like, which ends with the
/// process), written beside the old file, flushed, and then renamed over it. So a key's file is always whole, and what
/// was granted survives a power cut. Files are never removed: they hold the highest fence. The calling thread waits
/// for the lock, which others hold for a few milliseconds.
///
/// ```
/// use petswipe_runbook::{OperationId, lease::{FileLeases, LeaseRequest, LeaseStore}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path();
/// let leases = FileLeases::open(directory.join("leases"))?;
/// let mut request = LeaseRequest {
///     key: "service/petswipe-production".to_owned(),
///     operation: OperationId::new("canary-1")?,
///     holder: "ana on build-7".to_owned(),
///     ttl: std::time::Duration::from_secs(30),
/// };
/// let now = "2026-11-23T03:10:38Z".parse()?;
/// leases.acquire(&request, now).await?;
///
/// request.operation = OperationId::new("canary-2")?;
/// let refused = FileLeases::open(directory.join("leases"))?.acquire(&request, now).await.unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "service/petswipe-production is held by operation canary-1 (ana on build-7) until 2026-11-23T03:11:08Z"
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FileLeases {
    directory: PathBuf,
}

impl FileLeases {
    /// The leases in `directory`, which is made if it does not exist.
    ///
    /// # Errors
    /// [`Error::Backend`] when it can't be made.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, Error> {
        let leases = Self { directory: directory.into() };
        disk::make_directory(&leases.directory)
            .map_err(|source| leases.failed("making the directory", source))?;
        Ok(leases)
    }

    /// Loads the slot of `key`, applies `work`, and saves what it changed, while nobody else can.
    fn change<T>(
        &self,
        key: &str,
        work: impl FnOnce(&mut LeaseSlot) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let name = file_name(key)?;
        let _unlocked_on_drop =
            self.lock().map_err(|source| self.failed("locking the directory", source))?;
        let before = self.load(key, &name)?;
        let mut slot = before.clone();
        let answer = work(&mut slot)?;
        if slot != before {
            self.save(&name, &slot)
                .map_err(|source| self.failed(&format!("writing {key}"), source))?;
        }
        Ok(answer)
    }

    fn lock(&self) -> io::Result<File> {
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.directory.join(".lock"))?;
        lock.lock()?;
        Ok(lock)
    }

    fn load(&self, key: &str, name: &str) -> Result<LeaseSlot, Error> {
        let failed =
            |source: io::Error| Err(self.failed(&format!("reading the file of {key}"), source));
        match fs::read(self.directory.join(name)) {
            // A file that can't be read must not count as free: its fence would start again.
            Ok(json) => serde_json::from_slice(&json).or_else(|invalid| failed(invalid.into())),
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(LeaseSlot::default()),
            Err(source) => failed(source),
        }
    }

    fn save(&self, name: &str, slot: &LeaseSlot) -> io::Result<()> {
        // The name is free for us: only the holder of the lock writes.
        let beside = self.directory.join(".new");
        let mut file = File::create(&beside)?;
        file.write_all(&serde_json::to_vec(slot)?)?;
        file.sync_all()?;
        fs::rename(&beside, self.directory.join(name))?;
        disk::sync_directory(&self.directory)
    }

    fn failed(&self, doing: &str, source: io::Error) -> Error {
        let directory = self.directory.display();
        Error::backend(format!("{doing} (leases in {directory})"), source)
    }
}

#[async_trait]
impl LeaseStore for FileLeases {
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
        // Without the lock: a rename puts the new file in place of the old one in one step.
        let slot = self.load(key, &file_name(key)?)?;
        Ok(slot.current(now).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OperationId;
    use std::time::Duration;

    fn request(operation: &str) -> LeaseRequest {
        LeaseRequest {
            key: "Service/A".to_owned(),
            operation: OperationId::new(operation).unwrap(),
            holder: "test".to_owned(),
            ttl: Duration::from_secs(30),
        }
    }

    #[tokio::test]
    async fn a_file_that_cant_be_read_is_not_a_free_key() {
        let directory = tempfile::tempdir().unwrap();
        let leases = FileLeases::open(directory.path()).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        leases.acquire(&request("a"), now).await.unwrap();
        let file = directory.path().join("%53ervice%2f%41.json");
        let json = fs::read(&file).unwrap();
        for cut in 0..json.len() {
            fs::write(&file, &json[..cut]).unwrap();
            let error = leases.acquire(&request("a"), now).await.unwrap_err();
            assert!(matches!(error, Error::Backend { .. }), "{error}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn two_stores_on_one_directory_never_grant_the_same_fence() {
        let directory = tempfile::tempdir().unwrap();
        let mut tasks = Vec::new();
        for _ in 0..2 {
            let leases = FileLeases::open(directory.path()).unwrap();
            tasks.push(tokio::spawn(async move {
                let mut fences = Vec::new();
                for _ in 0..25 {
                    let lease = leases.acquire(&request("a"), Timestamp::UNIX_EPOCH).await;
                    fences.push(lease.unwrap().fence.0);
                }
                fences
            }));
        }
        let mut fences = Vec::new();
        for task in tasks {
            fences.extend(task.await.unwrap());
        }
        fences.sort_unstable();
        assert_eq!(fences, (1..=50).collect::<Vec<u64>>());
    }
}
