//! The contract of [`PriceSource`], sentence by sentence, in a world where prices can be put in.

use std::collections::BTreeSet;

use jiff::civil::{Date, date};
use rust_decimal::Decimal;

use crate::{Currency, PriceSource, Quote, Region};

/// Makes a module of tests which hold a source to the contract of [`PriceSource`].
///
/// The expression gives a new [`PriceWorld`]; it is evaluated in an `async` function, so it may wait for one. The calling crate
/// needs `tokio` with `macros` and `rt`.
#[macro_export]
macro_rules! price_source_conformance {
    ($module:ident, $world:expr $(,)?) => {
        $crate::price_source_conformance!(
            @ $module, $world,
            [
                prices_are_of_the_keys_asked,
                what_is_not_known_has_no_price,
                prices_are_of_the_region_and_currency_asked,
                a_price_has_the_day_it_is_of,
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
                    $crate::conformance::prices::$sentence(&world).await;
                }
            )*
        }
    };
}

/// What a suite needs to watch a source of prices in US dollars. It begins without any.
pub trait PriceWorld: Send + Sync {
    /// The source.
    fn source(&self) -> &dyn PriceSource;

    /// Puts in a price of one of the keys `ebs:gp2`, `ebs:gp3` and `nat:hour` in `eu-west-1` or `us-east-1`.
    fn set(&self, region: &Region, key: &str, price: Decimal, priced_at: Date);
}

const HERE: &str = "eu-west-1";
const THERE: &str = "us-east-1";

fn region(code: &str) -> Region {
    Region::new(code).expect("a region's code")
}

fn cents(cents: i64) -> Decimal {
    Decimal::new(cents, 2)
}

async fn prices(world: &impl PriceWorld, currency: Currency, keys: &[&str]) -> Vec<Quote> {
    let keys: BTreeSet<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    let mut known = world
        .source()
        .prices(&region(HERE), currency, &keys)
        .await
        .unwrap_or_else(|error| panic!("prices: {error}"));
    known.sort_by(|one, other| one.key.cmp(&other.key));
    known
}

fn keys(quotes: &[Quote]) -> Vec<&str> {
    quotes.iter().map(|quote| quote.key.as_str()).collect()
}

fn fill(world: &impl PriceWorld) {
    let here = region(HERE);
    world.set(&here, "ebs:gp3", cents(9), date(2026, 11, 1));
    world.set(&here, "ebs:gp2", cents(11), date(2026, 10, 1));
    world.set(&region(THERE), "ebs:gp3", cents(8), date(2026, 9, 1));
    world.set(&region(THERE), "nat:hour", cents(5), date(2026, 9, 1));
}

/// It gives a price of each key asked for that it knows, once, and of no other key.
pub async fn prices_are_of_the_keys_asked(world: &impl PriceWorld) {
    fill(world);
    assert_eq!(keys(&prices(world, Currency::USD, &["ebs:gp3"]).await), ["ebs:gp3"]);
    let both = prices(world, Currency::USD, &["ebs:gp2", "ebs:gp3"]).await;
    assert_eq!(keys(&both), ["ebs:gp2", "ebs:gp3"]);
    assert_eq!(both[0].price, cents(11));
    assert!(prices(world, Currency::USD, &[]).await.is_empty(), "nothing was asked");
}

/// A key that it does not know is left out.
pub async fn what_is_not_known_has_no_price(world: &impl PriceWorld) {
    fill(world);
    let known = prices(world, Currency::USD, &["ebs:gp3", "ec2:x99.huge"]).await;
    assert_eq!(keys(&known), ["ebs:gp3"]);
}

/// What is known of another region, or in another currency, is not known here.
pub async fn prices_are_of_the_region_and_currency_asked(world: &impl PriceWorld) {
    fill(world);
    let known = prices(world, Currency::USD, &["ebs:gp3", "nat:hour"]).await;
    assert_eq!(keys(&known), ["ebs:gp3"], "the other is of another region");
    assert_eq!(known[0].price, cents(9));
    let yuan = "CNY".parse().expect("a currency");
    assert!(prices(world, yuan, &["ebs:gp3"]).await.is_empty(), "dollars are no yuan");
}

/// Each has the day since when, or at which, it is so.
pub async fn a_price_has_the_day_it_is_of(world: &impl PriceWorld) {
    fill(world);
    let known = prices(world, Currency::USD, &["ebs:gp2", "ebs:gp3"]).await;
    let days: Vec<_> = known.iter().map(|quote| quote.priced_at).collect();
    assert_eq!(days, [date(2026, 10, 1), date(2026, 11, 1)]);
}
