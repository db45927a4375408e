//! Whole rollouts whose traffic is divided by a load balancer that throttles, breaks and loses answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use petswipe_deploy::aws::{EcsCompute, EcsServices};
use petswipe_deploy::memory::Behaviour;
use petswipe_deploy::{Outcome, Plan, RolloutPerformer, Split, Stage, Target};
use petswipe_monitor::AbsolutePolicy;
use petswipe_runbook::Clock;
use serde_json::{Value, json};

use crate::course::{Course, drive};
use crate::world::{Smoke, World, blue, green, image, routing, services};
use petswipe_aws::script::Fault;

fn plan() -> Plan {
    let target = Target::Image(image("shop:v2"));
    let mut plan = Plan::canary("shop", [blue(), green()], target);
    plan.stages = Stage::list(&[5, 10, 25, 50, 100], Duration::from_secs(60)).unwrap();
    plan
}

pub fn run(world: &World, plan: Plan) -> Outcome {
    disturbed(world, plan, Course::Undisturbed).0
}

/// How it ends, and how many records that takes.
pub fn disturbed(world: &World, plan: Plan, course: Course) -> (Outcome, u64) {
    let mut performer =
        RolloutPerformer::new(world.cloud.clone(), Arc::new(AbsolutePolicy::default()));
    performer.router = world.router.clone();
    performer.compute = world.compute.clone();
    performer.smoke = Arc::new(Smoke(world.router.clone()));
    performer.scaling = world.scaling.clone();
    performer.preflight = Some(world.preflight.clone());
    drive(&world.clock, Arc::new(performer), "canary-1", plan, course)
}

fn calls(world: &World) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for operation in world.wire.operations() {
        *counts.entry(operation).or_default() += 1;
    }
    counts
}

/// Those that change something.
fn changes(world: &World) -> BTreeMap<String, usize> {
    let mut counts = calls(world);
    counts.retain(|operation, _| {
        !operation.starts_with("Describe") && !operation.starts_with("List")
    });
    counts
}

fn counts(pairs: &[(&str, usize)]) -> BTreeMap<String, usize> {
    pairs.iter().map(|(operation, count)| ((*operation).to_owned(), *count)).collect()
}

#[test]
fn a_canary_over_five_stages_changes_the_listener_five_times() {
    let world = World::new();
    let outcome = run(&world, plan());
    assert!(matches!(outcome, Outcome::Promoted { .. }), "{outcome}");
    // The new side is deployed and once made larger, the old one scaled down; both are suspended and restored.
    let wanted = [
        ("ModifyListener", 5),
        ("RegisterScalableTarget", 4),
        ("RegisterTaskDefinition", 1),
        ("UpdateService", 3),
    ];
    assert_eq!(changes(&world), counts(&wanted));
    assert_eq!(world.cloud.split(), Split::all_to(green()));
    assert_eq!((world.cloud.healthy(&blue()), world.cloud.healthy(&green())), (0, 2));
    let all: usize = calls(&world).values().sum();
    println!("a canary over five stages of 60 s: {all} calls: {:?}", calls(&world));
    // Ten minutes of looks: what is asked twice for the same moment would double it.
    assert!(all < 450, "{all} calls");
}

#[test]
fn a_rollback_takes_traffic_away_with_one_change() {
    let world = World::new();
    let before = (world.cloud.configuration(), world.wire.with(|shop| shop.scaler.targets.clone()));
    world.cloud.add_image(image("shop:v2"), Behaviour { error_rate: 0.2, ..Behaviour::default() });
    let outcome = run(&world, plan());
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome}");
    let wanted = [
        ("ModifyListener", 2),
        ("RegisterScalableTarget", 4),
        ("RegisterTaskDefinition", 1),
        ("UpdateService", 2),
    ];
    assert_eq!(changes(&world), counts(&wanted));
    let after = (world.cloud.configuration(), world.wire.with(|shop| shop.scaler.targets.clone()));
    assert_eq!(after, before);
    // Nothing comes between the verdict and the change but what was under way.
    let operations = world.wire.operations();
    let back = operations.iter().rposition(|operation| operation == "ModifyListener").unwrap();
    let next = operations[back..].iter().position(|operation| operation == "UpdateService");
    assert!(next.is_some(), "traffic was taken away first");
    let all: usize = calls(&world).values().sum();
    println!("a rollback in the first stage: {all} calls: {:?}", calls(&world));
}

