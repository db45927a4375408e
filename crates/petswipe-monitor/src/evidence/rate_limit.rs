//! Is the error rate of the candidate higher than what was seen of another version before?

use serde::{Deserialize, Serialize};

use super::{Arm, Bets, sprt::log_rate_ratio};

/// Evidence that the error rate of the candidate is above a limit that is known beforehand, or was estimated from what came
/// before it.
///
/// Like [`RateRatio`](super::RateRatio), but with one arm: a tick with `e` errors in `n` requests multiplies the stake on `r` by
/// `r^e·((1−r·p)/(1−p))^{n−e}`, where `p` is the limit. For rates up to `p` the mean is at most 1. It is weaker where the limit
/// comes from another time: if the traffic is another one now, that looks like a worse version.
///
/// ```
/// use petswipe_monitor::evidence::{Arm, RateLimit};
/// let limit = RateLimit::upper_bound(Arm { requests: 10_000, failed: 10 }, 0.005, 1.0).unwrap();
/// assert!(limit > 0.001 && limit < 0.003);
/// let mut evidence = RateLimit::default();
/// evidence.begin_stage();
/// evidence.add(Arm { requests: 500, failed: 25 }, limit, 1.0);
/// assert!(evidence.value() > 1000.0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RateLimit(Bets);

/// No alternative is at or above it, or one request that went well would rule it out for ever.
const HIGHEST: f64 = 0.99;

impl RateLimit {
    /// The rate that is exceeded with probability `alpha` at most, after `seen`: the largest `p` with
    /// `n·KL(e/n‖p) ≤ φ·ln(1/α)` (Chernoff's bound for the binomial; `n` requests of which `φ` fail together are worth `n/φ`).
    /// `None` without requests.
    pub fn upper_bound(seen: Arm, alpha: f64, dispersion: f64) -> Option<f64> {
        let rate = seen.rate()?;
        let budget = -alpha.ln() * dispersion / seen.requests as f64;
        let (mut low, mut high) = (rate, 1.0);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            match divergence(rate, middle) <= budget {
                true => low = middle,
                false => high = middle,
            }
        }
        Some(high)
    }

    /// Puts the stake of one more stage in.
    pub fn begin_stage(&mut self) {
        self.0.begin_stage();
    }

    /// Takes a tick in. `limit` lies between 0 and 1, `dispersion` is at least 1.
    pub fn add(&mut self, candidate: Arm, limit: f64, dispersion: f64) {
        let limit = limit.clamp(f64::MIN_POSITIVE, HIGHEST);
        self.0.multiply(|ratio| {
            log_rate_ratio(candidate, limit, (limit * ratio).min(HIGHEST)) / dispersion
        });
    }

    /// The evidence: at least `1/α` is an alarm.
    pub fn value(&self) -> f64 {
        self.0.ln().exp()
    }
}

/// The Kullback-Leibler divergence of two coins.
pub(crate) fn divergence(a: f64, b: f64) -> f64 {
    let term = |a: f64, b: f64| if a == 0.0 { 0.0 } else { a * (a / b).ln() };
    term(a, b) + term(1.0 - a, 1.0 - b)
}
