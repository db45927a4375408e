//! The client held to the contracts of diagnosis: what real processes write, and how they end.

use std::collections::BTreeMap;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use jiff::Timestamp;
use petswipe_deploy::{Compute, Deployment, ScalingState};
use petswipe_local::{Cloud, CloudConfig, LocalClient};
use petswipe_monitor::conformance::diagnosis::{LogWorld, ScalingWorld, ServiceWorld};
use petswipe_monitor::diagnosis::{
    LogQuery, LogSearch, ScalingActivities, ServiceEvents, TargetCondition, TargetHealth,
};
use petswipe_monitor::{Error, Window};

use super::support::*;

const BLUE: &str = "petswipe-production-blue";

/// A cloud whose live version fails every request, with a third environment that is scaled.
struct World {
    cloud: Cloud,
    client: LocalClient,
}

impl World {
    async fn new() -> Self {
        let fault = ("PETSWIPE_FAULT".to_owned(), "error-rate=1".to_owned());
        let cloud = Cloud::start(CloudConfig {
            environments: ["blue", "green", "canary"].map(str::to_owned).to_vec(),
            scaling: BTreeMap::from([("canary".to_owned(), ScalingState::active(2, 4))]),
            variables: BTreeMap::from([fault]),
            ..config()
        })
        .await
        .unwrap();
        Self { client: cloud.client(), cloud }
    }

    /// The next version, with a fault of its own.
    async fn deploy_with(&self, fault: &str) -> String {
        let blue = side(&self.cloud, "blue");
        let live = Compute::service(&self.client, &blue).await.unwrap();
        let client = self.client.clone().with_fault(fault.parse().unwrap());
        let from = live.revision.unwrap();
        let revision = client.register(&by("a", 1), &from, &image("petswipe:v2")).await.unwrap();
        client.deploy(&by("a", 1), &blue, &Deployment::new(revision.clone(), 2)).await.unwrap();
        revision.to_string()
    }
}

impl LogWorld for World {
    fn logs(&self) -> &dyn LogSearch {
        &self.client
    }
    fn environment(&self) -> String {
        BLUE.to_owned()
    }
    fn unknown(&self) -> String {
        "petswipe-production-red".to_owned()
    }
    fn words(&self) -> (String, String) {
        ("fault error-rate".to_owned(), "fault unhealthy".to_owned())
    }
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
    async fn write(&self, lines: usize) {
        let query = LogQuery {
            environment: BLUE.to_owned(),
            window: Window { from: Timestamp::MIN, to: Timestamp::MAX },
            words: Vec::new(),
            most: 10_000,
        };
        let written = async || self.client.search(&query).await.unwrap().lines.len();
        let before = written().await;
        for _ in 0..lines {
            let request =
                Request::get(format!("http://{}/api/pets", self.cloud.balancer_address()))
                    .body(Full::<Bytes>::default())
                    .unwrap();
            assert_eq!(http().request(request).await.unwrap().status(), 500);
        }
        eventually("the lines are there", async || {
            (written().await >= before + lines).then_some(())
        })
        .await;
    }
}

impl ServiceWorld for World {
    fn services(&self) -> &dyn ServiceEvents {
        &self.client
    }
    fn environment(&self) -> String {
        BLUE.to_owned()
    }
    fn unknown(&self) -> String {
        "petswipe-production-red".to_owned()
    }
    async fn deploy(&self) -> String {
        self.deploy_with("none").await
    }
    async fn crash(&self) {
        self.deploy_with("crash-on-boot").await;
        eventually("a task has crashed", async || {
            let stopped = self.client.stopped_tasks(BLUE).await.unwrap().tasks;
            (stopped.len() > 1).then_some(())
        })
        .await;
    }
}

impl ScalingWorld for World {
    fn scaling(&self) -> &dyn ScalingActivities {
        &self.client
    }
    fn scaled(&self) -> (String, u32, u32) {
        ("petswipe-production-canary".to_owned(), 2, 4)
    }
    fn unscaled(&self) -> String {
        BLUE.to_owned()
    }
}

petswipe_monitor::log_search_conformance!(logs, World::new().await);
petswipe_monitor::service_events_conformance!(services, World::new().await);
petswipe_monitor::scaling_activities_conformance!(scaling, World::new().await);

#[tokio::test]
async fn targets_are_told_one_by_one_and_those_of_nobody_are_not_found() {
    let cloud = cloud().await;
    let client = cloud.client();
    let targets = eventually("both targets are healthy", async || {
        let targets = client.targets(BLUE).await.unwrap();
        let healthy = |id: &&petswipe_monitor::diagnosis::TargetReport| {
            id.condition == TargetCondition::Healthy
        };
        (targets.iter().filter(healthy).count() == 2).then_some(targets)
    })
    .await;
    assert!(targets[0].id != targets[1].id && targets.iter().all(|one| one.code.is_none()));
    let nobody = client.targets("petswipe-production-red").await;
    assert!(matches!(nobody, Err(Error::NotFound { .. })), "{nobody:?}");
    cloud.shutdown().await;
}

/// An unhealthy target is taken out at once, so that its task is what tells.
#[tokio::test]
async fn a_task_that_failed_its_health_checks_says_why() {
    let world = World::new().await;
    world.deploy_with("unhealthy").await;
    let reason = eventually("a task is given up", async || {
        let stopped = world.client.stopped_tasks(BLUE).await.unwrap().tasks;
        Some(stopped.first()?.reason.to_string())
    })
    .await;
    assert!(reason.contains("Target.ResponseCodeMismatch") && reason.contains("[500]"), "{reason}");
    world.cloud.shutdown().await;
}
