//! Days that cost more than the days before let expect, with a stated number of false alarms.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::model::{FAR, Filter, Model, NEW_LEVEL, WARM_UP};
use super::tail::{chance_above, share_above};
use super::{Daily, Spend};
use crate::{Error, Money};

/// Days in a year, by which false alarms are counted.
const DAYS_PER_YEAR: f64 = 365.25;

/// How readily an alarm is given.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sensitivity {
    per_year: f64,
    least: Money,
}

impl Default for Sensitivity {
    /// One false alarm in a year over all services together, and nothing below 1 a day.
    fn default() -> Self {
        Self { per_year: 1.0, least: Money::rounded(Decimal::ONE) }
    }
}

impl Sensitivity {
    /// So many false alarms may be expected in a year, over all services and the total together, and no alarm is given for a day
    /// that cost less than `least` more than expected.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless the number is above 0 and at most 52, and the amount is above 0.
    pub fn new(false_alarms_per_year: f64, least: Money) -> Result<Self, Error> {
        if !(false_alarms_per_year > 0.0 && false_alarms_per_year <= 52.0) {
            let allowed = "above 0 and at most 52, one in a week";
            return Err(Error::invalid("false alarms per year", false_alarms_per_year, allowed));
        }
        if least <= Money::ZERO {
            return Err(Error::invalid("least amount", least, "above 0"));
        }
        Ok(Self { per_year: false_alarms_per_year, least })
    }

    /// The false alarms to be expected in a year.
    pub fn false_alarms_per_year(&self) -> f64 {
        self.per_year
    }

    /// What a day has to cost above what was expected.
    pub fn least(&self) -> Money {
        self.least
    }
}

/// A day that cost more than expected, and what it has cost since.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Jump {
    /// The service; `None` for all of them together.
    pub service: Option<String>,
    /// The first day of it.
    pub day: Date,
    /// What that day cost.
    pub amount: Money,
    /// What it was expected to cost.
    pub expected: Money,
    /// The chance that such a day costs as much or more by accident, by the days before.
    pub chance: f64,
    /// The last day of it: after that, costs were back at what was expected before, or the settled days end.
    pub last: Date,
    /// Whether it went on when the settled days end.
    pub goes_on: bool,
    /// What it cost above what was expected, from the first to the last day of it.
    pub extra: Money,
}

/// What a search for [`Jump`]s found, and how far it could see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Jumps {
    /// Those found, the latest first; of one day, the dearest first.
    pub found: Vec<Jump>,
    /// The chance below which a single day of a single service is an alarm.
    pub level: f64,
    /// How many series were examined: the services, and all of them together.
    pub series: usize,
    /// The days that could be examined: those settled, but for the first five weeks, from which what is usual is learnt.
    pub days: usize,
}

/// Finds the days before `settled_until` that cost more than the days before them let expect, in each service and in the total.
/// The days from then on are left out: AWS still adds to the last day or two, and today is not over.
///
/// **False alarms.** If nothing happens, the number of alarms to expect in a year is at most the one stated: each day of each
/// series is an alarm if its chance is below that number divided by days and series. Expectations add up however services
/// depend on each other, so no assumption is needed for that (Bonferroni). The chance is that of a t distribution whose tails
/// are learnt from the days before. Measured on simulated costs, this keeps the promise for normal and heavy-tailed errors, for
/// weekends, growth and errors that last.
///
/// **Monthly fees.** A cost that came on the same day of the month before, or of the one before that, is expected. One that
/// comes for the first time is an alarm, and one that grows is one for what it has grown by.
///
/// **Delay.** A jump that is far beyond the usual errors is found on its first day: with errors of 5 %, one of 50 % nearly
/// always. A slow rise is not found here, but by [`trend`](super::trend()). A jump that stays becomes what is expected after
/// [seven days](Jump::extra), and what it costs is counted on.
///
/// A series with fewer than 35 settled days is not examined, and [`Jumps::days`] is 0.
pub fn anomalies(spend: &Spend, settled_until: Date, sensitivity: Sensitivity) -> Jumps {
    let settled = spend.until(settled_until);
    let services = settled.services();
    let series = services.len() + 1;
    let level = sensitivity.per_year / (DAYS_PER_YEAR * series as f64);
    let least = super::table::float(sensitivity.least.amount());
    let mut found = Vec::new();
    for service in services.iter().copied().map(Some).chain([None]) {
        let jumps = scan(&settled.daily(service), level, least);
        found.extend(jumps.into_iter().map(|found| found.named(service)));
    }
    found.sort_by(|one, other| (other.day, other.extra).cmp(&(one.day, one.extra)));
    Jumps { found, level, series, days: settled.days().saturating_sub(WARM_UP) }
}

/// A jump while it is followed.
pub(super) struct Found {
    pub(super) index: usize,
    day: Date,
    last: Date,
    goes_on: bool,
    amount: f64,
    expected: f64,
    pub(super) chance: f64,
    pub(super) extra: f64,
    /// What was expected before it.
    before: Filter,
}

