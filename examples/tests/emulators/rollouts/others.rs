//! Somebody else changes the same system in the middle: nothing of it is overwritten.

use super::support::World;
use crate::fixture::ended;

pub async fn weights_of_somebody_else_stay() {
    let world = World::new().await;
    let child = world.half_way(world.canary(&[])).await;
    world.divide(70, 30).await;
    let changed = world.standing().await;
    let done = ended("a canary beside somebody".to_owned(), child).await.with(3);
    assert_eq!(world.standing().await.weights, [70, 30], "{done}");
    assert_eq!(world.standing().await.definitions, changed.definitions, "{done}");
    let blue = format!("{} 70", world.fixture.name("blue"));
    done.says(&[&blue]);
}

pub async fn a_deployment_of_somebody_else_stays() {
    let world = World::new().await;
    let child = world.half_way(world.canary(&[])).await;
    let before = world.standing().await;
    let theirs = before.definitions[0].clone();
    let update = world.fixture.clients.ecs.update_service().cluster(world.fixture.name("cluster"));
    let update = update.service(world.fixture.name("green")).task_definition(&theirs);
    update.send().await.unwrap();
    let done = ended("a canary beside somebody".to_owned(), child).await.with(3);
    let after = world.standing().await;
    assert_eq!(after.definitions[1], theirs, "{done}");
    assert_eq!(after.weights, before.weights, "{done}");
    let done = done.says(&["somebody else deployed it"]);
    let report = done.json();
    let reason = report["reason"].as_str().unwrap();
    assert!(reason.contains("set all traffic to one side by hand"), "{reason}");
}
