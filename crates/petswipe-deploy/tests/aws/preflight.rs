//! What speaks against a rollout, found before anything is changed.

use petswipe_deploy::aws::{AlbRouting, ProductionRule};
use petswipe_deploy::preflight_conformance;
use petswipe_deploy::{Concern, Objection, Outcome, Plan, Preflight, Target};

use crate::balancer::{Action, forward};
use crate::rollouts::run;
use crate::world::{World, blue, green, image, routing};

preflight_conformance!(contract, World::new());

/// What an examination finds, without what concerns only impatient plans.
async fn found(world: &World) -> Vec<Objection> {
    let mut objections = world.preflight.objections().await.unwrap();
    objections.retain(|one| !matches!(one.concern, Concern::Readiness(_)));
    objections
}

/// The only thing that an examination finds.
async fn only(world: &World) -> Objection {
    let found = found(world).await;
    let [one] = found.as_slice() else { panic!("one objection, not {found:#?}") };
    one.clone()
}

async fn says(world: &World, concern: Concern, words: &[&str]) {
    let objection = only(world).await;
    assert_eq!(objection.concern, concern, "{}", objection.text);
    for word in words {
        assert!(objection.text.contains(word), "{word}: {}", objection.text);
    }
}

#[tokio::test]
async fn a_rule_that_takes_everything_before_is_found() {
    let world = World::new();
    world.balancer(|balancer| {
        balancer.add(7, None, vec![]);
        balancer.rules.last_mut().unwrap().path = Some("/*");
    });
    says(&world, Concern::Any, &["rule 7", "before the rule that divides traffic"]).await;
}

#[tokio::test]
async fn a_rule_shadows_another_if_it_is_before_and_wider() {
    for (before, path, shadowed) in [
        (7, Some("/shop/*"), true),
        (7, Some("/shop/pets/*"), true),
        (7, Some("/shop/pets/cats"), false),
        (7, Some("/other/*"), false),
        (30, Some("/*"), false),
        (7, None, true),
    ] {
        let world = World::routed(AlbRouting { rule: ProductionRule::Priority(20), ..routing() });
        world.balancer(|balancer| {
            balancer.add(20, None, vec![forward(&[(&blue(), 100), (&green(), 0)])]);
            balancer.rules.last_mut().unwrap().path = Some("/shop/pets/*");
            balancer.rules[0].actions.clear();
            balancer.production = 1;
            balancer.add(before, None, vec![]);
            balancer.rules.last_mut().unwrap().path = path;
        });
        assert_eq!(!found(&world).await.is_empty(), shadowed, "{before} {path:?}");
    }
}

#[tokio::test]
async fn traffic_past_the_weights_is_found() {
    let world = World::new();
    world.balancer(|balancer| {
        balancer.add(7, None, vec![forward(&[(&blue(), 1)])]);
        balancer.rules.last_mut().unwrap().path = Some("/admin/*");
    });
    says(&world, Concern::MovedTraffic, &["rule 7", "shop-production-blue", "past the weights"])
        .await;

    let world = World::new();
    world.balancer(|balancer| balancer.beside = Some(green()));
    says(&world, Concern::MovedTraffic, &["port 8080", "shop-production-green"]).await;
}

#[tokio::test]
async fn traffic_past_the_weights_by_a_rule_of_another_listener_is_found() {
    let world = World::new();
    world.balancer(|balancer| {
        // One rule leads elsewhere, and rules come one a page.
        balancer.add_beside(3, "old.example", Vec::new());
        balancer.add_beside(5, "shop.example", vec![forward(&[(&blue(), 1)])]);
    });
    let words = ["rule 5", "port 8080", "shop-production-blue", "past the weights"];
    says(&world, Concern::MovedTraffic, &words).await;
}

#[tokio::test]
async fn a_side_that_no_rule_names_is_found() {
    let green_group = "shop-production-green-tg";
    for (rule, command) in [
        (ProductionRule::Default, "aws elbv2 modify-listener --listener-arn arn:"),
        (ProductionRule::Priority(40), "aws elbv2 modify-rule --rule-arn arn:"),
    ] {
        let world = World::routed(AlbRouting { rule, ..routing() });
        world.balancer(|balancer| {
            balancer.rules[0].actions = vec![forward(&[(&blue(), 7)])];
            if rule != ProductionRule::Default {
                let actions = std::mem::take(&mut balancer.rules[0].actions);
                balancer.add(40, None, actions);
                balancer.production = 1;
            }
        });
        let group = |side, weight| {
            format!("{{TargetGroupArn={},Weight={weight}}}", crate::balancer::group_arn(side))
        };
        let groups = format!("TargetGroups=[{},{}]", group(&blue(), 7), group(&green(), 0));
        let words = [green_group, "never healthy", "weight of 0", command, &groups];
        says(&world, Concern::MovedTraffic, &words).await;
        // Whatever names it, it is checked: here a rule for test traffic that stands.
        let header = Some(("x-test-environment", "green"));
        world.balancer(|balancer| balancer.add(9, header, vec![forward(&[(&green(), 1)])]));
        assert_eq!(found(&world).await, []);
    }
    // No command that would drop what else the rule does.
    let world = World::new();
    world.balancer(|balancer| {
        let login = Action { groups: Vec::new(), ..forward(&[]) };
        let login = Action { kind: "authenticate-cognito".to_owned(), ..login };
        balancer.rules[0].actions = vec![login, forward(&[(&blue(), 7)])];
    });
    says(&world, Concern::MovedTraffic, &[green_group, "weight of 0"]).await;
    assert!(!only(&world).await.text.contains("aws elbv2"));
}

