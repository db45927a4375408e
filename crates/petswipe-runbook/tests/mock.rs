//! The mocks of the traits, used as somebody would who tests a driver or an operator's tool.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use jiff::Timestamp;
use petswipe_runbook::journal::{Durability, Journal, MockJournal};
use petswipe_runbook::lease::{Lease, LeaseStore, MockLeaseStore};
use petswipe_runbook::{Error, Fence, OperationId};

#[tokio::test]
async fn a_mock_journal_answers_with_a_conflict() {
    let mut mock = MockJournal::new();
    mock.expect_location().return_const("mock");
    mock.expect_append()
        .withf(|expected, records, durability| {
            (*expected, records.len(), *durability) == (3, 0, Durability::Durable)
        })
        .times(1)
        .returning(|expected, _, _| {
            Err(Error::Conflict { journal: "mock".to_owned(), expected, found: 4 })
        });
    let journal: &dyn Journal = &mock;
    let error = journal.append(3, &[], Durability::Durable).await.unwrap_err();
    assert!(error.is_held());
    assert_eq!(journal.location(), "mock");
}

#[tokio::test]
async fn a_mock_lease_store_loses_a_lease() {
    let lease = Lease {
        key: "service/a".to_owned(),
        operation: OperationId::new("a").unwrap(),
        holder: "test".to_owned(),
        fence: Fence(1),
        ttl: Duration::from_secs(30),
        expires_at: Timestamp::UNIX_EPOCH,
    };
    let mut mock = MockLeaseStore::new();
    mock.expect_renew().times(1).returning(|lease, _| {
        Err(Error::LeaseLost {
            key: lease.key.clone(),
            fence: lease.fence,
            why: "the test says so".to_owned(),
        })
    });
    let store: &dyn LeaseStore = &mock;
    let error = store.renew(&lease, Timestamp::UNIX_EPOCH).await.unwrap_err();
    assert_eq!(error.to_string(), "the lease on service/a with fence 1 was lost: the test says so");
}
