//! What was promoted is taken back.

use super::support::{Standing, World, calls};
use crate::fixture::run;

pub async fn what_was_promoted_is_taken_back() {
    let world = World::new().await;
    let before = world.standing().await;
    let told = run(world.canary(&[])).await.with(0).says(&["to go back to the version before"]);
    world.is_promoted(&before).await;
    let promoted = world.standing().await;
    let operation = told.json()["operation"].clone();

    let mut undo = world.rollout("canary");
    undo.args(["--undo", "--json", "--bake", "0"]);
    let done = run(undo).await.with(0);
    let report = done.json();
    assert_eq!(report["outcome"], "promoted", "{done}");
    assert_ne!(report["operation"], operation, "{done}");
    // Green keeps the task definition that it has, without tasks.
    let [_, green] = promoted.definitions;
    let [blue, _] = before.definitions.clone();
    let wanted = Standing { definitions: [blue, green], ..before };
    assert_eq!(world.standing().await, wanted, "{done}");
    // The old version needs no new definition, and all traffic comes at once.
    for (action, count) in [("RegisterTaskDefinition", 0), ("ModifyListener", 1)] {
        assert_eq!(calls(&report, action), count, "{action}: {:#}", report["calls"]);
    }
    let seen = world.agent.stop().await;
    assert_eq!((seen.sides["blue"].1, seen.sides["green"].1, seen.balancer), (0, 0, 0));
}
