//! What ECS says, and what becomes of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use petswipe_aws::script::Fault;
use petswipe_deploy::conformance::native::{NativeSetting, NativeWorld};
use petswipe_deploy::native::{LambdaHook, LifecycleStage, NativeDeployment, NativeDeployments};
use petswipe_deploy::{Authority, Error, Outcome, RevisionId, native_conformance};
use petswipe_runbook::{Clock, Fence, OperationId, Sleep};
use serde_json::json;

use super::world::{World, canary, plan, service};
use crate::world::{blue, green, image};

/// The world as the contract needs it, in which every wait is over at once.
struct Contract {
    world: World,
    setting: NativeSetting,
    authorities: AtomicU64,
}

impl Contract {
    fn new() -> Self {
        let world = World::new();
        let revision = |number: u32| RevisionId::new(format!("revision:{number}")).unwrap();
        for number in [2, 3] {
            world.cloud.add_revision(revision(number), image("shop:v2"));
            world.wire.with(|deployer| {
                let definitions = &mut deployer.cluster.definitions;
                let first = definitions[&1].clone();
                definitions.insert(number, first);
            });
        }
        let setting = NativeSetting {
            environment: service(),
            second_revision: revision(2),
            third_revision: revision(3),
            unknown_environment: green(),
            fencing: false,
            poll: Duration::from_secs(1),
            deadline: Duration::from_secs(300),
        };
        Self { world, setting, authorities: AtomicU64::new(2) }
    }
}

impl Clock for Contract {
    fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    fn sleep_until(&self, time: Timestamp) -> Sleep<'_> {
        self.world.clock.advance_to(time);
        Box::pin(std::future::ready(()))
    }
}

impl NativeWorld for Contract {
    fn native(&self) -> &dyn NativeDeployments {
        &*self.world.native
    }

    fn clock(&self) -> &dyn Clock {
        self
    }

    fn setting(&self) -> &NativeSetting {
        &self.setting
    }

    fn authority(&self) -> Authority {
        let number = self.authorities.fetch_add(1, Ordering::Relaxed);
        let operation = OperationId::new(format!("operation-{number}")).unwrap();
        Authority { operation, fence: Fence(number) }
    }
}

native_conformance!(contract, Contract::new());

#[tokio::test]
async fn a_service_serves_by_the_group_of_its_revision() {
    let world = World::new();
    let found = world.native.service(&service()).await.unwrap();
    assert_eq!((&found.live, found.in_progress), (&blue(), false));
    assert_eq!(found.revision, found.newest_revision);
    assert!(found.pauses.is_empty());
}

#[tokio::test]
async fn a_service_without_an_alternate_group_is_refused() {
    let world = World::new();
    world.wire.with(|deployer| deployer.alternate = false);
    let error = world.native.service(&service()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("alternate target group of service shop-production"), "{text}");
    assert!(text.contains("is missing; allowed: one of shop-production-blue-tg and"), "{text}");
    // Nothing but the service was asked for.
    assert_eq!(world.wire.operations(), ["DescribeServices"]);
    assert!(matches!(error, Error::InvalidPlan { .. }), "{error:?}");
}

#[tokio::test]
async fn a_configuration_is_set_back_whatever_is_in_it() {
    let world = World::new();
    let full = json!({
        "strategy": "CANARY",
        "minimumHealthyPercent": 50,
        "maximumPercent": 150,
        "bakeTimeInMinutes": 7,
        "canaryConfiguration": {"canaryPercent": 0.5, "canaryBakeTimeInMinutes": 0},
        "deploymentCircuitBreaker": {
            "enable": true, "rollback": false, "resetOnHealthyTask": false,
            "thresholdConfiguration": {"type": "COUNT", "value": 9},
        },
        "alarms": {"alarmNames": ["a", "b"], "enable": true, "rollback": true},
        "lifecycleHooks": [{
            "targetType": "AWS_LAMBDA",
            "hookTargetArn": "arn:aws:lambda:eu-central-1:123456789012:function:policy",
            "roleArn": "arn:aws:iam::123456789012:role/hooks",
            "lifecycleStages": ["PRE_SCALE_UP", "PRODUCTION_TRAFFIC_SHIFT"],
            "hookDetails": {"team": "pets", "limits": [1, 2.5, -3, null, true]},
            "timeoutConfiguration": {"timeoutInMinutes": 5, "action": "CONTINUE"},
        }],
        "earlySuccessCriteria": {"enable": true, "healthyPercent": 80},
    });
    world.wire.with(|deployer| deployer.configuration = full.clone());
    let before = world.native.service(&service()).await.unwrap().configuration;
    world.wire.with(|deployer| deployer.configuration = json!({"strategy": "BLUE_GREEN"}));
    let authority = Authority { operation: OperationId::new("native-1").unwrap(), fence: Fence(1) };
    world.native.restore(&authority, &service(), &before).await.unwrap();
    let mut now = world.wire.with(|deployer| deployer.configuration.clone());
    assert_eq!(world.native.service(&service()).await.unwrap().configuration, before);
    // Nothing was lost or made up on the way.
    let fields = now.as_object_mut().unwrap();
    fields.retain(|_, value| !value.is_null());
    assert_eq!(now, full);
    // What is as it should be is not written again.
    let written = world.count("UpdateService");
    world.native.restore(&authority, &service(), &before).await.unwrap();
    assert_eq!(world.count("UpdateService"), written);
}

