//! The bugs of the scripts that petswipe replaces, one test each: none of them is here.
//!
//! Numbered as they were found. Each test carries a whole rollout out, and fails if the bug were there.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use petswipe_deploy::memory::{Behaviour, Metrics};
use petswipe_deploy::{
    ApprovalPlan, ApprovalPoint, CauseKind, Compute, Effect, Outcome, Plan, Split, Stage, Target,
};
use petswipe_runbook::lease::MemoryLeases;
use petswipe_runbook::{
    Answer, Approver, Error, Event, LeaseTerms, NobodyApproves, OperationId, Question,
};

mod support;
use support::odd::{self, Change, Odd, OddMetrics, OddRouter};
use support::*;

fn status(shop: &Shop, side: &petswipe_deploy::Environment) -> petswipe_deploy::ServiceStatus {
    shop.clock.run(shop.cloud.service(side)).unwrap().unwrap()
}

fn kind(outcome: &Outcome) -> CauseKind {
    match outcome {
        Outcome::RolledBack { cause } => cause.kind,
        other => panic!("rolled back, not {other}"),
    }
}

/// Makes a shop what a test needs.
type World = fn(&Shop);

/// Whether the rollout ever took tasks from the side that was live.
fn shrank_the_live_side(shop: &Shop) -> bool {
    shop.effects().iter().any(|effect| match effect {
        Effect::Scale { environment, desired } => *environment == blue() && *desired < 4,
        Effect::Deploy { environment, .. } => *environment == blue(),
        _ => false,
    })
}

/// The image tag was never sent: no new task definition was registered, and the old revision was deployed again.
#[test]
fn bug_01_the_image_is_really_sent() {
    for plan in plans() {
        let shop = Shop::new();
        let old = status(&shop, &blue()).revision.unwrap();
        let Outcome::Promoted { environment, revision, before } = shop.run(plan) else {
            panic!("promoted");
        };
        assert_eq!(before, old);
        assert_ne!(revision, old);
        let now = status(&shop, &environment);
        assert_eq!((now.revision, now.image), (Some(revision), Some(image("shop:v2"))));
        assert_eq!(now.running, 4);
    }
}

/// Metrics came as "3.0", shell arithmetic died after the 5 % shift, and the canary stayed there.
#[test]
fn bug_02_numbers_that_are_not_whole_and_reads_that_fail_never_strand_a_canary() {
    let shop = Shop::new();
    shop.cloud.set_traffic(33.3);
    let outcome = shop.run(canary());
    shop.assert_promoted(&outcome);

    let shop = Shop::new();
    shop.when(|shop, _, state| {
        if state.weight == percent(10) {
            shop.cloud.set_metrics(Metrics::Fail);
        }
    });
    assert_eq!(kind(&shop.run(canary())), CauseKind::Unsure);
    assert_eq!(shop.shifts(), [split(10), split(0)]);
    shop.assert_untouched();
}

/// No data, 0 of 0 targets and failed calls read as "health check passed": it promoted, and scaled the old side to 0.
#[test]
fn bug_03_nothing_seen_is_never_healthy() {
    let worlds: [(&str, World); 4] = [
        ("no data", |shop| shop.cloud.set_metrics(Metrics::Missing)),
        ("metrics that fail", |shop| shop.cloud.set_metrics(Metrics::Fail)),
        ("no traffic", |shop| shop.cloud.set_traffic(0.0)),
        ("no healthy target", |shop| {
            shop.version_2(Behaviour { healthy: false, ..Behaviour::default() });
        }),
    ];
    for plan in plans() {
        for (what, world) in worlds {
            let shop = Shop::new();
            world(&shop);
            let outcome = shop.run(plan.clone());
            assert!(matches!(outcome, Outcome::RolledBack { .. }), "{what}: {outcome}");
            assert!(plan.stages.is_empty() || !shrank_the_live_side(&shop), "{what}");
            shop.assert_untouched();
        }
        let broken = Arc::new(AtomicBool::new(false));
        let on = Arc::clone(&broken);
        let shop = Shop::with(4, |performer| {
            let router = performer.router.clone();
            performer.router = Arc::new(OddRouter { router, odd: Odd::HealthFails, on });
        });
        shop.when(move |_, recorded, state| {
            // From the first change on, until everything is given up and put back.
            let changes =
                matches!(&recorded.event, Event::Intended { effect, .. } if effect.is_change());
            let back = matches!(state.direction, petswipe_deploy::Direction::Back(_));
            if changes || back {
                broken.store(!back, Ordering::Relaxed);
            }
        });
        assert_eq!(kind(&shop.run(plan)), CauseKind::Capacity);
        assert_eq!(shop.shifts(), []);
        shop.assert_untouched();
    }
}

