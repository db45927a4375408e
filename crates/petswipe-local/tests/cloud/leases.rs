//! Leases kept by the cloud.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use petswipe_local::{Cloud, CloudConfig};
use petswipe_runbook::lease::{LeaseRequest, LeaseStore};
use petswipe_runbook::{Error, Fence, OperationId};

use super::support::*;

fn request(operation: &str, ttl: Duration) -> LeaseRequest {
    LeaseRequest {
        key: "service/petswipe production".to_owned(),
        operation: OperationId::new(operation).unwrap(),
        holder: "somebody on this host".to_owned(),
        ttl,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_operation_at_a_time_holds_a_lease() {
    let cloud = cloud().await;
    let client = cloud.client();
    let (now, long) = (Timestamp::now(), Duration::from_secs(60));
    let first = request("first", long);
    let lease = client.acquire(&first, now).await.unwrap();
    assert_eq!((lease.fence, &lease.key), (Fence(1), &first.key));
    assert_eq!(client.current(&first.key, now).await.unwrap(), Some(lease.clone()));

    let error = client.acquire(&request("second", long), now).await.unwrap_err();
    let Error::Held { operation, holder, expires_at, .. } = error else { panic!("{error:?}") };
    assert_eq!((operation, holder), (first.operation.clone(), first.holder.clone()));
    assert_eq!(expires_at, lease.expires_at);

    let renewed = client.renew(&lease, now).await.unwrap();
    assert_eq!(renewed.fence, lease.fence);
    assert!(renewed.expires_at >= lease.expires_at);
    let taken_over = client.acquire(&first, now).await.unwrap();
    assert_eq!(taken_over.fence, Fence(2));
    let error = client.renew(&lease, now).await.unwrap_err();
    assert!(matches!(error, Error::LeaseLost { fence: Fence(1), .. }), "{error:?}");
    client.release(&lease).await.unwrap();
    assert!(client.current(&first.key, now).await.unwrap().is_some());
    client.release(&taken_over).await.unwrap();
    assert_eq!(client.current(&first.key, now).await.unwrap(), None);
    let next = client.acquire(&request("second", Duration::from_millis(50)), now).await.unwrap();
    assert_eq!(next.fence, Fence(3));
    let last = eventually("the short lease has expired", async || {
        client.acquire(&request("third", long), Timestamp::now()).await.ok()
    })
    .await;
    assert_eq!(last.fence, Fence(4));
}

/// Sentences of the contract whose tests make up no times that the cloud's own clock would have to follow.
#[tokio::test(flavor = "multi_thread")]
async fn the_contract_of_leases_holds_over_http() {
    use petswipe_runbook::conformance::lease as suite;
    let fresh = async || {
        let cloud = Cloud::start(CloudConfig { tasks: 0, ..config() }).await.unwrap();
        let client: Arc<dyn LeaseStore> = Arc::new(cloud.client());
        (client, cloud)
    };
    let (store, _cloud) = fresh().await;
    suite::the_same_operation_takes_over(store).await;
    let (store, _cloud) = fresh().await;
    suite::release_frees_the_key(store).await;
    let (store, _cloud) = fresh().await;
    suite::keys_do_not_touch_each_other(store).await;
    let (store, _cloud) = fresh().await;
    suite::an_unusable_key_is_refused(store).await;
}
