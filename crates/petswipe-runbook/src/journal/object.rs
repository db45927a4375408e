//! A journal on object storage, so that any worker anywhere can take an operation over.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::sync::Mutex;

use super::line::{Decoder, Position, encode, seal};
use super::{Durability, Journal, Record, check_append};
use crate::{Error, object};

/// How many objects a read fetches at a time.
const AT_A_TIME: usize = 16;
const WRITER: &str = "writer";

/// A journal of one object per append, under a prefix of its own.
///
/// An object is named after its first record, as in `rollouts/canary/00000000000000000042.jsonl`, and holds the lines
/// of a [`FileJournal`](super::FileJournal) after a line `{"crc":"…","writer":"…"}` that says who wrote it. It is put
/// only if there is none of that name yet (`If-None-Match: *` on S3), so that of two drivers at the same position one
/// gets [`Error::Conflict`]. It is never changed afterwards; keep life-cycle rules away from the prefix. Whether an
/// append is durable or buffered makes no difference: every put is as safe as the store makes it
/// (`LocalFileSystem` only with `with_fsync(true)`).
///
/// When the answer to a put is lost, by a timeout or because its future was dropped, the same append can simply be
/// made again: if it had been stored, it is recognized and counts as done.
///
/// ```
/// use std::sync::Arc;
/// use petswipe_runbook::journal::{Durability, Journal, ObjectJournal, Record};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Arc::new(object_store::memory::InMemory::new());
/// let journal = ObjectJournal::new(store.clone(), "rollouts/canary")?;
/// let record = Record {
///     seq: 0,
///     at: "2026-11-23T03:10:38Z".parse()?,
///     fence: Default::default(),
///     payload: serde_json::value::to_raw_value("weights are 95/5")?,
/// };
/// journal.append(0, &[record.clone()], Durability::Durable).await?;
///
/// // A driver elsewhere that does not know of it is turned away, and then reads what happened.
/// let elsewhere = ObjectJournal::new(store, "rollouts/canary")?;
/// let refused = elsewhere.append(0, &[record.clone()], Durability::Durable).await;
/// assert!(refused.is_err_and(|error| error.is_held()));
/// assert_eq!(elsewhere.read().await?, [record]);
/// # Ok(())
/// # }
/// ```
pub struct ObjectJournal {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    location: String,
    /// The first line of every object written through this value.
    header: Vec<u8>,
    /// A position that the journal reached at some time. Empty until the store was asked.
    known: Mutex<Option<Position>>,
}

// Why a put that fails if the name exists is enough, though batches differ in length and `known` may be old:
//
// Call a position reached if it is 0 or follows the last record of an object. Every object starts at a reached
// position: `append` puts at `known` only, and `known` is where a stored object ends (or 0). Objects do not change, so
// an object has one end for ever. And from each position starts at most one object, by the conditional put. Therefore
// the objects form one chain from 0 without overlaps or gaps: nobody can hold a position inside another's batch for
// reached, because to know it he must have seen an object end there. If `known` is old, it is a position in the chain
// that is not its end, so an object starts there, and the put fails.
//
// The fence is covered by the same argument: `known.fence` is that of the record before `known.held`, and if it is old
// the put fails.
//
// The put may be repeated, by the client library or by the caller, after its answer was lost. The repetition then finds
// the name taken, by itself. It is told from another driver's put with the same records by the writer in the header,
// which is random for each value of this type. Appends through one value are made one after the other, so that it
// can't lose a race against itself and take that for a repetition: the second of two finds `known` advanced.

