//! What was spent, as it stands in a report.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{
    Currency, Error, Forecast, Jumps, Money, Sensitivity, Spend, Trend, anomalies, forecast_month,
    trend,
};

/// How sure the interval of the forecast is, percent.
const LEVEL: f64 = 90.0;

/// AWS adds to a day for about a day more. Source: "Analyzing your costs with Cost Explorer" (data is refreshed every 24 hours).
const UNSETTLED: i64 = 2;
/// So many days after its end a month is taken for closed. AWS closes it when it makes the invoice, early in the next month, but for what
/// it corrects later. Source: "Bill columns", AWS Data Exports (the invoice's id is blank until the report is final).
const CLOSING: i64 = 7;

/// What was spent in a window, where it goes, and what stands out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpendReport {
    /// The first day.
    pub from: Date,
    /// The day after the last one.
    pub to: Date,
    /// From this day on AWS may still add to it: trend, forecast and jumps rest on the days before.
    pub settled_until: Date,
    /// All of it.
    pub total: Money,
    /// Of all amounts.
    pub currency: Currency,
    /// By service, the greatest first; they add up to the total.
    pub by_service: Vec<Amount>,
    /// By the values of a tag, the greatest first; what lacks it is under the empty text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_tag: Vec<Amount>,
    /// By the month, from its first day; they add up to the total.
    pub by_month: Vec<Day>,
    /// Day by day; they add up to the total.
    pub by_day: Vec<Day>,
    /// Where it is going; `None` with too few days.
    pub trend: Option<Trend>,
    /// What the month comes to in which the first day lies that is not settled; `None` with too few days.
    pub forecast: Option<Forecast>,
    /// Days that cost more than the days before them let expect.
    pub jumps: Jumps,
    /// How many false alarms there are among them in a year, at most, if nothing happens.
    pub false_alarms_per_year: f64,
}

/// What something cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// What.
    pub name: String,
    /// How much.
    pub amount: Money,
}

/// What a day, or a month, cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// The day, or the first one of the month.
    pub day: Date,
    /// How much.
    pub amount: Money,
}

impl SpendReport {
    /// Of what the cloud says on that day.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn as_of(spend: &Spend, today: Date) -> Result<Self, Error> {
        Self::of(spend, before(today, UNSETTLED - 1))
    }

    /// Of an export that is read on that day. Nobody knows when it was delivered, so its last two days may not be whole, unless they
    /// are the end of a month that is closed by now.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn of_export(spend: &Spend, today: Date) -> Result<Self, Error> {
        let end = spend.to();
        let closed = end.day() == 1 && end <= before(today, CLOSING);
        let whole = if closed { end } else { before(end, UNSETTLED) };
        Self::of(spend, whole.min(before(today, UNSETTLED - 1)).max(spend.from()))
    }

    /// Of costs of which the days before `settled_until` are whole.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no day.
    pub fn of(spend: &Spend, settled_until: Date) -> Result<Self, Error> {
        let sensitivity = Sensitivity::default();
        let day = |(day, amount)| Day { day, amount };
        let amount = |(name, amount): (String, Money)| Amount { name, amount };
        let services = spend.by_service().greatest_first().into_iter();
        let tags = spend.tag_key().map(|_| spend.by_tag().greatest_first()).unwrap_or_default();
        Ok(Self {
            from: spend.from(),
            to: spend.to(),
            settled_until,
            total: Money::rounded(spend.total()),
            currency: spend.currency(),
            by_service: services.map(|(name, sum)| amount((name.to_owned(), sum))).collect(),
            by_tag: tags
                .into_iter()
                .map(|(name, sum)| amount((name.unwrap_or_default().to_owned(), sum)))
                .collect(),
            by_month: spend.by_month().shown().into_iter().map(day).collect(),
            by_day: spend.by_day().shown().into_iter().map(day).collect(),
            trend: trend(&spend.until(settled_until).daily(None)),
            forecast: forecast_month(spend, settled_until, LEVEL)?,
            jumps: anomalies(spend, settled_until, sensitivity),
            false_alarms_per_year: sensitivity.false_alarms_per_year(),
        })
    }
}

fn before(day: Date, days: i64) -> Date {
    day.saturating_sub(jiff::Span::new().days(days))
}
