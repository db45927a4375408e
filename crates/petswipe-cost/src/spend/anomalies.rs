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
    /// Those found, the latest first; of one day that of the total, and then the dearest first.
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
/// are learnt from the days before, so what is left is measured, on simulated costs of eleven series whose days err by 5 %, with
/// weekends:
///
/// | days err | alarms, of those stated | +50 % found on its first day | within three days |
/// |---|---|---|---|
/// | normally, 1 stated in a year | 0.0 | 80 % | 91 % |
/// | the same, 12 in a year | 0.1 | 100 % | 100 % |
/// | by t of 5 degrees of freedom, 1 in a year | 0.8 | 33 % | 47 % |
/// | the same, 12 in a year | 0.5 | 89 % | 94 % |
/// | by t of 3 degrees of freedom, 1 in a year | 0.9 | 8 % | 13 % |
/// | the same, 12 in a year | 0.7 | 57 % | 73 % |
///
/// Growth, monthly fees, and errors that last into the next day bring no more alarms than normal errors do, up to 0.2.
///
/// **Monthly fees.** A cost that came on the same day of the month before, or of the one before that, is expected. One that
/// comes for the first time is an alarm, and one that grows is one for what it has grown by.
///
/// **Delay.** A jump is looked for on each of its first days, as the table shows; where days that cost half as much again come by
/// themselves, it is no alarm. A slow rise is not found here, but by [`trend`](super::trend()). A jump that stays is one alarm:
/// after seven days it is what is expected, and [`Jump::extra`] is counted on against what was expected before.
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
    found.sort_by_key(|jump| std::cmp::Reverse((jump.day, jump.service.is_none(), jump.extra)));
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
    use jiff::ToSpan;
    use jiff::civil::date;

    use super::super::simulation::{Noise, Series};
    use super::*;
    use crate::{Currency, Line};

    const SERIES: f64 = 11.0;

    /// False alarms in so many series of 400 examined days each, and how many are stated.
    fn false_alarms(series: Series, per_year: f64, runs: u64) -> (f64, f64) {
        let level = per_year / DAYS_PER_YEAR / SERIES;
        let count = |seed| scan(&series.daily(400 + WARM_UP, seed), level, 1.0).len();
        let alarms: usize = (0..runs).map(count).sum();
        (alarms as f64, level * 400.0 * runs as f64)
    }

    #[test]
    fn there_are_no_more_false_alarms_than_stated() {
        let plain = Series::default();
        let heavy = Series { noise: Noise::Heavy(3), ..plain };
        for (name, series, per_year, runs) in [
            ("normal", plain, 12.0, 40),
            ("heavy-tailed", heavy, 12.0, 40),
            ("lasting", Series { noise: Noise::Lasting, ..plain }, 12.0, 40),
            ("walk", Series { noise: Noise::Walk, sigma: 0.02, ..plain }, 12.0, 40),
            ("growth", Series { growth: 5.0, ..plain }, 12.0, 40),
            ("fee", Series { fee: 3.0, ..plain }, 12.0, 40),
            ("normal, by default", plain, 1.0, 100),
            ("heavy-tailed, by default", heavy, 1.0, 100),
        ] {
            let (alarms, stated) = false_alarms(series, per_year, runs);
            // As many more as chance alone brings once in a thousand times.
            assert!(alarms <= stated + 3.1 * stated.sqrt(), "{name}: {alarms} of {stated}");
        }
    }

    #[test]
    fn a_jump_of_half_is_found_within_three_days_and_mostly_on_the_first() {
        let level = 1.0 / DAYS_PER_YEAR / SERIES;
        let (mut at_once, mut soon) = (0, 0);
        for seed in 0..100 {
            let daily = Series::default().daily(103, 5_000 + seed);
            let mut values = daily.values().to_vec();
            values[100..].iter_mut().for_each(|value| *value *= 1.5);
            let found = scan(&Daily::new(daily.from(), values), level, 1.0);
            at_once += u32::from(found.iter().any(|found| found.index == 100));
            soon += u32::from(found.iter().any(|found| found.index >= 100));
        }
        assert!(at_once >= 70 && soon >= 85, "{at_once} at once, {soon} within three days");
    }

    const FIRST: Date = date(2026, 1, 1);

    /// Costs of a service that are about 100, by the day.
    fn lines(service: &str, days: i64, cost: impl Fn(Date) -> i64) -> Vec<Line> {
        let day = |index: i64| FIRST + index.days();
        let line = |index: i64| {
            let wobble = [0, 3, 1, -2, 2, -3, 1, 0, -1][(index % 9) as usize];
            Line::new(day(index), service, Decimal::from(cost(day(index)) + wobble))
        };
        (0..days).map(line).collect()
    }

    fn found(lines: Vec<Line>, settled_until: Date) -> Jumps {
        anomalies(&Spend::of(Currency::USD, lines), settled_until, Sensitivity::default())
    }

    #[test]
    fn a_jump_names_its_service_and_what_it_has_cost() {
        let (begins, ends) = (date(2026, 5, 6), date(2026, 5, 16));
        let jumped = |day: Date| if (begins..ends).contains(&day) { 160 } else { 100 };
        let mut all = lines("a", 150, jumped);
        all.extend(lines("b", 150, |_| 100));
        let jumps = found(all, date(2026, 5, 31));
        assert_eq!((jumps.series, jumps.days), (3, 115));
        let [total, only] = &jumps.found[..] else { panic!("{:?}", jumps.found) };
        assert_eq!((only.service.as_deref(), total.service.as_deref()), (Some("a"), None));
        for jump in [only, total] {
            assert_eq!((jump.day, jump.last, jump.goes_on), (begins, date(2026, 5, 15), false));
            let extra = jump.extra.amount();
            assert!((extra - Decimal::from(600)).abs() < Decimal::from(40), "{extra}");
            assert!(jump.chance < jumps.level);
        }
    }

    #[test]
    fn a_jump_that_stays_is_one_alarm_and_goes_on() {
        let begins = date(2026, 5, 6);
        let all = lines("a", 150, |day| if day < begins { 100 } else { 200 });
        let jumps = found(all, date(2026, 5, 31));
        let of_service: Vec<_> = jumps.found.iter().filter(|jump| jump.service.is_some()).collect();
        let [jump] = of_service[..] else { panic!("{:?}", jumps.found) };
        assert_eq!((jump.day, jump.last, jump.goes_on), (begins, date(2026, 5, 30), true));
        assert!((jump.extra.amount() - Decimal::from(2_500)).abs() < Decimal::from(100));
    }

    #[test]
    fn a_monthly_fee_is_an_alarm_once_and_one_that_grows_again() {
        let fee = |day: Date| match (day.month(), day.day()) {
            (1 | 2, _) => 100,
            (7, 3) => 900,
            (_, 3) => 500,
            _ => 100,
        };
        let jumps = found(lines("a", 220, fee), date(2026, 8, 1));
        let days = jumps.found.iter().filter(|jump| jump.service.is_some()).map(|jump| jump.day);
        assert_eq!(days.collect::<Vec<_>>(), [date(2026, 7, 3), date(2026, 3, 3)]);
    }

    #[test]
    fn days_that_are_not_settled_are_no_alarm_and_few_days_are_unknown() {
        let jump = date(2026, 4, 10);
        let all = lines("a", 100, |day| if day < jump { 100 } else { 900 });
        assert_eq!(found(all.clone(), jump).found, []);
        assert_eq!(found(all.clone(), date(2026, 4, 11)).found.len(), 2);
        let few = found(all[..35].to_vec(), date(2026, 4, 11));
        assert_eq!((few.found, few.days), (vec![], 0));
        assert_eq!(found(vec![], jump).days, 0);
    }

    #[test]
    fn a_service_that_cost_nothing_is_an_alarm_when_it_does_unless_it_is_little() {
        let used = |amount| {
            let mut all = lines("a", 100, |_| 100);
            all.push(Line::new(date(2026, 4, 1), "new", amount));
            found(all, date(2026, 4, 11)).found
        };
        let jumps = used(Decimal::from(40));
        assert_eq!(jumps.iter().filter(|jump| jump.service.as_deref() == Some("new")).count(), 1);
        assert_eq!(used(Decimal::new(99, 2)), []);
    }

    #[test]
    fn a_sensitivity_has_its_range() {
        let cent = Money::rounded(Decimal::new(1, 2));
        assert!(Sensitivity::new(0.1, cent).is_ok());
        for wrong in [0.0, -1.0, 52.1, f64::NAN] {
            assert!(Sensitivity::new(wrong, cent).is_err(), "{wrong}");
        }
        assert!(Sensitivity::new(1.0, Money::ZERO).is_err());
    }
}
