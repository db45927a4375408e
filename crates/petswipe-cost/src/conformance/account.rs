//! What inventories and measurements promise.

use std::collections::BTreeSet;

use crate::{
    Error, Inventory, InventorySource, Kind, Measure, Metric, Region, ResourceRef, Statistic,
    UsageSource, Window,
};

/// An account whose contents are known, to hold sources against.
pub trait AccountWorld {
    /// The source of what there is.
    fn inventory(&self) -> &dyn InventorySource;
    /// The source of what was measured.
    fn usage(&self) -> &dyn UsageSource;
    /// What there is, at least in part: kinds that the source does not know are left out.
    fn contents(&self) -> &Inventory;
    /// A region that is not enabled.
    fn disabled(&self) -> Region;
    /// Something that was measured, with its value on the last whole day before the end of `window`, and that window of more than
    /// one day.
    fn measured(&self) -> (Measure, f64, Window);
}

fn references(inventory: &Inventory) -> Vec<ResourceRef> {
    inventory.resources().map(crate::Resource::reference).collect()
}

/// Every region that has something, with every kind it has there.
fn listings(world: &dyn AccountWorld) -> BTreeSet<(Region, Kind)> {
    references(world.contents()).into_iter().map(|one| (one.region, one.kind)).collect()
}

async fn listed(world: &dyn AccountWorld, region: &Region, kind: Kind) -> Vec<ResourceRef> {
    let listing = world.inventory().list(region, kind).await;
    references(&listing.unwrap_or_else(|error| panic!("{kind} in {region}: {error}")))
}

/// A listing gives resources of the kind and the region asked for, and no others.
pub async fn a_listing_is_of_its_kind_and_region(world: &dyn AccountWorld) {
    for (region, kind) in listings(world) {
        for one in listed(world, &region, kind).await {
            assert_eq!((one.kind, &one.region), (kind, &region), "{one} was listed");
        }
    }
}

/// A listing gives every resource exactly once, however many pages that takes.
pub async fn a_listing_has_everything_once(world: &dyn AccountWorld) {
    for (region, kind) in listings(world) {
        let found = listed(world, &region, kind).await;
        let once: BTreeSet<_> = found.iter().cloned().collect();
        assert_eq!(found.len(), once.len(), "{kind} in {region}: something is there twice");
        let expected: BTreeSet<_> =
            references(&world.contents().only(kind, &region)).into_iter().collect();
        assert!(!expected.is_empty());
        assert_eq!(once, expected, "{kind} in {region}");
    }
}

/// Of an account that nobody changes two listings are equal, but for their order.
pub async fn listing_twice_gives_the_same(world: &dyn AccountWorld) {
    for (region, kind) in listings(world) {
        let once: BTreeSet<_> = listed(world, &region, kind).await.into_iter().collect();
        let again: BTreeSet<_> = listed(world, &region, kind).await.into_iter().collect();
        assert_eq!(once, again, "{kind} in {region}");
    }
}

/// Each of the regions answers a listing.
pub async fn every_listed_region_can_be_asked(world: &dyn AccountWorld) {
    let regions =
        world.inventory().regions().await.unwrap_or_else(|error| panic!("regions: {error}"));
    assert!(!regions.is_empty(), "there is no region");
    let kind = listings(world).into_iter().map(|(_, kind)| kind).next();
    let kind = kind.unwrap_or_else(|| panic!("the world is empty"));
    for region in regions {
        listed(world, &region, kind).await;
    }
}

/// A region that is not enabled is an error of its own, never an empty listing.
pub async fn a_region_that_is_not_enabled_is_an_error(world: &dyn AccountWorld) {
    let region = world.disabled();
    for kind in listings(world).into_iter().map(|(_, kind)| kind).collect::<BTreeSet<_>>() {
        match world.inventory().list(&region, kind).await {
            Err(Error::Disabled { region: named }) => assert_eq!(named, region.as_str()),
            // Buckets and the like are listed for all regions at once; then it must be another error, and no listing.
            Err(_) => {}
            Ok(listing) => panic!("{kind} in {region}: a listing of {} came", listing.len()),
        }
    }
}

/// As many series come as were asked for, each for its measure.
pub async fn an_answer_for_each_measure_in_its_order(world: &dyn AccountWorld) {
    let (measure, value, window) = world.measured();
    let nothing = Measure { subject: "nothing".to_owned(), ..measure.clone() };
    let measures = [nothing.clone(), measure.clone(), nothing];
    let series = statistics(world, &measures, window).await;
    assert_eq!(series.len(), 3);
    let last: Vec<_> = series.iter().map(|series| series.periods().last().flatten()).collect();
    assert_eq!(last, [None, Some(value), None]);
    let none = world.usage().statistics(&measure.region, &[], window).await;
    assert!(none.is_ok_and(|series| series.is_empty()), "nothing was asked, and something came");
}

/// Each series has the window and the period asked for; what lies outside is not in it.
pub async fn a_series_is_of_the_window_asked(world: &dyn AccountWorld) {
    let (measure, _, window) = world.measured();
    let day = i64::from(measure.period.seconds());
    let from = jiff::Timestamp::from_second(window.to.as_second() - day);
    let last = Window { from: from.unwrap_or(window.from), to: window.to };
    for asked in [window, last] {
        let series = statistics(world, std::slice::from_ref(&measure), asked).await;
        assert_eq!((series[0].window(), series[0].period()), (asked, measure.period));
        let inside = |at: jiff::Timestamp| asked.from <= at && at < asked.to;
        assert!(series[0].points().all(|(at, _)| inside(at)), "a value lies outside");
    }
}

/// A subject without data, also one that does not exist, has a series of gaps and not of zeros.
pub async fn what_is_not_known_is_a_gap(world: &dyn AccountWorld) {
    let (measure, _, window) = world.measured();
    let nobody = Measure::daily(
        &measure.region,
        "i-00000000000000000",
        Metric::InstanceCpu,
        Statistic::Average,
    );
    let series = statistics(world, &[nobody], window).await;
    assert_eq!(series[0].known(), 0);
    assert!(series[0].len() > 1);
}

async fn statistics(
    world: &dyn AccountWorld,
    measures: &[Measure],
    window: Window,
) -> Vec<crate::Series> {
    let region = &measures[0].region;
    let series = world.usage().statistics(region, measures, window).await;
    series.unwrap_or_else(|error| panic!("statistics: {error}"))
}

/// Makes a module of tests: one for each sentence of the contracts of [`InventorySource`] and [`UsageSource`], each in a fresh world.
#[macro_export]
macro_rules! account_conformance {
    ($module:ident, $world:expr) => {
        $crate::account_conformance!(
            $module,
            $world,
            [
                a_listing_is_of_its_kind_and_region,
                a_listing_has_everything_once,
                listing_twice_gives_the_same,
                every_listed_region_can_be_asked,
                a_region_that_is_not_enabled_is_an_error,
                an_answer_for_each_measure_in_its_order,
                a_series_is_of_the_window_asked,
                what_is_not_known_is_a_gap,
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
                    $crate::conformance::account::$sentence(&world).await;
                }
            )*
        }
    };
}
