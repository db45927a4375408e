//! Every moment of a rollout, one after the other: an abort, a death, a version that turns bad.

use petswipe_deploy::{Direction, Outcome, Plan, Split};
use petswipe_runbook::{Error, Event, EventOf, Recorded};

use crate::support::*;

/// The records of a rollout in which nothing happens.
fn calm(plan: &Plan) -> Vec<Recorded<EventOf<Plan>>> {
    let shop = Shop::new();
    let outcome = shop.run(plan.clone());
    shop.assert_promoted(&outcome);
    shop.history().records
}

fn stage_names(shop: &Shop) -> Vec<String> {
    shop.report().stages.into_iter().map(|stage| stage.name).collect()
}

#[test]
fn an_abort_at_any_event_ends_as_it_was_or_promoted() {
    for plan in plans() {
        let records = calm(&plan);
        let last = records.len() as u64;
        for seq in 1..=last {
            let shop = Shop::new();
            shop.when(move |shop, recorded, _| {
                if recorded.seq == seq {
                    shop.abort.lock().unwrap().abort("ann", "wrong ticket");
                }
            });
            let outcome = shop.run(plan.clone());
            match &outcome {
                Outcome::Aborted { .. } => {
                    assert_eq!(outcome.to_string(), "aborted by ann: wrong ticket");
                    shop.assert_untouched();
                }
                // Only when there was nothing left to be done.
                outcome => {
                    assert!(seq + 1 >= last, "abort after {seq} of {last}: {outcome}");
                    shop.assert_promoted(outcome);
                }
            }
        }
    }
}

#[test]
fn a_death_at_any_append_is_survived_without_repeating_or_skipping_a_stage() {
    for plan in plans() {
        let expected = Shop::new();
        let outcome = expected.run(plan.clone());
        let stages = stage_names(&expected);
        for append in 0..expected.log.appends() {
            for (how, down) in
                [(Death::Before, 0), (Death::After, 0), (Death::Before, 3000), (Death::After, 3000)]
            {
                let shop = Shop::new();
                shop.log.dies_at(append, how);
                shop.try_start(plan.clone()).unwrap_err();
                shop.clock.advance(seconds(down));
                let resumed = shop.try_resume().unwrap();
                let at = format!("{how:?} append {append}, down {down} s");
                assert_eq!(resumed.outcome, outcome, "{at}");
                assert_eq!(shop.cloud.configuration(), expected.cloud.configuration(), "{at}");
                let mut shifts = shop.shifts();
                shifts.dedup();
                assert_eq!(shifts, expected.shifts(), "{at}");
                assert_eq!(stage_names(&shop), stages, "{at}");
                assert_every_stage_was_watched(&shop, &plan, &at);
            }
        }
    }
}

/// Each stage lasted its time, not counting that in which there was no driver.
fn assert_every_stage_was_watched(shop: &Shop, plan: &Plan, at: &str) {
    let history = shop.history();
    let mut gaps = Vec::new();
    let mut last = history.opening.at;
    for recorded in &history.records {
        if matches!(recorded.event, Event::Resumed { .. }) {
            gaps.push((last, recorded.at));
        }
        last = recorded.at;
    }
    let mut wanted: Vec<_> = plan.stages.iter().map(|stage| stage.duration).collect();
    wanted.extend([plan.bake, plan.scale_down_delay].into_iter().filter(|held| !held.is_zero()));
    let stages = shop.report().stages;
    assert_eq!(stages.len(), wanted.len(), "{at}");
    for (stage, wanted) in stages.iter().zip(wanted) {
        let ended = stage.ended_at.unwrap();
        let inside = gaps.iter().filter(|(from, to)| *from < ended && *to > stage.started_at);
        let dead: i64 = inside
            .map(|(from, to)| to.duration_since((*from).max(stage.started_at)).as_secs())
            .sum();
        let held = ended.duration_since(stage.started_at).as_secs() - dead;
        assert!(held >= wanted.as_secs() as i64, "{at}: {} was held {held} s", stage.name);
    }
}

#[test]
fn a_version_that_turns_bad_at_any_event_is_taken_back_or_was_promoted_before() {
    for plan in plans() {
        let last = calm(&plan).len() as u64;
        for seq in 1..=last {
            let shop = Shop::new();
            shop.when(move |shop, recorded, _| {
                if recorded.seq == seq {
                    shop.break_version_2();
                }
            });
            match &shop.run(plan.clone()) {
                Outcome::RolledBack { .. } => shop.assert_untouched(),
                // It was judged for the last time before.
                outcome => {
                    assert!(seq + 12 >= last, "after {seq} of {last}: {outcome}");
                    shop.assert_promoted(outcome);
                }
            }
        }
    }
}

