//! What things cost, by region, with the day it was so.
//!
//! The embedded tables are list prices on demand; [`PriceTable`] says from which day. What no table knows has no price here
//! either: nothing is guessed.

mod source;
mod table;

#[cfg(feature = "mock")]
pub use source::MockPriceSource;
pub use source::PriceSource;
pub use table::PriceTable;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{Currency, Error, Region};

/// Tables of several regions, of one currency.
#[derive(Clone, Debug, PartialEq)]
pub struct Prices {
    currency: Currency,
    tables: BTreeMap<Region, Arc<PriceTable>>,
}

/// A price that was used, as it stands in a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quote {
    /// Its key in the table, such as `ebs:gp3`.
    pub key: String,
    /// The price, in the unit that [`PriceTable`] says of its key.
    pub price: Decimal,
    /// The day it was so.
    pub priced_at: Date,
}

/// The prices that a calculation needs: those that were found, and those that were not.
#[derive(Debug)]
pub struct Quotes<'a> {
    table: Option<&'a PriceTable>,
    used: Vec<Quote>,
    missing: Vec<String>,
}

impl Prices {
    /// The embedded tables.
    ///
    /// ```
    /// use petswipe_cost::{Prices, Region};
    /// let prices = Prices::embedded();
    /// let mut quotes = prices.quotes(&Region::new("us-east-1").unwrap());
    /// assert_eq!(quotes.get("ebs:gp3").unwrap().to_string(), "0.08");
    /// assert!(quotes.get("ec2:x99.huge").is_none());
    /// assert_eq!(quotes.missing(), ["ec2:x99.huge"]);
    /// ```
    pub fn embedded() -> Self {
        // They are a megabyte of JSON, and are read once.
        static EMBEDDED: LazyLock<Prices> = LazyLock::new(|| {
            let tables = table::embedded().map(|table| (table.region().clone(), Arc::new(table)));
            Prices { currency: Currency::USD, tables: tables.collect() }
        });
        EMBEDDED.clone()
    }

    /// No prices at all, in that currency.
    pub fn none(currency: Currency) -> Self {
        Self { currency, tables: BTreeMap::new() }
    }

    /// The currency of all of them.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// Puts the prices of a table before those that are known of its region. Prices of other keys stay.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a table in another currency: its prices can't be added to the others.
    pub fn overlay(&mut self, table: PriceTable) -> Result<(), Error> {
        if table.currency() != self.currency {
            let allowed = format!("{}, as of the other tables", self.currency);
            let field = format!("currency of the prices of {}", table.region());
            return Err(Error::invalid(field, table.currency(), allowed));
        }
        match self.tables.get_mut(table.region()) {
            Some(known) => Arc::make_mut(known).overlay(table),
            None => drop(self.tables.insert(table.region().clone(), Arc::new(table))),
        }
        Ok(())
    }

    /// Puts prices of a region before those that are known, each with its day.
    ///
    /// # Errors
    /// As [`PriceTable::new`].
    pub fn take(&mut self, region: &Region, quotes: Vec<Quote>) -> Result<(), Error> {
        let known = quotes.into_iter().map(|one| (one.key, (one.price, one.priced_at))).collect();
        match PriceTable::dated(region.clone(), self.currency, known) {
            Some(table) => self.overlay(table.checked()?),
            None => Ok(()),
        }
    }

    /// The table of a region.
    pub fn table(&self, region: &Region) -> Option<&PriceTable> {
        self.tables.get(region).map(Arc::as_ref)
    }

    /// Looks up prices of a region, and keeps account of them.
    pub fn quotes(&self, region: &Region) -> Quotes<'_> {
        Quotes { table: self.table(region), used: Vec::new(), missing: Vec::new() }
    }

    /// The regions of which there are prices, and the oldest day of each.
    pub fn dates(&self) -> impl Iterator<Item = (&Region, Date)> {
        self.tables.iter().map(|(region, table)| (region, table.priced_at()))
    }
}

impl Quotes<'_> {
    /// The price of that key, in the unit that [`PriceTable`] says of it. One that is not known is kept as missing.
    pub fn get(&mut self, key: impl fmt::Display) -> Option<Decimal> {
        let key = key.to_string();
        let Some((price, priced_at)) = self.table.and_then(|table| table.price(&key)) else {
            self.missing.push(key);
            return None;
        };
        self.used.push(Quote { key, price, priced_at });
        Some(price)
    }

    /// The keys that no table knows.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// What was used, and what was missing.
    pub(crate) fn into_parts(self) -> (Vec<Quote>, Vec<String>) {
        (self.used, self.missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> PriceTable {
        PriceTable::from_json(text).unwrap()
    }

    #[test]
    fn a_file_goes_before_what_is_embedded_and_keeps_the_rest() {
        let mut prices = Prices::embedded();
        let own = r#"{"region": "us-east-1", "currency": "USD", "priced_at": "2026-01-02", "prices": {"ebs:gp3": "0.05"}}"#;
        prices.overlay(table(own)).unwrap();
        let mut quotes = prices.quotes(&Region::new("us-east-1").unwrap());
        assert_eq!(quotes.get("ebs:gp3"), Some("0.05".parse().unwrap()));
        assert_eq!(quotes.get("ebs:gp2"), Some("0.10".parse().unwrap()));
        let (used, missing) = quotes.into_parts();
        assert_eq!(used[0].priced_at.to_string(), "2026-01-02");
        assert_eq!(used[1].priced_at.to_string(), "2026-10-15");
        assert!(missing.is_empty());
    }

    #[test]
    fn currencies_are_not_mixed() {
        let own = r#"{"region": "cn-north-1", "currency": "CNY", "priced_at": "2026-01-02", "prices": {"ebs:gp3": "0.5"}}"#;
        let error = Prices::embedded().overlay(table(own)).unwrap_err();
        let expected =
            "currency of the prices of cn-north-1 is CNY; allowed: USD, as of the other tables";
        assert_eq!(error.to_string(), expected);
        let mut yuan = Prices::none("CNY".parse().unwrap());
        yuan.overlay(table(own)).unwrap();
    }

    #[test]
    fn every_embedded_table_is_of_the_region_of_its_file_and_in_dollars() {
        let regions: Vec<_> = table::embedded().map(|table| table.region().to_string()).collect();
        assert!(regions.contains(&"us-east-1".to_owned()));
        assert_eq!(regions.len(), Prices::embedded().tables.len(), "a region has two tables");
        assert!(table::embedded().all(|table| table.currency() == Currency::USD));
    }
}
