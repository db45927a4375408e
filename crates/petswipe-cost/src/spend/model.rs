//! What a day is expected to cost, worked out from the days before it: a level, a profile of the week, and monthly fees.
//!
//! It is exponential smoothing with a multiplicative profile of the week (Holt and Winters), made robust as by Gelper, Fried and
//! Croux, "Robust forecasting with exponential and Holt-Winters smoothing", Journal of Forecasting 29 (2010): an error of more than
//! two spreads moves the level no further than one of two. Several speeds of smoothing run side by side; the one that has erred
//! least of late is believed.

use std::collections::{BTreeMap, VecDeque};

use jiff::ToSpan;
use jiff::civil::Date;

use super::Daily;
use super::statistics::{median, spread};

/// Days from which a model is made at first: five weeks, so that every day of the month was seen once.
pub(super) const WARM_UP: usize = 35;

/// How much of an error goes into the level.
const SPEEDS: [f64; 6] = [0.02, 0.05, 0.1, 0.2, 0.4, 0.8];
/// How much of an error goes into its weekday's share.
const PROFILE_SPEED: f64 = 0.1;
/// How many errors are remembered.
const REMEMBERED: usize = 365;
/// Of these, the last ones say how far days usually err.
const RECENT: usize = 90;
/// How much less an error counts for each day that has passed since.
const FORGETTING: f64 = 0.99;
/// A spread below this share of the level is taken for this: no cost is steadier for ever.
const LEAST_SPREAD: f64 = 0.005;
/// A weekday errs at least as one does that costs this share of a mean day.
const LEAST_SHARE: f64 = 0.2;
/// So many days in a row far on one side are a new level.
pub(super) const NEW_LEVEL: u32 = 7;
/// Spreads beyond which a day is far from what was expected.
pub(super) const FAR: f64 = 2.0;
/// Spreads beyond which the excess of a day may be a monthly fee.
const FEE: f64 = 4.0;

/// One speed of smoothing.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    pub(super) speed: f64,
    pub(super) level: f64,
    /// By which the level is expected to rise each day.
    drift: f64,
    /// Weekday by weekday, beginning with that of the first day; 1 on average.
    profile: [f64; 7],
    /// What errors are measured against beside the level.
    floor: f64,
    /// Relative errors, the last one at the end.
    pub(super) errors: VecDeque<f64>,
    /// How far days usually err, of late.
    spread: f64,
    /// The mean size of the errors, the later ones counting more.
    loss: f64,
    /// Days in a row far above (positive) or below what was expected.
    run: i32,
}

impl Filter {
    /// What the day of this index costs, fees aside, `ahead` days after the last one taken in.
    pub(super) fn expected(&self, index: usize, ahead: f64) -> f64 {
        (self.level + self.drift * ahead) * self.profile[index % 7]
    }

    /// What errors of the day of this index are divided by: a day that costs less errs by less, but not by nothing.
    pub(super) fn unit(&self, index: usize) -> f64 {
        self.level.abs() * self.profile[index % 7].max(LEAST_SHARE) + self.floor
    }

    /// How far days usually err.
    pub(super) fn spread(&self) -> f64 {
        self.spread
    }

    /// Takes in what a day cost, fees aside. An error beyond `most` is remembered as that.
    fn take(&mut self, index: usize, cost: f64, recent: &[f64], most: f64) {
        let spread = self.spread();
        let error = (cost - self.expected(index, 1.0)) / self.unit(index);
        self.level += self.drift;
        self.remember(error.min(most));
        let bounded = error.clamp(-FAR * spread, FAR * spread);
        let side = if error > bounded { 1 } else { -i32::from(error < bounded) };
        self.run = if side != 0 && side == self.run.signum() { self.run + side } else { side };
        if self.run.unsigned_abs() >= NEW_LEVEL {
            self.settle(index, recent);
            return;
        }
        let correction = bounded * self.unit(index);
        let square = self.profile.iter().map(|share| share * share).sum::<f64>() / 7.0;
        let share = self.profile[index % 7];
        let level = self.level;
        self.level += self.speed * correction * share / square.max(1e-9);
        // A profile makes sense only of costs that are worth their unit.
        if level > self.floor {
            self.profile[index % 7] = (share + PROFILE_SPEED * correction / level).max(0.0);
            self.normalize();
        }
    }

    fn remember(&mut self, error: f64) {
        if self.errors.len() == REMEMBERED {
            self.errors.pop_front();
        }
        self.errors.push_back(error);
        self.spread = usual(self.errors.iter().rev().take(RECENT));
        self.loss = FORGETTING * self.loss + (1.0 - FORGETTING) * error.abs();
    }

