//! Rolling updates: on the live side, task by task.

use tokio::process::Command;

use super::support::{Standing, World, calls};
use crate::fixture::{ended, run, until};

fn rolling(world: &World) -> Command {
    let mut command = world.rollout("rolling");
    command.args(["--image", "v2", "--bake", "10", "--json"]);
    command
}

pub async fn a_good_version_replaces_the_old_one_where_it_is() {
    let world = World::new().await;
    let before = world.standing().await;
    let report = run(rolling(&world)).await.with(0).json();
    assert_eq!(report["outcome"], "promoted", "{report:#}");
    let after = world.standing().await;
    let [blue, green] = after.definitions.clone();
    assert_ne!(blue, before.definitions[0]);
    assert_eq!(green, before.definitions[1]);
    assert_eq!(after, Standing { definitions: [blue.clone(), green], ..before });
    let (new, _) = world.definition(&blue).await;
    assert_eq!(new.container_definitions()[0].image(), Some("registry/shop:v2"));
    assert_eq!(calls(&report, "ModifyListener"), 0, "{:#}", report["calls"]);
}

pub async fn a_bad_version_is_replaced_by_the_old_one() {
    let world = World::new().await;
    let before = world.standing().await;
    let child = rolling(&world).spawn().unwrap();
    until("the new version is deployed", async || {
        world.standing().await.definitions[0] != before.definitions[0]
    })
    .await;
    world.is_bad("blue");
    let done = ended("a bad rolling update".to_owned(), child).await.with(1);
    let report = done.json();
    assert_eq!(report["outcome"], "rolled-back", "{done}");
    assert!(report["reason"].as_str().unwrap().contains("error rate"), "{}", report["reason"]);
    assert_eq!(world.standing().await, before, "{done}");
}
