//! A whole rollout while calls are throttled, lost and broken.

use super::support::{World, on};
use crate::fixture::{Asked, Fault, run};

/// One call in ten is throttled, one in twenty happens and its answer is lost, one in fifty finds a broken service.
fn storm(seed: u64) -> impl FnMut(&Asked) -> Option<Fault> + Clone + Send + 'static {
    let mut random = fastrand::Rng::with_seed(seed);
    move |_| match random.u32(0..100) {
        0..10 => Some(Fault::Throttled),
        10..15 => Some(Fault::LostAnswer),
        15..17 => Some(Fault::Broken),
        _ => None,
    }
}

pub async fn in_a_storm_a_good_version_is_promoted() {
    let world = World::new().await;
    let before = world.standing().await;
    let lines = world.fixture.lines(storm(1));
    // The SDK slows down while it is throttled, so one stage has to do.
    let done = run(on(world.canary(&["--stages", "100"]), &lines)).await.with(0);
    assert_eq!(done.json()["outcome"], "promoted", "{done}");
    world.is_promoted(&before).await;
}

pub async fn in_a_storm_a_bad_version_goes_back() {
    let world = World::new().await;
    let before = world.standing().await;
    world.is_bad("green");
    let lines = world.fixture.lines(storm(2));
    let done = run(on(world.canary(&[]), &lines)).await.with(1);
    assert_eq!(done.json()["outcome"], "rolled-back", "{done}");
    assert_eq!(world.standing().await, before, "{done}");
}
