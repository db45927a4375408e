//! A shop whose tasks run in memory, behind a scripted load balancer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use petswipe_deploy::aws::{
    AlbRouter, AlbRouting, AppAutoScaling, AwsPreflight, EcsCompute, EcsServices, ImagePolicy,
    ProductionRule,
};
use petswipe_deploy::conformance::{CloudWorld, Later, Setting};
use petswipe_deploy::memory::{Behaviour, MemoryCloud};
use petswipe_deploy::{
    Authority, AutoScaling, Compute, Environment, Error, Image, Preflight, RevisionId, SmokeResult,
    SmokeTest, TrafficRouter,
};
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::{Clock, Fence, OperationId, Sleep};

use petswipe_aws::script::{Answer, Call, Refusal, Service, Wire};

use crate::alarms::Alarms;
use crate::balancer::Balancer;
use crate::cluster::{Cluster, REGISTRY};
use crate::scaler::{Scaler, Target};
use crate::scaling::resource;

/// Virtual time in which every wait is over at once.
struct Jumping(Arc<SimClock>);

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn sleep_until(&self, time: Timestamp) -> Sleep<'_> {
        self.0.advance_to(time);
        Box::pin(std::future::ready(()))
    }
}

pub fn environment(name: &str) -> Environment {
    Environment::new(name).unwrap()
}

/// An image in the registry of the shop.
pub fn image(name: &str) -> Image {
    Image::new(format!("{REGISTRY}/{name}")).unwrap()
}

pub fn blue() -> Environment {
    environment("shop-production-blue")
}

pub fn green() -> Environment {
    environment("shop-production-green")
}

/// The routing of the shop by the default rule of its listener.
pub fn routing() -> AlbRouting {
    let group = |side: Environment| (side.clone(), format!("{side}-tg"));
    AlbRouting {
        load_balancer: "shop-alb".to_owned(),
        port: 443,
        rule: ProductionRule::Default,
        target_groups: [blue(), green()].map(group).into(),
        test_header: "X-Test-Environment".to_owned(),
        tags: [("Project".to_owned(), "shop".to_owned())].into(),
    }
}

/// The services of the shop's cluster.
pub fn services() -> EcsServices {
    EcsServices {
        cluster: "shop-production-cluster".to_owned(),
        services: [blue(), green()].map(|side| (side.clone(), side.to_string())).into(),
        container: Some("app".to_owned()),
        tags: [("Project".to_owned(), "shop".to_owned())].into(),
        alarms: Vec::new(),
        images: ImagePolicy::default(),
    }
}

/// Everything that AWS has of the shop.
pub struct Shop {
    pub balancer: Balancer,
    pub cluster: Cluster,
    pub alarms: Alarms,
    pub scaler: Scaler,
}

impl Service for Shop {
    fn answer(&mut self, call: &Call) -> Result<Answer, Refusal> {
        if call.action.starts_with("application-autoscaling:") {
            return self.scaler.answer(call);
        }
        if let Some(answer) = self.alarms.answer(call) {
            return Ok(answer);
        }
        if let Some(answer) = self.cluster.answer(call) {
            return answer;
        }
        self.balancer.answer(call)
    }
}

/// Test requests that reach whoever the load balancer's rule leads them to, and are answered well there.
pub struct Smoke(pub Arc<AlbRouter>);

#[async_trait::async_trait]
impl SmokeTest for Smoke {
    async fn probe(&self, environment: &Environment) -> Result<SmokeResult, Error> {
        let there = self.0.route().await?.test.as_ref() == Some(environment);
        Ok(SmokeResult { requests: 1, failed: u32::from(!there), reasons: Vec::new() })
    }
}

pub struct World {
    pub clock: Arc<SimClock>,
    jumping: Jumping,
    pub cloud: Arc<MemoryCloud>,
    pub wire: Wire<Shop>,
    pub router: Arc<AlbRouter>,
    pub compute: Arc<EcsCompute>,
    pub preflight: Arc<AwsPreflight>,
    pub scaling: Arc<AppAutoScaling>,
    setting: Setting,
    authorities: AtomicU64,
}

impl World {
    pub fn new() -> Self {
        Self::routed(routing())
    }

    pub fn routed(routing: AlbRouting) -> Self {
        Self::tried(routing, 1)
    }

