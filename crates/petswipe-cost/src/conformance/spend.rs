//! The contract of [`SpendSource`], sentence by sentence, in a world where costs can be put in.

use jiff::civil::{Date, date};
use rust_decimal::Decimal;

use crate::{
    Anomaly, Commitment, CommitmentKind, Currency, Money, Rightsizing, RightsizingAction, Spend,
    SpendSource, Tags, Window,
};

/// Makes a module of tests which hold a source to the contract of [`SpendSource`].
///
/// The expression gives a new [`SpendWorld`]; it is evaluated in an `async` function, so it may wait for one. The calling crate
/// needs `tokio` with `macros` and `rt`.
#[macro_export]
macro_rules! spend_source_conformance {
    ($module:ident, $world:expr $(,)?) => {
        $crate::spend_source_conformance!(
            @ $module, $world,
            [
                commitments_cover_the_window_asked,
                costs_are_of_the_days_asked,
                a_day_without_costs_is_a_day,
                costs_by_tag_add_up_to_the_costs,
                what_lacks_the_tag_is_untagged,
                anomalies_touch_the_window_asked,
                each_instance_is_sized_once,
            ]
        );
    };
    (@ $module:ident, $world:expr, [$($sentence:ident),* $(,)?]) => {
        mod $module {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[::tokio::test]
                async fn $sentence() {
                    let world = $world;
                    $crate::conformance::spend::$sentence(&world).await;
                }
            )*
        }
    };
}

/// What a suite needs to watch a source: an account in which something is spent. It begins empty, and its amounts are in US dollars.
pub trait SpendWorld: Send + Sync {
    /// The source that watches this account.
    fn source(&self) -> &dyn SpendSource;

    /// A cost of a resource with these tags. The keys are `team` and `stage`, activated for cost allocation where that is needed.
    fn charge(&self, day: Date, service: &str, tags: &Tags, amount: Decimal);

    /// What a kind of commitment comes to, in every window.
    fn commit(&self, commitment: &Commitment);

    /// Something the cloud's detector has found.
    fn report(&self, anomaly: &Anomaly);

    /// Something the cloud would size otherwise.
    fn recommend(&self, rightsizing: &Rightsizing);
}

const FIRST: Date = date(2026, 10, 30);
const AFTER: Date = date(2026, 11, 5);

fn window() -> Window {
    Window::of_days(FIRST, AFTER)
}

fn cents(cents: i64) -> Decimal {
    Decimal::new(cents, 2)
}

fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

async fn costs(world: &dyn SpendWorld, window: Window, by_tag: Option<&str>) -> Spend {
    world.source().costs(window, by_tag).await.expect("the source gives costs")
}

/// Some costs on every day of the window, and on the days around it.
fn spend_something(world: &dyn SpendWorld) {
    let mut day = FIRST.yesterday().expect("a day before");
    for number in 1.. {
        let team = ["shop", "data"][number as usize % 2];
        world.charge(day, "AmazonEC2", &tags(&[("team", team)]), cents(100 * number));
        world.charge(day, "AmazonEC2", &tags(&[("stage", "test")]), cents(number));
        world.charge(day, "AmazonS3", &tags(&[]), cents(-7));
        if day == AFTER {
            break;
        }
        day = day.tomorrow().expect("a day after");
    }
}

/// The sums without their tags.
fn places(spend: &Spend) -> Vec<(Date, String, Decimal)> {
    let mut places: Vec<(Date, String, Decimal)> = Vec::new();
    for line in spend.lines() {
        match places.last_mut() {
            Some((day, service, sum)) if (*day, &*service) == (line.day, &line.service) => {
                *sum += line.amount;
            }
            _ => places.push((line.day, line.service, line.amount)),
        }
    }
    places
}

/// See [`SpendSource`]: the window is the one asked for, and a longer one is not cut short.
pub async fn commitments_cover_the_window_asked(world: &dyn SpendWorld) {
    let commitment = Commitment {
        kind: CommitmentKind::SavingsPlans,
        coverage_percent: Some(80.0),
        on_demand: Money::rounded(cents(1_250)),
        utilisation_percent: Some(95.0),
        unused: Money::rounded(cents(30)),
        currency: Currency::USD,
    };
    world.commit(&commitment);
    for window in [window(), Window::of_days(date(2026, 9, 1), AFTER)] {
        let found = world.source().commitments(window).await.expect("the source answers");
        assert_eq!(found.window, window);
        let kind = found.kinds.iter().find(|known| known.kind == commitment.kind);
        assert_eq!(kind, Some(&commitment));
    }
}

