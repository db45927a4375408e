//! Amounts added up for each of something, and how they are rounded so that they still add up.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, RoundingStrategy};

use crate::Money;

/// An exact sum for each key, in the order of the keys.
///
/// ```
/// use petswipe_cost::{Money, Sums};
/// let third = "0.333".parse().unwrap();
/// let sums: Sums<&str> = [("a", third), ("b", third), ("c", third)].into_iter().collect();
/// // Three times 0.33 would be 0.99, but 0.999 is shown as 1.00.
/// let shown: Vec<String> = sums.shown().iter().map(|(_, amount)| amount.to_string()).collect();
/// assert_eq!(shown, ["0.34", "0.33", "0.33"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sums<K: Ord>(BTreeMap<K, Decimal>);

impl<K: Ord> Sums<K> {
    /// The sum of one; 0 for one that has none.
    pub fn of(&self, key: &K) -> Decimal {
        self.0.get(key).copied().unwrap_or_default()
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.keys()
    }

    /// Each key and its sum, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, Decimal)> {
        self.0.iter().map(|(key, sum)| (key, *sum))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them together.
    pub fn total(&self) -> Decimal {
        self.0.values().fold(Decimal::ZERO, |sum, part| sum.saturating_add(*part))
    }
}

impl<K: Ord + Clone> Sums<K> {
    /// In whole cents, in the order of the keys, so that they add up to the [rounded](Money::rounded) total.
    ///
    /// Each is within a cent of its exact sum: all are rounded down, and the cents that are then missing go to those that lost
    /// most, the first of them where they are equal. This is the method of largest remainders, known from the seats of parliaments.
    pub fn shown(&self) -> Vec<(K, Money)> {
        let down =
            |sum: Decimal| sum.round_dp_with_strategy(2, RoundingStrategy::ToNegativeInfinity);
        let cent = Decimal::new(1, 2);
        let mut shown: Vec<_> = self.0.iter().map(|(key, sum)| (key.clone(), down(*sum))).collect();
        let mut missing = Money::rounded(self.total()).amount();
        for (_, amount) in &shown {
            missing = missing.saturating_sub(*amount);
        }
        let mut losers: Vec<_> = self.0.values().map(|sum| *sum - down(*sum)).enumerate().collect();
        losers.sort_by(|(_, one), (_, other)| other.cmp(one));
        for (index, _) in losers {
            if missing < cent {
                break;
            }
            if let Some((_, amount)) = shown.get_mut(index) {
                *amount += cent;
                missing -= cent;
            }
        }
        shown.into_iter().map(|(key, amount)| (key, Money::rounded(amount))).collect()
    }

    /// As [shown](Self::shown), the greatest first.
    pub fn greatest_first(&self) -> Vec<(K, Money)> {
        let mut shown = self.shown();
        shown.sort_by_key(|(_, amount)| std::cmp::Reverse(*amount));
        shown
    }
}

impl<K: Ord> FromIterator<(K, Decimal)> for Sums<K> {
    fn from_iter<I: IntoIterator<Item = (K, Decimal)>>(all: I) -> Self {
        let mut sums = BTreeMap::new();
        for (key, amount) in all {
            let sum: &mut Decimal = sums.entry(key).or_default();
            *sum = sum.saturating_add(amount);
        }
        Self(sums)
    }
}