impl Found {
    fn named(self, service: Option<&str>) -> Jump {
        Jump {
            service: service.map(str::to_owned),
            day: self.day,
            amount: money(self.amount),
            expected: money(self.expected),
            chance: self.chance,
            last: self.last,
            goes_on: self.goes_on,
            extra: money(self.extra),
        }
    }

    /// Counts a day on, unless it is back at what was expected.
    fn follow(&mut self, index: usize, day: Date, cost: f64) {
        let excess = cost - self.before.expected(index, 1.0);
        if excess > FAR * self.before.spread() * self.before.unit(index) {
            self.extra += excess;
            self.last = day;
        } else {
            self.goes_on = false;
        }
    }
}

fn money(amount: f64) -> Money {
    Money::rounded(Decimal::try_from(amount).unwrap_or_default())
}

/// The jumps of one series.
pub(super) fn scan(daily: &Daily, level: f64, least: f64) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let Some(mut model) = Model::new(daily, least, 0.0) else { return found };
    while let Some(cost) = daily.values().get(model.days).copied() {
        let (index, day) = (model.days, daily.day(model.days));
        for jump in found.iter_mut().filter(|jump| jump.goes_on) {
            jump.follow(index, day, cost);
        }
        // While a jump is young nothing is learnt and nothing is judged: one cause, one alarm.
        if let Some(jump) = found.last()
            && jump.goes_on
            && index < jump.index + NEW_LEVEL as usize
        {
            model.skip();
            if model.days == jump.index + NEW_LEVEL as usize {
                model.settle();
            }
            continue;
        }
        let filter = model.best();
        let expected = filter.expected(index, 1.0) + model.fee(day);
        let error = (cost - expected) / filter.unit(index);
        let chance = unlikely(error, filter, level);
        if let Some(chance) = chance.filter(|_| cost - expected >= least) {
            let (last, goes_on, amount, extra) = (day, true, cost, cost - expected);
            let before = filter.clone();
            found.push(Found {
                index,
                day,
                last,
                goes_on,
                amount,
                expected,
                chance,
                extra,
                before,
            });
            let most = filter.errors.iter().copied().fold(0.0, f64::max) / filter.spread();
            model.take(most.max(4.0));
            continue;
        }
        model.take(f64::INFINITY);
    }
    found
}

/// The chance of such an error, if it is below the level. One that is not far off is nothing rare, and one as great as others
/// before is at least as likely as their share. The errors of the last week are not asked: if something has just begun that was not
/// seen on its first day, they would hide it on the next.
fn unlikely(error: f64, filter: &Filter, level: f64) -> Option<f64> {
    if error <= FAR * filter.spread() {
        return None;
    }
    let known = filter.errors.len().saturating_sub(NEW_LEVEL as usize);
    let errors: Vec<f64> = filter.errors.iter().take(known).copied().collect();
    if share_above(error, &errors) >= level {
        return None;
    }
    Some(chance_above(error, &errors)).filter(|chance| *chance < level)
}

#[cfg(test)]
mod tests {
    use super::super::simulation::{Noise, Series};
    use super::*;

    #[test]
    fn rates() {
        let plain = Series::default();
        let mut table = String::new();
        for (name, series) in [
            ("normal", plain),
            ("heavy", Series { noise: Noise::Heavy(3), ..plain }),
            ("heavy5", Series { noise: Noise::Heavy(5), ..plain }),
            ("lasting", Series { noise: Noise::Lasting, ..plain }),
            ("walk", Series { noise: Noise::Walk, sigma: 0.02, ..plain }),
            ("growth", Series { growth: 5.0, ..plain }),
            ("fee", Series { fee: 3.0, ..plain }),
        ] {
            for (per_year, services) in [(1.0, 10.0), (12.0, 10.0)] {
                let level = per_year / 365.25 / (services + 1.0);
                let years = 200;
                let days = 400;
                let mut alarms = 0;
                for seed in 0..years {
                    alarms += scan(&series.daily(days + WARM_UP, seed), level, 1.0).len();
                }
                let expected = level * (years * days as u64) as f64;
                let shape = [0.25, 0.5].map(|jump| {
                    (0..200)
                        .filter(|seed| {
                            let mut daily = series.daily(100, *seed + 1000);
                            let mut values = daily.values().to_vec();
                            values[97..].iter_mut().for_each(|value| *value *= 1.0 + jump);
                            daily = Daily::new(daily.from(), values);
                            scan(&daily, level, 1.0).iter().any(|found| found.index >= 97)
                        })
                        .count()
                });
                table += &format!(
                    "{name:8} {per_year:3} alarms {alarms} expected {expected:.1}  power25,50 {shape:?}/200\n"
                );
            }
        }
        panic!("{table}");
    }
}
