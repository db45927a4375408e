//! A shop whose service is deployed by ECS itself, in virtual time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, join, select};
use jiff::Timestamp;
use petswipe_aws::script::Wire;
use petswipe_deploy::aws::{EcsCompute, EcsNative, EcsServices};
use petswipe_deploy::memory::{Behaviour, MemoryCloud, MemoryNative};
use petswipe_deploy::native::{NativePerformer, NativePlan, NativeStrategy, PerMille};
use petswipe_deploy::{Environment, Outcome, Report, Target};
use petswipe_monitor::AbsolutePolicy;
use petswipe_runbook::journal::MemoryJournal;
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::{AbortHandle, Clock, Driver, EventLog, Journaled, OperationId};

use super::deployer::{Deployer, SERVICE};
use crate::cluster::Cluster;
use crate::world::{blue, green, image, services};

pub struct World {
    pub clock: Arc<SimClock>,
    pub cloud: Arc<MemoryCloud>,
    pub platform: Arc<MemoryNative>,
    pub wire: Wire<Deployer>,
    pub compute: Arc<EcsCompute>,
    pub native: Arc<EcsNative>,
}

pub fn service() -> Environment {
    Environment::new(SERVICE).unwrap()
}

pub fn ten() -> PerMille {
    PerMille::new(100).unwrap()
}

pub fn canary() -> NativeStrategy {
    NativeStrategy::Canary { share: ten(), canary_bake_minutes: 5 }
}

pub fn plan(strategy: NativeStrategy) -> NativePlan {
    let target = Target::Image(image("shop:v2"));
    NativePlan::new("shop", service(), [blue(), green()], target, strategy)
}

fn operation() -> OperationId {
    OperationId::new("native-1").unwrap()
}

fn journal() -> Arc<Journaled> {
    Arc::new(Journaled(Arc::new(MemoryJournal::new())))
}

impl World {
    pub fn new() -> Self {
        let clock = Arc::new(SimClock::new(Timestamp::UNIX_EPOCH));
        clock.advance(Duration::from_secs(3600));
        let sides = [blue(), green()];
        let cloud = MemoryCloud::new(clock.clone(), &sides, image("shop:v1"), 2).unwrap();
        let cloud = Arc::new(cloud);
        cloud.add_image(image("shop:v2"), Behaviour::default());
        let platform =
            MemoryNative::new(cloud.clone(), clock.clone(), service(), sides.clone()).unwrap();
        let platform = Arc::new(platform);
        let cluster = Cluster::new(cloud.clone(), &sides, &image("shop:v1"));
        let deployer =
            Deployer::new(cluster, cloud.clone(), platform.clone(), clock.clone(), sides);
        let wire = Wire::new(deployer);
        let services =
            EcsServices { services: [(service(), SERVICE.to_owned())].into(), ..services() };
        let compute = EcsCompute::new(&wire.config(), services, clock.clone()).unwrap();
        let compute = Arc::new(compute);
        let groups = [blue(), green()].map(|side| (side.clone(), format!("{side}-tg")));
        let native = EcsNative::new(compute.clone(), groups.into()).unwrap();
        Self { clock, cloud, platform, wire, compute, native: Arc::new(native) }
    }

    pub fn behaves(&self, behaviour: Behaviour) {
        self.cloud.add_image(image("shop:v2"), behaviour);
    }

    fn driver(&self, log: Arc<Journaled>) -> Driver<NativePlan> {
        let performer = NativePerformer {
            compute: self.compute.clone(),
            native: self.native.clone(),
            metrics: self.cloud.clone(),
            gate: Arc::new(AbsolutePolicy::default()),
        };
        Driver::with_clock(log, Arc::new(performer), self.clock.clone())
    }

    /// Runs something to its end in virtual time.
    fn carry<T>(&self, future: impl Future<Output = T>) -> T {
        // The SDK asks for tokio's clock, though nothing ever waits for it here.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _entered = runtime.enter();
        self.clock.run(future).expect("it waits for ever")
    }

    async fn pause(&self, span: Duration) {
        self.clock.sleep_until(self.clock.now().saturating_add(span).unwrap()).await;
    }

    /// Carries a plan out, and gives the outcome and the report.
    pub fn run(&self, plan: NativePlan) -> (Outcome, Report) {
        let log = journal();
        let outcome = self.carry(self.driver(log.clone()).start(operation(), plan));
        let history = self.carry(EventLog::<NativePlan>::load(&*log)).unwrap().unwrap();
        (outcome.unwrap().outcome, NativePlan::report(&history))
    }

    /// The same for a driver that dies after some time, before it is done, and another one that goes on.
    pub fn killed(&self, plan: NativePlan, after: Duration) -> Outcome {
        let log = journal();
        let first = self.driver(log.clone());
        self.carry(async {
            let started = pin!(first.start(operation(), plan));
            let pause = pin!(self.pause(after));
            assert!(matches!(select(pause, started).await, Either::Left(_)), "it was done before");
        });
        self.carry(self.driver(log).resume()).unwrap().outcome
    }

    /// The same for a driver that is told to end after some time.
    pub fn aborted(&self, plan: NativePlan, after: Duration) -> Outcome {
        let abort = AbortHandle::new();
        let driver = self.driver(journal()).abort(abort.clone());
        let told = async {
            self.pause(after).await;
            abort.abort("a test", "enough of it");
        };
        self.carry(async { join(driver.start(operation(), plan), told).await.0 }).unwrap().outcome
    }

    pub fn count(&self, operation: &str) -> usize {
        self.wire.operations().iter().filter(|called| *called == operation).count()
    }
}