/// A failure after promotion sent everything to the old side, whose desired count was 0 already: a total outage.
#[test]
fn bug_04_a_failure_after_the_last_shift_goes_back_to_a_side_that_can_serve() {
    for plan in [canary(), blue_green()] {
        for name in ["stage", "bake", "scale-down delay"] {
            let shop = Shop::new();
            shop.when(move |shop, recorded, state| {
                let stage = state.stages.last().filter(|_| state.weight == percent(100));
                if stage.is_some_and(|stage| stage.name.starts_with(name)) {
                    shop.break_version_2();
                }
                if let Event::Intended { effect: Effect::Shift { to, .. }, .. } = &recorded.event
                    && *to == split(0)
                {
                    assert_eq!(shop.cloud.healthy(&blue()), 4);
                }
            });
            assert_eq!(kind(&shop.run(plan.clone())), CauseKind::Verdict);
            assert_eq!(shop.shifts().last(), Some(&split(0)));
            assert!(!shrank_the_live_side(&shop));
            shop.assert_untouched();
        }
    }
}

/// The next release after a success gave the empty side 95 % of the traffic: nobody looked which side was live.
#[test]
fn bug_05_the_next_release_reads_which_side_is_live() {
    let shop = Shop::new();
    let outcome = shop.run(canary());
    shop.assert_promoted(&outcome);
    shop.next();
    shop.cloud.add_image(image("shop:v3"), Behaviour::default());
    shop.when(|shop, _, _| {
        for (side, share) in shop.cloud.split().iter() {
            assert!(shop.cloud.healthy(side) >= share.of(4), "{} serves {share}", side);
        }
    });
    let Outcome::Promoted { environment, .. } =
        shop.run(Plan { target: Target::Image(image("shop:v3")), ..canary() })
    else {
        panic!("promoted");
    };
    assert_eq!(environment, blue());
    assert_eq!(shop.shifts(), [split(90), split(50), split(0)]);
    assert_eq!(shop.cloud.healthy(&green()), 0);
}

/// The arguments of the rollback after the switch were swapped: traffic stayed on the broken side, and the healthy one
/// was scaled to 0.
#[test]
fn bug_06_the_way_back_after_the_switch_leads_to_the_healthy_side() {
    let shop = Shop::new();
    shop.version_2(Behaviour { error_rate: 0.4, ..Behaviour::default() });
    assert_eq!(kind(&shop.run(blue_green())), CauseKind::Verdict);
    assert_eq!(shop.shifts(), [split(100), split(0)]);
    assert_eq!(shop.cloud.split(), Split::all_to(blue()));
    assert!(!shrank_the_live_side(&shop));
    shop.assert_untouched();
}

struct NeverAnswers;

#[async_trait]
impl Approver for NeverAnswers {
    async fn ask(&self, _question: &Question) -> Answer {
        std::future::pending().await
    }
}

/// Without a terminal the question died and left the new side running; an active side with desired count 0 passed
/// "0 healthy required"; weighted targets were misread as "green is active".
#[test]
fn bug_07_no_answer_goes_back_and_no_single_live_side_is_refused() {
    let asking = Plan::blue_green("shop", [blue(), green()], Target::Image(image("shop:v2")));
    let shop = Shop::new();
    shop.approver(NeverAnswers);
    assert_eq!(kind(&shop.run(asking.clone())), CauseKind::Approval);
    assert_eq!(shop.shifts(), []);
    shop.assert_untouched();
    let shop = Shop::new();
    shop.approver(NobodyApproves);
    assert_eq!(kind(&shop.run(asking)), CauseKind::Approval);
    shop.assert_untouched();

    let worlds: [(World, &str); 3] = [
        (|shop| shop.cloud.meddle(split(40)), "both sides are live"),
        (|shop| shop.cloud.meddle(split(100)), "desired count of 0"),
        (|shop| shop.cloud.limit_tasks(&blue(), Some(0)), "0 healthy tasks"),
    ];
    for plan in plans() {
        for (world, why) in worlds {
            let shop = Shop::new();
            world(&shop);
            shop.next();
            let Outcome::Refused { reasons } = shop.run(plan.clone()) else {
                panic!("refused: {why}");
            };
            assert!(reasons.join("; ").contains(why), "{reasons:?}");
            assert_eq!(shop.changes(), [""; 0]);
            assert_eq!(shop.cloud.configuration(), *shop.initial.lock().unwrap());
        }
    }
}

