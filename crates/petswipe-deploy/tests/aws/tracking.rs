//! Target tracking by Application Auto Scaling: the contract, whole operations, and what goes wrong.

use std::collections::BTreeSet;
use std::sync::Arc;

use petswipe_aws::Policy;
use petswipe_aws::script::Fault;
use petswipe_deploy::aws::AppAutoScaling;
use petswipe_deploy::conformance::CloudWorld;
use petswipe_deploy::conformance::tracking::TrackingWorld;
use petswipe_deploy::scaling::{
    Change, Outcome, ScalePerformer, ScalePlan, TargetTracking, TrackingSettings,
};
use petswipe_deploy::{Authority, Environment, Error};
use petswipe_runbook::sim::SimClock;
use serde_json::json;

use crate::course::{Course, drive};
use crate::scaling::{Scaled, resource};
use crate::world::{blue, environment};

struct Tracked {
    world: Scaled,
    environments: [Environment; 2],
}

fn tracked() -> Tracked {
    Tracked { world: Scaled::new(), environments: [blue(), environment("shop-production-red")] }
}

impl TrackingWorld for Tracked {
    fn tracking(&self) -> &dyn TargetTracking {
        &*self.world.scaling
    }

    fn environment(&self) -> &Environment {
        &self.environments[0]
    }

    fn unknown_environment(&self) -> &Environment {
        &self.environments[1]
    }

    fn authority(&self) -> Authority {
        CloudWorld::authority(&self.world)
    }
}

petswipe_deploy::tracking_conformance!(tracking_on_the_wire, tracked());

fn run(world: &Scaled, name: &str, plan: &ScalePlan) -> Outcome {
    let performer = ScalePerformer::new("AWS")
        .service(world.cloud.clone(), world.scaling.clone())
        .tracking(world.scaling.clone());
    let clock: Arc<SimClock> = world.time();
    drive(&clock, Arc::new(performer), name, plan.clone(), Course::Undisturbed).0
}

fn settings() -> ScalePlan {
    ScalePlan::new("shop-production", Change::tracking(blue(), TrackingSettings::default()))
}

#[test]
fn an_operation_and_its_undo_call_exactly_what_the_statements_allow() {
    let world = Scaled::new();
    let outcome = run(&world, "tracking-1", &settings());
    assert!(matches!(outcome, Outcome::Done { changed: true, .. }), "{outcome}");
    let put = world.wire.with(|scaler| scaler.policies.len());
    assert_eq!(put, 2);
    let undone = run(&world, "tracking-2", &settings().undo(&outcome).unwrap());
    assert!(matches!(undone, Outcome::Done { changed: true, .. }), "{undone}");
    world.wire.with(|scaler| {
        assert!(scaler.policies.is_empty() && !scaler.targets.contains_key(&resource(&blue())));
    });
    let called: BTreeSet<_> = world.wire.calls().into_iter().map(|call| call.action).collect();
    assert_eq!(Policy::new(AppAutoScaling::tracking_statements()).actions(), called);
}

/// 10 % of the calls are throttled, 5 % lose their answer after they took effect, 2 % break.
#[test]
fn under_throttling_lost_answers_and_breakdowns_it_is_done_or_says_what_is_left() {
    let mut done = 0;
    for seed in 0..200 {
        let world = Scaled::new();
        let mut random = fastrand::Rng::with_seed(seed);
        world.wire.fate(move |_| match random.u8(0..100) {
            ..10 => Some(Fault::Throttled(None)),
            10..15 => Some(Fault::LostAnswer),
            15..17 => Some(Fault::Broken),
            _ => None,
        });
        let mut plan = settings();
        plan.retry.attempts = 15;
        let outcome = run(&world, "tracking-1", &plan);
        done += u32::from(matches!(outcome, Outcome::Done { changed: true, .. }));
        world.wire.fate(|_| None);
        let undone = run(&world, "tracking-2", &plan.undo(&outcome).unwrap());
        assert!(matches!(undone, Outcome::Done { .. }), "seed {seed}: {outcome}; {undone}");
        world.wire.with(|scaler| {
            assert!(!scaler.targets.contains_key(&resource(&blue())), "seed {seed}");
        });
    }
    assert!(done >= 195, "{done} of 200");
}

#[test]
fn other_policies_are_seen_and_left_alone() {
    let world = Scaled::new();
    let plan = settings();
    run(&world, "tracking-1", &plan);
    let key = (resource(&blue()), "requests".to_owned());
    let requests = json!({
        "PolicyName": "requests", "ServiceNamespace": "ecs", "ResourceId": resource(&blue()),
        "ScalableDimension": "ecs:service:DesiredCount", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 1000.0,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ALBRequestCountPerTarget", "ResourceLabel": "app/a/1/targetgroup/b/2",
            },
        },
    });
    world.wire.with(|scaler| scaler.policies.insert(key.clone(), requests.clone()));
    let outcome = run(&world, "tracking-2", &plan);
    assert!(matches!(outcome, Outcome::Done { changed: false, .. }), "{outcome}");
    assert!(outcome.to_string().contains("requests (TargetTrackingScaling of ALBRequestCount"));
    assert_eq!(world.wire.with(|scaler| scaler.policies[&key].clone()), requests);
}

#[tokio::test]
async fn a_policy_that_was_answered_and_not_kept_is_an_error() {
    let Tracked { world, .. } = tracked();
    let limits = petswipe_deploy::scaling::Limits { minimum: 2, maximum: 20 };
    let authority = CloudWorld::authority(&world);
    world.scaling.register(&authority, &blue(), limits).await.unwrap();
    world.wire.with(|scaler| scaler.idle = true);
    let Change::Tracking { policies, .. } = settings().change else { panic!() };
    let error = world.scaling.put(&authority, &blue(), &policies[0]).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    world.wire.fate(|_| Some(Fault::Denied));
    let error = world.scaling.put(&authority, &blue(), &policies[0]).await.unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error:?}");
}
