//! Somebody else changes the weights meanwhile: they are left as they are, and the rollout stops.

use petswipe_deploy::memory::Configuration;
use petswipe_deploy::{Effect, Environment, Outcome, Plan, ScalingState};
use petswipe_runbook::Event;

use crate::support::*;

/// Carries a plan out while somebody else sets the weights right after a record.
fn meddled(plan: &Plan, seq: u64) -> (std::sync::Arc<Shop>, Outcome) {
    let shop = Shop::new();
    shop.when(move |shop, recorded, _| {
        if recorded.seq == seq {
            shop.cloud.meddle(split(67));
        }
    });
    let outcome = shop.run(plan.clone());
    (shop, outcome)
}

/// The auto scaling of the blue side afterwards: as it was, or, after a promotion, that of an idle side.
fn scaling(initial: &Configuration, plan: &Plan, outcome: &Outcome) -> Option<ScalingState> {
    let moved = matches!(outcome, Outcome::Promoted { .. }) && !plan.stages.is_empty();
    initial.sides[&if moved { green() } else { blue() }].2.clone()
}

#[test]
fn foreign_weights_are_never_overwritten_at_whatever_event_they_come() {
    for plan in plans() {
        let calm = Shop::new();
        calm.run(plan.clone());
        let last = calm.history().records.len() as u64;
        for seq in 1..=last {
            let (shop, outcome) = meddled(&plan, seq);
            assert_eq!(shop.cloud.split(), split(67), "after {seq}: {outcome}");
            let (now, initial) = (shop.cloud.configuration(), shop.initial.lock().unwrap().clone());
            assert_eq!(now.sides[&blue()].2, scaling(&initial, &plan, &outcome), "after {seq}");
            assert_eq!(now.test, None, "after {seq}");
            match &outcome {
                Outcome::Stopped { left, .. } => {
                    assert!(left.contains("shop-blue served before"), "{left}");
                }
                // It came before the first look, or when everything had been looked at for the last time.
                Outcome::Refused { reasons } => {
                    assert!(seq <= 1, "after {seq}");
                    assert!(reasons[0].contains("both sides are live"), "{reasons:?}");
                }
                outcome => assert!(seq + 2 >= last, "after {seq} of {last}: {outcome}"),
            }
        }
    }
}

#[test]
fn a_rollout_that_stops_says_what_it_found_and_what_is_left() {
    let (shop, outcome) = meddled(&canary(), 26);
    let Outcome::Stopped { reason, left } = &outcome else { panic!("stopped, not {outcome}") };
    assert_eq!(
        reason,
        "the weights are shop-blue 33 %, shop-green 67 %, not shop-blue 90 %, shop-green 10 %: \
         somebody else changed them"
    );
    assert_eq!(
        left,
        "the weights were last set to shop-blue 90 %, shop-green 10 %; shop-green had 0 tasks \
         before and was changed; set all traffic to one side by hand (shop-blue served before) and \
         start a new operation"
    );
    // Whoever takes traffic keeps its tasks.
    assert_eq!((shop.cloud.healthy(&blue()), shop.cloud.healthy(&green())), (4, 1));
}

#[test]
fn foreign_weights_during_the_way_back_stop_it_as_well() {
    let broken = |meddles_at: Option<u64>| {
        let shop = Shop::new();
        shop.when(move |shop, recorded, state| {
            if state.weight == percent(50) {
                shop.break_version_2();
            }
            if Some(recorded.seq) == meddles_at {
                shop.cloud.meddle(split(67));
            }
        });
        let outcome = shop.run(canary());
        (shop, outcome)
    };
    let (calm, outcome) = broken(None);
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome}");
    let records = calm.history().records;
    let turned = calm.report().stages.last().unwrap().ended_at.unwrap();
    let last = records.len() as u64;
    for recorded in records.iter().filter(|recorded| recorded.at >= turned) {
        let (shop, outcome) = broken(Some(recorded.seq));
        assert_eq!(shop.cloud.split(), split(67), "after {}: {outcome}", recorded.seq);
        let stopped = matches!(outcome, Outcome::Stopped { .. });
        assert!(stopped || recorded.seq + 2 >= last, "after {}: {outcome}", recorded.seq);
    }
}

/// Carries a plan out while somebody else deploys another version on a side right after a record.
fn redeployed(plan: &Plan, side: &Environment, seq: u64) -> (std::sync::Arc<Shop>, Outcome) {
    let shop = Shop::new();
    shop.cloud.add_image(image("shop:hotfix"), Default::default());
    let on = side.clone();
    shop.when(move |shop, recorded, _| {
        if recorded.seq == seq {
            shop.cloud.redeploy(&on, image("shop:hotfix")).unwrap();
        }
    });
    let outcome = shop.run(plan.clone());
    (shop, outcome)
}

