//! What those promise that carry out actions.

use crate::removal::Remover;
use crate::{Action, Error, Inventory, Region};

/// An account with a volume that nothing uses and one that is attached.
pub trait RemovalWorld {
    /// Who acts upon it.
    fn remover(&self) -> &dyn Remover;
    /// Where both volumes are.
    fn region(&self) -> Region;
    /// The id of the volume that nothing uses.
    fn unused(&self) -> String;
    /// The id of the one that is attached.
    fn attached(&self) -> String;
    /// What there is now: the volumes and snapshots at least.
    fn contents(&self) -> impl Future<Output = Inventory>;
}

async fn delete(world: &impl RemovalWorld, volume: String) -> Result<(), Error> {
    world.remover().act(&world.region(), &Action::DeleteVolume { volume }).await
}

async fn volumes(world: &impl RemovalWorld) -> Vec<String> {
    world.contents().await.volumes.into_iter().map(|volume| volume.id).collect()
}

/// An action on what is gone, or as it should be, succeeds and changes nothing.
pub async fn what_is_done_already_is_done(world: &impl RemovalWorld) {
    for _ in 0..2 {
        delete(world, world.unused()).await.unwrap_or_else(|error| panic!("deleting: {error}"));
        let left = volumes(world).await;
        assert!(!left.contains(&world.unused()), "it is still there");
        assert!(left.contains(&world.attached()), "another one is gone");
    }
}

/// Deleting what something uses is a conflict, and it is still there.
pub async fn what_is_in_use_is_left_alone(world: &impl RemovalWorld) {
    match delete(world, world.attached()).await {
        Err(Error::Conflict { .. }) => {}
        other => panic!("deleting a volume that is attached: {other:?}"),
    }
    assert!(volumes(world).await.contains(&world.attached()), "it is gone");
}

/// Asked again with the token of an earlier call, it gives that snapshot and makes no other.
pub async fn the_same_token_gives_the_same_snapshot(world: &impl RemovalWorld) {
    let (region, volume) = (world.region(), world.unused());
    let snapshot = async |token: &str| {
        let made = world.remover().snapshot(&region, &volume, token).await;
        made.unwrap_or_else(|error| panic!("a snapshot: {error}"))
    };
    let first = snapshot("removal-1/volume").await;
    assert_eq!(snapshot("removal-1/volume").await, first);
    assert_ne!(snapshot("removal-2/volume").await, first, "another wish got the same snapshot");
    let made = world.contents().await.snapshots.into_iter().filter(|one| one.volume_id == volume);
    assert_eq!(made.count(), 2);
}

/// A snapshot of what is not there is not found.
pub async fn a_snapshot_of_what_is_not_there_is_not_found(world: &impl RemovalWorld) {
    let made = world
        .remover()
        .snapshot(&world.region(), "vol-00000000000000000", "removal-1/nothing")
        .await;
    assert!(matches!(made, Err(Error::NotFound { .. })), "{made:?}");
}

/// Makes a module of tests: one for each sentence of the contract of [`Remover`], each in a fresh world.
#[macro_export]
macro_rules! removal_conformance {
    ($module:ident, $world:expr) => {
        $crate::removal_conformance!(
            $module,
            $world,
            [
                what_is_done_already_is_done,
                what_is_in_use_is_left_alone,
                the_same_token_gives_the_same_snapshot,
                a_snapshot_of_what_is_not_there_is_not_found,
            ]
        );
    };
    ($module:ident, $world:expr, [$($sentence:ident),* $(,)?]) => {
        mod $module {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[::tokio::test]
                async fn $sentence() {
                    let world = $world;
                    $crate::conformance::removal::$sentence(&world).await;
                }
            )*
        }
    };
}
