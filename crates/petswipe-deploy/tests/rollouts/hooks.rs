//! Calls to the outside: where, with what answer, how long, and how often.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use petswipe_deploy::{
    Effect, Error, HookAnswer, HookCall, HookPlan, HookPoint, Hooks, Outcome, Plan, TimeoutAction,
};
use petswipe_runbook::{Event, Retry};

use crate::support::*;

const ALL: [HookPoint; 9] = [
    HookPoint::ReconcileService,
    HookPoint::PreScaleUp,
    HookPoint::PostScaleUp,
    HookPoint::TestTrafficShift,
    HookPoint::PostTestTrafficShift,
    HookPoint::ProductionTrafficShift,
    HookPoint::PostProductionTrafficShift,
    HookPoint::BakeTime,
    HookPoint::CleanUp,
];

/// The points that a rolling update has.
const ROLLING_POINTS: [HookPoint; 5] = [
    HookPoint::ReconcileService,
    HookPoint::PreScaleUp,
    HookPoint::PostScaleUp,
    HookPoint::BakeTime,
    HookPoint::CleanUp,
];

/// How a hook answers its n-th call, counted from 0.
#[derive(Clone, Copy)]
enum Reply {
    Agrees,
    Rejects,
    FailsTimes(usize),
    Never,
}

/// Notes every call, and answers at one point otherwise than at all others.
struct Notes {
    calls: Mutex<Vec<HookCall>>,
    point: HookPoint,
    reply: Reply,
}

#[async_trait]
impl Hooks for Notes {
    async fn call(&self, call: &HookCall) -> Result<HookAnswer, Error> {
        let before = {
            let mut calls = self.calls.lock().unwrap();
            let before = calls.iter().filter(|earlier| earlier.point == call.point).count();
            calls.push(call.clone());
            before
        };
        match self.reply {
            _ if call.point != self.point => Ok(HookAnswer::Continue),
            Reply::Agrees => Ok(HookAnswer::Continue),
            Reply::Rejects => Ok(HookAnswer::Reject { reason: "the tests are red".to_owned() }),
            Reply::FailsTimes(times) if before >= times => Ok(HookAnswer::Continue),
            Reply::FailsTimes(_) => Err(Error::backend("calling the hook", "connection reset")),
            Reply::Never => std::future::pending().await,
        }
    }
}

fn shop(point: HookPoint, reply: Reply) -> (Arc<Shop>, Arc<Notes>) {
    let notes = Arc::new(Notes { calls: Mutex::default(), point, reply });
    let shop = Shop::with(4, |performer| performer.hooks = Some(notes.clone()));
    (shop, notes)
}

fn points(plan: &Plan) -> &'static [HookPoint] {
    if plan.stages.is_empty() { &ROLLING_POINTS } else { &ALL }
}

fn hooked(plan: Plan, on_timeout: TimeoutAction) -> Plan {
    let hook = |point: &HookPoint| HookPlan { point: *point, timeout: seconds(45), on_timeout };
    Plan { hooks: points(&plan).iter().map(hook).collect(), ..plan }
}

fn called(notes: &Notes) -> Vec<(HookPoint, u8)> {
    let calls = notes.calls.lock().unwrap();
    calls.iter().map(|call| (call.point, call.weight.get())).collect()
}

#[test]
fn every_hook_is_called_in_its_order_with_the_share_after_it() {
    use HookPoint::*;
    let (stage, done) = (ProductionTrafficShift, PostProductionTrafficShift);
    let first = [
        (ReconcileService, 0),
        (PreScaleUp, 0),
        (PostScaleUp, 0),
        (TestTrafficShift, 0),
        (PostTestTrafficShift, 0),
    ];
    let last = [(stage, 100), (done, 100), (BakeTime, 100), (CleanUp, 100)];
    let steps = [(stage, 10), (done, 10), (stage, 50), (done, 50)];
    let rolls = [
        (ReconcileService, 0),
        (PreScaleUp, 0),
        (PostScaleUp, 100),
        (BakeTime, 100),
        (CleanUp, 100),
    ];
    let expected =
        [[&first[..], &steps, &last].concat(), [&first[..], &last].concat(), rolls.to_vec()];
    for (plan, expected) in plans().into_iter().zip(expected) {
        let (shop, notes) = shop(CleanUp, Reply::Agrees);
        let outcome = shop.run(hooked(plan, TimeoutAction::RollBack));
        shop.assert_promoted(&outcome);
        assert_eq!(called(&notes), expected);
        let calls = notes.calls.lock().unwrap();
        let Outcome::Promoted { environment, .. } = outcome else { panic!("promoted") };
        assert!(calls.iter().all(|call| call.candidate == environment));
        assert!(calls.iter().all(|call| call.operation.as_str() == "rollout-1"));
    }
}

#[test]
fn a_hook_comes_before_the_change_that_it_is_about() {
    let (shop, _) = shop(HookPoint::CleanUp, Reply::Agrees);
    shop.when(|shop, recorded, _| {
        let Event::Intended { effect: Effect::Hook { point, weight, .. }, .. } = &recorded.event
        else {
            return;
        };
        let (share, green) = (shop.cloud.split().share(&green()), shop.cloud.healthy(&green()));
        match point {
            HookPoint::ReconcileService | HookPoint::PreScaleUp => assert_eq!(green, 0),
            HookPoint::PostScaleUp => assert!(green > 0),
            HookPoint::ProductionTrafficShift => assert!(share < *weight),
            HookPoint::PostProductionTrafficShift => assert_eq!(share, *weight),
            HookPoint::CleanUp => assert_eq!(shop.cloud.healthy(&blue()), 4),
            _ => {}
        }
    });
    let outcome = shop.run(hooked(canary(), TimeoutAction::RollBack));
    shop.assert_promoted(&outcome);
}

