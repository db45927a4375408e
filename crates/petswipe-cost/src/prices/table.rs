//! One region's prices, as a file has them.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{Currency, Error, Region};

/// The prices of a region: on demand, before discounts, of the first tier.
///
/// | key | a price of |
/// |---|---|
/// | `ec2:TYPE` | an hour of an instance, Linux on shared hardware |
/// | `rds:ENGINE:CLASS` | an hour of a database in one zone |
/// | `rds-storage:TYPE`, `rds-backup` | a GB-month |
/// | `aurora:acu` | an hour of a capacity unit of Aurora Serverless v2 |
/// | `aurora:backup` | a GB-month; not in the embedded tables |
/// | `ebs:TYPE`, `ebs:snapshot`, `ebs:snapshot-archive` | a GB-month |
/// | `ebs:TYPE:iops`, `ebs:TYPE:throughput` | a month of an IOPS, of a MiB/s |
/// | `ipv4` | an hour of a public address |
/// | `nat:hour`, `vpce:interface:hour`, `elb:KIND:hour`, `elb:KIND:lcu` | an hour |
/// | `nat:regional:hour` | an hour of a regional NAT gateway in all its zones; not in the embedded tables |
/// | `nat:regional:gb` | a GB through one; not in the embedded tables |
/// | `nat:gb`, `vpce:interface:gb`, `cross-az:gb` (each way), `logs:ingest` | a GB |
/// | `logs:store`, `s3:CLASS` | a GB-month |
/// | `s3:intelligent-tiering-monitoring` | 1,000 objects for a month |
/// | `fargate:vcpu`, `fargate:gb`, the same of `fargate-arm` and `fargate-spot` | an hour |
/// | `cloudwatch:metric-data` | 1,000 metrics asked for |
/// | `ce:request` | a request to Cost Explorer |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceTable {
    region: Region,
    currency: Currency,
    priced_at: Date,
    /// Of prices that are of another day, their own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    dated: BTreeMap<String, Date>,
    prices: BTreeMap<String, Decimal>,
}

/// Nothing costs more than that an hour, a GB or a month; what does is a typo.
const MOST: Decimal = Decimal::from_parts(1_000_000, 0, 0, false, 0);

/// What the keys begin with.
const FAMILIES: [&str; 18] = [
    "aurora:",
    "ce:",
    "cloudwatch:",
    "cross-az:",
    "ebs:",
    "ec2:",
    "elb:",
    "fargate:",
    "fargate-arm:",
    "fargate-spot:",
    "ipv4",
    "logs:",
    "nat:",
    "rds:",
    "rds-backup",
    "rds-storage:",
    "s3:",
    "vpce:",
];

impl PriceTable {
    /// A table of a region.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a price below 0, or a key of no family.
    pub fn new(
        region: Region,
        currency: Currency,
        priced_at: Date,
        prices: BTreeMap<String, Decimal>,
    ) -> Result<Self, Error> {
        let table = Self { region, currency, priced_at, dated: BTreeMap::new(), prices };
        table.checked()
    }

    /// A table of prices that are each of a day of their own; `None` if there are none.
    pub(crate) fn dated(
        region: Region,
        currency: Currency,
        known: BTreeMap<String, (Decimal, Date)>,
    ) -> Option<Self> {
        let priced_at = known.values().map(|(_, date)| *date).max()?;
        let others = known.iter().filter(|(_, (_, date))| *date != priced_at);
        let dated = others.map(|(key, (_, date))| (key.clone(), *date)).collect();
        let prices = known.into_iter().map(|(key, (price, _))| (key, price)).collect();
        Some(Self { region, currency, priced_at, dated, prices })
    }

    /// A table from its JSON: `region`, `currency`, `priced_at`, `prices` as decimal strings by key, and `dated`, the day of
    /// those that are of another one.
    ///
    /// # Errors
    /// [`Error::Malformed`] with line and column, or as [`new`](Self::new).
    pub fn from_json(text: &str) -> Result<Self, Error> {
        serde_json::from_str::<Self>(text)
            .map_err(|error| Error::Malformed {
                file: "the price table".to_owned(),
                problem: error.to_string(),
            })?
            .checked()
    }

    pub(crate) fn checked(self) -> Result<Self, Error> {
        if let Some(key) = self.dated.keys().find(|key| !self.prices.contains_key(*key)) {
            return Err(Error::invalid("dated: the key", key, "a key of prices"));
        }
        for (key, price) in &self.prices {
            if !FAMILIES.iter().any(|family| key.starts_with(family)) {
                let allowed = format!("a key that begins with one of {}", FAMILIES.join(" "));
                return Err(Error::invalid("prices: the key", key, allowed));
            }
            if price.is_sign_negative() || *price > MOST {
                return Err(Error::invalid(format!("prices.{key}"), price, "0 to 1000000"));
            }
        }
        Ok(self)
    }

