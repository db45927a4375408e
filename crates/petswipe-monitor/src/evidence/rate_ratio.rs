//! Is the error rate of the candidate higher than that of the version beside it?

use serde::{Deserialize, Serialize};

use super::{Arm, Bets};

/// The ratios of error rates on which it bets, each with the same part of the stake.
pub const RATIOS: [f64; 8] = [1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0];

/// Evidence that the error rate of the candidate is higher than that of the reference that serves at the same time.
///
/// Given an error, it is one of the candidate with probability `θ₀ = n_c/(n_c+n_b)` if the rates are the same, and
/// `θ_r = θ₀r/(θ₀r+1−θ₀)` if that of the candidate is `r` times as high. A tick with `e_c` errors in `n_c` requests of the
/// candidate and `e_b` in `n_b` of the reference multiplies the stake on `r` by `r^{e_c} / (θ₀r+1−θ₀)^{e_c+e_b}`. The
/// evidence is what all stakes together have become. Because it is about `r` and not about `θ`, the weights may change
/// between ticks, and traffic may vary as it likes; the error rate itself need not be known, nor be constant.
///
/// For errors that are Poisson the mean under equal rates is exactly 1; for a fixed number of requests that each fail or not
/// it is at most 1 (the number of the candidate's errors is hypergeometric then, which is smaller in convex order than the
/// binomial: Hoeffding, JASA 58, 1963, theorem 4). The conditional test of two Poisson rates is that of Przyborowski and
/// Wilenski, Biometrika 31, 1940.
///
/// Errors that come in bunches (retries, shared outages, users that stick) are over-dispersed; every log likelihood ratio is
/// divided by the `dispersion` φ, which delays the alarm by as much. See [`dispersion`](super::dispersion) for what that keeps.
///
/// ```
/// use petswipe_monitor::evidence::{Arm, RateRatio};
/// let mut evidence = RateRatio::default();
/// evidence.begin_stage();
/// // 5 % of the traffic; one in fifty requests of the candidate fails, one in a thousand of the others.
/// for _ in 0..10 {
///     evidence.add(Arm { requests: 50, failed: 1 }, Arm { requests: 950, failed: 1 }, 1.0);
/// }
/// assert!(evidence.value() > 100.0); // an alarm at α = 1 %
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RateRatio(Bets);

impl RateRatio {
    /// Puts the stake of one more stage in. Before the first stage it gathers no evidence.
    pub fn begin_stage(&mut self) {
        self.0.begin_stage();
    }

    /// Takes a tick in. `dispersion` is at least 1.
    pub fn add(&mut self, candidate: Arm, reference: Arm, dispersion: f64) {
        self.0.multiply(|ratio| log_likelihood_ratio(candidate, reference, ratio) / dispersion);
    }

    /// The evidence: at least `1/α` is an alarm.
    pub fn value(&self) -> f64 {
        self.ln().exp()
    }

    /// Its logarithm, which does not overflow.
    pub fn ln(&self) -> f64 {
        self.0.ln()
    }
}

/// `ln` of how much likelier the errors of a tick are if the candidate's rate is `ratio` times the reference's than if they
/// are the same.
pub(crate) fn log_likelihood_ratio(candidate: Arm, reference: Arm, ratio: f64) -> f64 {
    let all = candidate.requests as f64 + reference.requests as f64;
    if all == 0.0 {
        return 0.0;
    }
    let share = candidate.requests as f64 / all;
    let errors = candidate.failed as f64 + reference.failed as f64;
    candidate.failed as f64 * ratio.ln() - errors * (share * (ratio - 1.0)).ln_1p()
}
