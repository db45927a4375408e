//! Rolling updates, the circuit breaker, and what a command must not do.

use std::time::Duration;

use petswipe_deploy::{Compute, Deployment, DeploymentState, Error, Percent, Split, TrafficRouter};
use petswipe_local::load::{Load, LoadConfig};
use petswipe_local::{Cloud, CloudConfig, Fault};

use super::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_update_and_a_scale_down_lose_no_request() {
    let cloud = cloud().await;
    let client = cloud.client();
    let (blue, authority) = (side(&cloud, "blue"), by("rollout", 1));
    let load = Load::start(LoadConfig {
        path: "/api/pets?limit=5".to_owned(),
        ..LoadConfig::new(cloud.balancer_address(), 300.0)
    })
    .unwrap();
    let from = client.service(&blue).await.unwrap().revision.unwrap();
    let limits = [(50, 100), (100, 150), (100, 200)];
    for (update, (minimum, maximum)) in limits.into_iter().cycle().take(12).enumerate() {
        let version = format!("v{}", update + 2);
        let image = image(&format!("petswipe:{version}"));
        let revision = client.register(&authority, &from, &image).await.unwrap();
        let deployment = Deployment {
            minimum_healthy_percent: Some(minimum),
            maximum_percent: Some(maximum),
            ..Deployment::new(revision, 2)
        };
        client.deploy(&authority, &blue, &deployment).await.unwrap();
        completed(&client, &blue).await;
        eventually("the new version answers", async || {
            let versions = load.snapshot().versions;
            versions.get(&version).filter(|seen| seen.tally.requests >= 25).map(drop)
        })
        .await;
    }
    for desired in [4, 1] {
        client.scale(&authority, &blue, desired).await.unwrap();
        completed(&client, &blue).await;
    }
    let report = load.stop().await;
    let (requests, failed) = (report.total.requests, report.total.failed);
    println!("12 rolling updates: {requests} requests, {failed} failed");
    assert_eq!(report.total.failed, 0, "{:?}", report.failures);
    assert!(report.versions.contains_key("v1"), "{:?}", report.versions.keys());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_is_answered_when_its_task_is_stopped() {
    let variables = [("PETSWIPE_FAULT".to_owned(), "latency=1s".to_owned())].into();
    let cloud = Cloud::start(CloudConfig { tasks: 1, variables, ..config() }).await.unwrap();
    let client = cloud.client();
    let blue = side(&cloud, "blue");
    let group = format!("{blue}-tg");
    let address = cloud.balancer_address();
    let request = tokio::spawn(async move { get(address, "/api/pets", &[]).await });
    eventually("it is in flight", async || {
        (cloud.balancer().metrics().in_flight(&group) == Some(1)).then_some(())
    })
    .await;
    client.scale(&by("rollout", 1), &blue, 0).await.unwrap();
    assert_eq!(request.await.unwrap().status(), 200);
    completed(&client, &blue).await;
    assert_eq!(client.health(&blue).await.unwrap().healthy, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_circuit_breaker_goes_back_and_says_why() {
    let cloud = cloud().await;
    let blue = side(&cloud, "blue");
    let first = cloud.client().service(&blue).await.unwrap().revision.unwrap();
    let pids = |tasks: Vec<petswipe_local::TaskStatus>| -> Vec<_> {
        tasks.into_iter().filter_map(|task| task.pid).collect()
    };
    let before = pids(cloud.client().tasks().await.unwrap());
    let faults =
        [(Fault::CrashOnBoot, "exited with code 1"), (Fault::Unhealthy, "failed health checks")];
    for (number, (fault, why)) in faults.into_iter().enumerate() {
        let client = cloud.client().with_fault(fault);
        let authority = by(&format!("rollout-{number}"), 1);
        let v2 = image("petswipe:v2");
        let revision = client.register(&authority, &first, &v2).await.unwrap();
        client.deploy(&authority, &blue, &breaking(&revision, 2)).await.unwrap();
        let status = eventually("the breaker opens", async || {
            let status = client.service(&blue).await.unwrap();
            matches!(status.deployment, DeploymentState::Failed { .. }).then_some(status)
        })
        .await;
        let DeploymentState::Failed { reason } = &status.deployment else { panic!() };
        assert!(reason.contains(revision.as_str()) && reason.contains(why), "{reason}");
        assert!(status.failures.len() >= 3, "{status:?}");
        assert!(status.failures[0].reason.starts_with(why), "{status:?}");
        assert_eq!(status.revision, Some(first.clone()));
        // A repeated command of the same operation is not another try.
        client.deploy(&authority, &blue, &breaking(&revision, 2)).await.unwrap();
        let again = client.service(&blue).await.unwrap();
        assert_eq!(again.deployment, status.deployment);
        eventually("only the old tasks run", async || {
            (pids(client.tasks().await.unwrap()) == before).then_some(())
        })
        .await;
    }
    // The way back, asked for once more, begins with no failures and finds everything in place.
    let client = cloud.client();
    client.deploy(&by("back", 1), &blue, &breaking(&first, 2)).await.unwrap();
    let status = completed(&client, &blue).await;
    assert_eq!((status.failures.len(), status.running), (0, 2));
    assert_eq!(pids(client.tasks().await.unwrap()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_command_restarts_nothing() {
    let cloud = cloud().await;
    let client = cloud.client();
    let (blue, authority) = (side(&cloud, "blue"), by("rollout", 1));
    let revision = client.service(&blue).await.unwrap().revision.unwrap();
    let before = client.tasks().await.unwrap();
    for _ in 0..3 {
        client.deploy(&authority, &blue, &Deployment::new(revision.clone(), 2)).await.unwrap();
        client.scale(&authority, &blue, 2).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(client.tasks().await.unwrap(), before);
    let first = client.register(&authority, &revision, &image("petswipe:v2")).await.unwrap();
    let second = client.register(&authority, &revision, &image("petswipe:v2")).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(client.revisions().await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_not_found() {
    let cloud = cloud().await;
    let client = cloud.client();
    let (blue, authority) = (side(&cloud, "blue"), by("rollout", 1));
    let red = petswipe_deploy::Environment::new("petswipe-production-red").unwrap();
    let revision = client.service(&blue).await.unwrap().revision.unwrap();
    let unknown = petswipe_deploy::RevisionId::new("petswipe:99").unwrap();
    let shop = image("shop:v1");
    let deployment = Deployment::new(revision.clone(), 1);
    let nowhere = Split::all_to(red.clone());
    let all_blue = [Split::all_to(blue.clone())];
    let errors = [
        client.service(&red).await.unwrap_err(),
        client.deploy(&authority, &red, &deployment).await.unwrap_err(),
        client.deploy(&authority, &blue, &Deployment::new(unknown.clone(), 1)).await.unwrap_err(),
        client.scale(&authority, &red, 1).await.unwrap_err(),
        client.resolve(&shop).await.unwrap_err(),
        client.register(&authority, &revision, &shop).await.unwrap_err(),
        client.register(&authority, &unknown, &image("petswipe:v2")).await.unwrap_err(),
        client.health(&red).await.unwrap_err(),
        client.set_split(&authority, &all_blue, &nowhere).await.unwrap_err(),
        client.set_test_route(&authority, Some(&red)).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    }
    let error = client.resolve(&shop).await.unwrap_err().to_string();
    assert!(error.contains("petswipe:*"), "{error}");
    assert_eq!(client.revisions().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn percentages_out_of_range_are_an_invalid_plan() {
    let cloud = cloud().await;
    let client = cloud.client();
    let (blue, authority) = (side(&cloud, "blue"), by("rollout", 1));
    let revision = client.service(&blue).await.unwrap().revision.unwrap();
    for (minimum, maximum, desired) in
        [(101, 200, 2), (50, 99, 2), (50, 201, 2), (100, 100, 2), (100, 200, 9999)]
    {
        let deployment = Deployment {
            minimum_healthy_percent: Some(minimum),
            maximum_percent: Some(maximum),
            ..Deployment::new(revision.clone(), desired)
        };
        let error = client.deploy(&authority, &blue, &deployment).await.unwrap_err();
        assert!(matches!(error, Error::InvalidPlan { .. }), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_fence_and_a_foreign_split_are_refused() {
    let cloud = cloud().await;
    let client = cloud.client();
    let (blue, green) = (side(&cloud, "blue"), side(&cloud, "green"));
    let (all_blue, all_green) = (Split::all_to(blue.clone()), Split::all_to(green.clone()));
    client.scale(&by("new", 7), &blue, 2).await.unwrap();
    let old = by("old", 6);
    let revision = client.service(&blue).await.unwrap().revision.unwrap();
    let expected = [all_blue.clone()];
    let errors = [
        client.scale(&old, &blue, 0).await.unwrap_err(),
        client.deploy(&old, &blue, &Deployment::new(revision.clone(), 0)).await.unwrap_err(),
        client.register(&old, &revision, &image("petswipe:v2")).await.unwrap_err(),
        client.set_split(&old, &expected, &all_green).await.unwrap_err(),
        client.set_test_route(&old, Some(&green)).await.unwrap_err(),
    ];
    for error in errors {
        let Error::Fenced { fence, newest } = error else { panic!("{error:?}") };
        assert_eq!((fence.0, newest.0), (6, 7));
    }
    assert_eq!(client.service(&blue).await.unwrap().desired, 2);

    let new = by("new", 7);
    let half = Split::between(green, Percent::new(50).unwrap(), blue);
    let error = client.set_split(&new, std::slice::from_ref(&half), &all_green).await.unwrap_err();
    let Error::Conflict { found, .. } = error else { panic!("{error:?}") };
    assert_eq!(found, all_blue.to_string());
    assert_eq!(client.route().await.unwrap().split, all_blue);
}
