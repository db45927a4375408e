//! The table of costs that everything else here is worked out from.

use std::collections::BTreeMap;

use jiff::Span;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{Daily, Sums};
use crate::{Currency, Error};

/// What one service cost on one day, under one value of the tag by which the costs are divided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The day, of UTC, as AWS counts them.
    pub day: Date,
    /// The service, as the source names it.
    pub service: String,
    /// The value of the tag; `None` where there is none, or where nobody asked for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The cost, with all its digits; below 0 for a credit or a refund.
    pub amount: Decimal,
}

impl Line {
    /// A cost without a tag.
    pub fn new(day: Date, service: impl Into<String>, amount: Decimal) -> Self {
        Self { day, service: service.into(), tag: None, amount }
    }

    /// The same under a value of the tag.
    #[must_use]
    pub fn tagged(mut self, value: impl Into<String>) -> Self {
        self.tag = Some(value.into());
        self
    }
}

/// Costs by day, service and, if it was asked for, one tag, over an unbroken run of days.
///
/// A day of the run without a line cost nothing. Amounts keep all their digits, so every way of adding them up comes to
/// the same total; they are rounded to cents only where they are [shown](Sums::shown).
///
/// ```
/// use jiff::civil::date;
/// use petswipe_cost::{Currency, Line, Spend};
/// let day = date(2026, 11, 1);
/// let lines = [
///     Line::new(day, "AmazonEC2", "10.004".parse().unwrap()),
///     Line::new(day, "AmazonS3", "0.004".parse().unwrap()),
///     Line::new(day.tomorrow().unwrap(), "AmazonEC2", "9.5".parse().unwrap()),
/// ];
/// let spend = Spend::of(Currency::USD, lines);
/// assert_eq!(spend.total().to_string(), "19.508");
/// assert_eq!(spend.by_service().total(), spend.by_day().total());
/// assert_eq!(spend.daily(Some("AmazonS3")).values(), [0.004, 0.0]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Spend {
    currency: Currency,
    from: Date,
    to: Date,
    tag: Option<String>,
    amounts: BTreeMap<Place, Decimal>,
}

/// Day, service, value of the tag.
type Place = (Date, String, Option<String>);

impl Spend {
    /// No costs yet, from a day up to another and without it. If the second is not later, there are no days.
    pub fn new(currency: Currency, from: Date, to: Date) -> Self {
        Self { currency, from, to: to.max(from), tag: None, amounts: BTreeMap::new() }
    }

    /// These costs, over the days from the first to the last that has one.
    pub fn of(currency: Currency, lines: impl IntoIterator<Item = Line>) -> Self {
        let lines: Vec<Line> = lines.into_iter().collect();
        let days = lines.iter().map(|line| line.day);
        let from = days.clone().min().unwrap_or(Date::ZERO);
        let to = days.max().map_or(from, after);
        let mut spend = Self::new(currency, from, to);
        for line in lines {
            spend.take(line);
        }
        spend
    }

    /// The same, said to be divided by this tag key.
    #[must_use]
    pub fn by_key(mut self, key: Option<&str>) -> Self {
        self.tag = key.map(str::to_owned);
        self
    }

    /// Adds a cost. Two of the same day, service and tag value add up.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a day that is not among the days of this table.
    pub fn add(&mut self, line: Line) -> Result<(), Error> {
        if line.day < self.from || line.day >= self.to {
            let allowed = format!("from {} up to {} and without it", self.from, self.to);
            return Err(Error::invalid("day", line.day, allowed));
        }
        self.take(line);
        Ok(())
    }

    fn take(&mut self, line: Line) {
        let slot = self.amounts.entry((line.day, line.service, line.tag)).or_default();
        *slot = slot.saturating_add(line.amount);
    }

    /// Of all amounts.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// The first day.
    pub fn from(&self) -> Date {
        self.from
    }

    /// The day after the last one.
    pub fn to(&self) -> Date {
        self.to
    }