#[test]
fn a_death_at_any_append_of_the_way_back_still_ends_as_it_was() {
    for plan in plans() {
        let broken = |shop: &Shop| {
            shop.when(|shop, _, state| {
                if state.weight == percent(100) && state.direction == Direction::Forward {
                    shop.break_version_2();
                }
            });
        };
        let expected = Shop::new();
        broken(&expected);
        assert!(matches!(expected.run(plan.clone()), Outcome::RolledBack { .. }));
        let history = expected.history();
        let appends = expected.log.appends();
        for append in appends - history.records.len().min(24)..appends {
            for how in [Death::Before, Death::After] {
                let shop = Shop::new();
                broken(&shop);
                shop.log.dies_at(append, how);
                shop.try_start(plan.clone()).unwrap_err();
                shop.clock.advance(seconds(3000));
                let outcome = shop.try_resume().unwrap().outcome;
                assert!(matches!(outcome, Outcome::RolledBack { .. }), "{how:?} {append}");
                shop.assert_untouched();
            }
        }
    }
}

#[test]
fn a_new_version_that_dies_with_its_driver_at_the_end_never_leaves_both_sides_empty() {
    for scaled in [true, false] {
        let start = || {
            let shop = Shop::new();
            if !scaled {
                shop.cloud.set_scaling(&blue(), None);
                shop.cloud.set_scaling(&green(), None);
                *shop.initial.lock().unwrap() = shop.cloud.configuration();
            }
            shop
        };
        let calm = start();
        calm.run(canary());
        let appends = calm.log.appends();
        // When the last look is written down it is over.
        for append in appends - 12..appends - 2 {
            for how in [Death::Before, Death::After] {
                let at = format!("scaled {scaled}, {how:?} {append} of {appends}");
                let shop = start();
                shop.log.dies_at(append, how);
                if shop.try_start(canary()).is_ok() {
                    continue;
                }
                shop.cloud.limit_tasks(&green(), Some(0));
                shop.clock.advance(seconds(3000));
                match shop.try_resume() {
                    Ok(completed) if completed.already => {}
                    Ok(completed) => {
                        let outcome = completed.outcome;
                        assert!(matches!(outcome, Outcome::RolledBack { .. }), "{at}: {outcome}");
                        shop.assert_untouched();
                    }
                    // The old side is gone already: a person is told.
                    Err(halted) => {
                        let Error::Suspended { why } = &halted.error else {
                            panic!("{at}: {halted}")
                        };
                        assert!(
                            why.contains("0 of 4 tasks of shop-green are healthy"),
                            "{at}: {why}"
                        );
                        shop.cloud.limit_tasks(&green(), None);
                        let outcome = shop.try_resume().unwrap().outcome;
                        shop.assert_promoted(&outcome);
                    }
                }
            }
        }
    }
}

#[test]
fn a_way_back_that_is_resumed_late_overwrites_nothing_of_what_was_done_by_hand_meanwhile() {
    for plan in plans() {
        let broken = |shop: &Shop| {
            shop.cloud.add_image(image("shop:hotfix"), Default::default());
            shop.when(|shop, _, state| {
                if state.weight == percent(100) && state.direction == Direction::Forward {
                    shop.break_version_2();
                }
            });
        };
        let calm = Shop::new();
        broken(&calm);
        calm.run(plan.clone());
        let appends = calm.log.appends();
        for append in appends - 8..appends - 2 {
            let shop = Shop::new();
            broken(&shop);
            shop.log.dies_at(append, Death::After);
            shop.try_start(plan.clone()).unwrap_err();
            // Somebody brings a third version out by hand.
            let (side, other) =
                if plan.stages.is_empty() { (blue(), green()) } else { (green(), blue()) };
            shop.cloud.redeploy(&side, image("shop:hotfix")).unwrap();
            shop.cloud.rescale(&side, 4);
            shop.cloud.rescale(&other, 0);
            shop.cloud.meddle(Split::all_to(side.clone()));
            shop.clock.advance(seconds(3000));
            let outcome = shop.try_resume().unwrap().outcome;
            let now = shop.cloud.configuration();
            assert_eq!(now.split, Split::all_to(side.clone()), "{append}: {outcome}");
            let (revision, desired, _) = &now.sides[&side];
            assert_eq!(
                shop.cloud.image(revision),
                Some(image("shop:hotfix")),
                "{append}: {outcome}"
            );
            assert_eq!((*desired, shop.cloud.healthy(&side)), (4, 4), "{append}: {outcome}");
            assert!(matches!(outcome, Outcome::Stopped { .. }), "{append}: {outcome}");
        }
    }
}