#[test]
fn auto_scaling_goes_along_with_the_traffic() {
    let world = World::new();
    assert!(matches!(run(&world, plan()), Outcome::Promoted { .. }));
    let limits = world.wire.with(|shop| {
        let targets = shop.scaler.targets.iter();
        targets
            .map(|(name, target)| (name.clone(), target.limits, target.suspended))
            .collect::<Vec<_>>()
    });
    let resource = |side| format!("service/shop-production-cluster/{side}");
    let active = [false; 3];
    assert_eq!(limits, [(resource(blue()), (0, 20), active), (resource(green()), (1, 20), active)]);
}

/// ECS went back to the first deployment of the good version long ago, tasks of it crashed, and others were not placed.
fn troubled_past(world: &World) {
    let now = Clock::now(&*world.clock).as_millisecond() as f64 / 1000.0;
    world.cluster(|cluster| {
        let service = cluster.services.get_mut(blue().as_str()).unwrap();
        let id = format!("ecs-svc/{}-1", blue());
        for number in 0..4 {
            service.stopped.push(json!({
                "taskArn": format!("arn:aws:ecs:eu-central-1:123456789012:task/c/{number}"),
                "startedBy": id,
                "lastStatus": "STOPPED",
                "stoppedAt": now,
                "stopCode": "EssentialContainerExited",
                "stoppedReason": "Essential container in task exited",
            }));
            let message = "(service x) was unable to place a task because no capacity";
            service.events.push(json!({"id": "1", "createdAt": now, "message": message}));
        }
        let message = format!("(service x) rolling back to deployment {id}.");
        service.events.push(json!({"id": "2", "createdAt": now, "message": message}));
    });
    world.clock.advance(Duration::from_secs(1));
}

#[test]
fn an_undo_is_not_turned_back_by_what_failed_long_before_it() {
    let world = World::new();
    let outcome = run(&world, plan());
    assert!(matches!(outcome, Outcome::Promoted { .. }), "{outcome}");
    troubled_past(&world);
    let now = Clock::now(&*world.clock);
    let undone = run(&world, plan().undo(&outcome, now, now).unwrap());
    assert!(matches!(undone, Outcome::Promoted { .. }), "{undone}");
    assert_eq!(world.cloud.split(), Split::all_to(blue()));
    assert_eq!((world.cloud.healthy(&blue()), world.cloud.healthy(&green())), (2, 0));
}

/// The deployment configuration of each service.
fn configurations(world: &World) -> Vec<Value> {
    world.cluster(|cluster| {
        cluster.services.values().map(|service| service.configuration.clone()).collect()
    })
}

/// A world whose services have a configuration of their own, and whose deployments are watched by an alarm.
fn watched(own: &Value) -> World {
    let mut world = World::new();
    world.cluster(|cluster| {
        cluster.services.values_mut().for_each(|service| service.configuration = own.clone());
    });
    world.wire.with(|shop| {
        shop.alarms.0.extend([("own".to_owned(), "OK"), ("errors".to_owned(), "OK")]);
    });
    let services = EcsServices { alarms: vec!["errors".to_owned()], ..services() };
    let compute = EcsCompute::new(&world.wire.config(), services, world.clock.clone()).unwrap();
    world.compute = Arc::new(compute);
    world
}

/// What the services told to update themselves are told of how they deploy.
fn told(world: &World) -> Vec<Value> {
    let calls = world.wire.calls();
    let updates = calls.iter().filter(|call| call.operation() == "UpdateService");
    let told = updates.map(|call| call.json()["deploymentConfiguration"].clone());
    told.filter(|configuration| !configuration.is_null()).collect()
}

fn rolling() -> Plan {
    Plan::rolling("shop", [blue(), green()], Target::Image(image("shop:v2")))
}

#[test]
fn how_a_service_replaces_its_tasks_is_as_it_was_after_every_rollout() {
    let own = json!({
        "minimumHealthyPercent": 50,
        "maximumPercent": 100,
        "deploymentCircuitBreaker": {"enable": false, "rollback": false},
        "alarms": {"enable": true, "rollback": false, "alarmNames": ["own"]},
    });
    for plan in [plan(), rolling()] {
        for bad in [false, true] {
            let world = watched(&own);
            if bad {
                let behaviour = Behaviour { error_rate: 0.2, ..Behaviour::default() };
                world.cloud.add_image(image("shop:v2"), behaviour);
            }
            let outcome = run(&world, plan.clone());
            assert_eq!(matches!(outcome, Outcome::Promoted { .. }), !bad, "{outcome}");
            assert_eq!(configurations(&world), [own.clone(), own.clone()], "{outcome}");
            let told = told(&world);
            let ours = json!({"enable": true, "rollback": true, "alarmNames": ["errors"]});
            assert_eq!(told[0]["alarms"], ours);
            let percents = |told: &Value| {
                (told["minimumHealthyPercent"].as_u64(), told["maximumPercent"].as_u64())
            };
            if plan.strategy == petswipe_deploy::Strategy::Canary {
                assert!(told.iter().all(|it| percents(it) == (Some(50), Some(100))), "{told:?}");
            } else {
                assert_eq!(percents(&told[0]), (Some(100), Some(200)));
            }
        }
    }
}

