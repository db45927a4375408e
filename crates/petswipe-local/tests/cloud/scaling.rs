//! Auto scaling: it acts, unless it is suspended.

use std::time::Duration;

use petswipe_deploy::{AutoScaling, Compute, Error, ScalingState};
use petswipe_local::{Cloud, CloudConfig};

use super::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_environment_is_not_scaled_and_a_restored_one_is() {
    let state = ScalingState::active(2, 3);
    let scaling = [("blue".to_owned(), state.clone())].into();
    let cloud = Cloud::start(CloudConfig { scaling, ..config() }).await.unwrap();
    let client = cloud.client();
    let (blue, green, authority) = (side(&cloud, "blue"), side(&cloud, "green"), by("rollout", 1));
    assert_eq!(client.scaling(&blue).await.unwrap(), Some(state.clone()));
    client.scale(&authority, &blue, 1).await.unwrap();
    eventually("it is scaled to its minimum", async || {
        (client.service(&blue).await.unwrap().desired == 2).then_some(())
    })
    .await;

    client.suspend(&authority, &blue).await.unwrap();
    let suspended = ScalingState { suspended: true, ..state.clone() };
    assert_eq!(client.scaling(&blue).await.unwrap(), Some(suspended));
    client.scale(&authority, &blue, 1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(client.service(&blue).await.unwrap().desired, 1);

    client.restore(&authority, &blue, &state).await.unwrap();
    assert_eq!(client.scaling(&blue).await.unwrap(), Some(state.clone()));
    eventually("it is scaled again", async || {
        (client.service(&blue).await.unwrap().desired == 2).then_some(())
    })
    .await;

    assert_eq!(client.scaling(&green).await.unwrap(), None);
    client.suspend(&authority, &green).await.unwrap();
    assert_eq!(client.scaling(&green).await.unwrap(), None);
    let error = client.restore(&authority, &green, &state).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    let turned = ScalingState { minimum: 4, ..state };
    let error = client.restore(&authority, &blue, &turned).await.unwrap_err();
    assert!(matches!(error, Error::InvalidPlan { .. }), "{error:?}");
}
