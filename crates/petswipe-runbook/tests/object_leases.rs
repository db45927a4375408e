//! What leases on object storage promise beyond the contract of all leases: stores that can't, and lost answers.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, also in its helpers"
)]

mod network;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use petswipe_runbook::lease::{LeaseRequest, LeaseStore, ObjectLeases};
use petswipe_runbook::{Error, Fence, OperationId};

use network::Network;

fn request(operation: &str) -> LeaseRequest {
    LeaseRequest {
        key: "service/a".to_owned(),
        operation: OperationId::new(operation).unwrap(),
        holder: "test".to_owned(),
        ttl: Duration::from_secs(30),
    }
}

#[tokio::test]
async fn a_store_without_updates_grants_no_first_lease() {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalFileSystem::new_with_prefix(directory.path()).unwrap();
    let leases = ObjectLeases::new(Arc::new(store), "leases").unwrap();
    for _ in 0..2 {
        let now = Timestamp::UNIX_EPOCH;
        let error = leases.acquire(&request("a"), now).await.unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
        assert!(error.to_string().ends_with("use one that has, such as S3"), "{error}");
        assert_eq!(leases.current("service/a", now).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_lease_whose_answer_was_lost_is_taken_over_by_its_own_operation() {
    let now = Timestamp::UNIX_EPOCH;
    // The first put stores the empty slot, the second the lease.
    let store = Network::losing(2, true);
    let leases = ObjectLeases::new(store, "leases").unwrap();
    let lease = leases.acquire(&request("a"), now).await.unwrap();
    assert_eq!(leases.current("service/a", now).await.unwrap().as_ref(), Some(&lease));
    leases.renew(&lease, now).await.unwrap();
    let refused = leases.acquire(&request("b"), now).await.unwrap_err();
    assert!(matches!(refused, Error::Held { .. }), "{refused}");
}

#[tokio::test]
async fn a_renewal_or_release_whose_answer_was_lost_can_be_made_again() {
    let now = Timestamp::UNIX_EPOCH;
    let store = Network::losing(0, false);
    let leases = ObjectLeases::new(Arc::clone(&store) as _, "leases").unwrap();
    let lease = leases.acquire(&request("a"), now).await.unwrap();
    assert_eq!(lease.fence, Fence(1));
    store.lost.store(1, Ordering::Relaxed);
    let later = now + Duration::from_secs(10);
    leases.renew(&lease, later).await.unwrap_err();
    leases.renew(&lease, later).await.unwrap();
    store.lost.store(1, Ordering::Relaxed);
    leases.release(&lease).await.unwrap_err();
    leases.release(&lease).await.unwrap();
    assert_eq!(leases.acquire(&request("b"), now).await.unwrap().fence, Fence(2));
}

#[tokio::test]
async fn of_two_requests_that_saw_the_same_free_key_one_is_granted() {
    // The two tasks take turns at each request to the store, so both read the slot before either writes it.
    let store = Arc::new(Network::default());
    let [first, second] =
        [(); 2].map(|()| ObjectLeases::new(Arc::clone(&store) as _, "leases").unwrap());
    let (a, b) = (request("a"), request("b"));
    for round in 0..10 {
        let now = Timestamp::from_second(round * 100).unwrap();
        let answers = tokio::join!(first.acquire(&a, now), second.acquire(&b, now));
        match answers {
            (Ok(granted), Err(Error::Held { operation, .. }))
            | (Err(Error::Held { operation, .. }), Ok(granted)) => {
                assert_eq!(granted.operation, operation);
                assert_eq!(granted.fence, Fence(round as u64 + 1));
            }
            other => panic!("one granted and one refused, not {other:?}"),
        }
    }
    assert!(store.puts.load(Ordering::Relaxed) > 15, "they did collide");
}

#[test]
fn a_lease_prefix_is_a_path_that_is_not_empty() {
    for prefix in ["", "/", "a//b", "a/../b"] {
        let error = ObjectLeases::new(Arc::new(InMemory::new()), prefix).unwrap_err();
        assert!(matches!(error, Error::InvalidPlan { .. }), "{error}");
    }
}
