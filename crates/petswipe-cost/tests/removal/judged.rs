//! A finding is judged again by what the plan says, whatever holds elsewhere by then.

use std::sync::Arc;

use petswipe_cost::removal::{RemovalOptions, RemovalPlan, StepState};
use petswipe_cost::{
    Area, Currency, Prices, Report, ReportOptions, RiskLevel, Scanner, Suppression, Suppressions,
    Thresholds,
};
use petswipe_runbook::sim::SimClock;

use crate::driven::carried_out;
use crate::world::{World, now, options};

/// A plan for the findings of an area, by those thresholds.
async fn plan(
    world: &World,
    area: &Area,
    limits: Thresholds,
    options: &ReportOptions,
) -> RemovalPlan {
    let prices = world.prices.clone();
    let scanner = Scanner::new(world.account.clone(), world.account.clone(), prices);
    let scanner = scanner.with_limits(limits).unwrap();
    let scan = scanner.scan(&world.regions, now(), std::future::pending()).await;
    let only = vec![format!("{area}:*")];
    let chosen = RemovalOptions { at_most: 1000, only, risk: RiskLevel::High };
    RemovalPlan::of(&Report::of(&scan, options), &chosen)
}

#[tokio::test]
async fn a_plan_says_by_what_it_was_judged() {
    let world = World::new(400);
    let suppressed = |id: &str, until: &str| Suppression {
        id: id.to_owned(),
        reason: "audit".to_owned(),
        until: until.parse().unwrap(),
    };
    let (holds, over) = (suppressed("nat-*:*", "2999-01-01"), suppressed("ebs-*:*", "2020-01-01"));
    let suppressions = Suppressions { suppressions: vec![holds.clone(), over] };
    let options = ReportOptions { suppressions, ..options() };
    let mut limits = Thresholds::default();
    limits.snapshots.days = 33;
    let plan = plan(&world, &Area::VOLUMES, limits.clone(), &options).await;
    assert_eq!(plan.criteria.exclude, options.exclude);
    assert_eq!(plan.criteria.suppressions, [holds]);
    assert_eq!(plan.criteria.thresholds, limits);
    assert_eq!(plan.account.as_deref(), Some("123456789012"));
    let prices = plan.prices.iter().find(|one| one.region() == &plan.steps[0].region).unwrap();
    assert!(prices.iter().any(|(key, _)| key.starts_with("ebs:")), "{prices:?}");
    let json = serde_json::to_string_pretty(&plan).unwrap();
    assert_eq!(RemovalPlan::from_json(&json).unwrap(), plan);
}

#[tokio::test]
async fn a_plan_that_does_not_say_by_what_it_was_judged_is_refused() {
    let world = World::new(400);
    let plan = world.plan(&["eip-unattached:*"], 2).await;
    let refused = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value = serde_json::to_value(&plan).unwrap();
        change(&mut value);
        RemovalPlan::from_json(&value.to_string()).unwrap_err().to_string()
    };
    for field in ["criteria", "prices"] {
        let said = refused(&|plan| drop(plan.as_object_mut().unwrap().remove(field)));
        assert!(said.starts_with(&format!("the plan: missing field `{field}`")), "{said}");
    }
    let said = refused(&|plan| plan["criteria"]["exlude"] = "x".into());
    assert!(said.starts_with("the plan: unknown field `exlude`"), "{said}");
    let said = refused(&|plan| plan["criteria"]["exclude"][0] = "=x".into());
    assert!(said.contains("KEY or KEY=VALUE"), "{said}");
    let said =
        refused(&|plan| plan["criteria"]["thresholds"]["logs"]["retention_days"] = 10.into());
    assert!(said.starts_with("logs.retention_days is 10"), "{said}");
    let said = refused(&|plan| plan["account"] = serde_json::Value::Null);
    assert_eq!(said, "account is not known; allowed: the twelve digits of an account");
    let said = refused(&|plan| plan["prices"][0]["prices"]["ipv4"] = "-1".into());
    assert!(said.starts_with("prices.ipv4 is -1"), "{said}");
}

#[tokio::test]
async fn thresholds_of_the_plan_are_those_it_is_judged_by_again() {
    // By the default, snapshots of less than 90 days are too new.
    let world = World::new(400);
    let mut limits = Thresholds::default();
    limits.snapshots.days = 1;
    let lenient = plan(&world, &Area::SNAPSHOTS, limits, &options()).await;
    let strict = plan(&world, &Area::SNAPSHOTS, Thresholds::default(), &options()).await;
    assert!(lenient.steps.len() > strict.steps.len());
    let (outcome, state) = carried_out(&world, &lenient).await;
    assert_eq!(outcome.done, lenient.steps.len(), "{state:?}");

    let world = World::new(400);
    let mut strictly = lenient.clone();
    strictly.criteria.thresholds = Thresholds::default();
    let (outcome, _) = carried_out(&world, &strictly).await;
    assert_eq!(
        (outcome.done, outcome.skipped),
        (strict.steps.len(), lenient.steps.len() - strict.steps.len())
    );
}

#[tokio::test]
async fn tags_and_suppressions_of_the_plan_hold_when_it_is_carried_out() {
    let world = World::new(400);
    let mut plan =
        plan(&world, &Area::ADDRESSES, Thresholds::default(), &ReportOptions::default()).await;
    assert!(plan.steps.len() > 1);
    plan.criteria.also_suppress([Suppression {
        id: plan.steps[0].finding.clone(),
        reason: "audit".to_owned(),
        until: "2999-01-01".parse().unwrap(),
    }]);
    plan.criteria.also_exclude(["Environment=production".parse().unwrap()]);
    let (outcome, state) = carried_out(&world, &plan).await;
    assert_eq!(outcome.done, 0);
    let why = |index: usize| match &state.steps[index] {
        StepState::Skipped { why, .. } => why.as_str(),
        other => panic!("{other:?}"),
    };
    assert!(
        (0..plan.steps.len())
            .any(|index| why(index) == "it is excluded now, or saves nothing any more")
    );
}

#[tokio::test]
async fn prices_of_the_plan_go_before_those_of_the_program() {
    let mut world = World::new(400);
    let plan = world.plan(&["eip-unattached:*"], 2).await;
    // A program without prices judges as the one with them did.
    world.prices = Prices::none(Currency::USD);
    let clock = Arc::new(SimClock::new(now()));
    let (outcome, _) =
        crate::driven::drive(&plan, world.performer(&plan, clock.clone()), clock).await;
    assert_eq!(outcome.done, plan.steps.len());
    // Prices in two currencies can't be.
    world.prices = Prices::none("EUR".parse().unwrap());
    let (outcome, state) = carried_out(&world, &plan).await;
    assert_eq!(outcome.failed, plan.steps.len());
    let StepState::Failed { why, .. } = &state.steps[0] else { panic!("{state:?}") };
    assert!(why.starts_with("currency of the prices of"), "{why}");
}

#[tokio::test]
async fn a_step_whose_risk_is_another_one_by_now_is_left() {
    let world = World::new(400);
    let mut plan = plan(&world, &Area::VOLUMES, Thresholds::default(), &options()).await;
    plan.steps[0].risk = "no route leads to it".to_owned();
    plan.steps[1].reversible = !plan.steps[1].reversible;
    let (outcome, state) = carried_out(&world, &plan).await;
    assert_eq!((outcome.skipped, outcome.done), (2, plan.steps.len() - 2), "{state:?}");
    let StepState::Skipped { why, .. } = &state.steps[0] else { panic!("{:?}", state.steps[0]) };
    assert!(why.starts_with("its risk is another one now"), "{why}");
}