/// See [`SpendSource`]: all days of the window, every cost on its own, and none of the days around.
pub async fn costs_are_of_the_days_asked(world: &dyn SpendWorld) {
    spend_something(world);
    let spend = costs(world, window(), None).await;
    assert_eq!((spend.from(), spend.to(), spend.currency()), (FIRST, AFTER, Currency::USD));
    assert_eq!(spend.by_service().keys().copied().collect::<Vec<_>>(), ["AmazonEC2", "AmazonS3"]);
    let ec2 = spend.lines().filter(|line| line.service == "AmazonEC2");
    let ec2: Vec<_> = ec2.map(|line| line.amount.normalize()).collect();
    assert_eq!(ec2, [2, 3, 4, 5, 6, 7].map(|number| cents(101 * number).normalize()));
    assert_eq!(spend.by_service().of(&"AmazonS3").normalize(), cents(-42).normalize());
    assert!(spend.lines().all(|line| line.tag.is_none()), "nobody asked for a tag");
    let one = costs(world, Window::of_days(FIRST, date(2026, 10, 31)), None).await;
    assert_eq!(one.total().normalize(), cents(195).normalize());
    assert_eq!(one.days(), 1);
}

/// See [`SpendSource`]: before anything is spent, and around the only day on which something was.
pub async fn a_day_without_costs_is_a_day(world: &dyn SpendWorld) {
    let nothing = costs(world, window(), None).await;
    assert_eq!((nothing.days(), nothing.total()), (6, Decimal::ZERO));
    world.charge(date(2026, 11, 2), "AmazonS3", &tags(&[]), cents(5));
    let little = costs(world, window(), None).await;
    assert_eq!(little.daily(None).values(), [0.0, 0.0, 0.0, 0.05, 0.0, 0.0]);
}

/// See [`SpendSource`]: by whichever key they are divided.
pub async fn costs_by_tag_add_up_to_the_costs(world: &dyn SpendWorld) {
    spend_something(world);
    let whole = costs(world, window(), None).await;
    for key in ["team", "stage", "nobody-has-this"] {
        let divided = costs(world, window(), Some(key)).await;
        assert_eq!(divided.tag_key(), Some(key));
        assert_eq!(places(&divided), places(&whole), "by {key}");
    }
}

/// See [`SpendSource`]: under no value, not under an empty one.
pub async fn what_lacks_the_tag_is_untagged(world: &dyn SpendWorld) {
    spend_something(world);
    let by_team = costs(world, window(), Some("team")).await;
    let sums = by_team.by_tag();
    assert_eq!(sums.keys().copied().collect::<Vec<_>>(), [None, Some("data"), Some("shop")]);
    assert_eq!(sums.of(&Some("data")).normalize(), cents(1_500).normalize());
    assert_eq!(sums.of(&Some("shop")).normalize(), cents(1_200).normalize());
    assert_eq!(sums.of(&None).normalize(), cents(27 - 42).normalize());
    let by_none = costs(world, window(), Some("nobody-has-this")).await;
    assert_eq!(by_none.by_tag().keys().copied().collect::<Vec<_>>(), [None]);
}

/// See [`SpendSource`]: those that began before it and reach into it too, and those that go on.
pub async fn anomalies_touch_the_window_asked(world: &dyn SpendWorld) {
    let anomaly = |id: &str, from: Date, to: Option<Date>| Anomaly {
        id: id.to_owned(),
        from,
        to,
        service: Some("AmazonEC2".to_owned()),
        region: None,
        usage_type: None,
        impact: Money::rounded(cents(4_200)),
        currency: Currency::USD,
        score: 0.5,
    };
    let reaches_in = anomaly("reaches-in", date(2026, 10, 1), Some(FIRST));
    let goes_on = anomaly("goes-on", date(2026, 11, 4), None);
    for known in [
        &anomaly("before", date(2026, 10, 1), Some(date(2026, 10, 29))),
        &reaches_in,
        &goes_on,
        &anomaly("after", AFTER, None),
    ] {
        world.report(known);
    }
    let found = world.source().anomalies(window()).await.expect("the source answers");
    assert_eq!(found, [goes_on, reaches_in]);
}

/// See [`SpendSource`]: the greatest saving first.
pub async fn each_instance_is_sized_once(world: &dyn SpendWorld) {
    let rightsizing = |instance: &str, action: RightsizingAction, saving: i64| Rightsizing {
        instance: instance.to_owned(),
        account: "123456789012".to_owned(),
        region: None,
        present: "m5.xlarge".to_owned(),
        action,
        monthly_saving: Money::rounded(cents(saving)),
        currency: Currency::USD,
    };
    let smaller = RightsizingAction::Modify { to: "m5.large".to_owned() };
    let less = rightsizing("i-1", smaller, 7_008);
    let more = rightsizing("i-2", RightsizingAction::Terminate, 14_016);
    for known in [&less, &more, &less] {
        world.recommend(known);
    }
    let found = world.source().rightsizing().await.expect("the source answers");
    assert_eq!(found, [more, less]);
}
