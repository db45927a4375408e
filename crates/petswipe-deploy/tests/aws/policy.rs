//! The policy document of a rollout allows exactly what its paths call.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use petswipe_deploy::aws::{
    AlbRouting, Place, ProductionRule, rollout_dependencies, rollout_policy, scale_service_policy,
    scale_tracking_dependencies, scale_tracking_policy,
};
use petswipe_deploy::memory::Behaviour;
use petswipe_deploy::scaling::{
    Change, Outcome as Scaling, ScalePerformer, ScalePlan, TrackingSettings,
};
use petswipe_deploy::{Outcome, Plan, Target};

use crate::balancer::forward;
use crate::course::{Course, drive};
use crate::rollouts::disturbed;
use crate::world::{World, blue, green, image, routing, services};

/// Where everything is.
pub fn place() -> Place {
    let [partition, region, account] = ["aws", "eu-central-1", "123456789012"].map(str::to_owned);
    Place { partition, region, account }
}

fn called(world: &World) -> BTreeSet<String> {
    world.wire.calls().into_iter().map(|call| call.action).collect()
}

fn crashing() -> Behaviour {
    Behaviour { crash_after: Some(Duration::from_secs(1)), ..Behaviour::default() }
}

/// Everything that is called while a rollout is promoted, goes back, is refused, finds a test route left open, is gone on
/// with after its driver died, and is aborted.
fn all_paths(new: impl Fn() -> World) -> BTreeSet<String> {
    let target = || Target::Image(image("shop:v2"));
    let mut blue_green = Plan::blue_green("shop", [blue(), green()], target());
    blue_green.approval = None;
    let canary = Plan::canary("shop", [blue(), green()], target());
    let bad = |world: &World| world.cloud.add_image(image("shop:v2"), crashing());
    let left_open = |world: &World| {
        world.balancer(|balancer| {
            let header = Some(("X-Test-Environment", "blue"));
            balancer.add(1, header, vec![forward(&[(&blue(), 1)])]);
        });
    };
    let mut all = BTreeSet::new();
    let mut path = |plan: &Plan, prepare: &dyn Fn(&World), course| {
        let world = new();
        prepare(&world);
        let ended = disturbed(&world, plan.clone(), course);
        all.extend(called(&world));
        ended
    };
    let (calm, straight) = (|_: &World| {}, Course::Undisturbed);
    let (outcome, _) = path(&canary, &bad, straight);
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome}");
    let (outcome, _) = path(&blue_green, &left_open, straight);
    assert!(matches!(outcome, Outcome::Promoted { .. }), "{outcome}");
    let mut limited = canary.clone();
    limited.capacity.deadline = Duration::from_secs(5);
    let (outcome, _) = path(&limited, &calm, straight);
    assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome}");
    for plan in [&canary, &blue_green] {
        let (outcome, records) = path(plan, &calm, straight);
        assert!(matches!(outcome, Outcome::Promoted { .. }), "{outcome}");
        for moment in [records / 4, records / 2] {
            let (outcome, _) = path(plan, &calm, Course::Killed(moment));
            assert!(
                matches!(outcome, Outcome::Promoted { .. }),
                "{moment} of {records}: {outcome}"
            );
            let (outcome, _) = path(plan, &calm, Course::Aborted(moment));
            assert!(matches!(outcome, Outcome::Aborted { .. }), "{moment} of {records}: {outcome}");
        }
    }
    all
}

#[test]
fn it_allows_exactly_what_is_called_on_all_paths() {
    let allowed = rollout_policy(&place(), &services(), &routing()).actions();
    assert_eq!(all_paths(World::new), allowed);
}

#[test]
fn a_rule_with_a_priority_needs_no_change_of_the_listener() {
    let routing = AlbRouting { rule: ProductionRule::Priority(20), ..routing() };
    let new = || {
        let world = World::routed(routing.clone());
        world.balancer(|balancer| {
            balancer.add(20, None, vec![forward(&[(&blue(), 100), (&green(), 0)])]);
            balancer.rules[0].actions.clear();
            balancer.production = 1;
        });
        world
    };
    let allowed = rollout_policy(&place(), &services(), &routing).actions();
    assert!(!allowed.contains("elasticloadbalancing:ModifyListener"));
    assert_eq!(all_paths(new), allowed);
}

#[test]
fn changes_are_allowed_on_the_resources_of_the_project_only() {
    let policy = rollout_policy(&place(), &services(), &routing());
    for statement in policy.statements() {
        let changes = statement.actions().iter().any(|action| {
            let operation = action.split_once(':').unwrap().1;
            ["Update", "Modify", "Create", "Delete"].iter().any(|verb| operation.starts_with(verb))
        });
        let named = |resource: &String| resource.contains("shop-");
        assert!(!changes || statement.resources().iter().all(named), "{statement:?}");
    }
    let roles = ["shop-*".to_owned()];
    let dependencies = rollout_dependencies(&place(), &services(), &routing(), &roles);
    let roles = dependencies.iter().find(|one| one.actions().contains("iam:PassRole")).unwrap();
    assert_eq!(roles.resources(), ["arn:aws:iam::123456789012:role/shop-*"]);
}

