//! The contract of [`Journal`], sentence by sentence.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::sync::Barrier;

use crate::journal::{Durability, Journal, Record};
use crate::{Error, Fence};

/// Makes a module of tests which hold a journal to the contract of [`Journal`].
///
/// The expression gives a new empty journal, together with whatever must live as long as it does, such as a temporary
/// directory. The calling crate needs `tokio` with `macros` and `rt-multi-thread`.
///
/// ```
/// petswipe_runbook::journal_conformance!(memory, (petswipe_runbook::journal::MemoryJournal::new(), ()));
/// ```
#[macro_export]
macro_rules! journal_conformance {
    ($module:ident, $fresh:expr) => {
        $crate::conformance_tests!(
            $module,
            $fresh,
            $crate::conformance::journal,
            $crate::journal::Journal,
            [
                append_then_read_returns_the_same_records,
                an_empty_journal_reads_as_no_records,
                append_at_another_position_is_a_conflict,
                of_two_racing_appends_one_wins,
                a_batch_is_all_or_nothing_for_readers,
                records_must_be_numbered_from_expected,
                a_payload_of_several_lines_is_refused,
                an_append_of_nothing_checks_the_position,
                a_lower_fence_is_refused,
            ]
        );
    };
}

/// A record written at `seq` seconds after the epoch.
fn record(seq: u64, fence: u64, payload: &str) -> Record {
    Record {
        seq,
        at: Timestamp::from_second(seq as i64).unwrap(),
        fence: Fence(fence),
        payload: RawValue::from_string(payload.to_owned()).unwrap(),
    }
}

/// What was appended is read back, byte for byte, in order.
pub async fn append_then_read_returns_the_same_records(journal: Arc<dyn Journal>) {
    // Texts which a parser that is not careful changes: spaces, order and repetition of keys, digits, escapes.
    let payloads = [
        r#"{ "b" :1,  "a":[ ] ,"b":2}"#,
        "12345678901234567890.12345678901234567890e-0",
        r#""line\nfeed \u0000 \ud83d\ude00 é 😀 \/""#,
        "null",
    ];
    let mut written = Vec::new();
    for (index, payload) in payloads.into_iter().enumerate() {
        let mut record = record(index as u64, 7, payload);
        record.at = "2026-11-23T03:10:38.123456789Z".parse().unwrap();
        written.push(record);
    }
    let (first, rest) = written.split_at(1);
    let (second, third) = rest.split_at(2);
    append(&*journal, 0, first, Durability::Durable).await.unwrap();
    append(&*journal, 1, second, Durability::Buffered).await.unwrap();
    append(&*journal, 3, third, Durability::Durable).await.unwrap();
    assert_eq!(read(&*journal).await, written);
}

/// Reading before the first append gives an empty list, not an error.
pub async fn an_empty_journal_reads_as_no_records(journal: Arc<dyn Journal>) {
    assert_eq!(read(&*journal).await, []);
    assert!(!journal.location().is_empty());
}

/// When `expected` is not the number of records held, nothing is written and the answer is a conflict.
pub async fn append_at_another_position_is_a_conflict(journal: Arc<dyn Journal>) {
    let held = [record(0, 1, "0"), record(1, 1, "1")];
    append(&*journal, 0, &held, Durability::Durable).await.unwrap();
    for wrong in [0, 1, 3, 1000] {
        let error = append(&*journal, wrong, &[record(wrong, 1, "2")], Durability::Durable)
            .await
            .unwrap_err();
        match error {
            Error::Conflict { expected, found, .. } => assert_eq!((expected, found), (wrong, 2)),
            other => panic!("a conflict, not {other:?}"),
        }
        assert_eq!(read(&*journal).await, held);
    }
}

/// Of several appends at the same position one succeeds, even when they bring the same records.
pub async fn of_two_racing_appends_one_wins(journal: Arc<dyn Journal>) {
    for round in 0..50 {
        // On two threads at once. In even rounds both bring the same bytes.
        let start = Arc::new(Barrier::new(2));
        let racers = [0, round % 2].map(|name| {
            let (journal, start) = (Arc::clone(&journal), Arc::clone(&start));
            tokio::spawn(async move {
                let mine = [record(round, 1, &name.to_string())];
                start.wait().await;
                append(&*journal, round, &mine, Durability::Buffered).await.map(|()| name)
            })
        });
        let mut winners = Vec::new();
        for racer in racers {
            match racer.await.unwrap() {
                Ok(name) => winners.push(name),
                Err(Error::Conflict { expected, found, .. }) => {
                    assert_eq!((expected, found), (round, round + 1));
                }
                Err(other) => panic!("a conflict, not {other:?}"),
            }
        }
        let [winner] = winners[..] else {
            panic!("one winner in round {round}, not {winners:?}");
        };
        let held = read(&*journal).await;
        assert_eq!(held.len() as u64, round + 1);
        assert_eq!(held[round as usize].payload.get(), winner.to_string());
    }
}