#[tokio::test]
async fn a_deployment_that_is_begun_again_has_its_hooks_once() {
    let contract = Contract::new();
    let world = &contract.world;
    let own = json!([{
        "targetType": "AWS_LAMBDA",
        "hookTargetArn": "arn:aws:lambda:eu-central-1:123456789012:function:own",
        "roleArn": "arn:aws:iam::123456789012:role/hooks",
        "lifecycleStages": ["PRE_SCALE_UP"],
        "timeoutConfiguration": {"timeoutInMinutes": 5, "action": "ROLLBACK"},
    }]);
    world.wire.with(|deployer| deployer.configuration["lifecycleHooks"] = own);
    let deployment = NativeDeployment {
        revision: contract.setting.second_revision.clone(),
        strategy: canary(),
        bake_minutes: 5,
        hooks: vec![LambdaHook {
            function: "arn:aws:lambda:eu-central-1:123456789012:function:ours".to_owned(),
            role: "arn:aws:iam::123456789012:role/hooks".to_owned(),
            stages: vec![LifecycleStage::PreScaleUp, LifecycleStage::PostScaleUp],
            timeout_minutes: 5,
        }],
        pause_minutes: Some(60),
        alarms: Vec::new(),
        after: world.native.service(&service()).await.unwrap().newest,
    };
    let authority = contract.authority();
    let begin = async || world.native.begin(&authority, &service(), &deployment).await;
    // The answer is lost, and then ECS does not list the service deployment yet.
    world.wire.with(|deployer| deployer.unlisted = true);
    world.wire.fate(|call| (call.operation() == "UpdateService").then_some(Fault::LostAnswer));
    assert!(matches!(begin().await, Err(Error::Backend { .. })));
    world.wire.fate(|_| None);
    for _ in 0..2 {
        assert!(matches!(begin().await, Err(Error::Backend { .. })));
    }
    let hooks = world.wire.with(|deployer| {
        // ECS may name the stages in another order.
        deployer.configuration["lifecycleHooks"][1]["lifecycleStages"]
            .as_array_mut()
            .unwrap()
            .reverse();
        deployer.configuration["lifecycleHooks"].as_array().unwrap().len()
    });
    assert_eq!(hooks, 3, "the service's own, ours, and the pause");
    assert!(begin().await.is_err());
    world.wire.with(|deployer| {
        assert_eq!(deployer.configuration["lifecycleHooks"].as_array().unwrap().len(), 3);
        deployer.unlisted = false;
    });
    let begun = begin().await.unwrap();
    assert_eq!(world.native.service(&service()).await.unwrap().newest, Some(begun));
}

#[test]
fn a_pause_of_somebody_else_refuses_the_deployment() {
    let world = World::new();
    world.wire.with(|deployer| {
        deployer.configuration["lifecycleHooks"] =
            json!([{"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"]}]);
    });
    let (outcome, _) = world.run(plan(canary()));
    let Outcome::Refused { reasons } = &outcome else { panic!("{outcome}") };
    assert!(reasons[0].contains("waits for somebody else at POST_SCALE_UP"), "{outcome}");
    assert_eq!(world.count("UpdateService"), 0);
}

#[test]
fn two_groups_are_needed() {
    let world = World::new();
    for groups in [vec![], vec![(blue(), "a")], vec![(blue(), "a"), (green(), "a")]] {
        let groups = groups.into_iter().map(|(side, name)| (side, name.to_owned()));
        let made = petswipe_deploy::aws::EcsNative::new(world.compute.clone(), groups.collect());
        assert!(matches!(made.err(), Some(Error::InvalidPlan { .. })));
    }
}