#[test]
fn on_the_way_back_ecs_does_not_go_back_to_the_bad_version() {
    // A service without alarms and breaker.
    let own = json!({"minimumHealthyPercent": 100, "maximumPercent": 200});
    let world = watched(&own);
    let bad = Behaviour { error_rate: 0.2, ..Behaviour::default() };
    world.cloud.add_image(image("shop:v2"), bad);
    // The good version's tasks fail to start for a while, just when they are needed.
    let crash = Behaviour { crash_after: Some(Duration::ZERO), ..Behaviour::default() };
    world.cloud.add_image(image("shop:v1"), crash);
    let (cloud, clock) = (world.cloud.clone(), world.clock.clone());
    let mut since = None;
    world.wire.fate(move |call| {
        let told = call.json();
        if call.operation() == "UpdateService" && told["taskDefinition"] == "revision:1" {
            since.get_or_insert(Clock::now(&*clock));
        }
        let now = Clock::now(&*clock);
        if since.is_some_and(|since| now.duration_since(since).as_secs() > 120) {
            cloud.add_image(image("shop:v1"), Behaviour::default());
        }
        None
    });
    let outcome = run(&world, rolling());
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome}");
    assert_eq!(world.cloud.configuration().sides[&blue()].0.as_str(), "revision:1");
    assert_eq!(world.cloud.healthy(&blue()), 2);
    let told = told(&world);
    assert_eq!(told[0]["deploymentCircuitBreaker"], json!({"enable": true, "rollback": true}));
    let off = json!({"enable": false, "rollback": false});
    assert_eq!(told[1]["deploymentCircuitBreaker"], off);
    let alarms = json!({"enable": false, "rollback": false, "alarmNames": ["errors"]});
    assert_eq!(told[1]["alarms"], alarms);
    // What the service did not have is off for good.
    let after = configurations(&world).remove(0);
    let none = json!({"enable": false, "rollback": false, "alarmNames": []});
    assert_eq!((&after["deploymentCircuitBreaker"], &after["alarms"]), (&off, &none));
}

/// 10 % of the calls are throttled, 5 % lose their answer after they took effect, 2 % break.
#[test]
fn under_throttling_lost_answers_and_breakdowns_every_rollout_ends_as_promised() {
    let (mut promoted, mut back) = (0, 0);
    for seed in 0..200 {
        // As the examples and the AWS CLI do.
        let world = World::tried(routing(), 4);
        let before = world.cloud.configuration();
        let bad = seed % 2 == 1;
        if bad {
            let behaviour = Behaviour { error_rate: 0.2, ..Behaviour::default() };
            world.cloud.add_image(image("shop:v2"), behaviour);
        }
        let mut random = fastrand::Rng::with_seed(seed);
        world.wire.fate(move |_| match random.u8(0..100) {
            ..10 => Some(Fault::Throttled(None)),
            10..15 => Some(Fault::LostAnswer),
            15..17 => Some(Fault::Broken),
            _ => None,
        });
        let now = |outcome: &Outcome| (outcome.to_string(), world.cloud.configuration());
        match run(&world, plan()) {
            Outcome::Promoted { revision, .. } => {
                assert!(!bad, "seed {seed}: a bad version was promoted");
                promoted += 1;
                let now = world.cloud.configuration();
                assert_eq!(now.split, Split::all_to(green()), "seed {seed}");
                assert_eq!(
                    (&now.sides[&green()].0, now.sides[&blue()].1),
                    (&revision, 0),
                    "seed {seed}"
                );
            }
            outcome @ Outcome::RolledBack { .. } => {
                back += 1;
                assert_eq!(now(&outcome).1, before, "seed {seed}: {outcome}");
            }
            outcome => panic!("seed {seed}: {:?}", now(&outcome)),
        }
    }
    println!("of 200 rollouts {promoted} were promoted and {back} went back");
    assert!(promoted >= 90 && back >= 100, "{promoted} promoted, {back} back");
}
