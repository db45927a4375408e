//! The order of writes, flushes and truncations in which a [`FileJournal`](super::FileJournal) appends, apart from the
//! file it does it to, so that tests can make any of them fail.

use std::io;

use super::line::{Extent, encode};
use super::{Durability, Record, check_append};
use crate::{Cause, Error};

/// What an append does to a file.
pub(super) trait Storage {
    /// Refuses when the file is no longer the one that was opened, or no longer `length` bytes long.
    fn check(&self, length: u64) -> Result<(), Trouble>;
    /// Writes at `offset`, which is the end.
    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file to `length`.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// Makes everything written survive a power cut.
    fn sync(&mut self) -> io::Result<()>;
}

/// Why a file can't be appended to though nothing failed.
pub(super) enum Trouble {
    /// It was removed or replaced.
    Gone,
    /// It has this length instead of the one we left.
    Length(u64),
    /// It can't even be looked at.
    Failed(io::Error),
}

/// A file and what is known about it.
#[derive(Debug)]
pub(super) struct Appender<S> {
    pub(super) storage: S,
    pub(super) extent: Extent,
    pub(super) fsyncs: u64,
    broken: Option<&'static str>,
}

impl<S: Storage> Appender<S> {
    /// Appends after what a scan found.
    pub(super) fn new(storage: S, extent: Extent) -> Self {
        Self { storage, extent, fsyncs: 0, broken: None }
    }

    /// Appends `records` with one write, and one flush if they are to be durable.
    pub(super) fn append(
        &mut self,
        journal: &str,
        expected: u64,
        records: &[Record],
        durability: Durability,
    ) -> Result<(), Error> {
        let failed = |source: Cause| Error::backend(format!("appending to {journal}"), source);
        if let Some(why) = self.broken {
            return Err(failed(why.into()));
        }
        let Extent { position, whole, torn } = self.extent;
        check_append(journal, position.held, position.fence, expected, records)?;
        self.storage.check(whole + torn).map_err(|trouble| match trouble {
            Trouble::Gone => Error::NotFound {
                what: format!("journal {journal} (it was removed or replaced while open)"),
            },
            Trouble::Length(found) => Error::Corrupt {
                journal: journal.to_owned(),
                line: position.held + 1,
                why: format!(
                    "the file is {found} bytes long where this process left {}",
                    whole + torn
                ),
            },
            Trouble::Failed(source) => failed(source.into()),
        })?;
        let lines = encode(journal, records)?;
        if torn > 0 {
            self.storage.truncate(whole).map_err(|source| failed(source.into()))?;
            self.extent.torn = 0;
        }
        if !lines.is_empty()
            && let Err(source) = self.storage.write(whole, &lines)
        {
            // Part of it may be in the file. Without the cut the next append would write behind half a line.
            if self.storage.truncate(whole).is_err() {
                self.broken =
                    Some("an earlier write failed and could not be undone; open the journal again");
            }
            return Err(failed(source.into()));
        }
        if durability == Durability::Durable {
            self.fsyncs += 1;
            if let Err(source) = self.storage.sync() {
                // The kernel reports such a failure once and then takes the lost pages for written, so that a second
                // fsync would succeed without having saved anything (fsync(2); Rebello et al., "Can Applications
                // Recover from fsync Failures?", USENIX ATC 2020).
                self.broken =
                    Some("an earlier fsync failed; check the disk and open the journal again");
                return Err(failed(source.into()));
            }
        }
        self.extent.whole += lines.len() as u64;
        self.extent.position = position.after(records);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fence;
    use crate::journal::line::scan;

    /// A file in memory, whose operations fail when told to.
    #[derive(Default)]
    struct Disk {
        bytes: Vec<u8>,
        calls: Vec<&'static str>,
        /// How many bytes still fit.
        room: Option<usize>,
        no_truncate: bool,
        no_sync: bool,
    }

    impl Storage for Disk {
        fn check(&self, length: u64) -> Result<(), Trouble> {
            let found = self.bytes.len() as u64;
            (found == length).then_some(()).ok_or(Trouble::Length(found))
        }

        fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
            self.calls.push("write");
            assert_eq!(offset, self.bytes.len() as u64, "written at its end");
            let fits = self.room.unwrap_or(usize::MAX).min(bytes.len());
            self.bytes.extend_from_slice(&bytes[..fits]);
            if fits < bytes.len() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            Ok(())
        }

        fn truncate(&mut self, length: u64) -> io::Result<()> {
            self.calls.push("truncate");
            if self.no_truncate {
                return Err(io::ErrorKind::Other.into());
            }
            self.bytes.truncate(length as usize);
            Ok(())
        }

        fn sync(&mut self) -> io::Result<()> {
            self.calls.push("sync");
            if self.no_sync {
                return Err(io::ErrorKind::Other.into());
            }
            Ok(())
        }
    }