    /// Spoken to by an SDK that tries each call so many times.
    pub fn tried(routing: AlbRouting, attempts: u32) -> Self {
        let clock = Arc::new(SimClock::new(Timestamp::UNIX_EPOCH));
        let sides = [blue(), green()];
        let cloud = MemoryCloud::new(clock.clone(), &sides, image("shop:v1"), 2).unwrap();
        let cloud = Arc::new(cloud);
        for (name, behaviour) in [
            ("shop:v2", Behaviour::default()),
            (
                "shop:crashing",
                Behaviour { crash_after: Some(Duration::from_secs(2)), ..Behaviour::default() },
            ),
            ("shop:unhealthy", Behaviour { healthy: false, ..Behaviour::default() }),
        ] {
            cloud.add_image(image(name), behaviour);
        }
        let balancer = Balancer::new(cloud.clone(), &sides);
        let cluster = Cluster::new(cloud.clone(), &sides, &image("shop:v1"));
        let scaled = sides.iter().map(|side| (resource(side), side.clone())).collect();
        let mut scaler = Scaler::new(cloud.clone(), scaled);
        for (side, minimum) in [(blue(), 1), (green(), 0)] {
            let target = Target { limits: (minimum, 20), suspended: [false; 3] };
            scaler.targets.insert(resource(&side), target);
        }
        let wire = Wire::new(Shop { balancer, cluster, alarms: Alarms::default(), scaler });
        let config = wire.retrying(attempts);
        let compute = EcsCompute::new(&config, services(), clock.clone()).unwrap();
        let router = AlbRouter::new(&config, routing, clock.clone()).unwrap();
        let setting = Setting {
            live: blue(),
            idle: green(),
            image: image("shop:v1"),
            second_image: image("shop:v2"),
            crashing_image: Some(image("shop:crashing")),
            unhealthy_image: Some(image("shop:unhealthy")),
            unknown_environment: environment("shop-production-red"),
            unknown_image: image("shop:v9"),
            unknown_revision: RevisionId::new("revision:99").unwrap(),
            scaled: None,
            unscaled: None,
            fencing: false,
            poll: Duration::from_secs(1),
            deadline: Duration::from_secs(60),
        };
        let cluster = services().cluster;
        let scaling = AppAutoScaling::new(&config, cluster, services().services).unwrap();
        let (router, compute) = (Arc::new(router), Arc::new(compute));
        let prefix = Some("shop-production-".to_owned());
        let preflight = AwsPreflight::new(&config, compute.clone(), router.clone(), prefix);
        Self {
            jumping: Jumping(clock.clone()),
            clock,
            cloud,
            wire,
            router,
            compute,
            preflight: Arc::new(preflight),
            scaling: Arc::new(scaling),
            setting,
            authorities: AtomicU64::new(1),
        }
    }
}

impl World {
    /// Looks at the load balancer, or changes it.
    pub fn balancer<T>(&self, look: impl FnOnce(&mut Balancer) -> T) -> T {
        self.wire.with(|shop| look(&mut shop.balancer))
    }

    /// Looks at the cluster, or changes it.
    pub fn cluster<T>(&self, look: impl FnOnce(&mut Cluster) -> T) -> T {
        self.wire.with(|shop| look(&mut shop.cluster))
    }
}

impl CloudWorld for World {
    fn compute(&self) -> &dyn Compute {
        &*self.compute
    }

    fn router(&self) -> &dyn TrafficRouter {
        &*self.router
    }

    fn scaling(&self) -> &dyn AutoScaling {
        &*self.scaling
    }

    fn smoke(&self) -> &dyn SmokeTest {
        &*self.cloud
    }

    fn clock(&self) -> &dyn Clock {
        &self.jumping
    }

    fn setting(&self) -> &Setting {
        &self.setting
    }

    fn preflight(&self) -> &dyn Preflight {
        &*self.preflight
    }

    fn definition<'a>(&'a self, revision: &'a RevisionId) -> Later<'a, Option<String>> {
        Box::pin(async move {
            let number = revision.as_str().rsplit(':').next()?.parse().ok()?;
            let (mut definition, _) =
                self.cluster(|cluster| cluster.definitions.get(&number).cloned())?;
            definition["containerDefinitions"][0]["image"] = "replaced".into();
            Some(definition.to_string())
        })
    }

    fn authority(&self) -> Authority {
        let number = self.authorities.fetch_add(1, Ordering::Relaxed) + 1;
        Authority {
            operation: OperationId::new(format!("operation-{number}")).unwrap(),
            fence: Fence(number),
        }
    }
}
