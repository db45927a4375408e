//! The router of an Application Load Balancer: its contract, what it leaves alone, and what it makes of errors.

use std::time::Duration;

use petswipe_deploy::aws::{AlbRouter, AlbRouting, ProductionRule};
use petswipe_deploy::conformance::CloudWorld;
use petswipe_deploy::{Concern, Error, Percent, Preflight, Split, TrafficRouter};

use crate::balancer::{Action, Login, forward, group_arn};
use crate::world::{World, blue, green, routing};
use petswipe_aws::script::Fault;

mod by_the_default_rule {
    use crate::world::World;
    petswipe_deploy::router_conformance!(router, World::new());
}

mod by_a_rule_with_a_priority {
    use crate::balancer::forward;
    use crate::world::{World, blue, green, routing};
    use petswipe_deploy::aws::ProductionRule;

    fn world() -> World {
        let mut routing = routing();
        routing.rule = ProductionRule::Priority(40);
        let world = World::routed(routing);
        world.balancer(|balancer| {
            balancer.add(70, None, vec![forward(&[(&green(), 7)])]);
            balancer.add(40, None, vec![forward(&[(&blue(), 1)])]);
            balancer.production = 2;
        });
        world
    }

    petswipe_deploy::router_conformance!(router, world());
}

fn split(green_share: u8) -> Split {
    Split::between(green(), Percent::new(green_share).unwrap(), blue())
}

async fn shift(world: &World, from: u8, to: u8) -> Result<(), Error> {
    world.router.set_split(&world.authority(), &[split(from)], &split(to)).await
}

/// No answer says the secret of a login, and AWS takes no list of actions without it or the word that it stays.
#[tokio::test]
async fn a_shift_changes_the_weights_and_nothing_else_of_its_rule() {
    for (rule, production) in [(ProductionRule::Default, 0), (ProductionRule::Priority(40), 1)] {
        let world = World::routed(AlbRouting { rule, ..routing() });
        let login = Action {
            kind: "authenticate-oidc".to_owned(),
            groups: Vec::new(),
            sticky: None,
            order: Some(1),
            login: Some(Login { client: "shop".to_owned(), secret: "as it was".to_owned() }),
        };
        let sticky = Action { sticky: Some(3600), order: Some(2), ..forward(&[(&blue(), 100)]) };
        world.balancer(|balancer| {
            balancer.add(40, None, vec![forward(&[(&green(), 1)])]);
            balancer.rules[production].actions = vec![login.clone(), sticky];
            balancer.production = production;
        });
        let before = world.balancer(|balancer| balancer.rules.clone());
        shift(&world, 0, 5).await.unwrap();
        let shifted = forward(&[(&blue(), 95), (&green(), 5)]);
        let shifted = Action { sticky: Some(3600), order: Some(2), ..shifted };
        let after = world.balancer(|balancer| balancer.rules.clone());
        assert_eq!(after[production].actions, [login, shifted]);
        assert_eq!(after[1 - production], before[1 - production]);
    }
}

#[tokio::test]
async fn a_side_without_traffic_stays_in_the_rule_so_that_its_tasks_are_checked() {
    let world = World::new();
    world.balancer(|balancer| balancer.rules[0].actions = vec![forward(&[(&blue(), 1)])]);
    shift(&world, 0, 50).await.unwrap();
    shift(&world, 50, 0).await.unwrap();
    let groups = world.balancer(|balancer| balancer.rules[0].actions[0].groups.clone());
    assert_eq!(groups, [(group_arn(&blue()), 100), (group_arn(&green()), 0)]);
}

#[tokio::test]
async fn a_shift_is_one_change_and_what_is_found_by_name_is_looked_up_once() {
    let world = World::new();
    for (from, to) in [(0, 5), (5, 100), (100, 0)] {
        shift(&world, from, to).await.unwrap();
    }
    let actions = world.wire.operations();
    let count = |name: &str| actions.iter().filter(|action| *action == name).count();
    assert_eq!(count("ModifyListener"), 3);
    for once in ["DescribeLoadBalancers", "DescribeListeners", "DescribeTags"] {
        assert_eq!(count(once), 1, "{once}");
    }
    assert_eq!(count("DescribeTargetGroups"), 2);
    assert_eq!(count("DescribeRules"), 3);
}