    /// Believes the level of the last days, which end with this index.
    pub(super) fn settle(&mut self, index: usize, recent: &[f64]) {
        let days = index + 1 - recent.len()..;
        let share = |day: usize| self.profile[day % 7];
        let levels = days.zip(recent).filter(|(day, _)| share(*day) > 0.1);
        let levels: Vec<f64> = levels.map(|(day, cost)| cost / share(day)).collect();
        self.level = median(levels).unwrap_or(self.level);
        self.run = 0;
    }

    fn normalize(&mut self) {
        let mean = self.profile.iter().sum::<f64>() / 7.0;
        if mean > 1e-9 {
            self.profile.iter_mut().for_each(|share| *share /= mean);
            self.level *= mean;
        }
    }
}

/// All speeds side by side, and the fees.
#[derive(Clone, Debug)]
pub(super) struct Model {
    daily: Daily,
    filters: Vec<Filter>,
    fees: Fees,
    /// The last costs, fees aside.
    recent: VecDeque<f64>,
    /// How many days were taken in.
    pub(super) days: usize,
}

impl Model {
    /// From the first [`WARM_UP`] days; `None` if there are not as many. Errors are measured against the level and `floor`, so
    /// that no cost is expected to be exact to less than a part of that.
    pub(super) fn new(daily: &Daily, floor: f64, drift: f64) -> Option<Self> {
        let first = daily.values().get(..WARM_UP)?;
        let shares: Vec<f64> = (0..7).map(|weekday| typical(first, weekday, None)).collect();
        let level = shares.iter().sum::<f64>() / 7.0;
        let mut profile = [1.0; 7];
        if level > floor {
            profile
                .iter_mut()
                .zip(&shares)
                .for_each(|(own, share)| *own = (share / level).max(0.0));
        }
        // The error of a day against the other days of its weekday is what the error of a day to come is like.
        let unit = |index: usize| level.abs() * f64::max(profile[index % 7], LEAST_SHARE) + floor;
        let error = |index: usize| {
            let other = if level > floor { typical(first, index % 7, Some(index)) } else { level };
            let middle = WARM_UP as f64 / 2.0;
            (first[index] - other - drift * (index as f64 - middle)) / unit(index)
        };
        let errors: VecDeque<f64> = (0..WARM_UP).map(error).collect();
        let mut fees = Fees::default();
        let usual = usual(errors.iter());
        for (index, error) in errors.iter().enumerate() {
            if *error > FEE * usual {
                fees.put(daily.day(index), error * unit(index));
            }
        }
        // What stands out on the first of a month is a fee, and no error.
        let is_fee = |index: usize| daily.day(index).day() == 1 && errors[index] > FEE * usual;
        let errors_alone = (0..WARM_UP).filter(|index| !is_fee(*index)).map(|index| errors[index]);
        let errors_alone: VecDeque<f64> = errors_alone.collect();
        let start = level - drift * WARM_UP as f64 / 2.0;
        let filters = SPEEDS.map(|speed| {
            let (errors, loss, run) = (errors_alone.clone(), 0.0, 0);
            let mut filter = Filter {
                speed,
                level: start,
                drift,
                profile,
                floor,
                errors,
                spread: usual,
                loss,
                run,
            };
            for (index, cost) in first.iter().enumerate() {
                let error = (cost - filter.expected(index, 1.0)) / filter.unit(index);
                let limit = FAR * usual;
                let share = profile[index % 7];
                filter.level +=
                    drift + speed * error.clamp(-limit, limit) * filter.unit(index) * share;
                filter.loss = FORGETTING * filter.loss + (1.0 - FORGETTING) * error.abs();
            }
            filter
        });
        let filters = filters.to_vec();
        let recent = first[WARM_UP - NEW_LEVEL as usize..].iter().copied().collect();
        Some(Self { daily: daily.clone(), filters, fees, recent, days: WARM_UP })
    }

    /// The speed that has erred least of late.
    pub(super) fn best(&self) -> &Filter {
        let mut best = &self.filters[0];
        for filter in &self.filters[1..] {
            if filter.loss < best.loss {
                best = filter;
            }
        }
        best
    }

    /// The monthly fee expected on a day.
    pub(super) fn fee(&self, day: Date) -> f64 {
        self.fees.before(day).into_iter().find(|fee| *fee > 0.0).unwrap_or_default()
    }

    /// The monthly fee of a day that came in each of the last two months; of the first of a month, if the days do not go back as
    /// far as that, in the last one.
    pub(super) fn sure_fee(&self, day: Date) -> f64 {
        let [last, earlier] = self.fees.before(day);
        let earliest = day.checked_sub(2.months()).unwrap_or(day);
        let is_young = day.day() == 1 && earliest < self.daily.from();
        if is_young || last.min(earlier) > 0.0 { last } else { 0.0 }
    }

