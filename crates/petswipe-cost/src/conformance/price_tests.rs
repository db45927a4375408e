//! The suite over the prices in memory and the pointers to them, and what it would find in another source.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::PriceWorld;
use crate::memory::MemoryPrices;
use crate::{Currency, Error, PriceSource, Quote, Region};

struct World<T> {
    memory: Arc<MemoryPrices>,
    source: T,
}

impl<T: PriceSource> World<T> {
    fn new(wrap: impl FnOnce(Arc<MemoryPrices>) -> T) -> Self {
        let memory = Arc::new(MemoryPrices::new(Currency::USD));
        Self { source: wrap(memory.clone()), memory }
    }
}

impl<T: PriceSource> PriceWorld for World<T> {
    fn source(&self) -> &dyn PriceSource {
        &self.source
    }

    fn set(&self, region: &Region, key: &str, price: Decimal, priced_at: Date) {
        self.memory.set(region, key, price, priced_at);
    }
}

crate::price_source_conformance!(memory_through_an_arc, World::new(|memory| memory));
crate::price_source_conformance!(
    memory_through_a_box,
    World::new(|memory| { Box::new(memory) as Box<dyn PriceSource> })
);

/// A source that makes one mistake.
struct Wrong(Arc<MemoryPrices>, Mistake);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mistake {
    /// It gives all that it knows.
    Everything,
    /// What it does not know costs nothing.
    Free,
    /// It looks into the list of another region.
    Elsewhere,
    /// Every price is of the same day.
    OneDay,
}

#[async_trait]
impl PriceSource for Wrong {
    async fn prices(
        &self,
        region: &Region,
        currency: Currency,
        keys: &BTreeSet<String>,
    ) -> Result<Vec<Quote>, Error> {
        let all = ["ebs:gp2", "ebs:gp3", "nat:hour"].map(str::to_owned).into();
        let there = Region::new("us-east-1")?;
        let (region, asked) = match self.1 {
            Mistake::Everything => (region, &all),
            Mistake::Elsewhere => (&there, keys),
            _ => (region, keys),
        };
        let mut known = self.0.prices(region, currency, asked).await?;
        let day = Date::constant(2026, 1, 1);
        if self.1 == Mistake::Free {
            let quote =
                |key: &String| Quote { key: key.clone(), price: Decimal::ZERO, priced_at: day };
            let lacks = |key: &&String| !known.iter().any(|one| one.key == **key);
            let free: Vec<_> = keys.iter().filter(lacks).map(quote).collect();
            known.extend(free);
        }
        if self.1 == Mistake::OneDay {
            known.iter_mut().for_each(|one| one.priced_at = day);
        }
        Ok(known)
    }
}

#[test]
fn each_mistake_is_found() {
    macro_rules! finds {
        ($mistake:ident, $sentence:ident) => {{
            let failed = std::thread::spawn(|| {
                let world = World::new(|memory| Wrong(memory, Mistake::$mistake));
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(super::prices::$sentence(&world));
            });
            assert!(failed.join().is_err(), "{:?} is not found", Mistake::$mistake);
        }};
    }
    finds!(Everything, prices_are_of_the_keys_asked);
    finds!(Free, what_is_not_known_has_no_price);
    finds!(Elsewhere, prices_are_of_the_region_and_currency_asked);
    finds!(OneDay, a_price_has_the_day_it_is_of);
}