/// Listener and rule were "the first that matches" in the whole account, so another load balancer could be hit.
#[test]
fn bug_08_only_what_the_plan_names_is_touched() {
    // The third environment of the shop stands for somebody else's: it is no part of this plan.
    for plan in plans() {
        let shop = Shop::new();
        let outcome = shop.run(plan.clone());
        assert!(matches!(outcome, Outcome::Promoted { .. }));
        assert!(shop.changes().iter().all(|change| !change.contains(baseline().as_str())));

        let shop = Shop::new();
        shop.cloud.meddle(Split::all_to(baseline()));
        shop.next();
        let outcome = shop.run(plan.clone());
        assert_eq!(
            outcome.to_string(),
            "refused: all traffic goes to shop-baseline; allowed: 100 % to either shop-blue or shop-green"
        );
        assert_eq!(shop.changes(), [""; 0]);

        let shop = Shop::new();
        let environments = [blue(), environment("shop-red")];
        let outcome = shop.run(Plan { environments, ..plan });
        assert_eq!(
            outcome.to_string(),
            "refused: could not read the state of everything: environment shop-red was not found"
        );
        assert_eq!(shop.changes(), [""; 0]);
    }
}

/// The newest datapoint of an unordered list, errors and requests from different minutes, mean latency only; 4xx and
/// failures of the load balancer did not count.
#[test]
fn bug_09_tails_and_all_kinds_of_errors_count_and_other_minutes_do_not() {
    let only_green: [(&str, Change, Option<CauseKind>); 5] = [
        ("nothing is wrong", |_, seen| seen, None),
        ("2 % are slow, the mean is low", odd::slow_tail, Some(CauseKind::Verdict)),
        ("the load balancer answers 10 %", odd::balancer_errors, Some(CauseKind::Verdict)),
        ("30 % are answered 4xx", odd::client_errors, Some(CauseKind::Verdict)),
        ("the numbers are from before", odd::another_minute, Some(CauseKind::Unsure)),
    ];
    for plan in [canary(), blue_green()] {
        for (what, change, expected) in only_green {
            let shop = Shop::with(4, |performer| {
                let source = performer.metrics.clone();
                performer.metrics = Arc::new(OddMetrics { source, change });
            });
            match (shop.run(plan.clone()), expected) {
                (Outcome::Promoted { .. }, None) => {}
                (outcome, Some(expected)) => {
                    assert_eq!(kind(&outcome), expected, "{what}: {outcome}");
                    shop.assert_untouched();
                }
                (outcome, None) => panic!("{what}: {outcome}"),
            }
        }
    }
}

/// The canary's rule shadowed the test rule and the default action: the smoke test hit production, the switch changed
/// nothing, and then the live side was scaled to 0.
#[test]
fn bug_10_a_switch_or_test_route_without_effect_is_noticed() {
    for odd in [Odd::SplitHasNoEffect, Odd::TestRouteHasNoEffect] {
        let shop = Shop::with(4, |performer| {
            let (router, on) = (performer.router.clone(), Arc::new(AtomicBool::new(true)));
            performer.router = Arc::new(OddRouter { router, odd, on });
        });
        let outcome = shop.run(blue_green());
        assert_eq!(kind(&outcome), CauseKind::Call, "{odd:?}: {outcome}");
        assert!(!shrank_the_live_side(&shop));
        assert_eq!(shop.report().stages, []);
        shop.assert_untouched();
    }
}

