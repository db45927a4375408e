//! Plans: what is no plan, what it does in which order, what its undo is.

use std::time::Duration;

use petswipe_deploy::Error;
use petswipe_deploy::scaling::{
    Change, Effect, Limits, Outcome, ScalePlan, Seen, TrackingSettings,
};

use crate::refusals::{blue, database, instance, service};

fn invalid(change: Change) -> String {
    let error = ScalePlan::new("shop", change).validate().unwrap_err();
    assert!(matches!(error, Error::InvalidPlan { .. }), "{error:?}");
    error.to_string()
}

fn tracking(change: impl FnOnce(&mut TrackingSettings)) -> Change {
    let mut settings = TrackingSettings::default();
    change(&mut settings);
    Change::tracking(blue(), settings)
}

#[test]
fn a_bad_value_is_named_with_what_is_allowed() {
    for (change, text) in [
        (Change::service(blue(), 0), "desired is 0; allowed: 1 to 5000; 0 stops"),
        (Change::service(blue(), 5001), "desired is 5001; allowed: 1 to 5000"),
        (Change::database("", "db.t3.large", true), "instance is empty"),
        (Change::database("a b", "db.t3.large", true), "instance is a b"),
        (Change::database("shop", "t3.large", true), "class is t3.large; allowed: such as db."),
        (Change::database("shop", "db.t3.", true), "class is db.t3."),
        (tracking(|to| to.limits.minimum = 21), "minimum is 21; allowed: at most the maximum, 20"),
        (tracking(|to| to.limits.maximum = 5001), "maximum is 5001"),
        (tracking(|to| to.cpu_percent = 0.0), "CPU target is 0"),
        (tracking(|to| to.memory_percent = 101.0), "memory target is 101"),
        (tracking(|to| to.cpu_percent = f64::NAN), "CPU target is NaN"),
        (
            tracking(|to| to.scale_in_cooldown = Duration::from_millis(1500)),
            "scale-in cooldown is 1.5s; allowed: whole seconds",
        ),
    ] {
        let found = invalid(change);
        assert!(found.starts_with(text), "{found}");
    }
    let mut later = Change::database("shop", "db.t3.large", true);
    if let Change::Database { apply_immediately, .. } = &mut later {
        *apply_immediately = false;
    }
    assert!(invalid(later).starts_with("apply immediately is false; allowed: true"));
}

#[test]
fn the_defaults_are_the_guides() {
    let change = tracking(|_| {});
    let Change::Tracking { limits, policies, .. } = &change else { panic!() };
    assert_eq!(*limits, Some(Limits { minimum: 2, maximum: 20 }));
    let written: Vec<_> = policies.iter().map(ToString::to_string).collect();
    assert_eq!(
        written,
        [
            "shop-blue-cpu: CPU at 70 %, out every 60 s, in every 300 s",
            "shop-blue-memory: memory at 80 %, out every 60 s, in every 300 s",
        ]
    );
}

#[test]
fn only_what_differs_is_changed_and_limits_come_first() {
    let plan = ScalePlan::new("shop", tracking(|_| {}));
    let nothing = Seen::Tracking { tracking: None, desired: Some(4) };
    let changes = plan.changes(&nothing);
    assert!(matches!(changes[0], Effect::Register { .. }) && changes.len() == 3, "{changes:?}");
    let outcome = Outcome::Done { before: nothing.clone(), now: nothing, changed: true };
    let undo = plan.undo(&outcome).unwrap();
    let Change::Tracking { limits, policies, absent, .. } = &undo.change else { panic!() };
    assert!(limits.is_none() && policies.is_empty() && absent.len() == 2);

    let plan = ScalePlan::new("shop", Change::database("shop-postgres", "db.t3.large", true));
    assert_eq!(plan.changes(&database(instance())).len(), 1);
    let mut there = instance();
    there.class = "db.t3.large".to_owned();
    assert!(plan.changes(&database(there)).is_empty());
}

#[test]
fn what_changed_nothing_has_no_undo() {
    let plan = ScalePlan::new("shop", Change::service(blue(), 10));
    let seen = service(10, None);
    let same = Outcome::Done { before: seen.clone(), now: seen, changed: false };
    for outcome in [same, Outcome::Refused { reasons: vec!["no".to_owned()] }] {
        assert!(matches!(plan.undo(&outcome), Err(Error::InvalidPlan { .. })), "{outcome}");
    }
    let stopped = Outcome::Stopped {
        why: "it took too long".to_owned(),
        before: service(0, None),
        left: Some(service(10, None)),
    };
    let undo = plan.undo(&stopped).unwrap();
    let allowed = Change::Service { environment: blue(), desired: 0, allow_stop: true };
    assert_eq!(undo.change, allowed);
    undo.validate().unwrap();
}

#[test]
fn a_preview_has_the_way_forward_and_the_way_back() {
    let plan = ScalePlan::new("shop", Change::service(blue(), 10));
    let preview = plan.preview(&service(4, None)).unwrap();
    assert_eq!(preview.forward, ["scale shop-blue to 10"]);
    assert_eq!(preview.back, ["scale shop-blue to 4"]);
    assert!(plan.preview(&service(10, None)).unwrap().forward.is_empty());

    let plan = ScalePlan::new("shop", tracking(|_| {}));
    let nothing = Seen::Tracking { tracking: None, desired: Some(4) };
    let preview = plan.preview(&nothing).unwrap();
    assert_eq!(preview.forward.len(), 3);
    assert_eq!(
        preview.back,
        [
            "delete policy shop-blue-cpu",
            "delete policy shop-blue-memory",
            "take the auto scaling of shop-blue away",
        ]
    );

    let plan = ScalePlan::new("shop", Change::database("shop-postgres", "db.t3.large", false));
    let error = plan.preview(&database(instance())).unwrap_err().to_string();
    assert!(error.contains("restart that was not allowed"), "{error}");
}
