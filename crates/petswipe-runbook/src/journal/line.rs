//! The line format of journals in files and on object storage: one checksummed JSON line per record.
//!
//! A line is `{"crc":"<8 lower-case hex>","record":{…}}` and a line feed. The checksum is the CRC-32 (ISO-HDLC, as in
//! zip and gzip) of the exact bytes of the record's JSON. The envelope is matched byte by byte and not parsed as JSON,
//! so that no byte of a line can change unnoticed, and so that the record's bytes are at hand without a copy.

use std::io::BufRead;

use serde::Serialize;

use super::Record;
use crate::{Error, Fence};

const OPEN: &[u8] = b"{\"crc\":\"";
const CHECKSUM: usize = 8;
const RECORD: &str = "record";

/// How far a journal has been written: all that the next append must know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// How many records it holds, which is the number of the next one.
    pub(super) held: u64,
    /// The fence of the last one.
    pub(super) fence: Option<Fence>,
}

impl Position {
    /// The position after `records` were written.
    pub(super) fn after(self, records: &[Record]) -> Self {
        Self {
            held: self.held + records.len() as u64,
            fence: records.last().map_or(self.fence, |last| Some(last.fence)),
        }
    }
}

/// The lines of `records`.
pub(super) fn encode(journal: &str, records: &[Record]) -> Result<Vec<u8>, Error> {
    let mut lines = Vec::with_capacity(records.len() * 256);
    for record in records {
        seal(&mut lines, RECORD, record).map_err(|source| {
            Error::backend(format!("encoding record {} of {journal}", record.seq), source)
        })?;
    }
    Ok(lines)
}

/// Adds the line `{"crc":"…","<name>":<value>}`.
pub(super) fn seal<T: Serialize>(
    lines: &mut Vec<u8>,
    name: &str,
    value: &T,
) -> Result<(), serde_json::Error> {
    lines.extend_from_slice(OPEN);
    let checksum_at = lines.len();
    lines.extend_from_slice(b"........\",\"");
    lines.extend_from_slice(name.as_bytes());
    lines.extend_from_slice(b"\":");
    let value_at = lines.len();
    serde_json::to_writer(&mut *lines, value)?;
    let checksum = checksum(&lines[value_at..]);
    lines[checksum_at..checksum_at + CHECKSUM].copy_from_slice(&checksum);
    lines.extend_from_slice(b"}\n");
    Ok(())
}

/// The bytes of the value in the line `{"crc":"…","<name>":<value>}` (without line feed), or what is wrong with it.
pub(super) fn unseal<'a>(line: &'a [u8], name: &str) -> Result<&'a [u8], String> {
    let not_a_line = || format!(r#"it is not of the form {{"crc":"<8 hex>","{name}":…}}"#);
    let rest = line.strip_prefix(OPEN).ok_or_else(not_a_line)?;
    let (written, rest) = rest.split_at_checked(CHECKSUM).ok_or_else(not_a_line)?;
    let value = rest
        .strip_prefix(b"\",\"")
        .and_then(|rest| rest.strip_prefix(name.as_bytes()))
        .and_then(|rest| rest.strip_prefix(b"\":"))
        .and_then(|rest| rest.strip_suffix(b"}"))
        .ok_or_else(not_a_line)?;
    let found = checksum(value);
    if written != found {
        return Err(format!(
            "its checksum is {} but its content has {}",
            written.escape_ascii(),
            found.escape_ascii()
        ));
    }
    Ok(value)
}

/// Reads the lines of one file or object, and knows where it is in case something is wrong.
pub(super) struct Decoder<'a> {
    journal: &'a str,
    line: u64,
    position: Position,
}

impl<'a> Decoder<'a> {
    /// A decoder of what follows `position`; `journal` is named in errors.
    pub(super) fn new(journal: &'a str, position: Position) -> Self {
        Self { journal, line: 0, position }
    }

    /// The position after the lines so far.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// The value in the next line, which is no record.
    pub(super) fn value<'b>(&mut self, line: &'b [u8], name: &str) -> Result<&'b [u8], Error> {
        self.line += 1;
        unseal(line, name).map_err(|why| self.corrupt(why))
    }

    /// The record in the next line, which comes without its line feed.
    pub(super) fn record(&mut self, line: &[u8]) -> Result<Record, Error> {
        let json = self.value(line, RECORD)?;
        let json = std::str::from_utf8(json)
            .map_err(|invalid| self.corrupt(format!("its record is not text: {invalid}")))?;
        let record: Record = serde_json::from_str(json)
            .map_err(|invalid| self.corrupt(format!("its record can't be read: {invalid}")))?;
        let Position { held, fence } = self.position;
        if record.seq != held {
            let why = format!("it holds record {} where {held} should be", record.seq);
            return Err(self.corrupt(why));
        }
        if let Some(fence) = fence.filter(|fence| record.fence < *fence) {
            let why = format!("its fence {} is lower than {fence} before it", record.fence);
            return Err(self.corrupt(why));
        }
        self.position = self.position.after(std::slice::from_ref(&record));
        Ok(record)
    }

    /// An error at the line that was read last.
    pub(super) fn corrupt(&self, why: impl Into<String>) -> Error {
        Error::Corrupt { journal: self.journal.to_owned(), line: self.line.max(1), why: why.into() }
    }
}