/// The pipeline ran the whole script once per stage: `CANARY_STAGES=5` promoted to 100 % before anybody was asked
/// about 10 %.
#[test]
fn bug_11_a_question_comes_before_the_traffic_it_is_about() {
    let only_five = Plan { stages: Stage::list(&[5], seconds(60)).unwrap(), ..canary() };
    let refused = only_five.validate().unwrap_err().to_string();
    assert_eq!(refused, "last stage is 5 %; allowed: 100 %");

    for (before, most) in [(ApprovalPoint::FirstTraffic, 0), (ApprovalPoint::AllTraffic, 50)] {
        let shop = Shop::new();
        let asked = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&asked);
        shop.when(move |shop, recorded, _| {
            if matches!(recorded.event, Event::Asked { .. }) {
                noted.store(true, Ordering::Relaxed);
                assert_eq!(shop.cloud.split(), split(most));
            }
        });
        shop.approver(NobodyApproves);
        let approval = Some(ApprovalPlan { before, within: seconds(600) });
        assert_eq!(kind(&shop.run(Plan { approval, ..canary() })), CauseKind::Approval);
        assert!(asked.load(Ordering::Relaxed));
        let highest = shop.shifts().iter().map(|split| split.share(&green()).get()).max();
        assert_eq!(highest.unwrap_or(0), most);
        shop.assert_untouched();
    }
}

/// Script and rollback function raced: no lock, no shared state; the script set its next weight after the function had
/// taken it back.
#[test]
fn bug_12_two_operations_never_fight_over_the_weights() {
    let store = Arc::new(MemoryLeases::new());
    let (key, ttl) = (canary().lease_key(), seconds(30));
    let terms = LeaseTerms { store, key, ttl };
    let shop = Shop::new();
    let (lease, second) = (terms.clone(), Shop::new());
    shop.when(move |shop, recorded, _| {
        if recorded.seq == 10 {
            second.clock.advance_to(now(shop));
            let driver = second.driver().lease(lease.clone());
            let started = driver.start(OperationId::new("rollout-2").unwrap(), blue_green());
            let halted = second.clock.run(started).unwrap().unwrap_err();
            assert!(!halted.touched);
            match halted.error {
                Error::Held { operation, holder, .. } => {
                    assert_eq!((operation.as_str(), holder.as_str()), ("rollout-1", "the test"));
                }
                other => panic!("held, not {other}"),
            }
        }
    });
    let driver = shop.driver().lease(terms);
    let started = driver.start(OperationId::new("rollout-1").unwrap(), canary());
    let outcome = shop.clock.run(started).unwrap().unwrap().outcome;
    shop.assert_promoted(&outcome);
    assert!(shop.history().records.len() > 10);

    // Somebody takes the traffic back who asks nobody.
    let shop = Shop::new();
    shop.when(|shop, recorded, state| {
        let looked = matches!(recorded.event, Event::Succeeded { .. });
        if looked && state.weight == percent(50) && state.held_until().is_some() {
            shop.cloud.meddle(split(0));
        }
    });
    let outcome = shop.run(canary());
    assert!(matches!(outcome, Outcome::Stopped { .. }), "{outcome}");
    assert_eq!(shop.shifts(), [split(10), split(50)]);
    assert_eq!(shop.cloud.split(), split(0));
}

/// No state, no lock, no handling of signals, no way to resume; the time-outs of waiters were ignored.
#[test]
fn bug_13_it_survives_its_process_obeys_an_abort_and_believes_its_deadlines() {
    let shop = Shop::new();
    shop.log.dies_at(40, Death::After);
    let halted = shop.try_start(canary()).unwrap_err();
    assert!(halted.touched);
    shop.clock.advance(seconds(5000));
    let outcome = shop.try_resume().unwrap().outcome;
    shop.assert_promoted(&outcome);
    assert_eq!(shop.shifts(), [split(10), split(50), split(100)]);

    let shop = Shop::new();
    shop.when(|shop, _, state| {
        if state.weight == percent(50) {
            shop.abort.lock().unwrap().abort("SIGTERM", "the build was cancelled");
        }
    });
    let outcome = shop.run(canary());
    assert_eq!(outcome.to_string(), "aborted by SIGTERM: the build was cancelled");
    assert_eq!(shop.shifts(), [split(10), split(50), split(0)]);
    shop.assert_untouched();

    let shop = Shop::new();
    shop.version_2(Behaviour { boot: seconds(3600), ..Behaviour::default() });
    let outcome = shop.run(canary());
    assert_eq!(kind(&outcome), CauseKind::Capacity);
    assert!(outcome.to_string().contains("after 600s 0 of 1 tasks"), "{outcome}");
    shop.assert_untouched();
}