/// A reader sees either none or all records of a batch, also while it is being appended.
pub async fn a_batch_is_all_or_nothing_for_readers(journal: Arc<dyn Journal>) {
    const BATCH: u64 = 3;
    let writer = {
        let journal = Arc::clone(&journal);
        tokio::spawn(async move {
            for first in (0..20 * BATCH).step_by(BATCH as usize) {
                let batch: Vec<Record> =
                    (first..first + BATCH).map(|seq| record(seq, 1, "0")).collect();
                append(&*journal, first, &batch, Durability::Buffered).await.unwrap();
                assert_eq!(read(&*journal).await.len() as u64, first + BATCH);
            }
        })
    };
    while !writer.is_finished() {
        assert_eq!(read(&*journal).await.len() as u64 % BATCH, 0);
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();

    // Neither does a refused batch leave the records before the one it was refused for.
    let held = 20 * BATCH;
    let spoilt = [record(held, 2, "0"), record(held + 1, 1, "0")];
    append(&*journal, held, &spoilt, Durability::Durable).await.unwrap_err();
    assert_eq!(read(&*journal).await.len() as u64, held);
}

/// A batch whose numbers do not run from `expected` upwards is refused, and nothing is written.
pub async fn records_must_be_numbered_from_expected(journal: Arc<dyn Journal>) {
    for numbers in [&[1][..], &[0, 0], &[0, 2], &[0, 1, 1]] {
        let batch: Vec<Record> = numbers.iter().map(|seq| record(*seq, 1, "0")).collect();
        let error = append(&*journal, 0, &batch, Durability::Durable).await.unwrap_err();
        assert!(matches!(error, Error::InvalidPlan { .. }), "{numbers:?}: {error:?}");
        assert_eq!(read(&*journal).await, []);
    }
}

/// JSON with a line feed between its tokens is refused, and nothing is written.
pub async fn a_payload_of_several_lines_is_refused(journal: Arc<dyn Journal>) {
    let batch = [record(0, 1, "0"), record(1, 1, "[1,\n2]")];
    let error = append(&*journal, 0, &batch, Durability::Durable).await.unwrap_err();
    assert!(matches!(error, Error::InvalidPlan { .. }), "{error:?}");
    assert_eq!(read(&*journal).await, []);
}

/// An empty batch writes nothing, but is a conflict at another position.
pub async fn an_append_of_nothing_checks_the_position(journal: Arc<dyn Journal>) {
    append(&*journal, 0, &[], Durability::Durable).await.unwrap();
    append(&*journal, 0, &[record(0, 1, "0")], Durability::Buffered).await.unwrap();
    append(&*journal, 1, &[], Durability::Buffered).await.unwrap();
    append(&*journal, 1, &[], Durability::Durable).await.unwrap();
    for wrong in [0, 2] {
        let error = append(&*journal, wrong, &[], Durability::Durable).await.unwrap_err();
        assert!(matches!(error, Error::Conflict { found: 1, .. }), "{error:?}");
    }
    assert_eq!(read(&*journal).await.len(), 1);
}

/// A record with a lower fence than the last one written is refused.
pub async fn a_lower_fence_is_refused(journal: Arc<dyn Journal>) {
    append(&*journal, 0, &[record(0, 5, "0")], Durability::Durable).await.unwrap();
    for stale in [&[record(1, 4, "1")][..], &[record(1, 6, "1"), record(2, 5, "2")]] {
        let error = append(&*journal, 1, stale, Durability::Durable).await.unwrap_err();
        assert!(matches!(error, Error::LeaseLost { .. }), "{error:?}");
        assert_eq!(read(&*journal).await.len(), 1);
    }
    let newer = [record(1, 5, "1"), record(2, 6, "2")];
    append(&*journal, 1, &newer, Durability::Durable).await.unwrap();
}

async fn append(
    journal: &dyn Journal,
    expected: u64,
    records: &[Record],
    durability: Durability,
) -> Result<(), Error> {
    journal.append(expected, records, durability).await
}

async fn read(journal: &dyn Journal) -> Vec<Record> {
    journal.read().await.unwrap()
}
