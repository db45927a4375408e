//! The way back: one router call, what fits first, and everything as it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use petswipe_deploy::{CauseKind, Direction, Effect, Outcome, Purpose, Split};
use petswipe_runbook::{Error, Event};

use crate::support::odd::{Odd, OddRouter};
use crate::support::*;

#[test]
fn a_rollback_takes_exactly_one_router_call_and_it_comes_first() {
    for weight in [10, 50, 100] {
        let shop = Shop::new();
        shop.when(move |shop, recorded, state| {
            if state.weight == percent(weight) && state.direction == Direction::Forward {
                shop.break_version_2();
            }
            if matches!(recorded.event, Event::Finished { .. }) {
                let forward = if weight == 10 { 1 } else { weight / 50 + 1 };
                assert_eq!(shop.cloud.router_calls(), u32::from(forward) + 1);
            }
        });
        let outcome = shop.run(canary());
        assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome}");
        let effects = shop.effects();
        let home = |effect: &Effect| matches!(effect, Effect::Shift { to, .. } if *to == split(0));
        let turned = effects.iter().position(home).unwrap();
        let before = effects[..turned].iter().rev().find(|effect| effect.is_change()).unwrap();
        assert!(matches!(before, Effect::Shift { to, .. } if *to == split(weight)), "{before}");
        let rest: Vec<_> =
            effects[turned + 1..].iter().filter(|effect| effect.is_change()).collect();
        assert_eq!(
            rest.iter().map(|effect| effect.to_string()).collect::<Vec<_>>(),
            [
                "deploy revision:1 to shop-green with 0 tasks",
                "restore auto scaling of shop-blue: active, 1 to 20",
            ]
        );
        shop.assert_untouched();
    }
}

#[test]
fn with_too_little_capacity_what_fits_is_moved_first_and_the_rest_follows() {
    for (left, first) in [(1, Some(75)), (2, Some(50)), (3, Some(25)), (0, None)] {
        let shop = Shop::new();
        let lifted = AtomicBool::new(false);
        shop.when(move |shop, recorded, state| {
            let full = state.weight == percent(100);
            if full && state.direction == Direction::Forward {
                shop.cloud.limit_tasks(&blue(), Some(left));
                shop.break_version_2();
            }
            let goes_back = matches!(state.direction, Direction::Back(_));
            if goes_back && recorded.seq % 10 == 0 && !lifted.swap(true, Ordering::Relaxed) {
                shop.cloud.limit_tasks(&blue(), None);
            }
            // Nobody gets more than it can carry.
            if let Event::Intended { effect: Effect::Shift { to, .. }, .. } = &recorded.event
                && goes_back
            {
                let share = to.share(&blue());
                assert!(shop.cloud.healthy(&blue()) * 100 >= 4 * u32::from(share.get()), "{to}");
            }
        });
        let outcome = shop.run(canary());
        assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome}");
        let shares: Vec<_> = shop.shifts().iter().map(|to| to.share(&green()).get()).collect();
        let forward = [10, 50, 100];
        assert_eq!(shares, forward.into_iter().chain(first).chain([0]).collect::<Vec<_>>());
        shop.assert_untouched();
    }
}

#[test]
fn no_step_forward_is_made_while_the_good_side_could_not_take_everything_back() {
    for back_again in [true, false] {
        let shop = Shop::new();
        shop.when(move |shop, recorded, state| {
            if state.weight == percent(10) && state.direction == Direction::Forward {
                let late = recorded.at >= shop.history().opening.at + seconds(300);
                shop.cloud.limit_tasks(&blue(), Some(3).filter(|_| !(back_again && late)));
            }
            if let Event::Intended { effect: Effect::Shift { to, .. }, .. } = &recorded.event
                && to.share(&green()) > percent(10)
            {
                assert_eq!(shop.cloud.healthy(&blue()), 4, "{to}");
            }
        });
        let outcome = shop.run(canary());
        if back_again {
            shop.assert_promoted(&outcome);
        } else {
            let text = "rolled back: after 600s 3 of 4 tasks of shop-blue are healthy";
            assert_eq!(outcome.to_string(), text);
            assert_eq!(shop.shifts(), [split(10), split(0)]);
            assert_eq!(shop.cloud.configuration(), *shop.initial.lock().unwrap());
        }
    }
}

