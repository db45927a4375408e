//! Somebody else changes the weights meanwhile: they are left as they are, and the rollout stops.

use petswipe_deploy::{Outcome, Plan};

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
            assert_eq!(now.sides[&blue()].2, initial.sides[&blue()].2, "scaling, after {seq}");
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