    fn record(seq: u64) -> Record {
        Record {
            seq,
            at: jiff::Timestamp::UNIX_EPOCH,
            fence: Fence(1),
            payload: serde_json::value::to_raw_value("x").unwrap(),
        }
    }

    fn append(appender: &mut Appender<Disk>, seq: u64, how: Durability) -> Result<(), Error> {
        appender.append("j", seq, &[record(seq)], how)
    }

    fn held(appender: &Appender<Disk>) -> u64 {
        let extent = scan(appender.storage.bytes.as_slice(), "j", |_| {}).unwrap();
        assert_eq!(extent.torn, 0);
        extent.position.held
    }

    #[test]
    fn the_flush_comes_after_the_write() {
        let mut appender = Appender::new(Disk::default(), Extent::default());
        append(&mut appender, 0, Durability::Durable).unwrap();
        append(&mut appender, 1, Durability::Buffered).unwrap();
        appender.append("j", 2, &[], Durability::Durable).unwrap();
        assert_eq!(appender.storage.calls, ["write", "sync", "write", "sync"]);
        assert_eq!(appender.fsyncs, 2);
    }

    #[test]
    fn half_a_write_is_undone_wherever_it_stopped() {
        let whole = encode("j", &[record(1)]).unwrap().len();
        for room in 0..whole {
            let mut appender = Appender::new(Disk::default(), Extent::default());
            append(&mut appender, 0, Durability::Buffered).unwrap();
            appender.storage.room = Some(room);
            let error = append(&mut appender, 1, Durability::Durable).unwrap_err();
            assert!(matches!(error, Error::Backend { .. }), "{error}");
            assert_eq!(held(&appender), 1);
            appender.storage.room = None;
            append(&mut appender, 1, Durability::Durable).unwrap();
            assert_eq!(held(&appender), 2);
        }
    }

    #[test]
    fn half_a_write_that_stays_ends_all_appends() {
        let mut appender = Appender::new(Disk::default(), Extent::default());
        appender.storage.room = Some(20);
        appender.storage.no_truncate = true;
        append(&mut appender, 0, Durability::Durable).unwrap_err();
        appender.storage = Disk::default();
        append(&mut appender, 0, Durability::Durable).unwrap_err();
        assert!(appender.storage.calls.is_empty());
    }

    #[test]
    fn a_failed_flush_ends_all_appends() {
        let mut appender = Appender::new(Disk::default(), Extent::default());
        appender.storage.no_sync = true;
        append(&mut appender, 0, Durability::Durable).unwrap_err();
        appender.storage.no_sync = false;
        for expected in [0, 1] {
            let error = append(&mut appender, expected, Durability::Durable).unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.starts_with("an earlier fsync failed"), "{cause}");
        }
        assert_eq!(appender.storage.calls, ["write", "sync"]);
    }

    #[test]
    fn a_file_of_another_length_is_left_alone() {
        let mut appender = Appender::new(Disk::default(), Extent::default());
        append(&mut appender, 0, Durability::Buffered).unwrap();
        appender.storage.bytes.push(b'x');
        let error = append(&mut appender, 1, Durability::Buffered).unwrap_err();
        assert!(matches!(error, Error::Corrupt { line: 2, .. }), "{error}");
        assert_eq!(appender.storage.calls, ["write"]);
    }
}
