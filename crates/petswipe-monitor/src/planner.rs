//! Planning a rollout: which stages can show the regression that matters, how long that takes, and what it costs.
//!
//! The questions are answered for the error evidence of [`EvidencePolicy`], by the normal approximation
//! of its logarithm: in a second in which the new version has the share `w` of `λ` requests, `p` of which fail, the evidence for
//! a ratio `r` grows by `λp(1−w+wr)·KL(θ_r‖w)` on average, where `θ_r = wr/(wr+1−w)` is the share of the new version among
//! the errors (see [`RateRatio`](crate::evidence::RateRatio)).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::evidence::{RATIOS, stake};
use crate::{Error, EvidencePolicy, Policy};

/// What is known of a service, and what is asked of a rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// Requests a second to the whole service.
    pub requests_per_second: f64,
    /// The share of them that fails when all is well. Above 0: without errors there is nothing to compare.
    pub baseline_error_rate: f64,
    /// The smallest ratio of error rates that has to be found. Above 1.
    pub smallest_ratio: f64,
    /// How many user requests a bad version may fail, on average, until it is found.
    pub error_budget: f64,
    /// The evidence that it is judged by.
    pub evidence: EvidencePolicy,
}

/// A share of traffic, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedStage {
    /// In whole percent.
    pub weight: u8,
    /// How long.
    pub duration: Duration,
}

/// What stages can do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// The stages.
    pub stages: Vec<PlannedStage>,
    /// How long they take together.
    pub to_promote: Duration,
    /// How likely a version with the smallest ratio that matters is found in them.
    pub power: f64,
    /// How many requests such a version fails, on average, until it is found or promoted.
    pub failed_requests: f64,
    /// The smallest ratio that is found in 19 of 20 rollouts; `None` when not even a version that fails every request is.
    pub smallest_ratio: Option<f64>,
}

/// The share of rollouts in which what matters has to be found.
const POWER: f64 = 0.95;
/// No stage is planned for longer.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// The weights before 100 %, of the guide, and what they begin with where the budget is small.
const WEIGHTS: [u8; 6] = [1, 2, 5, 10, 25, 50];
/// No stage is planned for less, the guide's five minutes.
const SHORTEST: u64 = 300;

