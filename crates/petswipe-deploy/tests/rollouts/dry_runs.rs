//! What a dry run says: the same core, carried out on a copy.

use petswipe_deploy::{
    ApprovalPlan, ApprovalPoint, Concern, DryRun, Error, Objection, Plan, Survey, dry_run,
};

use crate::support::*;

/// Reads everything, as somebody does who wants to know what would happen.
fn survey(shop: &Shop, plan: &Plan) -> Survey {
    shop.clock.run(shop.performer.first_look(plan)).unwrap().unwrap()
}

fn written(run: &DryRun) -> String {
    let mut text = String::new();
    for (title, changes) in [("forward", &run.forward), ("back", &run.back)] {
        text.push_str(&format!("{title}\n"));
        for change in changes {
            for when in &change.when {
                text.push_str(&format!("        when {when}\n"));
            }
            text.push_str(&format!("{:>6} s {}\n", change.after.as_secs(), change.change));
        }
    }
    text
}

fn golden(plan: &Plan) -> String {
    let shop = Shop::new();
    let run = dry_run(plan, &survey(&shop, plan)).unwrap();
    shop.assert_untouched();
    // What is announced is what is done.
    let outcome = shop.run(plan.clone());
    shop.assert_promoted(&outcome);
    let announced: Vec<_> = run.forward.iter().map(|change| change.change.clone()).collect();
    let done = shop.changes().into_iter();
    // It gets its name only when it is registered.
    let done: Vec<_> = done.map(|done| done.replace("revision:2", "the new revision")).collect();
    assert_eq!(announced, done);
    written(&run)
}

#[test]
fn a_canary_is_announced_change_by_change() {
    let approval = Some(ApprovalPlan { before: ApprovalPoint::AllTraffic, within: seconds(600) });
    insta::assert_snapshot!(golden(&Plan { approval, ..canary() }), @r"
    forward
         0 s suspend auto scaling of shop-blue
         0 s register revision:1 with image shop:v2 as a new revision
         0 s deploy the new revision to shop-green with 1 task
            when 1 task of shop-green is healthy
            when every side has enough healthy tasks, also for the way back
        10 s set the weights to shop-blue 90 %, shop-green 10 %
            when the weights read back as shop-blue 90 %, shop-green 10 %
            when 10 % has been judged well for 60s
        70 s scale shop-green to 2
            when 2 tasks of shop-green are healthy
            when every side has enough healthy tasks, also for the way back
        80 s set the weights to shop-blue 50 %, shop-green 50 %
            when the weights read back as shop-blue 50 %, shop-green 50 %
            when 50 % has been judged well for 60s
       140 s scale shop-green to 4
            when 4 tasks of shop-green are healthy
            when a person says yes
            when every side has enough healthy tasks, also for the way back
       150 s set the weights to shop-green 100 %
            when the weights read back as shop-green 100 %
            when 100 % has been judged well for 60s
            when 100 % has baked well for 40s
            when the old side was kept for 20s more
            when the new version still has enough healthy tasks
       270 s restore auto scaling of shop-green: active, 1 to 20
       270 s scale shop-blue to 0
       270 s restore auto scaling of shop-blue: suspended, 1 to 20
    back
       210 s set the weights to shop-blue 100 %
            when the weights read back as shop-blue 100 %
       210 s deploy revision:1 to shop-green with 0 tasks
       210 s restore auto scaling of shop-blue: active, 1 to 20
    ");
}

#[test]
fn a_blue_green_deployment_is_announced_change_by_change() {
    insta::assert_snapshot!(golden(&blue_green()), @r"
    forward
         0 s suspend auto scaling of shop-blue
         0 s register revision:1 with image shop:v2 as a new revision
         0 s deploy the new revision to shop-green with 4 tasks
            when 4 tasks of shop-green are healthy
        10 s lead test traffic to shop-green
            when the smoke test passes
        70 s remove the test traffic rule
            when every side has enough healthy tasks, also for the way back
        70 s set the weights to shop-green 100 %
            when the weights read back as shop-green 100 %
            when 100 % has been judged well for 60s
            when 100 % has baked well for 60s
            when the old side was kept for 60s more
            when the new version still has enough healthy tasks
       250 s restore auto scaling of shop-green: active, 1 to 20
       250 s scale shop-blue to 0
       250 s restore auto scaling of shop-blue: suspended, 1 to 20
    back
       130 s set the weights to shop-blue 100 %
            when the weights read back as shop-blue 100 %
       130 s remove the test traffic rule
       130 s deploy revision:1 to shop-green with 0 tasks
       130 s restore auto scaling of shop-blue: active, 1 to 20
    ");
}

#[test]
fn a_rolling_update_is_announced_change_by_change() {
    insta::assert_snapshot!(golden(&rolling()), @r"
    forward
         0 s suspend auto scaling of shop-blue
         0 s register revision:1 with image shop:v2 as a new revision
         0 s deploy the new revision to shop-blue with 4 tasks
            when 4 tasks of shop-blue are healthy
            when 100 % has baked well for 60s
        70 s set back how shop-blue replaces its tasks
        70 s restore auto scaling of shop-blue: active, 1 to 20
    back
        10 s deploy revision:1 to shop-blue with 4 tasks
            when 4 tasks of shop-blue are healthy
        20 s restore auto scaling of shop-blue: active, 1 to 20
    ");
}

#[test]
fn a_rollout_that_would_be_refused_is_refused_with_its_reasons() {
    let shop = Shop::new();
    shop.cloud.meddle(split(40));
    let refused = dry_run(&canary(), &survey(&shop, &canary())).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "state of the system is both sides are live: the weights are shop-blue 60 %, shop-green 40 %, as where a \
         rollout has not ended, which its journal resumes; allowed: 100 % to either shop-blue or shop-green; allowed: see the reasons"
    );
    let invalid = Plan { environments: [blue(), blue()], ..canary() };
    let refused = dry_run(&invalid, &survey(&Shop::new(), &canary())).unwrap_err();
    assert_eq!(refused.to_string(), "environments is shop-blue twice; allowed: two different ones");
}

#[test]
fn what_speaks_against_the_rollout_speaks_against_its_dry_run() {
    let (shop, plan) = (Shop::new(), canary());
    let mut survey = survey(&shop, &plan);
    let against = |concern, text: &str| Objection::against(concern, text);
    survey.objections = vec![against(Concern::TestTraffic, "no place for test traffic")];
    // A canary has none.
    assert!(dry_run(&plan, &survey).is_ok());
    survey.objections.push(against(Concern::MovedTraffic, "traffic past the weights"));
    let refused = dry_run(&plan, &survey).unwrap_err();
    assert!(matches!(refused, Error::InvalidPlan { .. }), "{refused:?}");
    let text = refused.to_string();
    assert!(text.contains("traffic past the weights") && !text.contains("no place"), "{text}");
}
