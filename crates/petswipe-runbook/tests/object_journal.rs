//! What a journal on object storage promises beyond the contract of every journal: racing drivers, lost answers,
//! corruption.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, also in its helpers"
)]

mod network;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use petswipe_runbook::journal::{Durability, Journal, MemoryJournal, ObjectJournal, Record};
use petswipe_runbook::{Error, Fence};
use proptest::prelude::*;
use serde_json::value::to_raw_value;
use tokio::sync::Barrier;

use network::Network;

fn open(store: &Arc<impl ObjectStore>) -> ObjectJournal {
    ObjectJournal::new(Arc::clone(store) as Arc<dyn ObjectStore>, "team/canary").unwrap()
}

fn batch(first: u64, length: u64, fence: u64) -> Vec<Record> {
    let record = |seq| Record {
        seq,
        at: Timestamp::UNIX_EPOCH,
        fence: Fence(fence),
        payload: to_raw_value(&seq).unwrap(),
    };
    (first..first + length).map(record).collect()
}

async fn append(journal: &ObjectJournal, first: u64, length: u64) -> Result<(), Error> {
    journal.append(first, &batch(first, length, 1), Durability::Durable).await
}

async fn race_with_the_same_records(store: Arc<dyn ObjectStore>) {
    let drivers =
        [(); 2].map(|()| Arc::new(ObjectJournal::new(Arc::clone(&store), "team/canary").unwrap()));
    for round in 0..50 {
        let start = Arc::new(Barrier::new(2));
        let racers = drivers.each_ref().map(|driver| {
            let (driver, start) = (Arc::clone(driver), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                append(&driver, round, 1).await
            })
        });
        let mut winners = 0;
        for racer in racers {
            match racer.await.unwrap() {
                Ok(()) => winners += 1,
                Err(Error::Conflict { expected, found, .. }) => {
                    assert_eq!((expected, found), (round, round + 1));
                }
                Err(other) => panic!("a conflict, not {other:?}"),
            }
        }
        assert_eq!(winners, 1, "in round {round}");
    }
    assert_eq!(drivers[0].read().await.unwrap(), batch(0, 50, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_drivers_with_the_same_records_one_wins() {
    race_with_the_same_records(Arc::new(InMemory::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_drivers_on_one_directory_one_wins() {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalFileSystem::new_with_prefix(directory.path()).unwrap();
    race_with_the_same_records(Arc::new(store)).await;
}

#[tokio::test]
async fn an_append_whose_answer_was_lost_can_be_made_again() {
    let store = Network::losing(1, false);
    let journal = open(&store);
    let error = append(&journal, 0, 2).await.unwrap_err();
    assert!(matches!(error, Error::Backend { .. }) && error.is_retryable());
    append(&journal, 0, 2).await.unwrap();
    append(&journal, 2, 1).await.unwrap();
    assert_eq!(journal.read().await.unwrap(), batch(0, 3, 1));
}

#[tokio::test]
async fn an_append_that_the_client_library_repeated_is_done() {
    let store = Network::losing(1, true);
    let journal = open(&store);
    append(&journal, 0, 2).await.unwrap();
    append(&journal, 2, 1).await.unwrap();
    assert_eq!(journal.read().await.unwrap(), batch(0, 3, 1));
}

#[tokio::test]
async fn a_lost_answer_is_not_taken_for_anothers_append() {
    let store = Network::losing(1, false);
    let (first, second) = (open(&store), open(&store));
    append(&first, 0, 1).await.unwrap_err();
    let error = append(&second, 0, 1).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { found: 1, .. }), "{error}");
    // Nor is it taken for other records of the same driver.
    let error = append(&first, 0, 2).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { found: 1, .. }), "{error}");
}

#[tokio::test]
async fn an_append_costs_one_request_once_the_end_is_known() {
    let store = Arc::new(Network::default());
    let journal = open(&store);
    append(&journal, 0, 1).await.unwrap();
    assert_eq!(store.others.load(Ordering::Relaxed), 1, "one listing");
    for first in 1..20 {
        append(&journal, first, 1).await.unwrap();
    }
    assert_eq!(store.puts.load(Ordering::Relaxed), 20);
    assert_eq!(store.others.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_changed_bit_a_cut_or_a_missing_object_is_corrupt() {
    let store = Arc::new(InMemory::new());
    let journal = open(&store);
    append(&journal, 0, 2).await.unwrap();
    append(&journal, 2, 2).await.unwrap();
    let object = Path::from("team/canary/00000000000000000000.jsonl");
    let good = store.get(&object).await.unwrap().bytes().await.unwrap();
    for at in 0..good.len() {
        let mut flipped = good.to_vec();
        flipped[at] ^= 1 << (at % 8);
        for bad in [flipped, good[..at].to_vec()] {
            store.put(&object, PutPayload::from(bad)).await.unwrap();
            match journal.read().await {
                // A cut between its two records leaves a shorter but whole object: then the next one shows the gap.
                Err(Error::Corrupt { journal, why, .. }) => assert!(
                    journal == format!("InMemory/{object}")
                        || why == "it holds record 2 where 1 should be",
                    "{journal}: {why} at {at}"
                ),
                other => panic!("corrupt, not {other:?} at {at}"),
            }
        }
    }
    store.delete(&object).await.unwrap();
    let error = journal.read().await.unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn an_object_with_a_lower_fence_than_the_one_before_is_corrupt() {
    let store = Arc::new(InMemory::new());
    let (journal, other) = (open(&store), ObjectJournal::new(store.clone(), "other").unwrap());
    for seq in 0..2 {
        other.append(seq, &batch(seq, 1, 4), Durability::Durable).await.unwrap();
    }
    journal.append(0, &batch(0, 1, 5), Durability::Durable).await.unwrap();
    let name = "00000000000000000001.jsonl";
    let (from, to) =
        (Path::from(format!("other/{name}")), Path::from(format!("team/canary/{name}")));
    store.copy(&from, &to).await.unwrap();
    match journal.read().await {
        Err(Error::Corrupt { journal, line, why }) => {
            assert_eq!((journal, line), (format!("InMemory/{to}"), 2));
            assert_eq!(why, "its fence 4 is lower than 5 before it");
        }
        other => panic!("corrupt, not {other:?}"),
    }
}

#[tokio::test]
async fn objects_with_other_names_are_left_alone() {
    let store = Arc::new(InMemory::new());
    for name in
        ["readme", "1.jsonl", "00000000000000000000.jsonl.bak", "a/00000000000000000000.jsonl"]
    {
        let path = Path::from(format!("team/canary/{name}"));
        store.put(&path, PutPayload::from("hello")).await.unwrap();
    }
    let path = Path::from("team/canary-2/00000000000000000000.jsonl");
    store.put(&path, PutPayload::from("hello")).await.unwrap();
    let journal = open(&store);
    assert_eq!(journal.read().await.unwrap(), []);
    append(&journal, 0, 1).await.unwrap();
    assert_eq!(journal.read().await.unwrap().len(), 1);
}

#[test]
fn a_prefix_is_a_path_that_is_not_empty() {
    let store = || Arc::new(InMemory::new());
    for prefix in ["", "/", "a//b", "a/../b"] {
        let error = ObjectJournal::new(store(), prefix).unwrap_err();
        assert!(matches!(error, Error::InvalidPlan { .. }), "{error}");
    }
}

/// What one of several drivers does: appends so many records so far behind or before the end, with this fence.
type Step = (usize, u64, u64, u64, bool);

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn several_drivers_together_do_what_one_journal_in_memory_does(
        steps in proptest::collection::vec((0..3usize, 0..4u64, 0..4u64, 1..4u64, any::<bool>()), 0..40)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(compare_with_memory(&steps));
    }
}

async fn compare_with_memory(steps: &[Step]) {
    let store = Arc::new(InMemory::new());
    let drivers = [open(&store), open(&store), open(&store)];
    let model = MemoryJournal::new();
    for (driver, behind, length, fence, look) in steps {
        let held = model.read().await.unwrap();
        let expected = (held.len() as u64 + 1).saturating_sub(*behind);
        let records = batch(expected, *length, *fence);
        let append = |journal: &'_ dyn Journal| {
            let answer = futures_util::FutureExt::now_or_never(journal.append(
                expected,
                &records,
                Durability::Buffered,
            ));
            let mut text = format!("{:?}", answer.unwrap());
            for location in [drivers[0].location(), model.location()] {
                text = text.replace(&location, "journal");
            }
            text
        };
        assert_eq!(append(&drivers[*driver]), append(&model));
        if *look {
            assert_eq!(drivers[*driver].read().await.unwrap(), model.read().await.unwrap());
        }
    }
    for driver in drivers {
        assert_eq!(driver.read().await.unwrap(), model.read().await.unwrap());
    }
}
