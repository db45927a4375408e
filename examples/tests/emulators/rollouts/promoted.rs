//! A good version is promoted, stage by stage.

use std::collections::BTreeMap;

use super::support::{World, calls};
use crate::fixture::run;

pub async fn a_good_version_gets_everything_in_stages() {
    let world = World::new().await;
    let before = world.standing().await;
    let report = run(world.canary(&[])).await.with(0).json();
    assert_eq!(report["outcome"], "promoted", "{report:#}");
    assert_eq!(report["stages"][0]["verdict"], "pass", "{report:#}");
    assert_eq!(report["stages"][1]["verdict"], "pass", "{report:#}");
    world.is_promoted(&before).await;
    for (action, count) in [
        // One for each stage.
        ("ModifyListener", 2),
        ("RegisterTaskDefinition", 1),
        ("CreateRule", 0),
        ("DescribeLoadBalancers", 1),
    ] {
        assert_eq!(calls(&report, action), count, "{action}: {:#}", report["calls"]);
    }
    let changes = report["actions"].as_array().unwrap();
    assert!(changes.iter().all(|change| change["result"] == "done"), "{report:#}");

    // The new task definition is the old one with another image, and is marked with the operation.
    let after = world.standing().await;
    let (old, old_tags) = world.definition(&before.definitions[0]).await;
    let (new, new_tags) = world.definition(&after.definitions[1]).await;
    let mut wanted = old.clone();
    wanted.task_definition_arn.clone_from(&new.task_definition_arn);
    wanted.registered_at = new.registered_at;
    wanted.revision = old.revision + 1;
    wanted.container_definitions.as_mut().unwrap()[0].image = Some("registry/shop:v2".to_owned());
    assert_eq!(new, wanted);
    let operation = report["operation"].as_str().unwrap().to_owned();
    let mut wanted: BTreeMap<_, _> = old_tags;
    wanted.insert("petswipe:operation".to_owned(), operation);
    assert_eq!(new_tags, wanted);

    // No user noticed anything.
    let seen = world.agent.stop().await;
    assert_eq!((seen.sides["blue"].1, seen.sides["green"].1, seen.balancer), (0, 0, 0));
    assert!(seen.sides["green"].0 > 0);
}