/// What a file was found to hold.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    /// The position after its last whole line.
    pub(super) position: Position,
    /// The length of its whole lines, in bytes.
    pub(super) whole: u64,
    /// The length of what follows them: a line whose writer died while writing it.
    pub(super) torn: u64,
}

/// Reads a file to its end and hands each record to `each`.
pub(super) fn scan(
    mut reader: impl BufRead,
    journal: &str,
    mut each: impl FnMut(Record),
) -> Result<Extent, Error> {
    let mut decoder = Decoder::new(journal, Position::default());
    let mut extent = Extent::default();
    let mut line = Vec::with_capacity(1024);
    loop {
        line.clear();
        let length = reader
            .read_until(b'\n', &mut line)
            .map_err(|source| Error::backend(format!("reading journal {journal}"), source))?;
        let Some(whole) = line.strip_suffix(b"\n") else {
            decoder.line += 1;
            refuse_as_torn(&line).map_or(Ok(()), |why| Err(decoder.corrupt(why)))?;
            extent.torn = length as u64;
            extent.position = decoder.position();
            return Ok(extent);
        };
        each(decoder.record(whole)?);
        extent.whole += length as u64;
    }
}

/// Why `tail`, which has no line feed, can't be the beginning of a line whose writer died.
///
/// It is about to be thrown away, so it must look like what it is taken for: a file of something else, or a whole line
/// whose line feed was changed later, is no torn line. Zero bytes at its end are what some file systems leave when the
/// power fails after they have noted the new length and before they have written the data.
fn refuse_as_torn(tail: &[u8]) -> Option<String> {
    let written = tail.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let tail = &tail[..written];
    let shape = br#"{"crc":"........","record":{"#;
    let fits = |(byte, shape): (&u8, &u8)| match shape {
        b'.' => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        other => byte == other,
    };
    if !tail.iter().zip(shape).all(fits) {
        return Some("it is not the beginning of a journal line".to_owned());
    }
    let (end, line) = tail.split_last()?;
    unseal(line, RECORD).ok().map(|_| {
        format!(
            "it is whole, but ends in byte {:?} instead of a line feed",
            end.escape_ascii().to_string()
        )
    })
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let crc = crc32fast::hash(bytes);
    let mut hex = [0; CHECKSUM];
    for (index, digit) in hex.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(crc >> (28 - 4 * index)) as usize & 0xf];
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(record: &str) -> Vec<u8> {
        let value = serde_json::value::RawValue::from_string(record.to_owned()).unwrap();
        let mut line = Vec::new();
        seal(&mut line, RECORD, &value).unwrap();
        line
    }

    fn fault(file: &[u8]) -> (u64, String) {
        match scan(file, "j", |_| {}) {
            Err(Error::Corrupt { line, why, .. }) => (line, why),
            other => panic!("{other:?}"),
        }
    }

    const FIRST: &str = r#"{"seq":0,"at":"2026-11-23T03:10:38Z","fence":5,"payload":1}"#;

    #[test]
    fn the_format_does_not_change() {
        let text = String::from_utf8(line(FIRST)).unwrap();
        assert_eq!(
            text,
            "{\"crc\":\"ed137a26\",\"record\":{\"seq\":0,\"at\":\"2026-11-23T03:10:38Z\",\"fence\":5,\"payload\":1}}\n"
        );
        let mut read = Vec::new();
        scan(text.as_bytes(), "j", |record| read.push(record)).unwrap();
        assert_eq!(encode("j", &read).unwrap(), text.as_bytes());
    }

    #[test]
    fn each_fault_is_named_with_its_line() {
        let first = line(FIRST);
        let second =
            |json: &str| -> (u64, String) { fault(&[first.as_slice(), &line(json)].concat()) };
        assert_eq!(
            second(r#"{"seq":2,"at":"2026-11-23T03:10:38Z","fence":5,"payload":1}"#),
            (2, "it holds record 2 where 1 should be".to_owned())
        );
        assert_eq!(
            second(r#"{"seq":1,"at":"2026-11-23T03:10:38Z","fence":4,"payload":1}"#),
            (2, "its fence 4 is lower than 5 before it".to_owned())
        );
        let (at, why) = second(r#"{"seq":1}"#);
        assert_eq!(at, 2);
        assert!(why.starts_with("its record can't be read: "), "{why}");
        assert_eq!(fault(b"hello\n").0, 1);
        assert_eq!(fault(b"\n").0, 1);
        assert_eq!(fault(b"hello"), (1, "it is not the beginning of a journal line".to_owned()));
        let mut not_text = b"{\"crc\":\"........\",\"record\":\"\xff\"}\n".to_vec();
        not_text[8..16].copy_from_slice(&checksum(b"\"\xff\""));
        assert!(fault(&not_text).1.starts_with("its record is not text: "));
    }

    #[test]
    fn a_tail_that_ends_in_zero_bytes_is_torn() {
        let whole = line(FIRST);
        for cut in 0..whole.len() {
            let file = [whole.as_slice(), &whole[..cut], &[0; 9]].concat();
            let extent = scan(file.as_slice(), "j", |_| {}).unwrap();
            assert_eq!(extent.whole, whole.len() as u64);
            assert_eq!(extent.torn, cut as u64 + 9);
        }
    }
}
