//! The report of a rollout, out of its journal alone.

use petswipe_deploy::{Outcome, Report, StateReport};

use crate::support::*;

/// A report in words: everything but what the looks found.
fn written(report: &Report) -> String {
    let mut text = format!(
        "{} {} of {}: {} ({}), resumed {} times, {} checks\n",
        report.strategy,
        report.operation,
        report.service,
        report.outcome,
        report.reason,
        report.resumed,
        report.checks.len(),
    );
    let since = |at: jiff::Timestamp| at.duration_since(report.started_at).as_secs();
    for stage in &report.stages {
        let ended = stage.ended_at.map_or("goes on".to_owned(), |at| format!("{} s", since(at)));
        let verdict = stage.verdict.as_deref().unwrap_or("not judged");
        let (name, weight, began) = (&stage.name, stage.weight, since(stage.started_at));
        text.push_str(&format!("  {name} at {weight}, {began} s to {ended}: {verdict}\n"));
    }
    for action in &report.actions {
        let (began, what, result) = (since(action.at), &action.action, &action.result);
        text.push_str(&format!("  {began:>4} s {what}: {result}\n"));
    }
    let mut state = |name: &str, state: &Option<StateReport>| {
        let Some(state) = state else { return text.push_str(&format!("  {name}: not known\n")) };
        let serving = state.serving.as_ref().map_or("several", |revision| revision.as_str());
        text.push_str(&format!("  {name}: {serving} serves"));
        for (side, found) in &state.environments {
            let (weight, healthy, desired) = (state.weights[side], found.healthy, found.desired);
            text.push_str(&format!("; {side} {weight}, {healthy} of {desired} healthy"));
        }
        text.push('\n');
    };
    state("before", &report.initial_state);
    state("now", &report.final_state);
    text
}

fn checked(shop: &Shop) -> String {
    let report = shop.report();
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
    written(&report)
}

