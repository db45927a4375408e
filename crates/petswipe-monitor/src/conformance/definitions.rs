//! The contract of [`DefinitionStore`], sentence by sentence, on an empty store.

use crate::Error;
use crate::apply::{Definition, DefinitionStore, Sample};

/// Makes a module of tests which hold a store to the contract of [`DefinitionStore`].
///
/// The first expression gives a new, empty store, the second what is put there. The calling crate needs `tokio` with `macros`
/// and `rt`.
#[macro_export]
macro_rules! definition_store_conformance {
    ($module:ident, $store:expr, $sample:expr $(,)?) => {
        $crate::definition_store_conformance!(
            @ $module, $store, $sample,
            [
                what_was_put_is_listed_as_it_was_put,
                only_names_with_the_prefix_are_listed,
                what_is_put_again_is_replaced,
                what_was_deleted_is_gone_and_nothing_else,
            ]
        );
    };
    (@ $module:ident, $store:expr, $sample:expr, [$($sentence:ident),* $(,)?]) => {
        mod $module {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[::tokio::test]
                async fn $sentence() {
                    let store = $store;
                    $crate::conformance::definitions::$sentence(&store, $sample).await;
                }
            )*
        }
    };
}

async fn list(store: &dyn DefinitionStore, prefix: &str) -> Vec<Definition> {
    let mut found = store.list(prefix).await.expect("the store answers");
    for definition in &mut found {
        definition.address = None;
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

async fn held(store: &dyn DefinitionStore, name: &str) -> Option<Definition> {
    let found = store.list(name).await.expect("the store answers");
    found.into_iter().find(|found| found.name == name)
}

async fn put(store: &dyn DefinitionStore, definition: &Definition) {
    let before = held(store, &definition.name).await;
    store.put(definition, before.as_ref()).await.expect("the store takes it");
}

/// See [`DefinitionStore`]: body, tags and dependencies are listed as they were given.
pub async fn what_was_put_is_listed_as_it_was_put(store: &dyn DefinitionStore, sample: Sample) {
    assert_eq!(list(store, "shop-").await, []);
    for (name, number) in [("shop-a", 1), ("shop-b", 2)] {
        put(store, &sample.of(name, number)).await;
    }
    assert_eq!(list(store, "shop-").await, [sample.of("shop-a", 1), sample.of("shop-b", 2)]);
    // Once more is the same.
    assert_eq!(list(store, "shop-").await, [sample.of("shop-a", 1), sample.of("shop-b", 2)]);
}

/// See [`DefinitionStore`]: what does not begin with the prefix is not listed.
pub async fn only_names_with_the_prefix_are_listed(store: &dyn DefinitionStore, sample: Sample) {
    for name in ["shop-a", "shop-eu-a", "shopping-a", "a-shop-a"] {
        put(store, &sample.of(name, 1)).await;
    }
    let names = async |prefix: &str| {
        list(store, prefix).await.into_iter().map(|found| found.name).collect::<Vec<_>>()
    };
    assert_eq!(names("shop-").await, ["shop-a", "shop-eu-a"]);
    assert_eq!(names("shop-eu-").await, ["shop-eu-a"]);
    assert_eq!(names("other-").await, [""; 0]);
}

/// See [`DefinitionStore`]: the body is replaced, tags of the new definition are set, and others stay.
pub async fn what_is_put_again_is_replaced(store: &dyn DefinitionStore, sample: Sample) {
    let mut first = sample.of("shop-a", 1);
    first.tags.insert("Kept".to_owned(), "yes".to_owned());
    put(store, &first).await;
    put(store, &sample.of("shop-b", 1)).await;
    let second = sample.of("shop-a", 2);
    put(store, &second).await;
    let mut expected = second;
    expected.tags.insert("Kept".to_owned(), "yes".to_owned());
    assert_eq!(list(store, "shop-").await, [expected, sample.of("shop-b", 1)]);
}

/// See [`DefinitionStore`]: what is deleted is gone, and what is not is there as before.
pub async fn what_was_deleted_is_gone_and_nothing_else(
    store: &dyn DefinitionStore,
    sample: Sample,
) {
    for name in ["shop-a", "shop-b", "shop-c", "other-a"] {
        put(store, &sample.of(name, 1)).await;
    }
    let mut doomed = Vec::new();
    for name in ["shop-a", "shop-c"] {
        doomed.extend(held(store, name).await);
    }
    for doomed in doomed.chunks(store.together()) {
        store.delete(doomed).await.expect("the store deletes");
    }
    assert_eq!(list(store, "shop-").await, [sample.of("shop-b", 1)]);
    assert_eq!(list(store, "other-").await, [sample.of("other-a", 1)]);
    let again = store.delete(&doomed[..1]).await;
    assert!(matches!(again, Ok(()) | Err(Error::NotFound { .. })), "{again:?}");
    assert_eq!(list(store, "shop-").await, [sample.of("shop-b", 1)]);
}
