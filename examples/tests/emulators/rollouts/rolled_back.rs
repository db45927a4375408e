//! A bad version is rolled back, and everything is as before.

use super::support::{World, calls};
use crate::fixture::run;

pub async fn a_bad_version_goes_back_and_leaves_everything_as_it_was() {
    let world = World::new().await;
    let before = world.standing().await;
    world.is_bad("green");
    let done = run(world.canary(&[])).await.with(1);
    let report = done.json();
    assert_eq!(report["outcome"], "rolled-back", "{done}");
    assert!(report["reason"].as_str().unwrap().contains("error rate"), "{}", report["reason"]);
    assert_eq!(world.standing().await, before, "{done}");
    // Half of the traffic to the new version, and with one call all of it back.
    assert_eq!(calls(&report, "ModifyListener"), 2, "{:#}", report["calls"]);
    let seen = world.agent.stop().await;
    assert!(seen.sides["green"].1 > 0, "{seen:?}");
    assert_eq!((seen.sides["blue"].1, seen.balancer), (0, 0), "{seen:?}");
}
