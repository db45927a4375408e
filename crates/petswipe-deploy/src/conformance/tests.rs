//! The suites over the cloud in memory, and the check that no sentence of a contract is without its test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::{Clock, Fence, OperationId, Sleep};

use super::native::{NativeSetting, NativeWorld};
use super::{CloudWorld, Setting};
use crate::memory::{Behaviour, MemoryCloud, MemoryNative};
use crate::native::NativeDeployments;
use crate::{
    Authority, AutoScaling, Compute, Environment, Image, RevisionId, ScalingState, SmokeTest,
    TrafficRouter,
};

/// Virtual time in which every wait is over at once, so that it needs no executor of its own.
pub(super) struct Jumping(pub(super) Arc<SimClock>);

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn sleep_until(&self, time: Timestamp) -> Sleep<'_> {
        self.0.advance_to(time);
        Box::pin(std::future::ready(()))
    }
}

/// A cloud in memory with two sides.
pub(super) struct MemoryWorld {
    pub(super) cloud: Arc<MemoryCloud>,
    clock: Jumping,
    setting: Setting,
    authorities: AtomicU64,
}

pub(super) fn memory() -> MemoryWorld {
    let clock = Arc::new(SimClock::new(Timestamp::UNIX_EPOCH));
    let environment = |name| Environment::new(name).unwrap();
    let image = |name| Image::new(name).unwrap();
    let (live, idle) = (environment("shop-blue"), environment("shop-green"));
    let sides = [live.clone(), idle.clone()];
    let cloud = MemoryCloud::new(clock.clone(), &sides, image("shop:v1"), 2).unwrap();
    let crash_after = Some(Duration::from_secs(3));
    for (name, behaviour) in [
        ("shop:v2", Behaviour::default()),
        ("shop:crashes", Behaviour { crash_after, ..Behaviour::default() }),
        ("shop:unhealthy", Behaviour { healthy: false, ..Behaviour::default() }),
    ] {
        cloud.add_image(image(name), behaviour);
    }
    cloud.set_scaling(&idle, Some(ScalingState::active(2, 4)));
    let setting = Setting {
        image: image("shop:v1"),
        second_image: image("shop:v2"),
        crashing_image: Some(image("shop:crashes")),
        unhealthy_image: Some(image("shop:unhealthy")),
        unknown_environment: environment("shop-red"),
        unknown_image: image("shop:v404"),
        unknown_revision: RevisionId::new("revision:404").unwrap(),
        scaled: Some(idle.clone()),
        unscaled: Some(live.clone()),
        fencing: true,
        poll: Duration::from_secs(1),
        deadline: Duration::from_secs(120),
        live,
        idle,
    };
    let (cloud, clock) = (Arc::new(cloud), Jumping(clock));
    MemoryWorld { cloud, clock, setting, authorities: AtomicU64::new(2) }
}

/// The same where nothing is scaled but by command.
pub(super) fn unscaled() -> MemoryWorld {
    let mut world = memory();
    world.cloud.set_scaling(&world.setting.idle, None);
    world.setting.scaled = None;
    world
}

impl CloudWorld for MemoryWorld {
    fn compute(&self) -> &dyn Compute {
        &self.cloud
    }

    fn router(&self) -> &dyn TrafficRouter {
        &self.cloud
    }

    fn scaling(&self) -> &dyn AutoScaling {
        &*self.cloud
    }

    fn smoke(&self) -> &dyn SmokeTest {
        &*self.cloud
    }

    fn clock(&self) -> &dyn Clock {
        &self.clock
    }

    fn setting(&self) -> &Setting {
        &self.setting
    }

    fn authority(&self) -> Authority {
        let number = self.authorities.fetch_add(1, Ordering::Relaxed);
        let operation = OperationId::new(format!("conformance-{number}")).unwrap();
        Authority { operation, fence: Fence(number) }
    }
}

crate::compute_conformance!(compute_in_memory, unscaled());
crate::router_conformance!(router_in_memory, unscaled());
crate::scaling_conformance!(scaling_in_memory, memory());
crate::smoke_conformance!(smoke_in_memory, unscaled());
crate::hooks_conformance!(no_hooks, unscaled());

/// A service that is deployed by a platform in memory.
struct MemoryNativeWorld {
    platform: MemoryNative,
    clock: Jumping,
    setting: NativeSetting,
    authorities: AtomicU64,
}

fn native() -> MemoryNativeWorld {
    let world = memory();
    let clock = world.clock.0.clone();
    let revision = |name| RevisionId::new(name).unwrap();
    for name in ["second", "third"] {
        world.cloud.add_revision(revision(name), world.setting.second_image.clone());
    }
    world.cloud.set_scaling(&world.setting.idle, None);
    let setting = NativeSetting {
        environment: Environment::new("shop").unwrap(),
        second_revision: revision("second"),
        third_revision: revision("third"),
        unknown_environment: world.setting.unknown_environment.clone(),
        fencing: true,
        poll: Duration::from_secs(1),
        deadline: Duration::from_secs(300),
    };
    let sides = [world.setting.live.clone(), world.setting.idle.clone()];
    let platform =
        MemoryNative::new(world.cloud.clone(), clock, setting.environment.clone(), sides).unwrap();
    MemoryNativeWorld { platform, clock: world.clock, setting, authorities: AtomicU64::new(2) }
}

impl NativeWorld for MemoryNativeWorld {
    fn native(&self) -> &dyn NativeDeployments {
        &self.platform
    }

    fn clock(&self) -> &dyn Clock {
        &self.clock
    }

    fn setting(&self) -> &NativeSetting {
        &self.setting
    }

    fn authority(&self) -> Authority {
        let number = self.authorities.fetch_add(1, Ordering::Relaxed);
        let operation = OperationId::new(format!("conformance-{number}")).unwrap();
        Authority { operation, fence: Fence(number) }
    }
}

crate::native_conformance!(native_in_memory, native());

/// The sentences in the `# Contract` sections of a source file.
fn sentences(source: &str) -> Vec<&str> {
    let names = source.lines().filter_map(|line| line.strip_prefix("/// - `"));
    names.filter_map(|rest| rest.split_once("`:")).map(|(name, _)| name).collect()
}

/// The names in the macro call of a suite's source file.
fn listed(suite: &str) -> Vec<&str> {
    let (_, call) = suite.split_once("$crate::conformance::").unwrap();
    let (_, list) = call.split_once('[').unwrap();
    let (list, _) = list.split_once(']').unwrap();
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect()
}

#[test]
fn every_sentence_of_a_contract_has_its_test() {
    let backend = [
        include_str!("compute.rs"),
        include_str!("router.rs"),
        include_str!("scaling.rs"),
        include_str!("smoke.rs"),
    ];
    let backend: Vec<_> = backend.into_iter().flat_map(listed).collect();
    assert_eq!(sentences(include_str!("../backend.rs")), backend);
    assert_eq!(backend.len(), 23);
    let scaling = [include_str!("tracking.rs"), include_str!("databases.rs")];
    let scaling: Vec<_> = scaling.into_iter().flat_map(listed).collect();
    assert_eq!(sentences(include_str!("../scaling/backend.rs")), scaling);
    let native = listed(include_str!("native.rs"));
    assert_eq!(sentences(include_str!("../native/backend.rs")), native);
    let hooks = listed(include_str!("hooks.rs"));
    assert_eq!(sentences(include_str!("../hooks.rs")), hooks);
    let preflight = listed(include_str!("preflight.rs"));
    assert_eq!(sentences(include_str!("../preflight.rs")), preflight);
}
