//! The contract of [`DatabaseInstances`], sentence by sentence.

use std::time::Duration;

use petswipe_runbook::Clock;

use super::assert_not_found;
use crate::scaling::{DatabaseInstance, DatabaseInstances};
use crate::{Authority, Error};

/// What the suite needs. Every test gets a fresh one.
pub trait DatabaseWorld: Send + Sync {
    /// The implementation.
    fn databases(&self) -> &dyn DatabaseInstances;

    /// An instance that is available.
    fn instance(&self) -> &str;

    /// Another class that it could have.
    fn other_class(&self) -> &str;

    /// A class that it can't have; `None` where every one is taken.
    fn impossible_class(&self) -> Option<&str>;

    /// Whether a change takes a while, so that another one can meet with it.
    fn takes_time(&self) -> bool;

    /// Lets time pass.
    fn clock(&self) -> &dyn Clock;

    /// A new operation at each call, with a higher fence than all before it.
    fn authority(&self) -> Authority;
}

/// Makes a module of tests which hold an implementation to the contract of
/// [`DatabaseInstances`](crate::scaling::DatabaseInstances).
///
/// The expression gives a fresh [`DatabaseWorld`]; it is evaluated in an `async` function, so it may wait for one. The
/// calling crate needs `tokio` with `macros` and `rt`.
#[macro_export]
macro_rules! database_conformance {
    ($module:ident, $world:expr $(,)?) => {
        $crate::conformance_tests!(
            $module,
            $world,
            $crate::conformance::databases,
            [
                an_unknown_instance_is_not_found,
                the_present_class_is_offered,
                the_class_becomes_what_was_asked,
                asking_for_the_present_class_changes_nothing,
                an_instance_that_is_not_available_is_left_alone,
                a_class_that_is_not_offered_is_refused,
            ]
        );
    };
}

async fn read(world: &dyn DatabaseWorld) -> DatabaseInstance {
    world.databases().instance(world.instance()).await.unwrap()
}

async fn modify(world: &dyn DatabaseWorld, class: &str) -> Result<(), Error> {
    world.databases().modify_class(&world.authority(), world.instance(), class).await
}

/// Looks every ten seconds, for two hours at most.
async fn until(
    world: &dyn DatabaseWorld,
    what: &str,
    is_so: impl Fn(&DatabaseInstance) -> bool,
) -> DatabaseInstance {
    for _ in 0..720 {
        let now = read(world).await;
        if is_so(&now) {
            return now;
        }
        let clock = world.clock();
        clock.sleep_until(clock.now() + Duration::from_secs(10)).await;
    }
    panic!("{what}: not within two hours");
}

/// By none of the methods.
pub async fn an_unknown_instance_is_not_found(world: &dyn DatabaseWorld) {
    let (databases, unknown) = (world.databases(), "petswipe-unknown");
    assert_not_found(databases.instance(unknown).await);
    assert_not_found(databases.offered_classes(unknown).await);
    let authority = world.authority();
    assert_not_found(databases.modify_class(&authority, unknown, world.other_class()).await);
}

/// And the other one, too.
pub async fn the_present_class_is_offered(world: &dyn DatabaseWorld) {
    let offered = world.databases().offered_classes(world.instance()).await.unwrap();
    let present = read(world).await.class;
    assert!(offered.contains(&present), "{present} is not among {offered:?}");
    assert!(offered.contains(world.other_class()), "{offered:?}");
}

/// In the end it is available with that class; and back again.
pub async fn the_class_becomes_what_was_asked(world: &dyn DatabaseWorld) {
    let before = read(world).await;
    for class in [world.other_class(), &before.class] {
        modify(world, class).await.unwrap();
        let now = until(world, "it has the class", |now| {
            now.class == class && now.is_available() && now.pending_class.is_none()
        })
        .await;
        assert_eq!(now, DatabaseInstance { class: class.to_owned(), ..before.clone() });
    }
}

/// Neither status nor pending changes.
pub async fn asking_for_the_present_class_changes_nothing(world: &dyn DatabaseWorld) {
    let before = read(world).await;
    modify(world, &before.class).await.unwrap();
    for _ in 0..10 {
        assert_eq!(read(world).await, before);
        let clock = world.clock();
        clock.sleep_until(clock.now() + Duration::from_secs(60)).await;
    }
}

/// While a change is under way, another one is a conflict, and the first one ends as if nothing had been.
pub async fn an_instance_that_is_not_available_is_left_alone(world: &dyn DatabaseWorld) {
    if !world.takes_time() {
        let sentence = "an_instance_that_is_not_available_is_left_alone";
        return super::skipped(sentence, "changes that are over at once");
    }
    let before = read(world).await;
    modify(world, world.other_class()).await.unwrap();
    until(world, "it is not available", |now| !now.is_available()).await;
    let refused = modify(world, &before.class).await;
    assert!(matches!(refused, Err(Error::Conflict { .. })), "a conflict, not {refused:?}");
    let now = until(world, "it is available", DatabaseInstance::is_available).await;
    assert_eq!(now.class, world.other_class());
}

/// And nothing changes.
pub async fn a_class_that_is_not_offered_is_refused(world: &dyn DatabaseWorld) {
    let Some(class) = world.impossible_class() else {
        return super::skipped("a_class_that_is_not_offered_is_refused", "every class");
    };
    let before = read(world).await;
    let refused = modify(world, class).await;
    assert!(matches!(refused, Err(Error::InvalidPlan { .. })), "invalid, not {refused:?}");
    assert_eq!(read(world).await, before);
}
