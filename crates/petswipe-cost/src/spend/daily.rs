//! Costs day by day, as numbers for statistics.

use jiff::civil::Date;

use super::table::{between, later};

/// One number for each day of an unbroken run.
#[derive(Clone, Debug, PartialEq)]
pub struct Daily {
    from: Date,
    values: Vec<f64>,
}

impl Daily {
    /// A value for each day from this one on. One that is no finite number counts as 0.
    pub fn new(from: Date, values: Vec<f64>) -> Self {
        let finite = |value: f64| if value.is_finite() { value } else { 0.0 };
        Self { from, values: values.into_iter().map(finite).collect() }
    }

    /// The first day.
    pub fn from(&self) -> Date {
        self.from
    }

    /// The day after the last one.
    pub fn to(&self) -> Date {
        self.day(self.values.len())
    }

    /// How many days there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Day by day.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The day so many days after the first; it may lie beyond the last.
    pub fn day(&self, index: usize) -> Date {
        later(self.from, index)
    }

    /// The part before a day.
    #[must_use]
    pub fn until(&self, day: Date) -> Self {
        let keep = between(self.from, day).min(self.values.len());
        Self { from: self.from, values: self.values[..keep].to_vec() }
    }

    /// The last days of it.
    #[must_use]
    pub fn last(&self, days: usize) -> Self {
        let skip = self.values.len().saturating_sub(days);
        Self { from: self.day(skip), values: self.values[skip..].to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn days_are_counted_across_months() {
        let daily = Daily::new(date(2026, 2, 27), vec![1.0, 2.0, f64::NAN, 4.0]);
        assert_eq!(daily.values(), [1.0, 2.0, 0.0, 4.0]);
        assert_eq!((daily.day(2), daily.to()), (date(2026, 3, 1), date(2026, 3, 3)));
        assert_eq!(daily.until(date(2026, 3, 1)).values(), [1.0, 2.0]);
        assert_eq!(daily.until(date(2025, 3, 1)).values(), [0.0; 0]);
        assert_eq!(daily.last(1), Daily::new(date(2026, 3, 2), vec![4.0]));
        assert_eq!(daily.last(9), daily);
    }
}
