//! Is the error rate of one arm above a limit, or well below it? And: may one stop waiting?

use serde::{Deserialize, Serialize};

use super::{Arm, rate_ratio::log_likelihood_ratio};

/// What a sequential test has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decided {
    /// The arm is bad, or the alternative is true.
    Bad,
    /// The arm is good.
    Good,
}

/// Wald's sequential probability ratio test: is the rate `good` or lower, or `bad` or higher?
///
/// It needs the fewest observations on average of all tests with the same two error probabilities (Wald and Wolfowitz,
/// Annals of Mathematical Statistics 19, 1948). With Wald's bounds `(1−β)/α` and `β/(1−α)` both are kept approximately, their
/// sum exactly (Wald, "Sequential Analysis", 1947, ch. 3).
///
/// ```
/// use petswipe_monitor::evidence::{Arm, Decided, Sprt};
/// let mut test = Sprt::default();
/// test.add_rate(Arm { requests: 500, failed: 0 }, 0.001, 0.01, 1.0);
/// assert_eq!(test.decided(0.01, 0.05), Some(Decided::Good));
/// test.add_rate(Arm { requests: 10, failed: 8 }, 0.001, 0.01, 1.0);
/// assert_eq!(test.decided(0.01, 0.05), Some(Decided::Bad));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sprt(f64);

impl Sprt {
    /// Takes what one arm did: is its rate `good` or `bad`? Both between 0 and 1, `good` below `bad`. `dispersion` is at least 1
    /// (see [`dispersion`](super::dispersion)).
    pub fn add_rate(&mut self, arm: Arm, good: f64, bad: f64, dispersion: f64) {
        self.0 += log_rate_ratio(arm, good, bad) / dispersion;
    }

    /// Takes what two arms did at the same time: are their rates the same, or is the candidate's `ratio` times as high?
    pub fn add_ratio(&mut self, candidate: Arm, reference: Arm, ratio: f64, dispersion: f64) {
        self.0 += log_likelihood_ratio(candidate, reference, ratio) / dispersion;
    }

    /// The logarithm of the likelihood ratio.
    pub fn ln(self) -> f64 {
        self.0
    }

    /// What is decided, if anything. Whoever goes on after a decision and looks again has no longer the probabilities of one
    /// decision, but those of Ville's inequality: `α/(1−β)` and `β/(1−α)`.
    pub fn decided(self, alpha: f64, beta: f64) -> Option<Decided> {
        if self.0 >= ((1.0 - beta) / alpha).ln() {
            Some(Decided::Bad)
        } else if self.0 <= (beta / (1.0 - alpha)).ln() {
            Some(Decided::Good)
        } else {
            None
        }
    }

    /// Wald's approximation of the mean number of requests until it decides, if the rate is exactly `good`, and if it is
    /// exactly `bad` (Wald 1947, section 3.5).
    ///
    /// ```
    /// let (healthy, broken) = petswipe_monitor::evidence::Sprt::expected_requests(0.001, 0.01, 0.01, 0.05);
    /// assert_eq!((healthy.round(), broken.round()), (432.0, 297.0));
    /// ```
    pub fn expected_requests(good: f64, bad: f64, alpha: f64, beta: f64) -> (f64, f64) {
        let (upper, lower) = (((1.0 - beta) / alpha).ln(), (beta / (1.0 - alpha)).ln());
        let drift = |rate: f64| {
            rate * (bad / good).ln() + (1.0 - rate) * ((-bad).ln_1p() - (-good).ln_1p())
        };
        let healthy = (alpha * upper + (1.0 - alpha) * lower) / drift(good);
        let broken = ((1.0 - beta) * upper + beta * lower) / drift(bad);
        (healthy, broken)
    }
}

/// `ln` of how much likelier what an arm did is if its rate is `bad` than if it is `good`.
pub(crate) fn log_rate_ratio(arm: Arm, good: f64, bad: f64) -> f64 {
    let rest = arm.requests.saturating_sub(arm.failed) as f64;
    arm.failed as f64 * (bad / good).ln() + rest * ((-bad).ln_1p() - (-good).ln_1p())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_numbers_are_those_of_the_published_table() {
        // α = 0.01, β = 0.05: the figures of the design of this gate, by Wald's formula.
        for (good, bad, expected) in
            [(0.001, 0.01, 297.0), (0.01, 0.05, 101.0), (0.01, 0.02, 1067.0), (0.05, 0.10, 202.0)]
        {
            let (_, broken) = Sprt::expected_requests(good, bad, 0.01, 0.05);
            assert_eq!(broken.round(), expected, "{good} to {bad}");
        }
    }

    #[test]
    fn nothing_is_decided_without_requests() {
        assert_eq!(Sprt::default().decided(0.01, 0.05), None);
    }
}
