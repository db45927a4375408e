//! The contract of [`LeaseStore`], sentence by sentence.
//!
//! Times are made up, so these suits only stores that go by the caller's time.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Barrier;

use crate::lease::{Lease, LeaseRequest, LeaseStore};
use crate::{Error, Fence, OperationId};

/// Makes a module of tests which hold a lease store to the contract of [`LeaseStore`].
///
/// The expression gives a store in which every key is free, together with whatever must live as long as it does, such
/// as a temporary directory. The calling crate needs `tokio` with `macros` and `rt-multi-thread`.
///
/// ```
/// petswipe_runbook::lease_conformance!(memory, (petswipe_runbook::lease::MemoryLeases::new(), ()));
/// ```
#[macro_export]
macro_rules! lease_conformance {
    ($module:ident, $fresh:expr) => {
        $crate::conformance_tests!(
            $module,
            $fresh,
            $crate::conformance::lease,
            $crate::lease::LeaseStore,
            [
                a_free_key_is_granted,
                a_held_key_is_refused_with_its_holder,
                an_expired_lease_is_granted_to_the_next,
                the_same_operation_takes_over,
                of_two_racing_requests_one_is_granted,
                fences_rise_for_ever,
                renew_extends_and_keeps_the_fence,
                a_lost_lease_is_not_renewed,
                release_frees_the_key,
                the_holder_is_shown_while_it_holds,
                keys_do_not_touch_each_other,
                an_unusable_key_is_refused,
            ]
        );
    };
}

const KEY: &str = "service/petswipe-production";
const TTL: Duration = Duration::from_secs(30);

/// The time `seconds` after the epoch.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn request(key: &str, operation: &str) -> LeaseRequest {
    LeaseRequest {
        key: key.to_owned(),
        operation: OperationId::new(operation).unwrap(),
        holder: format!("{operation} on build-7"),
        ttl: TTL,
    }
}

async fn acquire(store: &dyn LeaseStore, operation: &str, now: i64) -> Result<Lease, Error> {
    store.acquire(&request(KEY, operation), at(now)).await
}

/// A key nobody holds is granted until `now + ttl`.
pub async fn a_free_key_is_granted(store: Arc<dyn LeaseStore>) {
    let lease = acquire(&*store, "a", 100).await.unwrap();
    assert_eq!(
        lease,
        Lease {
            key: KEY.to_owned(),
            operation: OperationId::new("a").unwrap(),
            holder: "a on build-7".to_owned(),
            fence: lease.fence,
            ttl: TTL,
            expires_at: at(130),
        }
    );
    assert!(lease.fence > Fence(0));
}

/// While another operation's lease lasts, the answer names that operation, its holder and the time it ends.
pub async fn a_held_key_is_refused_with_its_holder(store: Arc<dyn LeaseStore>) {
    acquire(&*store, "a", 100).await.unwrap();
    for now in [100, 129] {
        match acquire(&*store, "b", now).await.unwrap_err() {
            Error::Held { key, operation, holder, expires_at } => {
                assert_eq!((key.as_str(), operation.as_str()), (KEY, "a"));
                assert_eq!((holder.as_str(), expires_at), ("a on build-7", at(130)));
            }
            other => panic!("held, not {other:?}"),
        }
    }
}

/// From `expires_at` on anybody may have the key.
pub async fn an_expired_lease_is_granted_to_the_next(store: Arc<dyn LeaseStore>) {
    let first = acquire(&*store, "a", 100).await.unwrap();
    let second = acquire(&*store, "b", 130).await.unwrap();
    assert!(second.fence > first.fence);
    assert_eq!(second.expires_at, at(160));
}

/// An operation that asks again gets the key with a higher fence, and its earlier lease is lost.
pub async fn the_same_operation_takes_over(store: Arc<dyn LeaseStore>) {
    let dead = acquire(&*store, "a", 100).await.unwrap();
    let resumed = acquire(&*store, "a", 101).await.unwrap();
    assert!(resumed.fence > dead.fence);
    assert_lost(store.renew(&dead, at(102)).await, &dead);
    store.renew(&resumed, at(102)).await.unwrap();
}

/// Of several operations that ask for a free key at the same time one is granted it, and the others are told so.
pub async fn of_two_racing_requests_one_is_granted(store: Arc<dyn LeaseStore>) {
    for round in 0..30 {
        let now = round * 100;
        let start = Arc::new(Barrier::new(2));
        let racers = ["a", "b"].map(|operation| {
            let (store, start) = (Arc::clone(&store), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                acquire(&*store, operation, now).await
            })
        });
        let mut granted = Vec::new();
        let mut held_by = Vec::new();
        for racer in racers {
            match racer.await.unwrap() {
                Ok(lease) => granted.push(lease),
                Err(Error::Held { operation, .. }) => held_by.push(operation),
                Err(other) => panic!("held, not {other:?}"),
            }
        }
        let ([winner], [named]) = (&granted[..], &held_by[..]) else {
            panic!("one winner in round {round}, not {granted:?}");
        };
        assert_eq!(&winner.operation, named);
        assert_eq!(store.current(KEY, at(now)).await.unwrap().as_ref(), Some(winner));
    }

    // Two drivers of one operation may both be granted it, but then one after the other.
    let start = Arc::new(Barrier::new(2));
    let racers = [(), ()].map(|()| {
        let (store, start) = (Arc::clone(&store), Arc::clone(&start));
        tokio::spawn(async move {
            start.wait().await;
            acquire(&*store, "c", 10_000).await.unwrap()
        })
    });
    let mut fences = Vec::new();
    for racer in racers {
        fences.push(racer.await.unwrap().fence);
    }
    assert_ne!(fences[0], fences[1]);
}

