//! The client held to the contracts of the deployment backends: real processes behind the real load balancer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use petswipe_deploy::conformance::{CloudWorld, Later, Setting};
use petswipe_deploy::{
    Authority, AutoScaling, Compute, Environment, Image, RevisionId, ScalingState, SmokeTest,
    TrafficRouter,
};
use petswipe_local::{Cloud, CloudConfig, ImageSource, LocalClient};
use petswipe_runbook::{Clock, Fence, OperationId, SystemClock};

use super::support::*;

/// A cloud with a third environment that is scaled, and with an image that exits at once.
struct World {
    _cloud: Cloud,
    client: LocalClient,
    clock: SystemClock,
    setting: Setting,
    next: AtomicU64,
}

impl World {
    async fn new() -> Self {
        let scaled = ScalingState::active(2, 4);
        let environments = ["blue", "green", "canary"].map(str::to_owned).to_vec();
        let exits = vec!["sh".to_owned(), "-c".to_owned(), "exit 1".to_owned()];
        let images = vec![ImageSource { name: "crashing:v1".to_owned(), command: Some(exits) }];
        let cloud = Cloud::start(CloudConfig {
            environments,
            scaling: BTreeMap::from([("canary".to_owned(), scaled)]),
            images,
            ..config()
        })
        .await
        .unwrap();
        let setting = Setting {
            live: side(&cloud, "blue"),
            idle: side(&cloud, "green"),
            image: Image::new("petswipe:v1").unwrap(),
            second_image: Image::new("petswipe:v2").unwrap(),
            crashing_image: Some(Image::new("crashing:v1").unwrap()),
            // As in ECS, a task that fails its health checks is replaced and does not stay.
            unhealthy_image: None,
            unknown_environment: Environment::new("petswipe-production-red").unwrap(),
            unknown_image: Image::new("nosuch:v1").unwrap(),
            unknown_revision: RevisionId::new("petswipe:999").unwrap(),
            scaled: Some(side(&cloud, "canary")),
            unscaled: Some(side(&cloud, "green")),
            fencing: true,
            poll: Duration::from_millis(20),
            deadline: Duration::from_secs(30),
        };
        let client = cloud.client();
        let (clock, next) = (SystemClock::new(), AtomicU64::new(2));
        Self { _cloud: cloud, client, clock, setting, next }
    }
}

impl CloudWorld for World {
    fn compute(&self) -> &dyn Compute {
        &self.client
    }

    fn router(&self) -> &dyn TrafficRouter {
        &self.client
    }

    fn scaling(&self) -> &dyn AutoScaling {
        &self.client
    }

    fn smoke(&self) -> &dyn SmokeTest {
        &self.client
    }

    fn clock(&self) -> &dyn Clock {
        &self.clock
    }

    fn setting(&self) -> &Setting {
        &self.setting
    }

    fn authority(&self) -> Authority {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let operation = OperationId::new(format!("conformance-{number}")).unwrap();
        Authority { operation, fence: Fence(number) }
    }

    fn definition<'a>(&'a self, revision: &'a RevisionId) -> Later<'a, Option<String>> {
        Box::pin(async move {
            let revisions = self.client.revisions().await.unwrap();
            let found = revisions.into_iter().find(|held| held.id == *revision)?;
            Some(format!("{:?}", found.variables))
        })
    }
}

petswipe_deploy::compute_conformance!(compute_over_http, World::new().await);
petswipe_deploy::router_conformance!(router_over_http, World::new().await);
petswipe_deploy::scaling_conformance!(scaling_over_http, World::new().await);
petswipe_deploy::smoke_conformance!(smoke_over_http, World::new().await);