    /// The tag key by which the costs are divided; `None` if they are not.
    pub fn tag_key(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// How many days it covers.
    pub fn days(&self) -> usize {
        between(self.from, self.to)
    }

    /// Each cost there is, by day, service and tag.
    pub fn lines(&self) -> impl Iterator<Item = Line> + '_ {
        self.amounts.iter().map(|((day, service, tag), amount)| Line {
            day: *day,
            service: service.clone(),
            tag: tag.clone(),
            amount: *amount,
        })
    }

    /// The services that have a cost, in order.
    pub fn services(&self) -> Vec<&str> {
        self.by_service().keys().copied().collect()
    }

    /// Everything together.
    pub fn total(&self) -> Decimal {
        self.amounts.values().fold(Decimal::ZERO, |sum, amount| sum.saturating_add(*amount))
    }

    /// Added up for each service.
    pub fn by_service(&self) -> Sums<&str> {
        self.sums(|(_, service, _)| service.as_str())
    }

    /// Added up for each value of the tag. `None` is what has no such tag.
    pub fn by_tag(&self) -> Sums<Option<&str>> {
        self.sums(|(_, _, tag)| tag.as_deref())
    }

    /// Added up for each day that has a cost.
    pub fn by_day(&self) -> Sums<Date> {
        self.sums(|(day, _, _)| *day)
    }

    /// Added up for each month that has a cost, by its first day.
    pub fn by_month(&self) -> Sums<Date> {
        self.sums(|(day, _, _)| day.first_of_month())
    }

    fn sums<'a, K: Ord>(&'a self, key: impl Fn(&'a Place) -> K) -> Sums<K> {
        self.amounts.iter().map(|(place, amount)| (key(place), *amount)).collect()
    }

    /// The costs of one service day by day, or of all of them; 0 on a day without any.
    pub fn daily(&self, service: Option<&str>) -> Daily {
        let mut sums = vec![Decimal::ZERO; self.days()];
        for ((day, of, _), amount) in &self.amounts {
            if service.is_none_or(|service| service == of)
                && let Some(sum) = sums.get_mut(between(self.from, *day))
            {
                *sum = sum.saturating_add(*amount);
            }
        }
        Daily::new(self.from, sums.into_iter().map(float).collect())
    }

    /// The same over these days too, on which nothing more was spent.
    #[must_use]
    pub fn widened(self, from: Date, to: Date) -> Self {
        if self.days() == 0 {
            return Self { from, to: to.max(from), ..self };
        }
        Self { from: self.from.min(from), to: self.to.max(to), ..self }
    }

    /// What lies before a day: the part that AWS has finished, say.
    #[must_use]
    pub fn until(&self, day: Date) -> Self {
        let to = day.clamp(self.from, self.to);
        let amounts = self.amounts.iter().filter(|((of, _, _), _)| *of < to);
        let amounts = amounts.map(|(place, amount)| (place.clone(), *amount)).collect();
        Self { currency: self.currency, from: self.from, to, tag: self.tag.clone(), amounts }
    }
}

/// The day after; the last day there is has none.
pub(super) fn after(day: Date) -> Date {
    day.tomorrow().unwrap_or(day)
}

/// The day so many days later, or the last one there is.
pub(super) fn later(day: Date, days: usize) -> Date {
    let days = i64::try_from(days).unwrap_or(i64::MAX);
    Span::new().try_days(days).and_then(|days| day.checked_add(days)).unwrap_or(Date::MAX)
}

/// How many days there are from one up to another and without it; 0 if there are none.
pub(super) fn between(from: Date, to: Date) -> usize {
    usize::try_from((to - from).get_days()).unwrap_or_default()
}

/// For statistics, never for sums: nearest float.
pub(super) fn float(amount: Decimal) -> f64 {
    f64::try_from(amount).unwrap_or_default()
}

