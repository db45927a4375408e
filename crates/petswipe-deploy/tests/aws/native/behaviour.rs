//! What ECS says, and what becomes of it.

use petswipe_deploy::native::NativeDeployments;
use petswipe_deploy::{Error, Outcome};
use serde_json::json;

use super::world::{World, canary, plan, service};
use crate::world::{blue, green};

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
    assert!(error.to_string().contains("alternate target group"), "{error}");
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
    let authority = petswipe_deploy::Authority {
        operation: petswipe_runbook::OperationId::new("native-1").unwrap(),
        fence: petswipe_runbook::Fence(1),
    };
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
