//! How far may an empirical distribution be from the true one, at all times and everywhere?

/// A band around an empirical distribution function that holds at all times at once.
///
/// Howard and Ramdas ("Sequential estimation of quantiles with applications to A/B testing and best-arm identification",
/// Bernoulli 28(3), 2022, theorem 2): with probability at least `1−α`, after every number `n ≥ 1` of observations, the
/// empirical distribution function is nowhere farther from the true one than
/// `0.85·√((ln ln(e·n) + 0.8·ln(1612/α)) / n)`. Two such bands, one for each arm at half the `α`, that do not overlap somewhere
/// show that the distributions differ there; so Netflix compares canaries (Lindon, Sanden, Shirikian, "Rapid regression
/// detection in software deployments through sequential testing", KDD 2022, arXiv 2205.14762).
#[derive(Clone, Copy, Debug)]
pub struct Band;

impl Band {
    /// Half the width of the band after `n` observations, at most 1. `alpha` is above 0 and below 1.
    ///
    /// ```
    /// use petswipe_monitor::evidence::Band;
    /// assert_eq!(Band::half_width(0, 0.05), 1.0);
    /// assert!((Band::half_width(10_000, 0.05) - 0.0277).abs() < 0.0005);
    /// ```
    pub fn half_width(n: u64, alpha: f64) -> f64 {
        if n == 0 {
            return 1.0;
        }
        let n = n as f64;
        let iterated = (1.0 + n.ln()).ln();
        (0.85 * ((iterated + 0.8 * (1612.0 / alpha).ln()) / n).sqrt()).min(1.0)
    }
}
