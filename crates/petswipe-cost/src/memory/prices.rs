//! Prices in memory, as a source of what things cost now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::{Currency, Error, PriceSource, Quote, Region};

/// A source of prices that knows what was put in.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use jiff::civil::date;
/// use petswipe_cost::{Currency, PriceSource, Region, memory::MemoryPrices};
/// let (source, here) = (MemoryPrices::new(Currency::USD), Region::new("eu-west-1")?);
/// source.set(&here, "ebs:gp3", "0.07".parse().unwrap(), date(2026, 11, 1));
/// let asked = ["ebs:gp3".to_owned(), "ebs:gp2".to_owned()].into();
/// let known = source.prices(&here, Currency::USD, &asked).await?;
/// assert_eq!((known.len(), known[0].price.to_string()), (1, "0.07".to_owned()));
/// # Ok::<(), petswipe_cost::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct MemoryPrices {
    currency: Currency,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    known: BTreeMap<(Region, String), (Decimal, Date)>,
    denied: bool,
    asked: Vec<(Region, BTreeSet<String>)>,
}

impl MemoryPrices {
    /// That knows no price yet.
    pub fn new(currency: Currency) -> Self {
        Self { currency, held: Mutex::default() }
    }

    /// Puts in a price and the day that it is of. It replaces one of the same key and region.
    pub fn set(&self, region: &Region, key: &str, price: Decimal, priced_at: Date) {
        let key = (region.clone(), key.to_owned());
        self.held().known.insert(key, (price, priced_at));
    }

    /// From now on the credentials lack the action by which it is asked.
    pub fn deny(&self) {
        self.held().denied = true;
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<(Region, BTreeSet<String>)> {
        self.held().asked.clone()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl PriceSource for MemoryPrices {
    async fn prices(
        &self,
        region: &Region,
        currency: Currency,
        keys: &BTreeSet<String>,
    ) -> Result<Vec<Quote>, Error> {
        let mut held = self.held();
        held.asked.push((region.clone(), keys.clone()));
        if held.denied {
            let action = "pricing:GetProducts".to_owned();
            return Err(Error::Denied { action, source: "the script says so".into() });
        }
        if currency != self.currency {
            return Ok(Vec::new());
        }
        let quote = |key: &String| {
            let (price, priced_at) = *held.known.get(&(region.clone(), key.clone()))?;
            Some(Quote { key: key.clone(), price, priced_at })
        };
        Ok(keys.iter().filter_map(quote).collect())
    }
}
