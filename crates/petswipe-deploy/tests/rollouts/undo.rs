//! The way back from a rollout that was promoted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use petswipe_deploy::memory::Behaviour;
use petswipe_deploy::{Authority, Compute, Deployment, DeploymentState, Outcome, Plan};
use petswipe_runbook::{Fence, OperationId};

use crate::support::odd::{Busy, BusyCompute};
use crate::support::*;

/// A promoted rollout, with its outcome and the time of its end.
fn promoted(plan: &Plan) -> (std::sync::Arc<Shop>, Outcome, jiff::Timestamp) {
    let shop = Shop::new();
    let outcome = shop.run(plan.clone());
    shop.assert_promoted(&outcome);
    let ended = shop.report().finished_at;
    shop.next();
    (shop, outcome, ended)
}

#[test]
fn inside_its_window_a_rollout_is_undone_with_one_shift() {
    for plan in plans() {
        let (shop, outcome, ended) = promoted(&plan);
        shop.clock.advance(seconds(3600));
        let undo = plan.undo(&outcome, ended, now(&shop)).unwrap();
        undo.validate().unwrap();
        let undone = shop.run(undo);
        let (
            Outcome::Promoted { before: old, revision: new, .. },
            Outcome::Promoted { revision, before, .. },
        ) = (&outcome, &undone)
        else {
            panic!("promoted twice: {outcome}, {undone}");
        };
        assert_eq!((revision, before), (old, new));
        let shifts = shop.shifts();
        assert_eq!(shifts, if plan.stages.is_empty() { vec![] } else { vec![split(0)] });
        assert_eq!(shop.cloud.split(), split(0));
        assert_eq!((shop.cloud.healthy(&blue()), shop.cloud.healthy(&green())), (4, 0));
        assert_eq!(shop.cloud.configuration().sides[&blue()].0, *old);
    }
}

#[test]
fn outside_its_window_or_without_a_promotion_there_is_nothing_to_undo() {
    let plan = canary();
    let (shop, outcome, ended) = promoted(&plan);
    shop.clock.advance(seconds(3601));
    let refused = plan.undo(&outcome, ended, now(&shop)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "time of the undo is 2026-11-23T04:15:09Z; allowed: until 2026-11-23T04:15:08Z, the end of its \
         rollback window"
    );

    let shop = Shop::new();
    shop.break_version_2();
    let outcome = shop.run(plan.clone());
    let refused = plan.undo(&outcome, now(&shop), now(&shop)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "outcome is rolled-back; allowed: promoted: there is nothing to undo"
    );
}

#[test]
fn a_way_back_is_not_undone_because_that_leads_to_the_bad_version() {
    let (shop, outcome, ended) = promoted(&canary());
    let undo = canary().undo(&outcome, ended, now(&shop)).unwrap();
    let undone = shop.run(undo.clone());
    assert!(matches!(undone, Outcome::Promoted { .. }), "{undone}");
    assert_eq!(shop.cloud.split(), split(0));
    let refused = undo.undo(&undone, shop.report().finished_at, now(&shop)).unwrap_err();
    let Some(bad) = &undo.undoes else { panic!("{undo:?}") };
    assert_eq!(
        refused.to_string(),
        format!(
            "rollout to undo is the undo of {bad}; allowed: one that deployed a version; what was taken back is deployed \
             again by its own name"
        )
    );
}

#[test]
fn an_undo_that_meets_a_broken_old_version_goes_back_to_the_new_one() {
    let (shop, outcome, ended) = promoted(&canary());
    let behaviour = petswipe_deploy::memory::Behaviour { error_rate: 1.0, ..Default::default() };
    shop.cloud.add_image(image("shop:v1"), behaviour);
    let undone = shop.run(canary().undo(&outcome, ended, now(&shop)).unwrap());
    assert!(matches!(undone, Outcome::RolledBack { .. }), "{undone}");
    assert_eq!(shop.cloud.configuration(), *shop.initial.lock().unwrap());
    assert_eq!(shop.cloud.split(), split(100));
}

#[test]
fn a_version_without_a_healthy_task_is_undone() {
    for plan in plans() {
        let (shop, outcome, ended) = promoted(&plan);
        let serving = if plan.stages.is_empty() { blue() } else { green() };
        shop.version_2(petswipe_deploy::memory::Behaviour { healthy: false, ..Default::default() });
        shop.cloud.limit_tasks(&serving, Some(0));
        shop.cloud.limit_tasks(&serving, None);
        assert_eq!(shop.cloud.healthy(&serving), 0);
        let undone = shop.run(plan.undo(&outcome, ended, now(&shop)).unwrap());
        assert!(matches!(undone, Outcome::Promoted { .. }), "{undone}");
        assert_eq!((shop.cloud.split(), shop.cloud.healthy(&blue())), (split(0), 4));
    }
}

#[test]
fn an_undo_needs_no_traffic_and_no_metrics() {
    for plan in plans() {
        let (shop, outcome, ended) = promoted(&plan);
        shop.cloud.set_traffic(0.0);
        shop.cloud.set_metrics(petswipe_deploy::memory::Metrics::Fail);
        let undone = shop.run(plan.undo(&outcome, ended, now(&shop)).unwrap());
        assert!(matches!(undone, Outcome::Promoted { .. }), "{undone}");
        assert_eq!(shop.cloud.split(), split(0));
    }
}

#[test]
fn nothing_is_undone_that_no_longer_serves() {
    for plan in plans() {
        let (shop, outcome, ended) = promoted(&plan);
        let serving = if plan.stages.is_empty() { blue() } else { green() };
        let newer = shop.cloud.redeploy(&serving, image("shop:v2")).unwrap();
        shop.clock.advance(seconds(60));
        let before = shop.cloud.configuration();
        let refused = shop.run(plan.undo(&outcome, ended, now(&shop)).unwrap());
        let reason = format!("refused: {newer} serves, not revision:2, which is to be undone");
        assert_eq!(refused.to_string(), reason);
        assert_eq!(shop.cloud.configuration(), before);
    }
}

