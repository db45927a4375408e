//! The world: seconds of random traffic.

use serde::{Deserialize, Serialize};

use super::Second;
use crate::evidence::Arm;

/// How the traffic goes up and down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Load {
    /// The same all the time, but for chance.
    #[default]
    Steady,
    /// Between a tenth and twice as much in waves of ten minutes, with pauses of half a minute and bursts of five times as much.
    Varying,
}

/// Traffic and error rates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct World {
    /// The mean number of requests in a second.
    pub requests_per_second: f64,
    /// How it goes up and down.
    pub load: Load,
    /// The share of the old version's requests that fail.
    pub baseline_error_rate: f64,
    /// The share of the new version's that fail; `None`: the same as of the old one.
    pub fault_error_rate: Option<f64>,
}

impl World {
    /// Steady traffic, and a new version that is as good as the old one.
    pub fn steady(requests_per_second: f64, baseline_error_rate: f64) -> Self {
        let load = Load::Steady;
        Self { requests_per_second, load, baseline_error_rate, fault_error_rate: None }
    }

    /// The share of the new version's requests that fail.
    pub fn candidate_error_rate(&self) -> f64 {
        self.fault_error_rate.unwrap_or(self.baseline_error_rate)
    }

    /// The second that ends `elapsed` seconds after the start.
    pub(super) fn second(&self, random: &mut fastrand::Rng, elapsed: u32, weight: u8) -> Second {
        let rate = self.requests_per_second * self.factor(elapsed);
        let share = f64::from(weight.min(100)) / 100.0;
        let mut arm = |share: f64, error_rate: f64| {
            // Parts of a Poisson stream that are chosen at random are independent Poisson streams.
            let requests = poisson(random, rate * share * (1.0 - error_rate));
            let failed = poisson(random, rate * share * error_rate);
            Arm { requests: requests + failed, failed }
        };
        let candidate = arm(share, self.candidate_error_rate());
        let reference = arm(1.0 - share, self.baseline_error_rate);
        Second { candidate, reference }
    }

    fn factor(&self, elapsed: u32) -> f64 {
        match self.load {
            Load::Steady => 1.0,
            Load::Varying => match elapsed % 300 {
                0..30 => 0.0,
                30..40 => 5.0,
                _ => {
                    let wave = f64::from(elapsed) / 600.0 * std::f64::consts::TAU;
                    1.05 + 0.95 * wave.sin()
                }
            },
        }
    }
}

/// Draws from a Poisson distribution: by Knuth's product of uniforms, in parts where the mean is large, because the sum of
/// Poisson numbers is one.
fn poisson(random: &mut fastrand::Rng, mean: f64) -> u64 {
    const PART: f64 = 30.0;
    let (mut rest, mut sum) = (mean, 0);
    while rest > 0.0 {
        let part = rest.min(PART);
        rest -= part;
        let (limit, mut product) = ((-part).exp(), random.f64());
        while product > limit {
            sum += 1;
            product *= random.f64();
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poisson_numbers_have_the_mean_and_variance_they_should() {
        let mut random = fastrand::Rng::with_seed(1);
        for mean in [0.0, 0.3, 7.0, 95.0] {
            let drawn: Vec<f64> = (0..20_000).map(|_| poisson(&mut random, mean) as f64).collect();
            let average = drawn.iter().sum::<f64>() / drawn.len() as f64;
            let spread =
                drawn.iter().map(|x| (x - average).powi(2)).sum::<f64>() / drawn.len() as f64;
            assert!((average - mean).abs() < 0.05 * mean.max(1.0), "{average} for {mean}");
            assert!((spread - mean).abs() < 0.1 * mean.max(1.0), "{spread} for {mean}");
        }
    }

    #[test]
    fn traffic_is_divided_by_the_weight() {
        let mut random = fastrand::Rng::with_seed(2);
        let world = World { load: Load::Varying, ..World::steady(100.0, 0.0) };
        let seconds = (1..=6_000).map(|at| world.second(&mut random, at, 25));
        let sums = seconds.fold((0, 0), |(own, other), second| {
            (own + second.candidate.requests, other + second.reference.requests)
        });
        let share = sums.0 as f64 / (sums.0 + sums.1) as f64;
        assert!((share - 0.25).abs() < 0.005, "{share}");
    }
}
