//! Application Auto Scaling: the contract, and what goes wrong.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use petswipe_aws::script::{Fault, Wire};
use petswipe_deploy::aws::AppAutoScaling;
use petswipe_deploy::conformance::{CloudWorld, Setting};
use petswipe_deploy::memory::MemoryCloud;
use petswipe_deploy::{
    Authority, AutoScaling, Compute, Environment, Error, RevisionId, ScalingState, SmokeTest,
    SuspendedActivities, TrafficRouter,
};
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::{Clock, Fence, OperationId, Sleep};

use crate::scaler::{Scaler, Target};
use crate::world::{blue, environment, green, image};

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

/// A shop in memory whose services are scaled by a scripted Application Auto Scaling.
pub struct Scaled {
    clock: Jumping,
    pub cloud: Arc<MemoryCloud>,
    pub wire: Wire<Scaler>,
    pub scaling: Arc<AppAutoScaling>,
    setting: Setting,
    authorities: AtomicU64,
}

pub fn resource(side: &Environment) -> String {
    format!("service/shop-production-cluster/{side}")
}

impl Scaled {
    /// Blue serves and is not scaled; green has no task and limits of 2 to 4.
    pub fn new() -> Self {
        let clock = Arc::new(SimClock::new(Timestamp::UNIX_EPOCH));
        let sides = [blue(), green()];
        let cloud = MemoryCloud::new(clock.clone(), &sides, image("shop:v1"), 2).unwrap();
        let cloud = Arc::new(cloud);
        let services = sides.iter().map(|side| (resource(side), side.clone())).collect();
        let mut scaler = Scaler::new(cloud.clone(), services);
        let target = Target { limits: (2, 4), suspended: [false; 3] };
        scaler.targets.insert(resource(&green()), target);
        let wire = Wire::new(scaler);
        let services = sides.iter().map(|side| (side.clone(), side.to_string())).collect();
        let cluster = "shop-production-cluster";
        let scaling = AppAutoScaling::new(&wire.config(), cluster, services).unwrap();
        let setting = Setting {
            live: blue(),
            idle: green(),
            image: image("shop:v1"),
            second_image: image("shop:v2"),
            crashing_image: None,
            unhealthy_image: None,
            unknown_environment: environment("shop-production-red"),
            unknown_image: image("shop:v9"),
            unknown_revision: RevisionId::new("revision:9").unwrap(),
            scaled: Some(green()),
            unscaled: Some(blue()),
            fencing: false,
            poll: Duration::from_secs(1),
            deadline: Duration::from_secs(60),
        };
        let clock = Jumping(clock);
        let authorities = AtomicU64::new(2);
        Self { clock, cloud, wire, scaling: Arc::new(scaling), setting, authorities }
    }
}

impl Scaled {
    /// Its clock.
    pub fn time(&self) -> Arc<SimClock> {
        self.clock.0.clone()
    }
}

impl CloudWorld for Scaled {
    fn compute(&self) -> &dyn Compute {
        &*self.cloud
    }

    fn router(&self) -> &dyn TrafficRouter {
        &*self.cloud
    }

    fn scaling(&self) -> &dyn AutoScaling {
        &*self.scaling
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
        let operation = OperationId::new(format!("operation-{number}")).unwrap();
        Authority { operation, fence: Fence(number) }
    }
}

petswipe_deploy::scaling_conformance!(on_the_wire, Scaled::new());

#[tokio::test]
async fn suspending_sends_no_limits_and_nothing_where_all_is_suspended() {
    let world = Scaled::new();
    world.scaling.suspend(&world.authority(), &green()).await.unwrap();
    let calls = world.wire.calls();
    let register = calls.iter().find(|call| call.operation() == "RegisterScalableTarget").unwrap();
    let sent = register.json();
    assert!(sent["MinCapacity"].is_null() && sent["MaxCapacity"].is_null(), "{sent}");
    world.wire.forget();
    world.cloud.rescale(&green(), 0);
    world.scaling.suspend(&world.authority(), &green()).await.unwrap();
    let state = ScalingState::active(2, 4).with(SuspendedActivities::ALL);
    world.scaling.restore(&world.authority(), &green(), &state).await.unwrap();
    assert!(!world.wire.operations().contains(&"RegisterScalableTarget".to_owned()));
    assert_eq!(world.cloud.configuration().sides[&green()].1, 0, "its count was moved");
}

#[tokio::test]
async fn a_change_that_was_answered_and_not_made_is_an_error() {
    let world = Scaled::new();
    world.wire.with(|scaler| scaler.idle = true);
    let error = world.scaling.suspend(&world.authority(), &green()).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    let text = petswipe_monitor::explain(&error);
    assert!(text.contains("read back"), "{text}");
}

#[tokio::test]
async fn throttling_denial_and_lost_answers_say_what_can_be_done() {
    let world = Scaled::new();
    for fault in [Fault::Throttled(Some(7)), Fault::Denied, Fault::Expired, Fault::Broken] {
        world.wire.fate(move |_| Some(fault));
        let error = world.scaling.suspend(&world.authority(), &green()).await.unwrap_err();
        match fault {
            Fault::Throttled(_) => {
                let wait = Some(Duration::from_secs(7));
                assert!(
                    matches!(error, Error::Throttled { retry_after, .. } if retry_after == wait)
                );
            }
            Fault::Broken => assert!(error.is_retryable(), "{error:?}"),
            _ => assert!(matches!(error, Error::Denied { .. }), "{error:?}"),
        }
    }
    // The change happens, but nobody hears of it: it can be given again.
    world
        .wire
        .fate(|call| (call.operation() == "RegisterScalableTarget").then_some(Fault::LostAnswer));
    let error = world.scaling.suspend(&world.authority(), &green()).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    world.scaling.suspend(&world.authority(), &green()).await.unwrap();
    let now = world.scaling.scaling(&green()).await.unwrap();
    assert_eq!(now, Some(ScalingState::active(2, 4).with(SuspendedActivities::ALL)));
}

#[tokio::test]
async fn the_statements_allow_exactly_what_is_called() {
    let world = Scaled::new();
    let before = world.scaling.scaling(&green()).await.unwrap().unwrap();
    world.scaling.suspend(&world.authority(), &green()).await.unwrap();
    world.scaling.restore(&world.authority(), &green(), &before).await.unwrap();
    let called: BTreeSet<_> = world.wire.calls().into_iter().map(|call| call.action).collect();
    assert_eq!(petswipe_aws::Policy::new(AppAutoScaling::statements()).actions(), called);
}

#[test]
fn names_that_are_none_are_refused() {
    let world = Scaled::new();
    let services = |name: &str| [(green(), name.to_owned())].into();
    let new =
        |cluster: &str, services| AppAutoScaling::new(&world.wire.config(), cluster, services);
    for (cluster, services) in
        [("", services("a")), ("a/b", services("a")), ("a", services("a/b")), ("a", [].into())]
    {
        let error = new(cluster, services).map(|_| ()).unwrap_err();
        assert!(matches!(error, Error::InvalidPlan { .. }), "{error:?}");
    }
}
