//! A platform that says of the weights what was true a few looks ago.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use petswipe_deploy::memory::{Behaviour, MemoryCloud, MemoryNative, Metrics};
use petswipe_deploy::native::{
    DeploymentId, NativeDeployment, NativeDeployments, NativePerformer, NativePlan, NativeService,
    NativeStatus, NativeStrategy, PerMille, ServiceConfiguration,
};
use petswipe_deploy::{Authority, Environment, Error, Image, Outcome, Percent, Target};
use petswipe_monitor::AbsolutePolicy;
use petswipe_runbook::journal::MemoryJournal;
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::{Driver, Journaled, OperationId};

struct Lagging {
    platform: MemoryNative,
    cloud: Arc<MemoryCloud>,
    seen: Mutex<VecDeque<PerMille>>,
    looks: usize,
    /// The greatest share that the new version ever had.
    most: Mutex<Percent>,
}

#[async_trait]
impl NativeDeployments for Lagging {
    async fn service(&self, environment: &Environment) -> Result<NativeService, Error> {
        self.platform.service(environment).await
    }

    async fn begin(
        &self,
        authority: &Authority,
        environment: &Environment,
        deployment: &NativeDeployment,
    ) -> Result<DeploymentId, Error> {
        self.platform.begin(authority, environment, deployment).await
    }

    async fn deployment(
        &self,
        environment: &Environment,
        id: &DeploymentId,
    ) -> Result<NativeStatus, Error> {
        let mut status = self.platform.deployment(environment, id).await?;
        let mut most = self.most.lock().unwrap();
        *most = (*most).max(self.cloud.split().share(&sides()[1]));
        let mut seen = self.seen.lock().unwrap();
        seen.push_back(status.weight);
        if seen.len() > self.looks + 1 {
            seen.pop_front();
        }
        status.weight = seen[0];
        Ok(status)
    }

    async fn proceed(
        &self,
        authority: &Authority,
        environment: &Environment,
        id: &DeploymentId,
        hook: &str,
    ) -> Result<(), Error> {
        self.platform.proceed(authority, environment, id, hook).await
    }

    async fn stop(
        &self,
        authority: &Authority,
        environment: &Environment,
        id: &DeploymentId,
    ) -> Result<(), Error> {
        self.platform.stop(authority, environment, id).await
    }

    async fn restore(
        &self,
        authority: &Authority,
        environment: &Environment,
        configuration: &ServiceConfiguration,
    ) -> Result<(), Error> {
        self.platform.restore(authority, environment, configuration).await
    }
}

fn sides() -> [Environment; 2] {
    ["shop-blue", "shop-green"].map(|name| Environment::new(name).unwrap())
}

/// The outcome, and the greatest share that the new version ever had.
fn run(strategy: NativeStrategy, looks: usize, metrics: Metrics) -> (Outcome, Percent) {
    let clock = Arc::new(SimClock::new(jiff::Timestamp::UNIX_EPOCH));
    let image = |name| Image::new(name).unwrap();
    let cloud = MemoryCloud::new(clock.clone(), &sides(), image("shop:v1"), 2).unwrap();
    let cloud = Arc::new(cloud);
    cloud.add_image(image("shop:v2"), Behaviour::default());
    cloud.set_metrics(metrics);
    let shop = Environment::new("shop").unwrap();
    let platform = MemoryNative::new(cloud.clone(), clock.clone(), shop.clone(), sides()).unwrap();
    let platform = Arc::new(Lagging {
        platform,
        cloud: cloud.clone(),
        seen: Mutex::default(),
        looks,
        most: Mutex::default(),
    });
    let performer = NativePerformer {
        compute: cloud.clone(),
        native: platform.clone(),
        metrics: cloud,
        gate: Arc::new(AbsolutePolicy::default()),
    };
    let plan = NativePlan::new("shop", shop, sides(), Target::Image(image("shop:v2")), strategy);
    let log = Arc::new(Journaled(Arc::new(MemoryJournal::new())));
    let driver = Driver::with_clock(log, Arc::new(performer), clock.clone());
    let started = driver.start(OperationId::new("native-1").unwrap(), plan);
    let outcome = clock.run(started).expect("it waits for ever").unwrap().outcome;
    let most = *platform.most.lock().unwrap();
    (outcome, most)
}

#[test]
fn a_pause_is_never_answered_by_the_verdict_on_an_earlier_share() {
    let share = PerMille::new(100).unwrap();
    for strategy in [
        NativeStrategy::BlueGreen,
        NativeStrategy::Linear { step: share, step_bake_minutes: 1 },
        NativeStrategy::Canary { share, canary_bake_minutes: 1 },
    ] {
        for looks in [1, 3, 10] {
            let (outcome, _) = run(strategy, looks, Metrics::Work);
            assert!(matches!(outcome, Outcome::Promoted { .. }), "{looks}: {outcome}");
            let (outcome, most) = run(strategy, looks, Metrics::Missing);
            assert!(matches!(outcome, Outcome::RolledBack { .. }), "{looks}: {outcome}");
            assert_eq!(most, strategy.steps()[0].whole(), "{looks}: {outcome}");
        }
        // What never says anything of the weights is not believed.
        let (outcome, most) = run(strategy, 10_000, Metrics::Work);
        assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome}");
        assert_eq!(most, strategy.steps()[0].whole(), "{outcome}");
    }
}