#[test]
fn a_hook_that_says_no_turns_the_rollout_back_wherever_it_is() {
    for plan in plans() {
        for point in points(&plan) {
            let (shop, notes) = shop(*point, Reply::Rejects);
            let outcome = shop.run(hooked(plan.clone(), TimeoutAction::Continue));
            let text = format!("rolled back: hook {point} said no: the tests are red");
            assert_eq!(outcome.to_string(), text);
            assert_eq!(called(&notes).last().map(|call| call.0), Some(*point));
            shop.assert_untouched();
        }
    }
}

#[test]
fn a_hook_that_does_not_answer_means_what_the_plan_says() {
    for plan in plans() {
        for point in points(&plan) {
            let (shop, notes) = shop(*point, Reply::Never);
            let outcome = shop.run(hooked(plan.clone(), TimeoutAction::RollBack));
            let text = format!("rolled back: hook {point} did not answer in time");
            assert_eq!(outcome.to_string(), text);
            assert_eq!(called(&notes).iter().filter(|call| call.0 == *point).count(), 1);
            shop.assert_untouched();

            let (shop, _) = self::shop(*point, Reply::Never);
            let outcome = shop.run(hooked(plan.clone(), TimeoutAction::Continue));
            shop.assert_promoted(&outcome);
            let report = shop.report();
            let call = format!("call hook {point}");
            let action = report.actions.iter().find(|action| action.action == call).unwrap();
            assert_eq!(action.duration_ms, Some(45_000));
        }
    }
}

#[test]
fn a_hook_that_fails_is_called_again_up_to_the_bound() {
    let attempts = Retry::default().attempts as usize;
    for plan in plans() {
        for point in points(&plan) {
            let (shop, notes) = shop(*point, Reply::FailsTimes(attempts - 1));
            let outcome = shop.run(hooked(plan.clone(), TimeoutAction::RollBack));
            shop.assert_promoted(&outcome);
            assert!(called(&notes).iter().filter(|call| call.0 == *point).count() >= attempts);

            let (shop, notes) = self::shop(*point, Reply::FailsTimes(attempts));
            let outcome = shop.run(hooked(plan.clone(), TimeoutAction::Continue));
            let text = format!(
                "rolled back: could not call hook {point}: calling the hook failed: connection reset (5 attempts)"
            );
            assert_eq!(outcome.to_string(), text);
            assert_eq!(called(&notes).iter().filter(|call| call.0 == *point).count(), attempts);
            shop.assert_untouched();
        }
    }
}

#[test]
fn a_hook_is_called_again_by_the_next_driver_when_its_answer_was_lost() {
    for plan in plans() {
        for point in points(&plan) {
            let (shop, notes) = shop(*point, Reply::Agrees);
            let at = *point;
            shop.when(move |shop, recorded, _| {
                let first = recorded.fence == petswipe_runbook::Fence(1);
                if let Event::Intended { effect: Effect::Hook { point, .. }, .. } = &recorded.event
                    && (*point == at && first)
                {
                    shop.log.dies_at(shop.log.appends(), Death::Before);
                }
            });
            shop.try_start(hooked(plan.clone(), TimeoutAction::RollBack)).unwrap_err();
            let before = called(&notes);
            let outcome = shop.try_resume().unwrap().outcome;
            shop.assert_promoted(&outcome);
            let called = called(&notes);
            let again: Vec<_> = called.iter().skip(before.len()).copied().collect();
            assert_eq!(before.last(), again.first());
            let mut once = [&before[..], &again[1..]].concat();
            once.dedup();
            assert_eq!(once.len(), called.len() - 1);
        }
    }
}

#[test]
fn a_plan_with_hooks_is_refused_where_nobody_is_there_to_be_called() {
    for plan in plans() {
        let shop = Shop::new();
        let outcome = shop.run(hooked(plan, TimeoutAction::Continue));
        let text = "refused: could not read the state of everything: hook RECONCILE_SERVICE is not \
                    supported by a performer that was given no hooks";
        assert_eq!(outcome.to_string(), text);
        assert_eq!(shop.changes(), [""; 0]);
        shop.assert_untouched();
    }
}

#[test]
fn each_hook_has_a_time_of_its_own() {
    let (shop, _) = shop(HookPoint::PreScaleUp, Reply::Never);
    let mut plan = hooked(canary(), TimeoutAction::RollBack);
    for hook in &mut plan.hooks {
        hook.timeout = seconds(if hook.point == HookPoint::PreScaleUp { 7 } else { 900 });
    }
    let outcome = shop.run(plan);
    assert_eq!(outcome.to_string(), "rolled back: hook PRE_SCALE_UP did not answer in time");
    let report = shop.report();
    let took = report.finished_at.duration_since(report.started_at);
    assert_eq!(took.as_secs(), 7);
}
