//! When requests are due: pure arithmetic.

use std::time::Duration;

use fastrand::Rng;

use super::Spacing;

/// The times at which requests are due, counted from the start, without end. None at all for a rate of 0.
#[derive(Debug)]
pub(crate) struct Schedule {
    rate: f64,
    sent: u64,
    /// For Poisson spacing: the random numbers, and the time of the next request in seconds.
    random: Option<(Rng, f64)>,
}

impl Schedule {
    pub(crate) fn new(rate: f64, spacing: Spacing) -> Self {
        let random = match spacing {
            Spacing::Uniform => None,
            Spacing::Poisson { seed } => Some((Rng::with_seed(seed), 0.0)),
        };
        Self { rate, sent: 0, random }
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if self.rate <= 0.0 {
            return None;
        }
        let seconds = match &mut self.random {
            // Computed from the start, so that no error adds up.
            None => self.sent as f64 / self.rate,
            // 1 - f64() is in (0, 1], so its logarithm is finite.
            Some((rng, at)) => {
                *at -= (1.0 - rng.f64()).ln() / self.rate;
                *at
            }
        };
        self.sent += 1;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_times_do_not_drift() {
        let at = |n: usize| Schedule::new(3.0, Spacing::Uniform).nth(n).unwrap();
        assert_eq!(at(0), Duration::ZERO);
        assert_eq!(at(3), Duration::from_secs(1));
        assert_eq!(at(3_000_000), Duration::from_secs(1_000_000));
    }

    #[test]
    fn poisson_times_have_the_rate_and_the_spread_of_a_poisson_process() {
        const COUNT: usize = 50_000;
        let spacing = Spacing::Poisson { seed: 5 };
        let times: Vec<f64> =
            Schedule::new(200.0, spacing).take(COUNT).map(|at| at.as_secs_f64()).collect();
        let rate = COUNT as f64 / times[COUNT - 1];
        assert!((rate - 200.0).abs() < 200.0 * 0.02, "{rate}");
        // The gaps of a Poisson process have a standard deviation equal to their mean.
        let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.03);
        let again: Vec<f64> =
            Schedule::new(200.0, spacing).take(10).map(|at| at.as_secs_f64()).collect();
        assert_eq!(again, times[..10]);
    }

    #[test]
    fn a_rate_of_zero_sends_nothing() {
        assert_eq!(Schedule::new(0.0, Spacing::Uniform).next(), None);
        assert_eq!(Schedule::new(0.0, Spacing::Poisson { seed: 1 }).next(), None);
    }
}