    /// The same prices in another region.
    #[must_use]
    pub fn elsewhere(&self, region: Region) -> Self {
        Self { region, ..self.clone() }
    }

    /// Its region.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Its currency.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// The oldest day that its prices are of.
    pub fn priced_at(&self) -> Date {
        self.dated.values().copied().fold(self.priced_at, Date::min)
    }

    /// A price, and the day it was so.
    pub fn price(&self, key: &str) -> Option<(Decimal, Date)> {
        let price = *self.prices.get(key)?;
        Some((price, self.dated.get(key).copied().unwrap_or(self.priced_at)))
    }

    /// Every key with its price.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Decimal)> {
        self.prices.iter().map(|(key, price)| (key.as_str(), *price))
    }

    pub(super) fn overlay(&mut self, other: Self) {
        for (key, price) in &other.prices {
            let at = other.dated.get(key).copied().unwrap_or(other.priced_at);
            self.dated.insert(key.clone(), at);
            self.prices.insert(key.clone(), *price);
        }
    }
}

/// The tables in `prices/`, each of the region that its file is named for.
const FILES: &[&str] = &[
    include_str!("../../prices/ap-northeast-1.json"),
    include_str!("../../prices/ap-northeast-2.json"),
    include_str!("../../prices/ap-northeast-3.json"),
    include_str!("../../prices/ap-south-1.json"),
    include_str!("../../prices/ap-southeast-1.json"),
    include_str!("../../prices/ap-southeast-2.json"),
    include_str!("../../prices/ca-central-1.json"),
    include_str!("../../prices/eu-central-1.json"),
    include_str!("../../prices/eu-north-1.json"),
    include_str!("../../prices/eu-west-1.json"),
    include_str!("../../prices/eu-west-2.json"),
    include_str!("../../prices/eu-west-3.json"),
    include_str!("../../prices/sa-east-1.json"),
    include_str!("../../prices/us-east-1.json"),
    include_str!("../../prices/us-east-2.json"),
    include_str!("../../prices/us-west-1.json"),
    include_str!("../../prices/us-west-2.json"),
];

#[allow(
    clippy::expect_used,
    reason = "the files are part of the program, and a test reads them all"
)]
pub(super) fn embedded() -> impl Iterator<Item = PriceTable> {
    FILES.iter().map(|text| PriceTable::from_json(text).expect("an embedded price table"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_with_a_typo_is_refused() {
        let with = |prices: &str| {
            let head = r#""region": "eu-west-1", "currency": "USD", "priced_at": "2026-01-02""#;
            PriceTable::from_json(&format!("{{{head}, \"prices\": {prices}}}"))
        };
        assert!(with(r#"{"ebs:gp3": "0.088"}"#).is_ok());
        let error = with(r#"{"esb:gp3": "0.088"}"#).unwrap_err().to_string();
        assert!(
            error.starts_with("prices: the key is esb:gp3; allowed: a key that begins with"),
            "{error}"
        );
        let error = with(r#"{"ebs:gp3": "-1"}"#).unwrap_err().to_string();
        assert_eq!(error, "prices.ebs:gp3 is -1; allowed: 0 to 1000000");
        let error = with(r#"{"ebs:gp3": "cheap"}"#).unwrap_err().to_string();
        assert!(error.contains("line 1 column"), "{error}");
        assert!(PriceTable::from_json("{}").is_err());
    }

    #[test]
    fn the_prices_of_the_design_are_embedded() {
        // Source: the list of July 2024 for us-east-1, by the month of 730 hours.
        let table = embedded().find(|table| table.region().as_str() == "us-east-1").unwrap();
        let price = |key| table.price(key).unwrap().0;
        let monthly = |key| crate::Money::rounded(price(key) * Decimal::from(730));
        for (key, expected) in [
            ("ebs:gp2", "0.10"),
            ("ebs:gp3", "0.08"),
            ("ebs:gp3:iops", "0.005"),
            ("ebs:gp3:throughput", "0.04"),
            ("ebs:io1", "0.125"),
            ("ebs:st1", "0.045"),
            ("ebs:sc1", "0.015"),
            ("ebs:snapshot", "0.05"),
            ("nat:gb", "0.045"),
            ("logs:store", "0.03"),
            ("s3:standard", "0.023"),
            ("s3:standard-ia", "0.0125"),
            ("s3:deep-archive", "0.00099"),
        ] {
            assert_eq!(price(key), expected.parse().unwrap(), "{key}");
        }
        for (key, expected) in [
            ("ipv4", "3.65"),
            ("nat:hour", "32.85"),
            ("elb:application:hour", "16.42"),
            ("ec2:t3.micro", "7.59"),
            ("ec2:t3.medium", "30.37"),
            ("ec2:m5.large", "70.08"),
            ("fargate:vcpu", "29.55"),
            ("fargate:gb", "3.24"),
        ] {
            assert_eq!(monthly(key).to_string(), expected, "{key}");
        }
    }
}
