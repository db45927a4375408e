//! Amounts of money: decimal, in whole cents, never a float.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::Error;

/// Hours in a month, as AWS counts them in its estimates. Source: "AWS Pricing Calculator", assumptions.
pub const HOURS_PER_MONTH: u32 = 730;

/// An amount in whole cents of some [`Currency`]. What is shown is what is added, so totals are exactly the sum of their parts.
///
/// In JSON it is a string with two decimals.
///
/// ```
/// use petswipe_cost::Money;
/// let parts: [Money; 3] = ["0.10", "0.20", "3.65"].map(|part| part.parse().unwrap());
/// assert_eq!(parts.into_iter().sum::<Money>().to_string(), "3.95");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(Decimal);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Rounded to the nearest cent; half a cent to the even one.
    pub fn rounded(amount: Decimal) -> Self {
        Self::in_cents(amount.round_dp_with_strategy(2, RoundingStrategy::MidpointNearestEven))
    }

    /// With two decimals, so that one amount has one form.
    fn in_cents(mut amount: Decimal) -> Self {
        amount.rescale(2);
        Self(amount)
    }

    /// The amount.
    pub fn amount(self) -> Decimal {
        self.0
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `pad` honours the width that tables ask for.
        f.pad(&format!("{:.2}", self.0))
    }
}

impl FromStr for Money {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let amount = text.parse::<Decimal>().ok().filter(|amount| amount.normalize().scale() <= 2);
        amount
            .map(Self::in_cents)
            .ok_or_else(|| Error::invalid("amount", text, "a decimal number with whole cents"))
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Money {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The code of a currency: three capital letters, as ISO 4217 has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// US dollars, in which AWS lists its prices outside China.
    pub const USD: Self = Self(*b"USD");
    /// Yuan, in which AWS bills in China.
    pub const CNY: Self = Self(*b"CNY");
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

impl FromStr for Currency {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let code = <[u8; 3]>::try_from(text.as_bytes()).ok();
        let code = code.filter(|code| code.iter().all(u8::is_ascii_uppercase));
        code.map(Self)
            .ok_or_else(|| Error::invalid("currency", text, "three capital letters, such as USD"))
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_in_whole_cents() {
        let third = Decimal::ONE / Decimal::from(3);
        assert_eq!(Money::rounded(third).to_string(), "0.33");
        assert_eq!(Money::rounded("0.125".parse().unwrap()).to_string(), "0.12");
        assert!("0.125".parse::<Money>().is_err());
        assert_eq!("1.500".parse::<Money>().unwrap(), "1.5".parse().unwrap());
        assert_eq!(serde_json::to_string(&Money::ZERO).unwrap(), "\"0.00\"");
        assert_eq!(serde_json::from_str::<Money>("\"12.4\"").unwrap().to_string(), "12.40");
        assert!(serde_json::from_str::<Money>("12.4").is_err(), "a float is no amount");
    }

    #[test]
    fn a_currency_is_a_code() {
        assert_eq!("USD".parse::<Currency>().unwrap(), Currency::USD);
        for wrong in ["usd", "US", "USDX", "US$", ""] {
            assert!(wrong.parse::<Currency>().is_err(), "{wrong}");
        }
    }
}