impl ObjectJournal {
    /// The journal under `prefix` in `store`. Nothing is asked or written yet.
    ///
    /// # Errors
    /// [`Error::InvalidPlan`] when `prefix` is empty or can't be part of an object's name.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: impl AsRef<str>) -> Result<Self, Error> {
        let prefix = object::prefix("journal prefix", prefix.as_ref())?;
        let location = format!("{store}/{prefix}");
        // Not `fastrand`, which a caller may have seeded, and then two processes draw the same.
        let random = || RandomState::new().build_hasher().finish();
        let writer = format!("{:016x}{:016x}", random(), random());
        let mut header = Vec::new();
        seal(&mut header, WRITER, &writer)
            .map_err(|source| Error::backend(format!("naming the writer of {location}"), source))?;
        Ok(Self { store, prefix, location, header, known: Mutex::new(None) })
    }

    fn object(&self, first: u64) -> Path {
        self.prefix.clone().join(format!("{first:020}.jsonl"))
    }

    /// The first records of all objects, in order. Objects with other names are none of ours.
    async fn list(&self) -> Result<Vec<u64>, Error> {
        let objects = self.store.list(Some(&self.prefix));
        let mut firsts: Vec<u64> = objects
            .try_filter_map(async |object| {
                let digits = object
                    .location
                    .prefix_match(&self.prefix)
                    .and_then(|mut rest| rest.next())
                    .and_then(|name| name.as_ref().strip_suffix(".jsonl")?.parse().ok());
                Ok(digits.filter(|first| self.object(*first) == object.location))
            })
            .try_collect()
            .await
            .map_err(|source| object::failed("listing", &self.location, source))?;
        firsts.sort_unstable();
        Ok(firsts)
    }

    async fn get(&self, object: &Path) -> Result<Bytes, Error> {
        let answer = async { self.store.get(object).await?.bytes().await };
        answer.await.map_err(|source| object::failed("reading", &self.describe(object), source))
    }

    /// Adds the records of an object that should start at `position`, and gives the position after it.
    fn decode(
        &self,
        object: &Path,
        bytes: &[u8],
        position: Position,
        records: &mut Vec<Record>,
    ) -> Result<Position, Error> {
        let journal = self.describe(object);
        let mut decoder = Decoder::new(&journal, position);
        let Some(text) = bytes.strip_suffix(b"\n") else {
            return Err(decoder.corrupt("the object does not end in a line feed"));
        };
        let mut lines = text.split(|byte| *byte == b'\n');
        decoder.value(lines.next().unwrap_or_default(), WRITER)?;
        for line in lines {
            records.push(decoder.record(line)?);
        }
        match decoder.position() {
            same if same == position => Err(decoder.corrupt("the object holds no record")),
            after => Ok(after),
        }
    }

    /// Where the journal ends now, by its last object.
    async fn end(&self) -> Result<Position, Error> {
        let Some(first) = self.list().await?.pop() else {
            return Ok(Position::default());
        };
        let object = self.object(first);
        let start = Position { held: first, fence: None };
        self.decode(&object, &self.get(&object).await?, start, &mut Vec::new())
    }

    /// Puts `bytes` at `position` unless there is an object already; then says whether it is this very one.
    async fn put(&self, position: Position, bytes: Vec<u8>) -> Result<bool, Error> {
        let object = self.object(position.held);
        let bytes = Bytes::from(bytes);
        let options = PutOptions::from(PutMode::Create);
        let payload = PutPayload::from_bytes(bytes.clone());
        match self.store.put_opts(&object, payload, options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(self.get(&object).await? == bytes),
            Err(source) => Err(object::failed("writing", &self.describe(&object), source)),
        }
    }

    fn describe(&self, object: &Path) -> String {
        format!("{}/{object}", self.store)
    }
}

#[async_trait]
impl Journal for ObjectJournal {
    async fn append(
        &self,
        expected: u64,
        records: &[Record],
        _durability: Durability,
    ) -> Result<(), Error> {
        let check = |position: Position| {
            let Position { held, fence } = position;
            check_append(&self.location, held, fence, expected, records)
        };
        let mut known = self.known.lock().await;
        let position = match *known {
            // The put itself finds out whether this is still the end. A refusal, though, is not given on old knowledge.
            Some(position) if !records.is_empty() && check(position).is_ok() => position,
            _ => *known.insert(self.end().await?),
        };
        check(position)?;
        if records.is_empty() {
            return Ok(());
        }
        let mut bytes = self.header.clone();
        bytes.extend(encode(&self.location, records)?);
        if self.put(position, bytes).await? {
            *known = Some(position.after(records));
            return Ok(());
        }
        // Somebody else's object is there. Look again, for the conflict to say where the journal is now.
        let position = *known.insert(self.end().await?);
        check(position)?;
        Err(Error::Conflict { journal: self.location.clone(), expected, found: position.held })
    }

    async fn read(&self) -> Result<Vec<Record>, Error> {
        let objects = self.list().await?.into_iter().map(|first| self.object(first));
        let mut contents = stream::iter(objects)
            .map(async |object| self.get(&object).await.map(|bytes| (object, bytes)))
            .buffered(AT_A_TIME);
        let mut position = Position::default();
        let mut records = Vec::new();
        while let Some((object, bytes)) = contents.try_next().await? {
            position = self.decode(&object, &bytes, position, &mut records)?;
        }
        let mut known = self.known.lock().await;
        if known.is_none_or(|known| known.held < position.held) {
            *known = Some(position);
        }
        Ok(records)
    }

    fn location(&self) -> String {
        self.location.clone()
    }
}

impl fmt::Debug for ObjectJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectJournal").field("location", &self.location).finish_non_exhaustive()
    }
}
