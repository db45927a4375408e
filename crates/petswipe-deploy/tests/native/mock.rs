//! The mock of the trait, used as somebody would who tests how a deployment treats a platform.

use std::sync::Arc;

use futures_util::FutureExt;
use petswipe_deploy::memory::MemoryCloud;
use petswipe_deploy::native::{
    DeploymentId, MockNativeDeployments, NativeEffect, NativeOutput, NativePerformer,
};
use petswipe_deploy::{Environment, Error, Image};
use petswipe_monitor::AbsolutePolicy;
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::{EffectContext, EffectId, FailureKind, Fence, OperationId, Performer};

#[test]
fn a_mock_platform_is_stopped_with_the_fence_of_the_driver() {
    let shop = Environment::new("shop").unwrap();
    let mut platform = MockNativeDeployments::new();
    platform
        .expect_stop()
        .withf(|authority, environment, id| {
            authority.fence == Fence(7) && environment.as_str() == "shop" && id.0 == "deployment-2"
        })
        .times(1)
        .returning(|_, _, _| Ok(()));
    platform.expect_stop().returning(|_, _, _| {
        let (what, expected) = ("the deployment".to_owned(), "in progress".to_owned());
        Err(Error::Conflict { what, expected, found: "SUCCESSFUL".to_owned() })
    });
    let clock = Arc::new(SimClock::new(jiff::Timestamp::UNIX_EPOCH));
    let image = Image::new("shop:v1").unwrap();
    let cloud = Arc::new(MemoryCloud::new(clock, std::slice::from_ref(&shop), image, 1).unwrap());
    let performer = NativePerformer {
        compute: cloud.clone(),
        native: Arc::new(platform),
        metrics: cloud,
        gate: Arc::new(AbsolutePolicy::default()),
    };
    let context = EffectContext {
        operation: OperationId::new("native-1").unwrap(),
        id: EffectId(0),
        fence: Fence(7),
        deadline: jiff::Timestamp::UNIX_EPOCH,
    };
    let stop = NativeEffect::Stop {
        environment: shop,
        deployment: DeploymentId("deployment-2".to_owned()),
    };
    let perform = || performer.perform(&context, &stop).now_or_never().unwrap();
    assert_eq!(perform(), Ok(NativeOutput::Done));
    let failure = perform().unwrap_err();
    assert_eq!(failure.kind, FailureKind::Conflict);
    assert!(failure.message.contains("SUCCESSFUL"), "{}", failure.message);
}