    /// Takes in the next day. The errors remembered of it are no greater than `most` spreads.
    pub(super) fn take(&mut self, most: f64) {
        let index = self.days;
        let Some(cost) = self.daily.values().get(index).copied() else { return };
        let day = self.daily.day(index);
        let best = self.best();
        let (unit, spread) = (best.unit(index), best.spread());
        let excess = cost - best.expected(index, 1.0);
        // A fee is taken out as far as it was really charged.
        let fee = self.fee(day).min(excess.max(0.0));
        if excess > FEE * spread * unit {
            self.fees.put(day, excess);
        }
        self.recent.push_back(cost - fee);
        self.recent.pop_front();
        let recent: Vec<f64> = self.recent.iter().copied().collect();
        for filter in &mut self.filters {
            let most = most * filter.spread();
            filter.take(index, cost - fee, &recent, most);
        }
        self.days += 1;
    }

    /// Leaves a day out, as one that says nothing of the days to come.
    pub(super) fn skip(&mut self) {
        let index = self.days;
        if let Some(cost) = self.daily.values().get(index) {
            self.recent.push_back(*cost);
            self.recent.pop_front();
        }
        self.days += 1;
    }

    /// Believes that the last days are the new level.
    pub(super) fn settle(&mut self) {
        let recent: Vec<f64> = self.recent.iter().copied().collect();
        for filter in &mut self.filters {
            filter.settle(self.days - 1, &recent);
        }
    }
}

/// The median size of errors, scaled as a [`spread`] is.
fn usual<'a>(errors: impl Iterator<Item = &'a f64>) -> f64 {
    (1.4826 * median(errors.map(|error| error.abs())).unwrap_or_default()).max(LEAST_SPREAD)
}

/// The median of a weekday, without one of its days.
fn typical(values: &[f64], weekday: usize, without: Option<usize>) -> f64 {
    let days = values.iter().enumerate().skip(weekday).step_by(7);
    let days = days.filter(|(index, _)| Some(*index) != without);
    median(days.map(|(_, value)| *value)).unwrap_or_default()
}

/// What single days cost above what was expected, to be found again a month later.
#[derive(Clone, Debug, Default)]
struct Fees(BTreeMap<Date, f64>);

impl Fees {
    fn put(&mut self, day: Date, excess: f64) {
        self.0.insert(day, excess);
    }

    /// One month before a day, and two; 0 where nothing stood out. The last day of a month is the last of any month.
    fn before(&self, day: Date) -> [f64; 2] {
        [1, 2].map(|months: i64| {
            let Ok(same) = day.checked_sub(months.months()) else { return 0.0 };
            let is_last = day == day.last_of_month();
            let last = is_last.then(|| same.last_of_month());
            let found = [Some(same), last].into_iter().flatten().filter_map(|day| self.0.get(&day));
            found.copied().fold(0.0, f64::max)
        })
    }
}

/// How far errors lie from 0, those far off counting as not so far: the root of their mean square, and never nothing.
pub(super) fn deviation(errors: &VecDeque<f64>) -> f64 {
    let recent: Vec<f64> = errors.iter().rev().take(RECENT).copied().collect();
    let bound = 5.0 * spread(&recent).max(LEAST_SPREAD / 5.0);
    let squares = recent.iter().map(|error| error.clamp(-bound, bound).powi(2));
    (squares.sum::<f64>() / recent.len().max(1) as f64).sqrt().max(LEAST_SPREAD)
}

/// How much more sums of errors vary than they would if each day erred by itself: 1 where they do. Of errors that last from one
/// day to the next it is (1 + r) / (1 - r), with the correlation r of neighbours. Source: Bartlett, "On the theoretical
/// specification and sampling properties of autocorrelated time-series", JRSS Supplement 8 (1946).
pub(super) fn lasting(errors: &VecDeque<f64>) -> f64 {
    let recent: Vec<f64> = errors.iter().rev().take(2 * RECENT).copied().collect();
    let bound = 3.0 * spread(&recent).max(LEAST_SPREAD / 5.0);
    let mean = median(recent.iter().copied()).unwrap_or_default();
    let bounded: Vec<f64> =
        recent.iter().map(|error| (error - mean).clamp(-bound, bound)).collect();
    let products: f64 = bounded.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let squares: f64 = bounded.iter().map(|error| error * error).sum();
    let correlation = if squares > 0.0 { (products / squares).clamp(0.0, 0.8) } else { 0.0 };
    (1.0 + correlation) / (1.0 - correlation)
}