/// Version 2 turns bad at `weight` while blue has only the first of `room` tasks left, and at each look on the way back
/// one after the other of the rest; green has only `left`. Gives what green had of the traffic from then on.
fn with_room(tasks: u32, weight: u8, room: &'static [u32], left: Option<u32>) -> Vec<u8> {
    let shop = Shop::with(tasks, |_| {});
    let looks = std::sync::atomic::AtomicUsize::new(0);
    shop.when(move |shop, recorded, state| {
        if state.weight == percent(weight) && state.direction == Direction::Forward {
            shop.cloud.limit_tasks(&blue(), Some(room[0]));
            shop.break_version_2();
            shop.cloud.limit_tasks(&green(), left);
        }
        let capacity = |look: &petswipe_deploy::Look| look.purpose == Purpose::Capacity;
        if let Event::Intended { effect: Effect::Look(look), .. } = &recorded.event
            && matches!(state.direction, Direction::Back(_))
            && capacity(look)
        {
            let look = looks.fetch_add(1, Ordering::Relaxed);
            let left = room.get(look).copied().unwrap_or(tasks);
            shop.cloud.limit_tasks(&blue(), Some(left));
        }
    });
    let outcome = shop.run(canary());
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome}");
    let initial = shop.initial.lock().unwrap().clone();
    assert_eq!(shop.cloud.configuration(), initial);
    let shares = shop.shifts().into_iter().map(|to| to.share(&green()).get());
    shares.skip_while(|share| *share != weight).collect()
}

#[test]
fn the_last_tenth_comes_home_at_once_where_that_asks_for_no_task_more() {
    assert_eq!(with_room(4, 10, &[3], None), [10, 0]);
    assert_eq!(with_room(4, 10, &[0], None), [10, 0]);
}

#[test]
fn the_rest_follows_task_by_task_as_the_good_side_grows() {
    assert_eq!(with_room(4, 100, &[1, 1, 2, 2, 3, 4], None), [100, 75, 50, 25, 0]);
    assert_eq!(with_room(10, 100, &[0, 0, 5, 5, 9], None), [100, 50, 10, 0]);
}

#[test]
fn the_bad_side_never_gets_more_than_it_had() {
    // 2 of 10 tasks could take 20 %, but there is 50 % already.
    assert_eq!(with_room(10, 50, &[2, 2, 6, 6, 8, 8, 10], None), [50, 40, 20, 0]);
}

#[test]
fn what_the_bad_side_cannot_serve_either_comes_home_though_it_does_not_fit() {
    assert_eq!(with_room(4, 100, &[2], Some(0)), [100, 0]);
    assert_eq!(with_room(4, 50, &[0], Some(0)), [50, 0]);
}

#[test]
fn a_side_without_any_task_gets_nothing_while_the_other_has_some() {
    assert_eq!(with_room(4, 100, &[0, 0, 2, 2, 4], Some(3)), [100, 50, 0]);
}

#[test]
fn where_the_shift_never_came_to_pass_nothing_is_moved_to_the_bad_side_on_the_way_back() {
    let on = Arc::new(AtomicBool::new(true));
    let fails = Arc::clone(&on);
    let shop = Shop::with(4, |performer| {
        let router = performer.router.clone();
        performer.router = Arc::new(OddRouter { router, odd: Odd::SplitFails, on: fails });
    });
    shop.when(move |shop, recorded, state| {
        if let Event::Intended { effect: Effect::Shift { .. }, .. } = &recorded.event {
            shop.cloud.limit_tasks(&blue(), Some(3));
        }
        on.store(state.direction == Direction::Forward, Ordering::Relaxed);
        assert_eq!(shop.cloud.split(), split(0));
    });
    let outcome = shop.run(canary());
    assert_eq!(
        outcome.to_string(),
        "rolled back: after 600s 3 of 4 tasks of shop-blue are healthy"
    );
    assert_eq!(shop.shifts(), [split(10), split(0)]);
    assert_eq!(shop.cloud.configuration(), *shop.initial.lock().unwrap());
}

#[test]
fn a_good_side_that_never_comes_back_waits_for_a_person_and_then_goes_on() {
    let shop = Shop::new();
    shop.when(|shop, _, state| {
        if state.weight == percent(100) && state.direction == Direction::Forward {
            shop.cloud.limit_tasks(&blue(), Some(2));
            shop.break_version_2();
        }
    });
    let halted = shop.try_start(canary()).unwrap_err();
    let Error::Suspended { why } = &halted.error else { panic!("suspended, not {halted}") };
    assert!(why.starts_with("going back (not healthy at 100 %: error rate"), "{why}");
    assert!(
        why.ends_with(
            "got stuck: after 600s 2 of 4 tasks of shop-blue are healthy. the weights were last \
             set to shop-blue 50 %, shop-green 50 %; shop-blue had 4 tasks before and was changed; \
             shop-green had 0 tasks before and was changed; mend the cause and resume the operation"
        ),
        "{why}"
    );
    assert_eq!(shop.cloud.split(), split(50));
    assert_eq!(shop.report().outcome, "unfinished");
    shop.cloud.limit_tasks(&blue(), None);
    let outcome = shop.try_resume().unwrap().outcome;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome}");
    shop.assert_untouched();
}

