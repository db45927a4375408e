//! `--iam-policy`: what a stack calls while it is created, created again and destroyed is what its policy allows.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::fixture::{Fixture, run};

/// What AWS checks in the course of other calls.
const BESIDES: [&str; 11] = [
    "AlarmsOfPolicies",
    "Network",
    "RoleOfEcs",
    "RoleOfLoadBalancing",
    "RoleOfScaling",
    "RolesOfTasks",
    "ScalingOfServices",
    "TagAlarms",
    "TagInEcs",
    "TagLoadBalancers",
    "TagScaling",
];

/// The operations that the statements of a policy document allow which `wanted` accepts by their names.
pub fn operations(policy: &Value, wanted: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let statements = policy["Statement"].as_array().unwrap().iter();
    let wanted = statements.filter(|one| wanted(one["Sid"].as_str().unwrap()));
    let actions = wanted.flat_map(|one| one["Action"].as_array().unwrap());
    actions.map(|action| action.as_str().unwrap().rsplit(':').next().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_calls_exactly_what_its_policy_allows() {
    let fixture = Fixture::with_twins().await;
    let called = Arc::new(Mutex::new(BTreeSet::new()));
    let made = Arc::clone(&called);
    let lines = fixture.lines(move |asked| {
        made.lock().unwrap().insert(asked.action.clone());
        None
    });
    for arguments in [&[][..], &[], &["--destroy"]] {
        run(fixture.stack_on(&lines, arguments)).await.with(0);
    }
    let mut nobody = fixture.program("stack");
    nobody.arg("--iam-policy").env("AWS_ENDPOINT_URL_ECS", "http://127.0.0.1:9");
    let policy = run(nobody).await.with(0).json();
    let own = operations(&policy, |sid| !BESIDES.contains(&sid));
    assert_eq!(*called.lock().unwrap(), own);
    let held = policy["Statement"].as_array().unwrap().iter();
    let held: BTreeSet<_> = held.map(|one| one["Sid"].as_str().unwrap()).collect();
    assert!(BESIDES.iter().all(|sid| held.contains(sid)), "{held:?}");
}