#[tokio::test]
async fn the_rule_of_test_traffic_comes_before_all_others_and_goes_again() {
    let world = World::new();
    world.balancer(|balancer| balancer.add(30, None, vec![forward(&[(&blue(), 1)])]));
    let before = world.balancer(|balancer| balancer.rules.clone());
    let authority = world.authority();
    world.router.set_test_route(&authority, Some(&green())).await.unwrap();
    let rule = world.balancer(|balancer| balancer.rules.last().unwrap().clone());
    assert_eq!(rule.priority, Some(1));
    assert_eq!(rule.header, Some(("X-Test-Environment".to_owned(), "green".to_owned())));
    assert_eq!(rule.actions, [forward(&[(&blue(), 0), (&green(), 100)])]);
    assert_eq!(rule.tags, [("Project".to_owned(), "shop".to_owned())]);
    // A command that is given again, for its answer was lost.
    world.router.set_test_route(&authority, Some(&green())).await.unwrap();
    assert_eq!(world.balancer(|balancer| balancer.rules.len()), 3);
    world.router.set_test_route(&authority, None).await.unwrap();
    assert_eq!(world.balancer(|balancer| balancer.rules.clone()), before);
}

/// Production traffic on priority 40 is for one host, and priority 1 is taken by a rule for that.
fn taken(host: Option<&'static str>, path: Option<&'static str>) -> World {
    let world = World::routed(AlbRouting { rule: ProductionRule::Priority(40), ..routing() });
    world.balancer(|balancer| {
        balancer.add(40, None, vec![forward(&[(&blue(), 100), (&green(), 0)])]);
        balancer.rules[1].host = Some("*.Shop.example");
        balancer.rules[0].actions.clear();
        balancer.production = 1;
        balancer.add(1, None, Vec::new());
        balancer.rules[2].host = host;
        balancer.rules[2].path = path;
    });
    world
}

#[tokio::test]
async fn a_test_route_comes_after_rules_that_take_no_request_of_it() {
    for (host, path, free) in [
        (Some("admin.example"), None, true),
        (Some("admin.example"), Some("/health"), true),
        (Some("www.shop.example"), None, false),
        (Some("www.shop.*"), None, false),
        (None, Some("/health"), false),
        (None, None, false),
    ] {
        let world = taken(host, path);
        let routed = world.router.set_test_route(&world.authority(), Some(&green())).await;
        let rule = world.balancer(|balancer| balancer.rules.get(3).cloned());
        assert_eq!(routed.is_ok(), free, "{host:?} {path:?}: {routed:?}");
        assert_eq!(rule.map(|rule| rule.priority), free.then_some(Some(2)), "{host:?} {path:?}");
        let objections = world.preflight.objections().await.unwrap();
        let against = objections.iter().filter(|one| one.concern == Concern::TestTraffic);
        assert_eq!(against.count(), usize::from(!free), "{host:?} {path:?}: {objections:#?}");
    }
}

#[tokio::test]
async fn a_test_route_that_might_be_shadowed_is_refused() {
    let shadowed = World::new();
    shadowed.balancer(|balancer| balancer.add(1, None, vec![forward(&[(&blue(), 1)])]));
    let first = World::routed(AlbRouting { rule: ProductionRule::Priority(1), ..routing() });
    first.balancer(|balancer| balancer.add(1, None, vec![forward(&[(&blue(), 1)])]));
    for world in [shadowed, first] {
        let refused = world.router.set_test_route(&world.authority(), Some(&green())).await;
        assert_eq!(
            refused.unwrap_err().to_string(),
            "a test route, as no priority is free before every rule that may take a test request, is not supported by \
             the rules on port 443 of load balancer shop-alb"
        );
        assert_eq!(world.balancer(|balancer| balancer.rules.len()), 2);
    }
}

#[tokio::test]
async fn what_does_not_exist_is_named() {
    let world = World::new();
    for (change, named) in [
        (
            AlbRouting { load_balancer: "blog-alb".to_owned(), ..routing() },
            "load balancer blog-alb was not found",
        ),
        (
            AlbRouting { port: 80, ..routing() },
            "the listener on port 80 of load balancer shop-alb was not found",
        ),
        (
            AlbRouting { target_groups: [(blue(), "blue".to_owned())].into(), ..routing() },
            "target group blue was not found",
        ),
        (
            AlbRouting { rule: ProductionRule::Priority(7), ..routing() },
            "priority 7 among the rules on port 443 of load balancer shop-alb was not found",
        ),
    ] {
        let router = AlbRouter::new(&world.wire.config(), change, world.clock.clone()).unwrap();
        let error = router.route().await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
        assert_eq!(error.to_string(), named);
    }
}

