//! Costs that are known to the last parameter, for tests that measure how often something is right.

use fastrand::Rng;
use jiff::ToSpan;
use jiff::civil::{Date, Weekday, date};

use super::Daily;

/// How days err.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Noise {
    /// Normally.
    Normal,
    /// By Student's t with so many degrees of freedom: a few days err by much.
    Heavy(u32),
    /// Each day carries on half of what the one before erred by.
    Lasting,
    /// Each day begins where the one before ended.
    Walk,
}

/// What a day costs: a level that grows, weekends, a monthly fee, and noise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Series {
    pub(super) level: f64,
    /// Percent of the first level by which it grows in a month.
    pub(super) growth: f64,
    /// What a day of the weekend costs of one in the week.
    pub(super) weekend: f64,
    /// On the first of each month, of the level.
    pub(super) fee: f64,
    pub(super) noise: Noise,
    /// The standard deviation of the noise, of the level; for heavy tails, its scale.
    pub(super) sigma: f64,
}

impl Default for Series {
    fn default() -> Self {
        let noise = Noise::Normal;
        Self { level: 200.0, growth: 0.0, weekend: 0.7, fee: 0.0, noise, sigma: 0.05 }
    }
}

pub(super) const FIRST: Date = date(2025, 1, 15);

impl Series {
    /// The change of a day's cost in a month, averaged over the week.
    pub(super) fn slope_per_month(&self) -> f64 {
        self.level * self.growth / 100.0
    }

    /// So many days from [`FIRST`] on.
    pub(super) fn daily(&self, days: usize, seed: u64) -> Daily {
        Daily::new(FIRST, self.values(days, &mut Rng::with_seed(seed)))
    }

    pub(super) fn values(&self, days: usize, rng: &mut Rng) -> Vec<f64> {
        let mut carried = 0.0;
        (0..days)
            .map(|index| {
                let day = FIRST + i64::try_from(index).unwrap().days();
                let level = self.level * (1.0 + self.growth / 100.0 * index as f64 / 30.4375);
                let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
                let profile = if weekend { self.weekend } else { 1.0 };
                let shock = self.sigma
                    * match self.noise {
                        Noise::Heavy(freedom) => student(rng, freedom),
                        _ => normal(rng),
                    };
                carried = match self.noise {
                    Noise::Lasting => 0.5 * carried + shock,
                    Noise::Walk => carried + shock,
                    _ => shock,
                };
                let fee = if day.day() == 1 { self.fee * self.level } else { 0.0 };
                (level * profile * (1.0 + carried)).max(0.0) + fee
            })
            .collect()
    }
}

/// By Box and Muller.
pub(super) fn normal(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}

fn student(rng: &mut Rng, freedom: u32) -> f64 {
    let squares: f64 = (0..freedom).map(|_| normal(rng).powi(2)).sum();
    normal(rng) / (squares / f64::from(freedom)).sqrt()
}