/// Every grant's fence is higher than all before it on that key, also after a release.
pub async fn fences_rise_for_ever(store: Arc<dyn LeaseStore>) {
    let mut last = Fence(0);
    for round in 0..10 {
        let operation = if round % 3 == 0 { "a" } else { "b" };
        let lease = acquire(&*store, operation, round * 100).await.unwrap();
        assert!(lease.fence > last);
        last = lease.fence;
        if round % 2 == 0 {
            store.release(&lease).await.unwrap();
        }
    }
}

/// A renewal moves `expires_at` and leaves the fence, also after the lease expired if nobody took it since.
pub async fn renew_extends_and_keeps_the_fence(store: Arc<dyn LeaseStore>) {
    let mut lease = acquire(&*store, "a", 100).await.unwrap();
    for now in [110, 139, 500] {
        let renewed = store.renew(&lease, at(now)).await.unwrap();
        lease.expires_at = at(now + 30);
        assert_eq!(renewed, lease);
        assert_eq!(store.current(KEY, at(now)).await.unwrap(), Some(renewed));
    }
    acquire(&*store, "b", 529).await.unwrap_err();
}

/// Renewing after somebody else was granted the key, or after a release, is refused and changes nothing.
pub async fn a_lost_lease_is_not_renewed(store: Arc<dyn LeaseStore>) {
    let first = acquire(&*store, "a", 100).await.unwrap();
    let second = acquire(&*store, "b", 130).await.unwrap();
    assert_lost(store.renew(&first, at(131)).await, &first);
    assert_eq!(store.current(KEY, at(131)).await.unwrap(), Some(second.clone()));
    store.release(&second).await.unwrap();
    assert_lost(store.renew(&first, at(132)).await, &first);
    assert_lost(store.renew(&second, at(132)).await, &second);
    assert_eq!(store.current(KEY, at(132)).await.unwrap(), None);
}

/// After a release the next request is granted; releasing a lost lease changes nothing and is no error.
pub async fn release_frees_the_key(store: Arc<dyn LeaseStore>) {
    let first = acquire(&*store, "a", 100).await.unwrap();
    store.release(&first).await.unwrap();
    let second = acquire(&*store, "b", 101).await.unwrap();
    store.release(&first).await.unwrap();
    acquire(&*store, "c", 102).await.unwrap_err();
    store.release(&second).await.unwrap();
    store.release(&second).await.unwrap();
    acquire(&*store, "c", 102).await.unwrap();
}

/// `current` gives the lease until it ends, is released or goes to another, and changes nothing.
pub async fn the_holder_is_shown_while_it_holds(store: Arc<dyn LeaseStore>) {
    assert_eq!(store.current(KEY, at(100)).await.unwrap(), None);
    let lease = acquire(&*store, "a", 100).await.unwrap();
    assert_eq!(store.current(KEY, at(129)).await.unwrap(), Some(lease.clone()));
    assert_eq!(store.current(KEY, at(130)).await.unwrap(), None);
    store.renew(&lease, at(130)).await.unwrap();
    store.release(&lease).await.unwrap();
    assert_eq!(store.current(KEY, at(131)).await.unwrap(), None);
}

/// Keys that differ in any byte are different keys, whatever a file name or URL would make of them.
pub async fn keys_do_not_touch_each_other(store: Arc<dyn LeaseStore>) {
    let keys = [
        "a/b",
        "a%2fb",
        "a%2Fb",
        "A/b",
        "a/b/",
        "a",
        "a/",
        ".",
        "..",
        "a b",
        "a\u{e9}",
        "ae\u{301}",
    ];
    for (index, key) in keys.into_iter().enumerate() {
        let lease = store.acquire(&request(key, &format!("o{index}")), at(100)).await.unwrap();
        assert_eq!(lease.key, key);
    }
    for (index, key) in keys.into_iter().enumerate() {
        let lease = store.current(key, at(100)).await.unwrap().unwrap();
        assert_eq!((lease.key.as_str(), lease.operation.as_str()), (key, &*format!("o{index}")));
    }
}

/// An empty key, or one that is too long, is refused.
pub async fn an_unusable_key_is_refused(store: Arc<dyn LeaseStore>) {
    let [longest, too_long] = [200, 201].map(|length| "k".repeat(length));
    for key in ["", &too_long, &"/".repeat(67)] {
        let error = store.acquire(&request(key, "a"), at(100)).await.unwrap_err();
        assert!(matches!(error, Error::InvalidPlan { .. }), "{error:?}");
        let error = store.current(key, at(100)).await.unwrap_err();
        assert!(matches!(error, Error::InvalidPlan { .. }), "{error:?}");
    }
    for key in [longest, "/".repeat(66)] {
        store.acquire(&request(&key, "a"), at(100)).await.unwrap();
    }
}

fn assert_lost(answer: Result<Lease, Error>, lease: &Lease) {
    match answer {
        Err(Error::LeaseLost { key, fence, .. }) => {
            assert_eq!((&key, fence), (&lease.key, lease.fence));
        }
        other => panic!("lost, not {other:?}"),
    }
}