#[tokio::test]
async fn what_belongs_to_another_project_is_not_touched() {
    for tags in [vec![], vec![("Project".to_owned(), "blog".to_owned())]] {
        let world = World::new();
        world.balancer(|balancer| balancer.tags = tags);
        let error = shift(&world, 0, 5).await.unwrap_err();
        assert!(
            error.to_string().starts_with("tag Project of arn:aws:elasticloadbalancing"),
            "{error}"
        );
        assert!(error.to_string().ends_with("; allowed: shop"), "{error}");
        assert!(!world.wire.operations().iter().any(|action| action.starts_with("Modify")));
    }
    let world = World::new();
    world.balancer(|balancer| balancer.kind = "network");
    let error = world.router.route().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "type of the load balancer is shop-alb; allowed: an Application Load Balancer"
    );
}

#[tokio::test]
async fn a_division_that_is_none_of_ours_is_not_guessed_at() {
    let foreign = vec![("arn:of-somebody-else".to_owned(), 1)];
    for (groups, what) in [
        (
            forward(&[(&blue(), 2), (&green(), 1)]).groups,
            "a weight of 2 of 3, which is no whole percentage",
        ),
        (forward(&[(&blue(), 0), (&green(), 0)]).groups, "a rule whose weights are all 0"),
        (foreign, "traffic to arn:of-somebody-else, which is no environment of it"),
        (Vec::new(), "a rule whose weights are all 0"),
    ] {
        let world = World::new();
        world.balancer(|balancer| balancer.rules[0].actions[0].groups = groups);
        for error in
            [world.router.route().await.unwrap_err(), shift(&world, 0, 5).await.unwrap_err()]
        {
            assert!(error.to_string().starts_with(what), "{error}");
            assert!(!error.is_retryable());
        }
        assert!(!world.wire.operations().contains(&"ModifyListener".to_owned()));
    }
    // Weights are shares of their sum, whatever that is.
    let world = World::new();
    world.balancer(|balancer| {
        balancer.rules[0].actions = vec![forward(&[(&blue(), 19), (&green(), 1)])]
    });
    assert_eq!(world.router.route().await.unwrap().split, split(5));
}

#[tokio::test]
async fn what_aws_would_refuse_is_refused_before_it_is_sent() {
    let world = World::new();
    let six = (0..6).map(|number| {
        (crate::world::environment(&format!("side-{number}")), format!("tg-{number}"))
    });
    let same = [blue(), green()].map(|side| (side, "shop-tg".to_owned()));
    for (change, why) in [
        (
            AlbRouting { target_groups: [].into(), ..routing() },
            "number of target groups is 0; allowed: 1 to 5",
        ),
        (
            AlbRouting { target_groups: six.collect(), ..routing() },
            "number of target groups is 6; allowed: 1 to 5",
        ),
        (
            AlbRouting { target_groups: same.into(), ..routing() },
            "target group is shop-tg; allowed: a different one for each environment",
        ),
        (
            AlbRouting { rule: ProductionRule::Priority(0), ..routing() },
            "priority of the rule is 0; allowed: 1 to 50000",
        ),
        (
            AlbRouting { rule: ProductionRule::Priority(50_001), ..routing() },
            "priority of the rule is 50001; allowed: 1 to 50000",
        ),
    ] {
        let refused =
            AlbRouter::new(&world.wire.config(), change, world.clock.clone()).err().unwrap();
        assert_eq!(refused.to_string(), why);
    }
    assert!(world.wire.operations().is_empty());
}

#[tokio::test]
async fn an_error_says_what_can_be_done_about_it() {
    let on = |fault: Fault| {
        let world = World::new();
        world.wire.fate(move |call| (call.operation() == "ModifyListener").then_some(fault));
        world
    };
    let what = "ModifyListener of the rules on port 443 of load balancer shop-alb";
    for (seconds, wait) in [(None, None), (Some(7), Some(Duration::from_secs(7)))] {
        let error = shift(&on(Fault::Throttled(seconds)), 0, 5).await.unwrap_err();
        assert_eq!(error.to_string(), format!("{what} was throttled"));
        assert!(
            matches!(error, Error::Throttled { retry_after, .. } if retry_after == wait),
            "{error:?}"
        );
    }
    let error = shift(&on(Fault::Denied), 0, 5).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{what} (AccessDenied) was denied"));
    assert!(!error.is_retryable());
    for (fault, reached) in [(Fault::Broken, 0), (Fault::LostAnswer, 5)] {
        let world = on(fault);
        let error = shift(&world, 0, 5).await.unwrap_err();
        assert_eq!(error.to_string(), format!("{what} failed"));
        assert!(error.is_retryable(), "{error:?}");
        assert_eq!(world.cloud.split(), split(reached));
        // Whatever came of it, the same command again is obeyed.
        world.wire.fate(|_| None);
        shift(&world, 0, 5).await.unwrap();
        assert_eq!(world.router.route().await.unwrap().split, split(5));
    }
}
