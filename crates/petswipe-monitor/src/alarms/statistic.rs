//! What is made of the values of a period.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// One number out of the values of a period.
///
/// Source: "CloudWatch statistics definitions".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Statistic {
    /// Their sum divided by their number.
    Average,
    /// Their sum.
    Sum,
    /// The least.
    Minimum,
    /// The greatest.
    Maximum,
    /// Their number.
    SampleCount,
    /// One that needs all values: a percentile, a trimmed mean and the like.
    Extended(ExtendedStatistic),
}

impl Statistic {
    /// The value that so many percent of the values do not exceed: `p99` for 99.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] unless it is between 0 and 100, with at most ten decimal places.
    pub fn percentile(percent: f64) -> Result<Self, Error> {
        Ok(Self::Extended(format!("p{percent}").parse()?))
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Average => "Average",
            Self::Sum => "Sum",
            Self::Minimum => "Minimum",
            Self::Maximum => "Maximum",
            Self::SampleCount => "SampleCount",
            Self::Extended(extended) => &extended.0,
        })
    }
}

impl FromStr for Statistic {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(match text {
            "Average" => Self::Average,
            "Sum" => Self::Sum,
            "Minimum" => Self::Minimum,
            "Maximum" => Self::Maximum,
            "SampleCount" => Self::SampleCount,
            _ => Self::Extended(text.parse()?),
        })
    }
}

/// A statistic that needs all values: `p99.9`, `tm90`, `TM(10%:90%)`, `PR(:0.3)`, `IQM`.
///
/// Source: "CloudWatch statistics definitions" and "PutMetricAlarm", ExtendedStatistic. Percent bounds of a pair are within
/// what the latter says for alarms, 10 to 90, unless one is left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtendedStatistic(String);

impl ExtendedStatistic {
    /// As CloudWatch writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a percentile, `pNN`.
    pub fn is_percentile(&self) -> bool {
        self.0.starts_with('p')
    }
}

impl FromStr for ExtendedStatistic {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = match text.split_once('(') {
            _ if text == "IQM" => true,
            Some((kind, rest)) => {
                rest.strip_suffix(')').is_some_and(|bounds| is_between(kind, bounds))
            }
            None => ["p", "tm", "wm", "tc", "ts"].iter().any(|kind| {
                let number = text.strip_prefix(kind).and_then(decimal);
                number.is_some_and(|percent| percent <= 100.0)
            }),
        };
        if known {
            return Ok(Self(text.to_owned()));
        }
        let allowed = "Average, Sum, Minimum, Maximum, SampleCount, IQM; p, tm, wm, tc or ts with a number from 0 to 100 \
                       of at most ten decimal places, such as p99.9; TM, WM, TC, TS or PR with bounds, such as TM(10%:90%)";
        Err(Error::invalid("statistic", text, allowed))
    }
}

/// Whether these are the bounds that a statistic of that kind takes: two numbers, of which one may be left out.
fn is_between(kind: &str, bounds: &str) -> bool {
    let Some((low, high)) = bounds.split_once(':') else { return false };
    let percents = bounds.contains('%');
    let number = |bound: &str| match (bound.strip_suffix('%'), percents) {
        _ if bound.is_empty() => Some(None),
        (Some(number), true) => decimal(number).map(Some),
        (None, false) => decimal(bound).map(Some),
        _ => None,
    };
    let (Some(low), Some(high)) = (number(low), number(high)) else { return false };
    let in_range = |bound: f64| !percents || (10.0..=90.0).contains(&bound);
    match kind {
        "PR" if percents => false,
        "PR" | "TM" | "WM" | "TC" | "TS" => match (low, high) {
            (None, None) => false,
            (Some(low), Some(high)) => low < high && in_range(low) && in_range(high),
            (Some(bound), None) | (None, Some(bound)) => !percents || bound <= 100.0,
        },
        _ => false,
    }
}

/// A number of digits with at most ten after a point.
fn decimal(text: &str) -> Option<f64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 10 {
        return None;
    }
    text.parse().ok()
}
