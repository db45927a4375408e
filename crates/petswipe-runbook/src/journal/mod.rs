//! Journals: where an operation's records are kept, so that it survives the process that runs it.
//!
//! A [`Journal`] knows nothing of runbooks; it stores numbered JSON payloads. The driver writes through it what it is
//! about to do, before it does it.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Error, Fence};

mod appender;
mod file;
mod line;
mod memory;
#[cfg(feature = "object-store")]
mod object;
pub use file::FileJournal;
pub use memory::MemoryJournal;
#[cfg(feature = "object-store")]
pub use object::ObjectJournal;

/// One entry of a journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Its position, from 0, without gaps.
    pub seq: u64,
    /// When it was written, by the driver's clock.
    pub at: Timestamp,
    /// The fencing number of the driver that wrote it.
    pub fence: Fence,
    /// The entry itself, as the exact JSON text that was written.
    pub payload: Box<RawValue>,
}

impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        self.seq == other.seq
            && self.at == other.at
            && self.fence == other.fence
            && self.payload.get() == other.payload.get()
    }
}

/// How safe an append must be before it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It survives the death of the process. The next durable append makes it survive a power cut as well.
    Buffered,
    /// It, and all before it, survives a power cut.
    Durable,
}

/// An append-only sequence of records with optimistic concurrency.
///
/// # Contract
/// - `append_then_read_returns_the_same_records`: what was appended is read back, byte for byte, in order.
/// - `an_empty_journal_reads_as_no_records`: reading before the first append gives an empty list, not an error.
/// - `append_at_another_position_is_a_conflict`: when `expected` is not the number of records held, nothing is
///   written and the answer is [`Error::Conflict`] with the position found.
/// - `of_two_racing_appends_one_wins`: of several appends at the same position one succeeds and the others are
///   [`Error::Conflict`], even when they bring the same records.
/// - `a_batch_is_all_or_nothing_for_readers`: a reader sees either none or all records of a batch, also while it is
///   being appended, and none of a batch that was refused. Only after its writer died in the middle may the first
///   records of the last batch be there without the rest.
/// - `records_must_be_numbered_from_expected`: a batch whose numbers do not run from `expected` upwards is refused
///   with [`Error::InvalidPlan`] and nothing is written.
/// - `a_payload_of_several_lines_is_refused`: JSON with a line feed between its tokens is refused with
///   [`Error::InvalidPlan`] and nothing is written, since journals in files keep one record per line. (Line feeds in
///   its strings are escaped, and so allowed.)
/// - `an_append_of_nothing_checks_the_position`: an empty batch writes nothing, but is a conflict at another position;
///   if it is durable, so is all before it when it returns.
/// - `a_lower_fence_is_refused`: a record with a lower fence than the last one written is refused with
///   [`Error::LeaseLost`].
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Journal: Send + Sync {
    /// Appends `records`, which must be numbered from `expected` upwards, where `expected` is how many the journal holds.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it holds another number, [`Error::LeaseLost`] on a lower fence, [`Error::InvalidPlan`]
    /// on misnumbered records, [`Error::Backend`] when the storage fails (then whether it was written is unknown).
    async fn append(
        &self,
        expected: u64,
        records: &[Record],
        durability: Durability,
    ) -> Result<(), Error>;

    /// All records, in order.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a record in the middle is not what was written, [`Error::Backend`] when storage fails.
    async fn read(&self) -> Result<Vec<Record>, Error>;

    /// Where the journal is, for messages.
    fn location(&self) -> String;
}

/// The checks of an append that every implementation makes before it writes.
///
/// # Errors
/// As [`Journal::append`].
pub(crate) fn check_append(
    location: &str,
    held: u64,
    last_fence: Option<Fence>,
    expected: u64,
    records: &[Record],
) -> Result<(), Error> {
    if let Some((index, record)) =
        records.iter().enumerate().find(|(index, record)| record.seq != expected + *index as u64)
    {
        return Err(Error::invalid(
            format!("seq of record {index} of the batch"),
            record.seq,
            format!("{} (numbered upwards from {expected})", expected + index as u64),
        ));
    }
    // A line feed inside a JSON string is escaped, so a bare one can only stand between tokens.
    if let Some(record) = records.iter().find(|record| record.payload.get().contains('\n')) {
        return Err(Error::invalid(
            format!("payload of record {}", record.seq),
            "JSON on several lines",
            "JSON on one line",
        ));
    }
    if expected != held {
        return Err(Error::Conflict { journal: location.to_owned(), expected, found: held });
    }
    let mut newest = last_fence;
    for record in records {
        if newest.is_some_and(|newest| record.fence < newest) {
            return Err(Error::LeaseLost {
                key: location.to_owned(),
                fence: record.fence,
                why: format!("the journal was written with fence {}", newest.unwrap_or_default()),
            });
        }
        newest = Some(record.fence);
    }
    Ok(())
}