#[test]
fn the_report_of_a_promotion() {
    let shop = Shop::new();
    shop.run(canary());
    insta::assert_snapshot!(checked(&shop), @r"
    canary rollout-1 of shop: promoted (revision:2 serves all traffic from shop-green), resumed 0 times, 12 checks
      stage 1 at 10 %, 10 s to 70 s: pass
      stage 2 at 50 %, 80 s to 140 s: pass
      stage 3 at 100 %, 150 s to 210 s: pass
      bake at 100 %, 210 s to 250 s: pass
      scale-down delay at 100 %, 250 s to 270 s: pass
         0 s suspend auto scaling of shop-blue: done
         0 s register revision:1 with image shop:v2 as a new revision: done
         0 s deploy revision:2 to shop-green with 1 task: done
        10 s set the weights to shop-blue 90 %, shop-green 10 %: done
        70 s scale shop-green to 2: done
        80 s set the weights to shop-blue 50 %, shop-green 50 %: done
       140 s scale shop-green to 4: done
       150 s set the weights to shop-green 100 %: done
       270 s restore auto scaling of shop-green: active, 1 to 20: done
       270 s scale shop-blue to 0: done
       270 s restore auto scaling of shop-blue: suspended, 1 to 20: done
      before: revision:1 serves; shop-blue 100 %, 4 of 4 healthy; shop-green 0 %, 0 of 0 healthy
      now: revision:2 serves; shop-blue 0 %, 0 of 0 healthy; shop-green 100 %, 4 of 4 healthy
    ");
}

#[test]
fn the_report_of_a_rollback() {
    let shop = Shop::new();
    shop.when(|shop, _, state| {
        if state.weight == percent(50) {
            shop.break_version_2();
        }
    });
    shop.run(canary());
    insta::assert_snapshot!(checked(&shop), @r"
    canary rollout-1 of shop: rolled-back (rolled back: not healthy at 50 %: error rate 100.00 % (limit 5.00 %, 1000 samples)), resumed 0 times, 4 checks
      stage 1 at 10 %, 10 s to 70 s: pass
      stage 2 at 50 %, 80 s to 100 s: fail
         0 s suspend auto scaling of shop-blue: done
         0 s register revision:1 with image shop:v2 as a new revision: done
         0 s deploy revision:2 to shop-green with 1 task: done
        10 s set the weights to shop-blue 90 %, shop-green 10 %: done
        70 s scale shop-green to 2: done
        80 s set the weights to shop-blue 50 %, shop-green 50 %: done
       100 s set the weights to shop-blue 100 %: done
       100 s deploy revision:1 to shop-green with 0 tasks: done
       100 s restore auto scaling of shop-blue: active, 1 to 20: done
      before: revision:1 serves; shop-blue 100 %, 4 of 4 healthy; shop-green 0 %, 0 of 0 healthy
      now: revision:1 serves; shop-blue 100 %, 4 of 4 healthy; shop-green 0 %, 0 of 0 healthy
    ");
    let report = shop.report();
    let last = report.checks.last().unwrap();
    assert_eq!((last.verdict.as_str(), last.weight), ("fail", percent(50)));
    assert_eq!(last.evidence.len(), 3);
    assert_eq!(report.finished_at, now(&shop));
}

#[test]
fn the_report_of_an_abort() {
    let shop = Shop::new();
    shop.when(|shop, _, state| {
        if state.weight == percent(10) {
            shop.abort.lock().unwrap().abort("ann", "wrong ticket");
        }
    });
    shop.run(canary());
    insta::assert_snapshot!(checked(&shop), @r"
    canary rollout-1 of shop: aborted (aborted by ann: wrong ticket), resumed 0 times, 0 checks
      stage 1 at 10 %, 10 s to 10 s: not judged
         0 s suspend auto scaling of shop-blue: done
         0 s register revision:1 with image shop:v2 as a new revision: done
         0 s deploy revision:2 to shop-green with 1 task: done
        10 s set the weights to shop-blue 90 %, shop-green 10 %: done
        10 s set the weights to shop-blue 100 %: done
        10 s deploy revision:1 to shop-green with 0 tasks: done
        10 s restore auto scaling of shop-blue: active, 1 to 20: done
      before: revision:1 serves; shop-blue 100 %, 4 of 4 healthy; shop-green 0 %, 0 of 0 healthy
      now: revision:1 serves; shop-blue 100 %, 4 of 4 healthy; shop-green 0 %, 0 of 0 healthy
    ");
}

#[test]
fn the_report_of_a_refusal() {
    let shop = Shop::new();
    shop.cloud.limit_tasks(&blue(), Some(0));
    shop.run(canary());
    insta::assert_snapshot!(checked(&shop), @r"
    canary rollout-1 of shop: failed (refused: the live side shop-blue has 0 healthy tasks (0 unhealthy); allowed: at least 1), resumed 0 times, 0 checks
      before: revision:1 serves; shop-blue 100 %, 0 of 4 healthy; shop-green 0 %, 0 of 0 healthy
      now: not known
    ");
}

#[test]
fn the_report_of_a_stop_claims_no_state_that_nobody_saw() {
    let shop = Shop::new();
    shop.when(|shop, _, state| {
        if state.weight == percent(10) {
            shop.cloud.meddle(split(67));
        }
    });
    let outcome = shop.run(canary());
    assert!(matches!(outcome, Outcome::Stopped { .. }));
    insta::assert_snapshot!(checked(&shop), @r"
    canary rollout-1 of shop: failed (stopped: the weights are shop-blue 33 %, shop-green 67 %, not shop-blue 90 %, shop-green 10 %: somebody else changed them; the weights were last set to shop-blue 90 %, shop-green 10 %; shop-green had 0 tasks before and was changed; set all traffic to one side by hand (shop-blue served before) and start a new operation), resumed 0 times, 1 checks
      stage 1 at 10 %, 10 s to 30 s: not judged
         0 s suspend auto scaling of shop-blue: done
         0 s register revision:1 with image shop:v2 as a new revision: done
         0 s deploy revision:2 to shop-green with 1 task: done
        10 s set the weights to shop-blue 90 %, shop-green 10 %: done
        30 s restore auto scaling of shop-blue: active, 1 to 20: done
      before: revision:1 serves; shop-blue 100 %, 4 of 4 healthy; shop-green 0 %, 0 of 0 healthy
      now: several serves; shop-blue 33 %, 4 of 4 healthy; shop-green 67 %, 1 of 1 healthy
    ");
}

#[test]
fn the_report_of_a_rollout_that_died_and_of_the_same_one_later() {
    let shop = Shop::new();
    shop.log.dies_at(11, Death::After);
    shop.try_start(blue_green()).unwrap_err();
    insta::assert_snapshot!(checked(&shop), @r"
    blue-green rollout-1 of shop: unfinished (it stopped half-way; resume it), resumed 0 times, 0 checks
         0 s suspend auto scaling of shop-blue: done
         0 s register revision:1 with image shop:v2 as a new revision: done
         0 s deploy revision:2 to shop-green with 4 tasks: done
      before: revision:1 serves; shop-blue 100 %, 4 of 4 healthy; shop-green 0 %, 0 of 0 healthy
      now: not known
    ");
    shop.clock.advance(seconds(1000));
    shop.try_resume().unwrap();
    insta::assert_snapshot!(checked(&shop), @r"
    blue-green rollout-1 of shop: promoted (revision:2 serves all traffic from shop-green), resumed 1 times, 18 checks
      stage 1 at 100 %, 1070 s to 1130 s: pass
      bake at 100 %, 1130 s to 1190 s: pass
      scale-down delay at 100 %, 1190 s to 1250 s: pass
         0 s suspend auto scaling of shop-blue: done
         0 s register revision:1 with image shop:v2 as a new revision: done
         0 s deploy revision:2 to shop-green with 4 tasks: done
      1010 s lead test traffic to shop-green: done
      1070 s remove the test traffic rule: done
      1070 s set the weights to shop-green 100 %: done
      1250 s restore auto scaling of shop-green: active, 1 to 20: done
      1250 s scale shop-blue to 0: done
      1250 s restore auto scaling of shop-blue: suspended, 1 to 20: done
      before: revision:1 serves; shop-blue 100 %, 4 of 4 healthy; shop-green 0 %, 0 of 0 healthy
      now: revision:2 serves; shop-blue 0 %, 0 of 0 healthy; shop-green 100 %, 4 of 4 healthy
    ");
}
