//! Application Auto Scaling on moto. Its scalable targets need services of ECS on the same server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use petswipe_deploy::aws::AppAutoScaling;
use petswipe_deploy::conformance::{CloudWorld, Setting};
use petswipe_deploy::memory::MemoryCloud;
use petswipe_deploy::{
    Authority, AutoScaling, Compute, Environment, Image, RevisionId, SmokeTest, TrafficRouter,
};
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::{Clock, Fence, OperationId, Sleep};

use crate::moto;

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

/// Services whose scaling is moto's; their tasks are in memory, as moto runs none.
struct Moto {
    clock: Jumping,
    cloud: MemoryCloud,
    scaling: AppAutoScaling,
    setting: Setting,
    authorities: AtomicU64,
}

impl Moto {
    async fn new() -> Self {
        let cluster = moto::unique("shop");
        let names = [format!("{cluster}-blue"), format!("{cluster}-green")];
        moto::services(&cluster, &[&names[0], &names[1]]);
        let [live, idle] = names.map(|name| Environment::new(name).unwrap());
        let image = |name| Image::new(name).unwrap();
        let clock = Arc::new(SimClock::new(Timestamp::UNIX_EPOCH));
        let sides = [live.clone(), idle.clone()];
        let cloud = MemoryCloud::new(clock.clone(), &sides, image("shop:v1"), 2).unwrap();
        let services = sides.map(|side| (side.clone(), side.to_string())).into();
        let scaling = AppAutoScaling::new(&moto::config(), &cluster, services).unwrap();
        moto::scalable_target(&format!("service/{cluster}/{idle}"), 2, 4);
        let setting = Setting {
            image: image("shop:v1"),
            second_image: image("shop:v2"),
            crashing_image: None,
            unhealthy_image: None,
            unknown_environment: Environment::new("shop-red").unwrap(),
            unknown_image: image("shop:v9"),
            unknown_revision: RevisionId::new("revision:9").unwrap(),
            scaled: Some(idle.clone()),
            unscaled: Some(live.clone()),
            fencing: false,
            poll: Duration::from_secs(1),
            deadline: Duration::from_secs(60),
            live,
            idle,
        };
        let (clock, authorities) = (Jumping(clock), AtomicU64::new(2));
        Self { clock, cloud, scaling, setting, authorities }
    }
}

impl CloudWorld for Moto {
    fn compute(&self) -> &dyn Compute {
        &self.cloud
    }

    fn router(&self) -> &dyn TrafficRouter {
        &self.cloud
    }

    fn scaling(&self) -> &dyn AutoScaling {
        &self.scaling
    }

    fn smoke(&self) -> &dyn SmokeTest {
        &self.cloud
    }

    fn clock(&self) -> &dyn Clock {
        &self.clock
    }

    fn setting(&self) -> &Setting {
        &self.setting
    }

    fn authority(&self) -> Authority {
        let number = self.authorities.fetch_add(1, Ordering::Relaxed);
        let operation = OperationId::new(format!("operation-{number}")).unwrap();
        Authority { operation, fence: Fence(number) }
    }
}

petswipe_deploy::scaling_conformance!(on_moto, Moto::new().await);