#[test]
fn a_live_side_that_lacks_a_task_from_the_start_is_put_back_to_just_that() {
    for plan in plans() {
        let shop = Shop::new();
        shop.cloud.limit_tasks(&blue(), Some(3));
        shop.break_version_2();
        let outcome = shop.run(plan);
        assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome}");
        assert_eq!(shop.cloud.configuration(), *shop.initial.lock().unwrap());
        assert_eq!(shop.cloud.healthy(&blue()), 3);
    }
}

#[test]
fn a_version_that_crashes_is_taken_back_with_its_reason() {
    for plan in plans() {
        let shop = Shop::new();
        shop.version_2(petswipe_deploy::memory::Behaviour {
            crash_after: Some(seconds(2)),
            ..Default::default()
        });
        let outcome = shop.run(plan);
        let Outcome::RolledBack { cause } = &outcome else { panic!("{outcome}") };
        assert_eq!(cause.kind, CauseKind::Tasks);
        assert!(cause.text.contains("exited with code 1") || cause.text.contains("gave up"));
        assert_eq!(shop.shifts(), []);
        shop.assert_untouched();
    }
}

#[test]
fn a_baseline_of_the_live_revision_grows_beside_the_canary_and_goes() {
    let shop = Shop::new();
    let mut plan = canary();
    plan.baseline = Some(baseline());
    let outcome = shop.run(plan.clone());
    shop.assert_promoted(&outcome);
    let three = |share: u8| {
        let shares = [(green(), share), (baseline(), share), (blue(), 100 - 2 * share)];
        Split::new(shares.map(|(side, share)| (side, percent(share)))).unwrap()
    };
    assert_eq!(shop.shifts(), [three(10), three(50), split(100)]);
    assert_eq!(
        shop.changes(),
        [
            "suspend auto scaling of shop-blue",
            "register revision:1 with image shop:v2 as a new revision",
            "deploy revision:2 to shop-green with 1 task",
            "deploy revision:1 to shop-baseline with 1 task",
            "set the weights to shop-baseline 10 %, shop-blue 80 %, shop-green 10 %",
            "scale shop-green to 2",
            "scale shop-baseline to 2",
            "set the weights to shop-baseline 50 %, shop-green 50 %",
            "scale shop-green to 4",
            "set the weights to shop-green 100 %",
            "deploy revision:1 to shop-baseline with 0 tasks",
            "restore auto scaling of shop-green: active, 1 to 20",
            "scale shop-blue to 0",
            "restore auto scaling of shop-blue: suspended, 1 to 20",
        ]
    );
    for effect in shop.effects() {
        if let Effect::Look(look) = effect
            && let Some(judge) = look.judge
        {
            let compared = (judge.weight < percent(100)).then(baseline);
            assert_eq!(judge.reference, compared, "at {}", judge.weight);
        }
    }
    assert_eq!(shop.cloud.healthy(&baseline()), 0);

    let shop = Shop::new();
    shop.when(|shop, _, state| {
        if state.weight == percent(50) {
            shop.break_version_2();
        }
    });
    let outcome = shop.run(plan);
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome}");
    assert_eq!(shop.shifts(), [three(10), three(50), split(0)]);
    shop.assert_untouched();
    assert_eq!(shop.cloud.healthy(&baseline()), 0);
}

#[test]
fn the_share_of_a_baseline_never_goes_to_the_bad_side() {
    let shop = Shop::with(10, |_| {});
    shop.when(|shop, recorded, state| {
        if state.weight == percent(50) && state.direction == Direction::Forward {
            shop.cloud.limit_tasks(&blue(), Some(2));
            shop.break_version_2();
        }
        if matches!(state.direction, Direction::Back(_))
            && let Event::Intended { effect: Effect::Shift { to, .. }, .. } = &recorded.event
        {
            assert!(to.share(&green()) <= percent(50), "{to}");
            shop.cloud.limit_tasks(&blue(), Some(10));
        }
    });
    let mut plan = canary();
    plan.baseline = Some(baseline());
    let outcome = shop.run(plan);
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome}");
    let shares: Vec<_> = shop.shifts().into_iter().skip(2).collect();
    let part = [(blue(), percent(20)), (green(), percent(30)), (baseline(), percent(50))];
    assert_eq!(shares, [Split::new(part).unwrap(), split(0)]);
    assert_eq!(shop.cloud.configuration(), *shop.initial.lock().unwrap());
}

#[test]
fn a_baseline_without_its_tasks_is_nothing_to_compare_with_and_turns_the_rollout_back() {
    let shop = Shop::new();
    shop.when(|shop, _, state| {
        if state.weight == percent(50) && state.direction == Direction::Forward {
            shop.cloud.limit_tasks(&baseline(), Some(1));
        }
    });
    let mut plan = canary();
    plan.baseline = Some(baseline());
    let outcome = shop.run(plan);
    assert_eq!(
        outcome.to_string(),
        "rolled back: only 1 of 2 tasks of shop-baseline are healthy at 50 %"
    );
    shop.assert_untouched();
}