#[test]
fn an_undo_that_lacks_tasks_does_not_go_back_to_what_is_undone() {
    let (shop, outcome, ended) = promoted(&canary());
    shop.when(|shop, _, state| {
        if state.weight == percent(100) {
            shop.cloud.limit_tasks(&blue(), Some(3));
        }
    });
    let undo = canary().undo(&outcome, ended, now(&shop)).unwrap();
    let halted = shop.try_start(undo).unwrap_err();
    let petswipe_runbook::Error::Suspended { why } = &halted.error else { panic!("{halted}") };
    assert!(why.contains("only 3 of 4 tasks of shop-blue are healthy at 100 %"), "{why}");
    assert_eq!((shop.cloud.split(), shop.cloud.healthy(&green())), (split(0), 4));
    shop.when(|_, _, _| {});
    shop.cloud.limit_tasks(&blue(), None);
    let undone = shop.try_resume().unwrap().outcome;
    assert!(matches!(undone, Outcome::Promoted { .. }), "{undone}");
    assert_eq!((shop.cloud.healthy(&blue()), shop.cloud.healthy(&green())), (4, 0));
}

#[test]
fn an_undo_whose_last_step_fails_leaves_traffic_where_it_is() {
    let on = Arc::new(AtomicBool::new(false));
    let fails = Arc::clone(&on);
    let shop = Shop::with(4, |performer| {
        let compute = performer.compute.clone();
        performer.compute = Arc::new(BusyCompute { compute, busy: Busy::Scales, on: fails });
    });
    let outcome = shop.run(canary());
    shop.assert_promoted(&outcome);
    let ended = shop.report().finished_at;
    shop.next();
    on.store(true, Ordering::Relaxed);
    let halted = shop.try_start(canary().undo(&outcome, ended, now(&shop)).unwrap()).unwrap_err();
    let petswipe_runbook::Error::Suspended { why } = &halted.error else { panic!("{halted}") };
    assert!(why.starts_with("the undo got stuck: could not scale shop-green to 0"), "{why}");
    assert_eq!((shop.cloud.split(), shop.cloud.healthy(&blue())), (split(0), 4));
    on.store(false, Ordering::Relaxed);
    let undone = shop.try_resume().unwrap().outcome;
    assert!(matches!(undone, Outcome::Promoted { .. }), "{undone}");
    assert_eq!((shop.cloud.healthy(&blue()), shop.cloud.healthy(&green())), (4, 0));
}

/// Tasks of version 1 crash for a minute, long before anything is rolled out.
fn crashes_for_a_minute(shop: &Shop) {
    let crash = Behaviour { crash_after: Some(seconds(2)), ..Behaviour::default() };
    shop.cloud.add_image(image("shop:v1"), crash);
    shop.cloud.limit_tasks(&blue(), Some(0));
    shop.cloud.limit_tasks(&blue(), None);
    shop.clock.advance(seconds(60));
    shop.cloud.add_image(image("shop:v1"), Behaviour::default());
    shop.clock.advance(seconds(120));
}

#[tokio::test]
async fn what_failed_before_an_undo_says_nothing_against_it() {
    let (rolled_back, crashed) = (Shop::new(), Shop::new());
    crashes_for_a_minute(&crashed);
    let crash = Behaviour { crash_after: Some(seconds(0)), ..Behaviour::default() };
    rolled_back.cloud.add_image(image("shop:bad"), crash);
    let authority = Authority { operation: OperationId::new("somebody").unwrap(), fence: Fence(0) };
    let from = rolled_back.cloud.service(&blue()).await.unwrap().revision.unwrap();
    let cloud = &rolled_back.cloud;
    let bad = cloud.register(&authority, &from, &image("shop:bad")).await.unwrap();
    let breaking = Deployment { circuit_breaker: Some(true), ..Deployment::new(bad, 4) };
    cloud.deploy(&authority, &blue(), &breaking).await.unwrap();
    rolled_back.clock.advance(seconds(300));

    for (shop, has_failed) in [(crashed, false), (rolled_back, true)] {
        let status = shop.cloud.service(&blue()).await.unwrap();
        assert!(status.failures.len() > 3, "{status:?}");
        let failed = matches!(status.deployment, DeploymentState::Failed { .. });
        assert_eq!((failed, shop.cloud.healthy(&blue())), (has_failed, 4));
        *shop.initial.lock().unwrap() = shop.cloud.configuration();
        let outcome = shop.run(canary());
        shop.assert_promoted(&outcome);
        let ended = shop.report().finished_at;
        shop.next();
        let undone = shop.run(canary().undo(&outcome, ended, now(&shop)).unwrap());
        assert!(matches!(undone, Outcome::Promoted { .. }), "{undone}");
        assert_eq!((shop.cloud.split(), shop.cloud.healthy(&blue())), (split(0), 4));
    }
}

#[test]
fn tasks_that_fail_during_an_undo_turn_it_back() {
    let (shop, outcome, ended) = promoted(&canary());
    let crash = Behaviour { crash_after: Some(seconds(2)), ..Behaviour::default() };
    shop.cloud.add_image(image("shop:v1"), crash);
    let undone = shop.run(canary().undo(&outcome, ended, now(&shop)).unwrap());
    assert!(undone.to_string().contains("tasks of shop-blue failed"), "{undone}");
    assert_eq!(shop.cloud.split(), split(100));
}