/// A task is registered with its own port; that of the group is for who names none.
#[tokio::test]
async fn the_default_port_of_a_target_group_does_not_matter() {
    let world = World::new();
    world.balancer(|balancer| balancer.groups.get_mut(&green()).unwrap().port = 80);
    assert_eq!(found(&world).await, []);
}

/// Priority 1 is taken by a rule that may take a test request.
#[test]
fn test_traffic_without_a_place_speaks_against_plans_that_have_some() {
    let world = World::new();
    world.balancer(|balancer| {
        balancer.add(1, None, Vec::new());
        balancer.rules[1].path = Some("/admin/*");
    });
    let before = world.cloud.configuration();
    let target = Target::Image(image("shop:v2"));
    let mut plan = Plan::blue_green("shop", [blue(), green()], target);
    plan.approval = None;
    let Outcome::Refused { reasons } = run(&world, plan.clone()) else { panic!("refused") };
    let [reason] = reasons.as_slice() else { panic!("{reasons:#?}") };
    for word in ["test traffic", "port 443", "priority 1", "aws elbv2 set-rule-priorities"] {
        assert!(reason.contains(word), "{word}: {reason}");
    }
    assert_eq!(world.cloud.configuration(), before);
    plan.smoke = None;
    let outcome = run(&world, plan);
    assert!(matches!(outcome, Outcome::Promoted { .. }), "{outcome}");
}

#[tokio::test]
async fn sessions_that_stick_speak_against_divided_traffic() {
    let world = World::new();
    world.balancer(|balancer| balancer.rules[0].actions[0].sticky = Some(3600));
    says(&world, Concern::DividedTraffic, &["3600 s"]).await;
}

#[tokio::test]
async fn alarms_that_fire_or_are_missing_are_found() {
    let world = World::new();
    world.wire.with(|shop| {
        shop.alarms.0.insert("shop-production-errors".to_owned(), "ALARM");
        shop.alarms.0.insert("shop-production-latency".to_owned(), "OK");
        shop.alarms.0.insert("elsewhere".to_owned(), "ALARM");
    });
    says(&world, Concern::Any, &["shop-production-errors", "ALARM"]).await;

    let world = World::new();
    world.cluster(|cluster| {
        let service = cluster.services.values_mut().next().unwrap();
        service.configuration["alarms"] =
            serde_json::json!({"enable": true, "rollback": true, "alarmNames": ["gone"]});
    });
    says(&world, Concern::Any, &["alarm gone was not found"]).await;
}

#[tokio::test]
async fn services_that_do_not_fit_are_found() {
    type Change = fn(&World);
    let cases: [(Change, &[&str]); 7] = [
        (
            |world| {
                world.cluster(|cluster| {
                    cluster.definitions.get_mut(&1).unwrap().0["status"] = "INACTIVE".into()
                })
            },
            &["revision:1", "INACTIVE", "no way back"],
        ),
        (
            |world| {
                world.cluster(|cluster| {
                    cluster.services.values_mut().for_each(|one| one.port = 9090)
                })
            },
            &["port 9090", "8080"],
        ),
        (
            |world| {
                world.cluster(|cluster| {
                    cluster.services.values_mut().for_each(|one| one.group = "other".to_owned())
                })
            },
            &["another target group", "shop-production-blue-tg"],
        ),
        (
            |world| {
                world.cluster(|cluster| {
                    cluster
                        .services
                        .values_mut()
                        .for_each(|one| one.configuration["strategy"] = "BLUE_GREEN".into());
                });
            },
            &["BLUE_GREEN", "ROLLING"],
        ),
        (
            |world| {
                world.balancer(|balancer| {
                    balancer.groups.values_mut().for_each(|one| one.kind = "instance")
                })
            },
            &["type instance", "ip"],
        ),
        (
            |world| {
                world.balancer(|balancer| {
                    balancer.groups.values_mut().for_each(|one| one.check_port = "9000")
                })
            },
            &["health of port 9000"],
        ),
        (
            |world| {
                world.balancer(|balancer| {
                    balancer.groups.get_mut(&green()).unwrap().check_path = "/"
                })
            },
            &["differ in health check path: /health and /"],
        ),
    ];
    for (change, words) in cases {
        let world = World::new();
        change(&world);
        let found = found(&world).await;
        assert!(!found.is_empty(), "{words:?}");
        for word in words {
            assert!(found.iter().any(|one| one.text.contains(word)), "{word}: {found:#?}");
        }
    }
}

/// Everything speaks against the rollout, and nothing is changed.
#[test]
fn a_rollout_is_refused_with_all_reasons_before_anything_is_changed() {
    let world = World::new();
    let before = world.cloud.configuration();
    world.balancer(|balancer| {
        balancer.rules[0].actions[0].sticky = Some(3600);
        balancer.beside = Some(blue());
    });
    let mut plan = Plan::canary("shop", [blue(), green()], Target::Image(image("shop:v2")));
    plan.capacity.deadline = std::time::Duration::from_secs(5);
    let Outcome::Refused { reasons } = run(&world, plan.clone()) else { panic!("refused") };
    let text = reasons.join("; ");
    for word in ["3600 s", "port 8080", "10s of health checks"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert_eq!(world.cloud.configuration(), before);
    let changes = ["Modify", "Create", "Delete", "Update", "Register"];
    let operations = world.wire.operations();
    assert!(!operations.iter().any(|one| changes.iter().any(|change| one.starts_with(change))));
    // What sticks does not matter where nothing is divided.
    let mut plan =
        Plan { approval: None, ..Plan::blue_green("shop", plan.environments, plan.target) };
    plan.smoke = None;
    let Outcome::Refused { reasons } = run(&world, plan) else { panic!("refused") };
    let text = reasons.join("; ");
    assert!(text.contains("port 8080") && !text.contains("3600 s"), "{text}");
}
