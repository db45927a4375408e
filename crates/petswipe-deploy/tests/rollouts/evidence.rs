//! Rollouts that are judged by evidence, as plans are unless they say otherwise.

use std::sync::Arc;
use std::time::Duration;

use petswipe_deploy::memory::Behaviour;
use petswipe_deploy::{CauseKind, Outcome, Plan, Stage};
use petswipe_monitor::Policy;

use crate::support::*;

/// A shop whose rollouts are judged by the policies of the plan.
fn shop_for(plan: &Plan) -> Arc<Shop> {
    Shop::with(4, |performer| performer.gate = Arc::new(plan.gate()))
}

/// How long each stage took.
fn stages(shop: &Shop) -> Vec<Duration> {
    let report = shop.report();
    let stages = report.stages.iter().filter(|stage| stage.name.starts_with("stage"));
    let took = stages.map(|stage| stage.ended_at.unwrap().duration_since(stage.started_at));
    took.map(|took| Duration::try_from(took).unwrap()).collect()
}

fn slow_canary() -> Plan {
    let mut plan = canary();
    plan.stages = Stage::list(&[10, 50, 100], seconds(600)).unwrap();
    plan
}

#[test]
fn a_version_that_is_shown_to_be_good_goes_on_early_where_that_is_allowed() {
    let plan = slow_canary();
    let shop = shop_for(&plan);
    shop.assert_promoted(&shop.run(plan));
    assert!(stages(&shop).iter().all(|took| *took >= seconds(600)), "{:?}", stages(&shop));

    let plan = Plan { early: Some(seconds(100)), ..slow_canary() };
    let shop = shop_for(&plan);
    shop.assert_promoted(&shop.run(plan));
    let took = stages(&shop);
    assert!(took[..2].iter().all(|took| *took >= seconds(100) && *took < seconds(600)), "{took:?}");
}

#[test]
fn a_small_regression_that_no_limit_sees_goes_back() {
    let plan = slow_canary();
    let shop = shop_for(&plan);
    // 2 % errors: well below the limit of 5 %, and many times those of the version beside it.
    shop.version_2(Behaviour { error_rate: 0.02, ..Behaviour::default() });
    let Outcome::RolledBack { cause, .. } = shop.run(plan) else {
        panic!("it was not rolled back")
    };
    assert_eq!(cause.kind, CauseKind::Verdict);
    assert!(cause.text.contains("error evidence"), "{}", cause.text);
    assert_eq!(stages(&shop).len(), 1, "in the first stage");
}

#[test]
fn an_early_end_needs_evidence_that_can_show_that_a_version_is_good() {
    let mut plan = Plan { early: Some(seconds(100)), ..slow_canary() };
    plan.policies.retain(|policy| matches!(policy, Policy::Absolute(_)));
    let text = plan.validate().unwrap_err().to_string();
    assert!(
        text.starts_with("early end of a stage is 100s; allowed: with an evidence policy"),
        "{text}"
    );
    let plan = Plan { early: Some(Duration::ZERO), ..slow_canary() };
    assert!(plan.validate().unwrap_err().to_string().starts_with("early end of a stage is 0"));
}