impl Question {
    fn check(&self) -> Result<(), Error> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        if !positive(self.requests_per_second) {
            let found = self.requests_per_second;
            return Err(Error::invalid("requests per second", found, "a number above 0"));
        }
        if !(positive(self.baseline_error_rate) && self.baseline_error_rate < 1.0) {
            let found = self.baseline_error_rate;
            return Err(Error::invalid("baseline error rate", found, "a share above 0, below 1"));
        }
        if !(self.smallest_ratio.is_finite() && self.smallest_ratio > 1.0) {
            let found = self.smallest_ratio;
            return Err(Error::invalid("smallest ratio", found, "a number above 1"));
        }
        if !positive(self.error_budget) {
            return Err(Error::invalid("error budget", self.error_budget, "a number above 0"));
        }
        self.evidence.clone().validated().map(drop)
    }

    /// What these stages can do.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the field that makes no sense.
    pub fn forecast(&self, stages: &[PlannedStage]) -> Result<Forecast, Error> {
        self.check()?;
        for (index, stage) in stages.iter().enumerate() {
            if !(1..=100).contains(&stage.weight) {
                let field = format!("weight of stage {}", index + 1);
                return Err(Error::invalid(field, stage.weight, "1 to 100 %"));
            }
        }
        Ok(Forecast {
            stages: stages.to_vec(),
            to_promote: stages
                .iter()
                .fold(Duration::ZERO, |sum, stage| sum.saturating_add(stage.duration)),
            power: self.power(stages, self.smallest_ratio),
            failed_requests: self.failed(stages),
            smallest_ratio: self.smallest(stages),
        })
    }

    /// The forecast of stages that can show what matters within the error budget, or why they can't.
    ///
    /// ```
    /// use petswipe_monitor::planner::{PlannedStage, Question};
    /// use std::time::Duration;
    /// let question = Question {
    ///     requests_per_second: 2.0,
    ///     baseline_error_rate: 0.001,
    ///     smallest_ratio: 2.0,
    ///     error_budget: 100.0,
    ///     evidence: Default::default(),
    /// };
    /// let stage = PlannedStage { weight: 5, duration: Duration::from_secs(300) };
    /// let refused = question.checked(&[stage]).unwrap_err().to_string();
    /// assert!(refused.starts_with("stages is 5 % of 2 requests/s for 300 s, which can't show a ratio of 2"), "{refused}");
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the nearest stages that can, and as [`forecast`](Self::forecast).
    pub fn checked(&self, stages: &[PlannedStage]) -> Result<Forecast, Error> {
        let forecast = self.forecast(stages)?;
        let can = forecast.power >= POWER;
        if can && forecast.failed_requests <= self.error_budget {
            return Ok(forecast);
        }
        let longer = if can { None } else { self.stretched(stages) };
        let longer = longer.filter(|longer| self.failed(longer) <= self.error_budget);
        let allowed = match longer {
            Some(longer) => format!("the same for longer, {}", self.in_words(&longer)),
            None => match self.propose() {
                Ok(other) => self.in_words(&other.stages),
                Err(error) => format!("none: {error}"),
            },
        };
        let found = match can {
            false => format!(
                "{}, which can't show a ratio of {} to an error rate of {} %: in {:.0} of 100 rollouts only",
                self.in_words(stages),
                self.smallest_ratio,
                self.baseline_error_rate * 100.0,
                forecast.power * 100.0
            ),
            true => format!(
                "{}, in which a version with {} times the errors fails {:.0} requests until it is found, of {} it may",
                self.in_words(stages),
                self.smallest_ratio,
                forecast.failed_requests,
                self.error_budget
            ),
        };
        Err(Error::invalid("stages", found, allowed))
    }

    fn in_words(&self, stages: &[PlannedStage]) -> String {
        let each = stages.iter().map(|stage| {
            let seconds = stage.duration.as_secs();
            format!("{} % of {} requests/s for {seconds} s", stage.weight, self.requests_per_second)
        });
        each.collect::<Vec<_>>().join(", ")
    }

    /// Stages that show what matters within the budget: the largest first weight at which a version with the smallest ratio that
    /// matters does not fail more requests than that, then the weights of the guide; long enough.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] when no stages of up to a day each do.
    pub fn propose(&self) -> Result<Forecast, Error> {
        self.check()?;
        let mut failed = f64::INFINITY;
        for first in (0..3).rev() {
            let stages = WEIGHTS[first..]
                .iter()
                .chain(&[100])
                .map(|weight| PlannedStage { weight: *weight, duration: self.at_least(*weight) });
            let stages: Vec<_> = stages.collect();
            let Some(stages) = self.stretched(&stages) else { continue };
            let forecast = self.forecast(&stages)?;
            failed = failed.min(forecast.failed_requests);
            if forecast.failed_requests <= self.error_budget {
                return Ok(forecast);
            }
        }
        let (field, found) = match failed.is_finite() {
            true => ("error budget", format!("{} requests", self.error_budget)),
            false => ("smallest ratio", self.smallest_ratio.to_string()),
        };
        let allowed = match failed.is_finite() {
            true => format!("at least {failed:.0}, which a version fails until it is found"),
            false => "one that stages of a day each can show with this traffic".to_owned(),
        };
        Err(Error::invalid(field, found, allowed))
    }

    /// The policies for these stages: the evidence that was asked about, and the [standard](Policy::standard) limits, which look
    /// back over a whole stage. With little traffic a minute would never have the requests they need.
    pub fn policies(&self, stages: &[PlannedStage]) -> Vec<Policy> {
        let mut policies = Policy::standard(self.evidence.clone());
        for policy in &mut policies {
            if let Policy::Absolute(limits) = policy {
                let longest = stages.iter().map(|stage| stage.duration).max().unwrap_or_default();
                limits.lookback = limits.lookback.max(longest);
            }
        }
        policies
    }

    /// How long a stage has to be for the least evidence, and the guide's five minutes.
    fn at_least(&self, weight: u8) -> Duration {
        let rate = self.requests_per_second * f64::from(weight) / 100.0;
        let needed = (self.evidence.minimum_requests as f64 / rate * 1.5).ceil();
        Duration::from_secs((needed as u64).max(SHORTEST))
    }

    /// The same stages, each as many times as long as it takes; `None` when a day each is not enough.
    fn stretched(&self, stages: &[PlannedStage]) -> Option<Vec<PlannedStage>> {
        let times = |factor: f64| -> Vec<PlannedStage> {
            let longer = |stage: &PlannedStage| PlannedStage {
                duration: Duration::from_secs((stage.duration.as_secs_f64() * factor).ceil() as u64),
                ..*stage
            };
            stages.iter().map(longer).collect()
        };
        let good = |factor: f64| self.power(&times(factor), self.smallest_ratio) >= POWER;
        let longest = stages.iter().map(|stage| stage.duration.as_secs_f64()).fold(1.0, f64::max);
        let (mut low, mut high) = (1.0, LONGEST.as_secs_f64() / longest);
        if high < low {
            return None;
        }
        if good(low) {
            return Some(times(low));
        }
        if !good(high) {
            return None;
        }
        for _ in 0..50 {
            let middle = f64::midpoint(low, high);
            if good(middle) { high = middle } else { low = middle }
        }
        Some(times(high))
    }

    /// How much evidence an alarm takes, as a logarithm, for the ratio that is bet on and is nearest.
    fn threshold(&self) -> f64 {
        let stakes = stake(0) / RATIOS.len() as f64 * self.evidence.error_weight();
        (1.0 / self.evidence.alpha / stakes).ln()
    }

    /// Mean and variance of the evidence that a stage gathers in a second, if the ratio is really `ratio`.
    fn growth(&self, weight: u8, ratio: f64) -> (f64, f64) {
        let share = f64::from(weight) / 100.0;
        if weight >= 100 {
            return (0.0, 0.0);
        }
        let ratio = ratio.min(1.0 / self.baseline_error_rate);
        // The nearest ratio that is bet on, from below: it gathers less than the true one would, as the evidence does.
        let bet = RATIOS.iter().rev().find(|bet| **bet <= ratio).unwrap_or(&RATIOS[0]);
        let errors = self.requests_per_second * self.baseline_error_rate;
        let (own, other) = (errors * share * ratio, errors * (1.0 - share));
        let common = (share * (bet - 1.0)).ln_1p();
        let (hit, miss) = (bet.ln() - common, -common);
        let dispersion = self.evidence.dispersion;
        let mean = (own * hit + other * miss) / dispersion;
        // The counts vary that many times as much, and each counts for that much less.
        (mean, (own * hit * hit + other * miss * miss) / dispersion)
    }

    fn power(&self, stages: &[PlannedStage], ratio: f64) -> f64 {
        let (mut mean, mut variance) = (0.0, 0.0);
        // Evidence that has been enough stays enough, so the best moment counts.
        let mut best: f64 = 0.0;
        for stage in stages {
            let (grows, varies) = self.growth(stage.weight, ratio);
            let seconds = stage.duration.as_secs_f64();
            mean += grows * seconds;
            variance += varies * seconds;
            if variance > 0.0 {
                best = best.max(normal((mean - self.threshold()) / f64::sqrt(variance)));
            }
        }
        best
    }

    /// Requests that a version with the smallest ratio fails until the evidence is enough on average, or it is promoted.
    fn failed(&self, stages: &[PlannedStage]) -> f64 {
        let ratio = self.smallest_ratio.min(1.0 / self.baseline_error_rate);
        let (mut evidence, mut failed) = (0.0, 0.0);
        for stage in stages {
            let (grows, _) = self.growth(stage.weight, self.smallest_ratio);
            let errors = self.requests_per_second * self.baseline_error_rate * ratio;
            let rate = errors * f64::from(stage.weight) / 100.0;
            let seconds = stage.duration.as_secs_f64();
            if grows > 0.0 && evidence + grows * seconds >= self.threshold() {
                return failed + rate * (self.threshold() - evidence) / grows;
            }
            evidence += grows * seconds;
            failed += rate * seconds;
        }
        failed
    }

    fn smallest(&self, stages: &[PlannedStage]) -> Option<f64> {
        let highest = 1.0 / self.baseline_error_rate;
        if self.power(stages, highest) < POWER {
            return None;
        }
        let (mut low, mut high) = (1.0, highest);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if self.power(stages, middle) >= POWER { high = middle } else { low = middle }
        }
        Some(high)
    }
}

/// The standard normal distribution function.
fn normal(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests;
