//! A journal in a file: one checksummed JSON line per record, so that it can be read with `less` and `jq`.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::appender::{Appender, Storage, Trouble};
use super::line::scan;
use super::{Durability, Journal, Record};
use crate::{Error, disk};

/// A journal in a file on a local disk.
///
/// Each record is a line `{"crc":"<8 hex>","record":{…}}`, where `crc` is the CRC-32 of the record's exact bytes. An
/// append is one write(2), and a durable one is followed by one fdatasync(2). While it is open nobody else can open it
/// for writing: the file is locked (flock(2) or its like), and the lock ends with the value or with the process.
/// Put it on a local disk: network file systems keep neither promise.
///
/// When the process or the machine dies during an append, the file may end in part of a line. That is *torn*, not
/// corrupted: its append never returned, so nobody acted on it. It is left out by [`read`](Journal::read) and cut off
/// by the next append. If the append had several records, its first ones may be there without the rest. Everything
/// else that is not as it was written is [`Error::Corrupt`], with the line.
///
/// After a failed write the file is cut back to where it was. If that fails too, or if an fsync failed, it is unknown
/// what is on the disk, and every further append is refused until the journal is opened again.
///
/// Reading and writing happen on the calling thread, and block it for a few milliseconds per durable append. So it
/// works under any runtime and under none, and an append can't be cancelled half-way: dropping its future is either
/// before it or after it.
///
/// ```
/// use petswipe_runbook::journal::{Durability, FileJournal, Journal, Record};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("rollouts/canary.journal");
/// let journal = FileJournal::open(&path)?;
/// let record = Record {
///     seq: 0,
///     at: "2026-11-23T03:10:38Z".parse()?,
///     fence: Default::default(),
///     payload: serde_json::value::to_raw_value("weights are 95/5")?,
/// };
/// journal.append(0, &[record.clone()], Durability::Durable).await?;
/// assert_eq!(journal.fsyncs(), 1);
///
/// // Another process can look at it, but not open it for writing.
/// assert_eq!(FileJournal::read_only(&path)?, [record]);
/// assert!(FileJournal::open(&path).is_err_and(|error| error.is_held()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FileJournal {
    location: String,
    torn_bytes: u64,
    appender: Mutex<Appender<LockedFile>>,
}

impl FileJournal {
    /// Opens the journal at `path` for writing, reads it once through, and locks it. A file that does not exist is
    /// made, with the directories above it; so is its entry in the directory made to survive a power cut.
    ///
    /// # Errors
    /// [`Error::Busy`] when it is open for writing elsewhere, [`Error::Corrupt`] when it is not what was written or no
    /// journal at all, [`Error::InvalidPlan`] when `path` is no regular file, [`Error::Backend`] when the disk fails.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let location = path.display().to_string();
        let failed = |source: io::Error| Error::backend(format!("opening {location}"), source);
        let busy = |why: &str| Error::Busy { journal: location.clone(), why: why.to_owned() };
        let directory = disk::directory_of(&path);
        disk::make_directory(directory).map_err(failed)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        require_regular(&file, &location)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(busy("wait until it is done, or end it"));
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // Whoever held the lock before us may have removed the file, and then we hold a lock that nobody else sees.
        if !disk::is_at(&file, &path).map_err(failed)? {
            return Err(busy("the file was replaced meanwhile; open it again"));
        }
        let extent = scan(BufReader::new(&file), &location, |_| {})?;
        if extent.whole == 0 {
            // Not only when we made it: whoever did may have died before this line.
            disk::sync_directory(directory).map_err(failed)?;
        }
        Ok(Self {
            torn_bytes: extent.torn,
            appender: Mutex::new(Appender::new(LockedFile { file, path }, extent)),
            location,
        })
    }

    /// The records of the journal at `path`, read without locking or changing anything: for looking at a running
    /// operation. An append under way counts as torn; of several records its first ones may be seen before the rest.
    ///
    /// On Windows, where such a lock also shuts out readers, this fails while the journal is open.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such file, otherwise as [`FileJournal::open`].
    pub fn read_only(path: impl AsRef<Path>) -> Result<Vec<Record>, Error> {
        let path = path.as_ref();
        let location = path.display().to_string();
        let file = File::open(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => Error::NotFound { what: format!("journal {location}") },
            _ => Error::backend(format!("opening {location}"), source),
        })?;
        require_regular(&file, &location)?;
        let mut records = Vec::new();
        scan(buffered(&file), &location, |record| records.push(record))?;
        Ok(records)
    }

    /// How often appends have flushed the file to the disk since it was opened: once per durable append.
    pub fn fsyncs(&self) -> u64 {
        self.lock().fsyncs
    }

    /// How many bytes of a torn last line were found on opening.
    pub fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    fn lock(&self) -> MutexGuard<'_, Appender<LockedFile>> {
        self.appender.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Journal for FileJournal {
    async fn append(
        &self,
        expected: u64,
        records: &[Record],
        durability: Durability,
    ) -> Result<(), Error> {
        self.lock().append(&self.location, expected, records, durability)
    }

    async fn read(&self) -> Result<Vec<Record>, Error> {
        // Under the lock, so that an append on another thread is seen whole or not at all.
        let appender = self.lock();
        let mut file = &appender.storage.file;
        file.seek(SeekFrom::Start(0))
            .map_err(|source| Error::backend(format!("reading {}", self.location), source))?;
        let mut records = Vec::with_capacity(appender.extent.position.held as usize);
        scan(buffered(file), &self.location, |record| records.push(record))?;
        Ok(records)
    }

    fn location(&self) -> String {
        self.location.clone()
    }
}

/// The file, locked until it is dropped.
#[derive(Debug)]
struct LockedFile {
    file: File,
    path: PathBuf,
}

impl Storage for LockedFile {
    fn check(&self, length: u64) -> Result<(), Trouble> {
        // Without this a driver would go on writing into a file that was deleted, and act on what nobody can read.
        if !disk::is_at(&self.file, &self.path).map_err(Trouble::Failed)? {
            return Err(Trouble::Gone);
        }
        // Locks are advisory: an editor, or a restore from a copy, does not ask for them.
        match self.file.metadata().map_err(Trouble::Failed)?.len() {
            found if found == length => Ok(()),
            found => Err(Trouble::Length(found)),
        }
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.write_all(bytes)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        // fdatasync(2) also writes the new length, without which the data could not be found again.
        self.file.sync_data()
    }
}

fn buffered(file: &File) -> BufReader<&File> {
    BufReader::with_capacity(64 * 1024, file)
}

/// Refuses devices and pipes: some of them can be read for ever.
fn require_regular(file: &File, location: &str) -> Result<(), Error> {
    let kind = file
        .metadata()
        .map_err(|source| Error::backend(format!("opening {location}"), source))?
        .file_type();
    if kind.is_file() { Ok(()) } else { Err(Error::invalid("journal", location, "a regular file")) }
}