/// How it is written down.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    currency: Currency,
    from: Date,
    to: Date,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    lines: Vec<Line>,
}

impl From<Spend> for Written {
    fn from(spend: Spend) -> Self {
        let lines = spend.lines().collect();
        Self { currency: spend.currency, from: spend.from, to: spend.to, tag: spend.tag, lines }
    }
}

impl TryFrom<Written> for Spend {
    type Error = Error;

    fn try_from(written: Written) -> Result<Self, Error> {
        let mut spend = Self::new(written.currency, written.from, written.to);
        spend.tag = written.tag;
        for line in written.lines {
            spend.add(line)?;
        }
        Ok(spend)
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn lines() -> impl Strategy<Value = Vec<Line>> {
        let line = (0..70_i64, 0..4_u8, 0..3_u8, -9_000_000_000_i64..90_000_000_000);
        let line = line.prop_map(|(day, service, tag, amount)| Line {
            day: date(2026, 1, 20) + day.days(),
            service: format!("service-{service}"),
            tag: (tag > 0).then(|| format!("team-{tag}")),
            amount: Decimal::new(amount, 9),
        });
        proptest::collection::vec(line, 0..60)
    }

    proptest! {
        #[test]
        fn all_ways_of_adding_up_come_to_the_same_total(lines in lines()) {
            let total: Decimal = lines.iter().map(|line| line.amount).sum();
            let spend = Spend::of(Currency::USD, lines);
            prop_assert_eq!(spend.total(), total);
            prop_assert_eq!(spend.by_service().total(), total);
            prop_assert_eq!(spend.by_tag().total(), total);
            prop_assert_eq!(spend.by_day().total(), total);
            prop_assert_eq!(spend.by_month().total(), total);
        }

        #[test]
        fn what_is_shown_adds_up_to_the_rounded_total(lines in lines()) {
            let spend = Spend::of(Currency::USD, lines);
            let total = crate::Money::rounded(spend.total());
            let sum = |shown: Vec<crate::Money>| shown.into_iter().sum::<crate::Money>();
            prop_assert_eq!(sum(spend.by_service().shown().into_iter().map(|(_, it)| it).collect()), total);
            prop_assert_eq!(sum(spend.by_day().shown().into_iter().map(|(_, it)| it).collect()), total);
            for (service, shown) in spend.by_service().shown() {
                let exact = spend.by_service().of(&service);
                prop_assert!((shown.amount() - exact).abs() < Decimal::new(1, 2));
            }
        }

        #[test]
        fn what_is_written_is_read(lines in lines()) {
            let spend = Spend::of(Currency::USD, lines).by_key(Some("team"));
            let text = serde_json::to_string(&spend).unwrap();
            prop_assert_eq!(serde_json::from_str::<Spend>(&text).unwrap(), spend);
        }
    }

    #[test]
    fn a_day_outside_is_refused_and_a_day_without_costs_is_zero() {
        let (from, to) = (date(2026, 2, 27), date(2026, 3, 2));
        let mut spend = Spend::new(Currency::USD, from, to);
        spend.add(Line::new(date(2026, 3, 1), "S3", Decimal::ONE)).unwrap();
        for outside in [date(2026, 2, 26), to] {
            let refused = spend.add(Line::new(outside, "S3", Decimal::ONE));
            assert!(matches!(refused, Err(Error::Invalid { .. })), "{outside}");
        }
        assert_eq!(spend.daily(None).values(), [0.0, 0.0, 1.0]);
        assert_eq!(spend.until(date(2026, 3, 1)).daily(None).values(), [0.0, 0.0]);
        assert_eq!(spend.until(date(2026, 1, 1)).days(), 0);
    }

    #[test]
    fn nothing_at_all_is_a_table_without_days() {
        let spend = Spend::of(Currency::USD, []);
        assert_eq!((spend.days(), spend.total()), (0, Decimal::ZERO));
        assert_eq!(spend.daily(None).values(), [0.0; 0]);
    }
}
