//! What a journal in a file promises beyond the contract of every journal: torn ends, corruption, locks, flushes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use petswipe_runbook::journal::{Durability, FileJournal, Journal, Record};
use petswipe_runbook::{Error, Fence};
use proptest::prelude::*;
use serde_json::{Value, value::RawValue};

/// Runs a future of a file journal, which is ready at the first poll: it needs no runtime.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("a file journal never waits"),
    }
}

fn record(seq: u64, payload: &str) -> Record {
    Record {
        seq,
        at: "2026-11-23T03:10:38.5Z".parse().unwrap(),
        fence: Fence(3),
        payload: RawValue::from_string(payload.to_owned()).unwrap(),
    }
}

fn append(journal: &FileJournal, seq: u64, payload: &str) {
    now(journal.append(seq, &[record(seq, payload)], Durability::Buffered)).unwrap();
}

fn payloads(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.payload.get()).collect()
}

/// A directory with the bytes of a journal of three records.
fn three_records() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let journal = FileJournal::open(&path).unwrap();
    append(&journal, 0, r#""first""#);
    append(&journal, 1, r#"{"weights":[95,5]}"#);
    append(&journal, 2, r#""third 😀""#);
    let bytes = fs::read(&path).unwrap();
    (directory, path, bytes)
}

fn fault(result: Result<impl std::fmt::Debug, Error>) -> (u64, String) {
    match result {
        Err(Error::Corrupt { line, why, .. }) => (line, why),
        other => panic!("corrupt, not {other:?}"),
    }
}

#[test]
fn a_last_line_torn_at_any_byte_is_left_out_and_written_over() {
    let (_directory, path, bytes) = three_records();
    let end = |line: usize| -> usize {
        let feeds = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        feeds.map(|(at, _)| at + 1).nth(line).unwrap()
    };
    // The last record alone, and the last two as one batch of which nothing or one whole record arrived.
    for cut in end(0)..bytes.len() {
        fs::write(&path, &bytes[..cut]).unwrap();
        let whole = if cut < end(1) { 1 } else { 2 };
        let journal = FileJournal::open(&path).unwrap();
        assert_eq!(journal.torn_bytes() as usize, cut - end(whole - 1));
        assert_eq!(now(journal.read()).unwrap().len(), whole);
        assert_eq!(fs::read(&path).unwrap().len(), cut, "reading changes nothing");

        append(&journal, whole as u64, r#""after the crash""#);
        append(&journal, whole as u64 + 1, "null");
        drop(journal);
        let journal = FileJournal::open(&path).unwrap();
        assert_eq!(journal.torn_bytes(), 0);
        let records = now(journal.read()).unwrap();
        assert_eq!(records.len(), whole + 2);
        assert_eq!(payloads(&records)[whole..], [r#""after the crash""#, "null"]);
        assert_eq!(fs::read(&path).unwrap()[..end(whole - 1)], bytes[..end(whole - 1)]);
    }
}

#[test]
fn a_first_line_torn_at_any_byte_leaves_an_empty_journal() {
    let (_directory, path, bytes) = three_records();
    let first = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    for cut in 0..=first {
        fs::write(&path, &bytes[..cut]).unwrap();
        let journal = FileJournal::open(&path).unwrap();
        assert_eq!(journal.torn_bytes() as usize, cut);
        assert_eq!(now(journal.read()).unwrap(), []);
        append(&journal, 0, "0");
        assert_eq!(FileJournal::read_only(&path).unwrap().len(), 1);
    }
}

#[test]
fn a_flipped_bit_anywhere_is_found_at_its_line() {
    let (_directory, path, bytes) = three_records();
    for at in 0..bytes.len() {
        let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count() as u64;
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            fs::write(&path, &flipped).unwrap();
            let (found, why) = fault(FileJournal::read_only(&path));
            assert_eq!(found, line, "bit {bit} of byte {at}: {why}");
            assert_eq!(fault(FileJournal::open(&path)).0, line);
        }
    }
}

#[test]
fn a_missing_doubled_or_moved_line_is_found() {
    let (_directory, path, bytes) = three_records();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    for (order, line, why) in [
        (&[0, 2][..], 2, "it holds record 2 where 1 should be"),
        (&[1, 2], 1, "it holds record 1 where 0 should be"),
        (&[0, 1, 1, 2], 3, "it holds record 1 where 2 should be"),
        (&[0, 2, 1], 2, "it holds record 2 where 1 should be"),
    ] {
        fs::write(&path, order.iter().map(|index| lines[*index]).collect::<Vec<_>>().concat())
            .unwrap();
        assert_eq!(fault(FileJournal::open(&path)), (line, why.to_owned()));
    }
}

#[test]
fn a_file_of_something_else_is_refused_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes");
    for other in
        ["hello", "hello\nworld\n", "\n", "{}", "{\"crc\":\"0000000g", "\u{feff}{\"crc\":\""]
    {
        fs::write(&path, other).unwrap();
        assert_eq!(fault(FileJournal::open(&path)).0, 1, "{other}");
        assert_eq!(fault(FileJournal::read_only(&path)).0, 1, "{other}");
        assert_eq!(fs::read_to_string(&path).unwrap(), other);
    }
}

#[cfg(unix)]
#[test]
fn a_device_is_refused_and_not_read_for_ever() {
    for device in ["/dev/zero", "/dev/null"] {
        let error = FileJournal::open(device).unwrap_err();
        assert_eq!(error.to_string(), format!("journal is {device}; allowed: a regular file"));
    }
}

#[test]
fn opening_makes_the_file_and_looking_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a/b/journal");
    let error = FileJournal::read_only(&path).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    assert!(!path.parent().unwrap().exists());
    drop(FileJournal::open(&path).unwrap());
    assert_eq!(FileJournal::read_only(&path).unwrap(), []);
}

#[test]
fn one_journal_is_open_once_and_free_after_that() {
    let (_directory, path, _) = three_records();
    let journal = FileJournal::open(&path).unwrap();
    let error = FileJournal::open(&path).unwrap_err();
    assert!(matches!(error, Error::Busy { .. }) && error.is_held() && error.is_retryable());
    assert_eq!(
        error.to_string(),
        format!(
            "journal {} is in use by another process: wait until it is done, or end it",
            path.display()
        )
    );
    assert_eq!(FileJournal::read_only(&path).unwrap().len(), 3);
    drop(journal);
    FileJournal::open(&path).unwrap();
}

#[test]
fn durable_appends_flush_once_each_and_buffered_ones_never() {
    let directory = tempfile::tempdir().unwrap();
    let journal = FileJournal::open(directory.path().join("journal")).unwrap();
    assert_eq!(journal.fsyncs(), 0);
    for seq in 0..10 {
        now(journal.append(
            seq * 2,
            &[record(seq * 2, "0"), record(seq * 2 + 1, "1")],
            Durability::Durable,
        ))
        .unwrap();
        assert_eq!(journal.fsyncs(), seq + 1);
    }
    for seq in 20..30 {
        append(&journal, seq, "0");
    }
    now(journal.append(99, &[record(99, "0")], Durability::Durable)).unwrap_err();
    assert_eq!(journal.fsyncs(), 10);
    now(journal.append(30, &[], Durability::Durable)).unwrap();
    assert_eq!(journal.fsyncs(), 11);
}

#[cfg(unix)]
#[test]
fn a_journal_that_was_removed_or_replaced_takes_no_more() {
    let (_directory, path, bytes) = three_records();
    let journal = FileJournal::open(&path).unwrap();
    let refused = || now(journal.append(3, &[record(3, "0")], Durability::Durable)).unwrap_err();
    fs::remove_file(&path).unwrap();
    assert!(matches!(refused(), Error::NotFound { .. }), "{}", refused());
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(refused(), Error::NotFound { .. }), "{}", refused());
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_journal_that_somebody_else_wrote_to_takes_no_more() {
    let (_directory, path, bytes) = three_records();
    let journal = FileJournal::open(&path).unwrap();
    let changed = [bytes.as_slice(), b"edited by hand\n"].concat();
    fs::write(&path, &changed).unwrap();
    let (line, why) = fault(now(journal.append(3, &[record(3, "0")], Durability::Durable)));
    assert_eq!(line, 4);
    assert_eq!(
        why,
        format!("the file is {} bytes long where this process left {}", changed.len(), bytes.len())
    );
    assert_eq!(fault(now(journal.read())).0, 4);
    assert_eq!(fs::read(&path).unwrap(), changed);
}

/// Any JSON, with any text in it.
fn json() -> impl Strategy<Value = Value> {
    let text = proptest::collection::vec(any::<char>(), 0..8).prop_map(String::from_iter);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
        Just(Value::from("a\nb\r\u{2028}\u{0}")),
    ];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(text.clone(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_payloads_in_any_batches_are_read_back(
        batches in proptest::collection::vec(proptest::collection::vec(json(), 0..4), 0..6)
    ) {
        static CASE: AtomicUsize = AtomicUsize::new(0);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(CASE.fetch_add(1, Ordering::Relaxed).to_string());
        let written = write_and_read(&path, &batches);
        let expected: Vec<String> = batches.concat().iter().map(Value::to_string).collect();
        prop_assert_eq!(payloads(&written), expected);
    }
}

/// Writes each batch through a journal opened anew, and reads all at the end.
fn write_and_read(path: &Path, batches: &[Vec<Value>]) -> Vec<Record> {
    let mut next = 0;
    for batch in batches {
        let texts = batch.iter().map(Value::to_string);
        let records: Vec<Record> =
            (next..).zip(texts).map(|(seq, text)| record(seq, &text)).collect();
        let journal = FileJournal::open(path).unwrap();
        now(journal.append(next, &records, Durability::Buffered)).unwrap();
        next += records.len() as u64;
    }
    now(FileJournal::open(path).unwrap().read()).unwrap()
}

#[test]
fn a_deeply_nested_payload_is_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    append(&FileJournal::open(&path).unwrap(), 0, &deep);
    assert_eq!(payloads(&FileJournal::read_only(&path).unwrap()), [deep]);
}