/// Everything that is called while a change is done and undone, refused, made where a task stopped, gone on with after its driver
/// died, and aborted.
fn all_scalings(new: impl Fn() -> World, change: &Change, refused: &Change) -> BTreeSet<String> {
    let scale = |world: &World, name: &str, plan: &ScalePlan, course| {
        let performer = ScalePerformer::new("AWS")
            .service(world.compute.clone(), world.scaling.clone())
            .tracking(world.scaling.clone());
        drive(&world.clock, Arc::new(performer), name, plan.clone(), course)
    };
    let plan = |change: &Change| ScalePlan::new("shop-production", change.clone());
    let mut all = BTreeSet::new();
    let world = new();
    let (outcome, records) = scale(&world, "scale-1", &plan(change), Course::Undisturbed);
    assert!(matches!(outcome, Scaling::Done { changed: true, .. }), "{outcome}");
    let undo = plan(change).undo(&outcome).unwrap();
    let (undone, _) = scale(&world, "scale-2", &undo, Course::Undisturbed);
    assert!(matches!(undone, Scaling::Done { changed: true, .. }), "{undone}");
    all.extend(called(&world));
    let world = new();
    let (outcome, _) = scale(&world, "scale-1", &plan(refused), Course::Undisturbed);
    assert!(matches!(outcome, Scaling::Refused { .. }), "{outcome}");
    all.extend(called(&world));
    // Of tasks that stopped the reasons are asked.
    let world = new();
    world.cluster(|cluster| {
        let service = cluster.services.get_mut(blue().as_str()).unwrap();
        service.stopped = vec![serde_json::json!({
            "taskArn": "arn:aws:ecs:eu-central-1:123456789012:task/c/3",
            "startedBy": format!("ecs-svc/{}-1", blue()),
            "stoppedAt": 3,
            "stopCode": "EssentialContainerExited",
            "stoppedReason": "Essential container in task exited",
        })];
    });
    scale(&world, "scale-1", &plan(change), Course::Undisturbed);
    all.extend(called(&world));
    for moment in 1..records - 1 {
        let world = new();
        let (resumed, _) = scale(&world, "scale-1", &plan(change), Course::Killed(moment));
        assert!(matches!(resumed, Scaling::Done { .. }), "{moment} of {records}: {resumed}");
        all.extend(called(&world));
        let world = new();
        let (aborted, _) = scale(&world, "scale-1", &plan(change), Course::Aborted(moment));
        // At the last look there is nothing left to be aborted.
        let late = matches!(aborted, Scaling::Done { .. }) && moment + 3 >= records;
        let ended = matches!(aborted, Scaling::Aborted { .. } | Scaling::Stopped { .. });
        assert!(ended || late, "{moment} of {records}: {aborted}");
        all.extend(called(&world));
    }
    all
}

#[test]
fn scaling_a_service_calls_exactly_what_its_policy_allows() {
    let policy = scale_service_policy(&place(), &services());
    // Blue is scaled between 1 and 20 tasks.
    let refused = Change::service(blue(), 30);
    let called = all_scalings(World::new, &Change::service(blue(), 6), &refused);
    assert_eq!(called, policy.actions());
}

#[test]
fn tracking_calls_exactly_what_its_policy_allows() {
    let policy = scale_tracking_policy(&place(), &services());
    let settings = TrackingSettings::default();
    let mut above = settings;
    above.limits.minimum = 5;
    // So that it is registered, and deregistered again.
    let unscaled = || {
        let world = World::new();
        world.wire.with(|shop| shop.scaler.targets.clear());
        world
    };
    let refused = Change::tracking(blue(), above);
    let called = all_scalings(unscaled, &Change::tracking(blue(), settings), &refused);
    assert_eq!(called, policy.actions());
}

#[test]
fn what_scales_names_the_resources_of_the_project() {
    for policy in
        [scale_service_policy(&place(), &services()), scale_tracking_policy(&place(), &services())]
    {
        for statement in policy.statements() {
            let changes = statement.actions().iter().any(|action| action.contains(":Update"));
            let named = |resource: &String| resource.contains("/shop-production-");
            assert!(!changes || statement.resources().iter().all(named), "{statement:?}");
        }
    }
    let dependencies = scale_tracking_dependencies(&place(), &services());
    let alarms = dependencies.iter().find(|one| one.sid == "AlarmsOfPolicies").unwrap();
    let of = |side: &str| {
        format!(
            "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:TargetTracking-service/\
             shop-production-cluster/shop-production-{side}-*"
        )
    };
    assert_eq!(alarms.resources(), [of("blue"), of("green")]);
}
