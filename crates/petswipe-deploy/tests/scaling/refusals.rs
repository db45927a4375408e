//! What speaks against a change, by what the first look shows.

use std::collections::BTreeSet;

use jiff::Timestamp;
use petswipe_deploy::scaling::{
    Change, DatabaseInstance, OtherPolicy, ScalePlan, Seen, Tracking, TrackingSettings,
};
use petswipe_deploy::{
    DeploymentState, Environment, ScalingState, ServiceStatus, SuspendedActivities,
};

pub fn blue() -> Environment {
    Environment::new("shop-blue").unwrap()
}

pub fn service(desired: u32, scaling: Option<ScalingState>) -> Seen {
    let service = ServiceStatus {
        environment: blue(),
        revision: None,
        image: None,
        desired,
        running: desired,
        deployment: DeploymentState::Completed,
        failures: Vec::new(),
        replacement: None,
        observed_at: Timestamp::UNIX_EPOCH,
    };
    Seen::Service { service, scaling }
}

pub fn instance() -> DatabaseInstance {
    DatabaseInstance {
        name: "shop-postgres".to_owned(),
        class: "db.t3.medium".to_owned(),
        status: "available".to_owned(),
        pending_class: None,
        pending: Vec::new(),
        multi_az: false,
        engine: "postgres 16.3".to_owned(),
    }
}

pub fn database(instance: DatabaseInstance) -> Seen {
    let offered = ["db.t3.medium", "db.t3.large", "db.m5.large"].map(str::to_owned);
    Seen::Database { instance, offered: Some(BTreeSet::from(offered)) }
}

fn settings() -> ScalePlan {
    ScalePlan::new("shop", Change::tracking(blue(), TrackingSettings::default()))
}

/// The only reason, which has all of these words.
fn refused(plan: &ScalePlan, seen: &Seen, words: &[&str]) {
    let reasons = plan.refusals(seen);
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    for word in words {
        assert!(reasons[0].contains(word), "{word}: {}", reasons[0]);
    }
}

#[test]
fn a_count_that_active_auto_scaling_would_fight() {
    let plan = ScalePlan::new("shop", Change::service(blue(), 10));
    let limits = ScalingState::active(2, 4);
    refused(&plan, &service(3, Some(limits.clone())), &["2 to 4", "fight 10"]);
    // Suspended in part it still acts.
    let part = SuspendedActivities { scale_in: true, ..SuspendedActivities::NONE };
    refused(&plan, &service(3, Some(limits.clone().with(part))), &["fight 10"]);
    let suspended = service(3, Some(limits.with(SuspendedActivities::ALL)));
    assert!(plan.refusals(&suspended).is_empty());
    assert!(plan.warnings(&suspended)[0].contains("when it is resumed"));
    for fine in [service(3, None), service(3, Some(ScalingState::active(2, 10)))] {
        assert!(plan.refusals(&fine).is_empty());
    }
}

#[test]
fn a_deployment_in_progress() {
    let plan = ScalePlan::new("shop", Change::service(blue(), 10));
    let mut seen = service(3, None);
    let Seen::Service { service, .. } = &mut seen else { panic!() };
    service.deployment = DeploymentState::InProgress;
    refused(&plan, &seen, &["deployment of shop-blue is in progress"]);
}

#[test]
fn a_database_that_is_busy_or_a_class_it_can_not_have() {
    let to = |class: &str, restart| {
        ScalePlan::new("shop", Change::database("shop-postgres", class, restart))
    };
    assert!(to("db.t3.large", true).refusals(&database(instance())).is_empty());
    let busy = DatabaseInstance { status: "backing-up".to_owned(), ..instance() };
    refused(&to("db.t3.large", true), &database(busy), &["backing-up", "not available"]);
    let pending = vec!["engine version 16.4".to_owned()];
    let pending = DatabaseInstance { pending, ..instance() };
    refused(&to("db.t3.large", true), &database(pending), &["engine version 16.4", "pending"]);
    refused(&to("db.t3.giant", true), &database(instance()), &["db.t3.large, db.t3.medium"]);
    refused(&to("db.x9.large", true), &database(instance()), &["none of its family"]);
    refused(&to("db.t3.large", false), &database(instance()), &["unavailable", "not allowed"]);
    let standby = DatabaseInstance { multi_az: true, ..instance() };
    refused(&to("db.t3.large", false), &database(standby), &["fails over", "60 to 120 s"]);
    // Nothing to do is nothing to refuse.
    assert!(to("db.t3.medium", false).refusals(&database(instance())).is_empty());
}

#[test]
fn policies_that_are_there_under_other_names() {
    let plan = settings();
    let Change::Tracking { policies, .. } = &plan.change else { panic!() };
    let mut other = policies[0].clone();
    other.name = "by-hand".to_owned();
    let tracking = |policies, others| Seen::Tracking {
        tracking: Some(Tracking { scaling: ScalingState::active(1, 9), policies, others }),
        desired: Some(4),
    };
    refused(&plan, &tracking(vec![other], vec![]), &["by-hand", "CPU already"]);
    let step = |name: &str| OtherPolicy { name: name.to_owned(), kind: "StepScaling".to_owned() };
    refused(&plan, &tracking(vec![], vec![step("shop-blue-cpu")]), &["could not be put back"]);
    let beside = tracking(vec![], vec![step("requests")]);
    assert!(plan.refusals(&beside).is_empty());
    assert!(plan.warnings(&beside)[0].contains("requests (StepScaling) stays"));
}

#[test]
fn limits_that_would_move_the_desired_count() {
    let outside = Seen::Tracking { tracking: None, desired: Some(0) };
    refused(&settings(), &outside, &["desired count is 0", "2 to 20", "scale the service first"]);
    let unknown = Seen::Tracking { tracking: None, desired: None };
    assert!(settings().refusals(&unknown).is_empty());
    assert!(settings().warnings(&unknown)[0].contains("not known"));
}

#[test]
fn an_undo_of_what_somebody_else_changed_since() {
    let mut plan = ScalePlan::new("shop", Change::service(blue(), 4));
    plan.undoes = Some(service(10, None));
    assert!(plan.refusals(&service(10, None)).is_empty());
    refused(&plan, &service(12, None), &["somebody else", "10 of 10", "12 of 12"]);
}