#[test]
fn what_somebody_else_deploys_is_never_promoted_as_ours_nor_replaced() {
    for plan in plans() {
        let calm = Shop::new();
        calm.run(plan.clone());
        let records = calm.history().records;
        let last = records.len() as u64;
        let deployed = |side: &Environment| {
            let ours = |effect: &Effect| matches!(effect, Effect::Deploy { environment, .. } if environment == side);
            let intended = records.iter().filter(
                |fact| matches!(&fact.event, Event::Intended { effect, .. } if ours(effect)),
            );
            intended.map(|fact| fact.seq).max()
        };
        for side in [blue(), green()] {
            if plan.stages.is_empty() && side == green() {
                continue;
            }
            // Before our own command it is overwritten, as that is what the command says.
            for seq in deployed(&side).map_or(2, |deployed| deployed + 2)..=last {
                let (shop, outcome) = redeployed(&plan, &side, seq);
                let (now, initial) =
                    (shop.cloud.configuration(), shop.initial.lock().unwrap().clone());
                let runs = shop.cloud.image(&now.sides[&side].0).unwrap();
                assert_eq!(runs, image("shop:hotfix"), "{side} after {seq}: {outcome}");
                assert_eq!(now.sides[&blue()].2, scaling(&initial, &plan, &outcome), "after {seq}");
                match &outcome {
                    Outcome::Stopped { reason, .. } => {
                        let found = format!("{side} runs revision:");
                        assert!(reason.starts_with(&found), "after {seq}: {reason}");
                        assert!(reason.ends_with("somebody else deployed it"), "{reason}");
                    }
                    // It came when everything had been looked at for the last time.
                    outcome => assert!(seq + 2 >= last, "{side} after {seq} of {last}: {outcome}"),
                }
            }
        }
    }
}

#[test]
fn traffic_comes_home_whatever_somebody_else_deploys_on_the_way_back() {
    for side in [blue(), green()] {
        let shop = Shop::new();
        shop.cloud.add_image(image("shop:hotfix"), Default::default());
        let on = side.clone();
        let done = std::sync::atomic::AtomicBool::new(false);
        shop.when(move |shop, _, state| {
            if state.weight == percent(50) {
                shop.break_version_2();
            }
            let back = matches!(state.direction, petswipe_deploy::Direction::Back(_));
            if back && !done.swap(true, std::sync::atomic::Ordering::Relaxed) {
                shop.cloud.redeploy(&on, image("shop:hotfix")).unwrap();
            }
        });
        let outcome = shop.run(canary());
        let Outcome::Stopped { reason, .. } = &outcome else { panic!("{outcome}") };
        assert!(reason.contains("somebody else deployed it"), "{reason}");
        assert_eq!(shop.cloud.split(), split(0));
        let now = shop.cloud.configuration();
        assert_eq!(shop.cloud.image(&now.sides[&side].0).unwrap(), image("shop:hotfix"));
    }
}

#[test]
fn a_way_back_leaves_the_count_of_a_side_alone_that_it_did_not_touch() {
    for scaled in [true, false] {
        let shop = Shop::new();
        if !scaled {
            shop.cloud.set_scaling(&blue(), None);
            shop.cloud.set_scaling(&green(), None);
        }
        let done = std::sync::atomic::AtomicBool::new(false);
        shop.when(move |shop, _, state| {
            if state.weight == percent(50) && !done.swap(true, std::sync::atomic::Ordering::Relaxed)
            {
                shop.break_version_2();
                shop.cloud.rescale(&blue(), 6);
            }
        });
        let outcome = shop.run(canary());
        assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome}");
        assert_eq!(shop.cloud.split(), split(0));
        assert_eq!(shop.cloud.configuration().sides[&blue()].1, 6);
    }
}

#[test]
fn of_several_foreign_changes_the_first_is_the_reason() {
    let shop = Shop::new();
    shop.when(|shop, recorded, state| {
        if recorded.seq == 26 {
            shop.cloud.meddle(split(67));
        }
        if matches!(state.direction, petswipe_deploy::Direction::Stopping { .. }) {
            shop.cloud.meddle(split(33));
        }
    });
    let outcome = shop.run(canary());
    let Outcome::Stopped { reason, .. } = &outcome else { panic!("stopped, not {outcome}") };
    assert!(reason.starts_with("the weights are shop-blue 33 %, shop-green 67 %"), "{reason}");
    assert_eq!(shop.cloud.split(), split(33));
}

#[test]
fn the_old_version_deployed_again_by_somebody_else_is_not_promoted_as_the_new_one() {
    let shop = Shop::new();
    let done = std::sync::atomic::AtomicBool::new(false);
    shop.when(move |shop, _, state| {
        if state.weight == percent(50) && !done.swap(true, std::sync::atomic::Ordering::Relaxed) {
            let old = shop.initial.lock().unwrap().sides[&blue()].0.clone();
            assert!(shop.cloud.redeploy_revision(&green(), old));
        }
    });
    let outcome = shop.run(canary());
    let Outcome::Stopped { reason, .. } = &outcome else { panic!("stopped, not {outcome}") };
    assert_eq!(reason, "shop-green runs revision:1, not revision:2: somebody else deployed it");
}

#[test]
fn before_tasks_are_taken_away_it_is_seen_whether_somebody_leads_traffic_to_them() {
    let shop = Shop::new();
    shop.when(|shop, recorded, _| {
        if let Event::Intended { effect: Effect::Deploy { environment, .. }, .. } = &recorded.event
            && *environment == green()
        {
            shop.cloud.meddle(split(67));
            shop.abort.lock().unwrap().abort("ann", "not today");
        }
    });
    let outcome = shop.run(canary());
    assert!(matches!(outcome, Outcome::Stopped { .. }), "{outcome}");
    assert_eq!(shop.cloud.split(), split(67));
    assert_eq!(shop.cloud.configuration().sides[&green()].1, 1);
}
