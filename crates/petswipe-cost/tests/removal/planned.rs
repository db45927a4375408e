//! What is in a plan.

use petswipe_cost::removal::{RemovalOptions, RemovalPlan};
use petswipe_cost::{Action, Area, RiskLevel};

use crate::world::World;

#[tokio::test]
async fn a_plan_begins_with_what_risks_least_and_has_no_alternatives() {
    let world = World::new(800);
    let report = world.report().await;
    let plan =
        RemovalPlan::of(&report, &RemovalOptions { at_most: 1000, ..RemovalOptions::default() });
    let finding = |id: &str| report.findings.iter().find(|finding| finding.id == id).unwrap();
    let risks: Vec<_> = plan.steps.iter().map(|step| finding(&step.finding).risk.level).collect();
    assert!(risks.is_sorted() && risks.iter().all(|risk| *risk <= RiskLevel::Medium));
    assert!(plan.steps.iter().all(|step| finding(&step.finding).counted));
    assert!(plan.steps.iter().all(|step| step.reversible), "nobody asked for what can't be undone");
    assert_eq!(
        plan.steps.len() + plan.by_hand.len(),
        report.findings.len(),
        "a finding is in neither list"
    );
    let why = |id: &str| &plan.by_hand.iter().find(|one| one.finding.starts_with(id)).unwrap().why;
    assert_eq!(
        why("ebs-snapshots:"),
        "its risk is high: what its volume was like then is gone for good, unless a rule of the recycle bin keeps it"
    );
    assert!(why("ecs-sizing:").starts_with("it needs a person: register a revision of"));
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(RemovalPlan::from_json(&json).unwrap(), plan);
}

#[tokio::test]
async fn a_plan_has_no_more_steps_than_were_allowed() {
    let world = World::new(800);
    let plan = world.plan(&["ebs-unused:*", "eip-unattached:*"], 5).await;
    assert_eq!(plan.steps.len(), 5);
    assert!(plan.steps.iter().all(|step| [Area::VOLUMES, Area::ADDRESSES].contains(&step.area)));
    assert!(
        plan.by_hand.iter().any(|one| one.why == "the plan has 5 steps, as many as were allowed")
    );
    assert!(plan.saves().high > petswipe_cost::Money::ZERO);
}

#[tokio::test]
async fn a_plan_that_was_spoilt_is_refused() {
    let world = World::new(400);
    let plan = world.plan(&["eip-unattached:*"], 5).await;
    assert!(matches!(plan.steps[0].action, Action::ReleaseAddress { .. }));
    let mut twice = plan.clone();
    twice.steps.push(plan.steps[0].clone());
    let error =
        RemovalPlan::from_json(&serde_json::to_string(&twice).unwrap()).unwrap_err().to_string();
    assert!(error.contains("allowed: each finding once"), "{error}");
    let empty = RemovalPlan { steps: Vec::new(), ..plan.clone() };
    let error =
        RemovalPlan::from_json(&serde_json::to_string(&empty).unwrap()).unwrap_err().to_string();
    assert_eq!(error, "steps is empty; allowed: at least one");
    let typo = serde_json::to_string(&plan).unwrap().replace("release-address", "release-adress");
    let error = RemovalPlan::from_json(&typo).unwrap_err().to_string();
    assert!(error.starts_with("the plan: unknown variant `release-adress`"), "{error}");
}
