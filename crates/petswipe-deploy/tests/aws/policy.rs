//! The policy document of a rollout allows exactly what its paths call.

use std::collections::BTreeSet;

use petswipe_deploy::aws::{
    AlbRouting, Place, ProductionRule, rollout_dependencies, rollout_policy,
};
use petswipe_deploy::memory::Behaviour;
use petswipe_deploy::{Outcome, Plan, Target};

use crate::balancer::forward;
use crate::rollouts::run;
use crate::world::{World, blue, green, image, routing, services};

fn place() -> Place {
    let [partition, region, account] = ["aws", "eu-central-1", "123456789012"].map(str::to_owned);
    Place { partition, region, account }
}

fn called(world: &World) -> BTreeSet<String> {
    world.wire.calls().into_iter().map(|call| call.action).collect()
}

/// Everything that is called while a rollout is promoted, goes back, is refused, and finds a test route left open.
fn all_paths(new: impl Fn() -> World) -> BTreeSet<String> {
    let target = || Target::Image(image("shop:v2"));
    let mut blue_green = Plan::blue_green("shop", [blue(), green()], target());
    blue_green.approval = None;
    let canary = Plan::canary("shop", [blue(), green()], target());
    let bad = |world: &World| {
        let crashes = Behaviour {
            crash_after: Some(std::time::Duration::from_secs(1)),
            ..Behaviour::default()
        };
        world.cloud.add_image(image("shop:v2"), crashes);
    };
    let left_open = |world: &World| {
        world.balancer(|balancer| {
            let header = Some(("X-Test-Environment", "blue"));
            balancer.add(1, header, vec![forward(&[(&blue(), 1)])]);
        });
    };
    let mut all = BTreeSet::new();
    for (plan, promoted, prepare) in [
        (&canary, true, &(|_: &World| {}) as &dyn Fn(&World)),
        (&canary, false, &bad),
        (&blue_green, true, &|_: &World| {}),
        (&blue_green, true, &left_open),
    ] {
        let world = new();
        prepare(&world);
        let outcome = run(&world, plan.clone());
        assert_eq!(matches!(outcome, Outcome::Promoted { .. }), promoted, "{outcome}");
        all.extend(called(&world));
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
