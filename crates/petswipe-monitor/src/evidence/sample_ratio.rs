//! Do the arms get the shares of traffic that were asked for?

use serde::{Deserialize, Serialize};

use super::stake;

/// How much the prior knows already: as much as so many requests.
const PRIOR: f64 = 100.0;

/// Evidence that requests are not divided as the weights say: sessions that stick, a second way past the weights, a router
/// that did not act.
///
/// The test of Lindon and Malek ("Anytime-valid inference for multinomial count data", NeurIPS 2022, arXiv 2011.03567) for
/// two arms: under the alternative the candidate's share has a beta distribution around the weight. Unlike theirs, the
/// hypothesis is not one share but all within `tolerance` of the weight: no router hits it exactly, and after a change of
/// weights the first requests still go the old way. The likeliest of these shares stands for all of them, so the evidence is
/// at most that against any one, and it stays valid.
///
/// Each stage has its own weight and its own stake (as [`RateRatio`](super::RateRatio) does); what a past stage has shown
/// stays.
///
/// ```
/// use petswipe_monitor::evidence::SampleRatio;
/// let mut evidence = SampleRatio::default();
/// evidence.begin_stage();
/// evidence.add(500, 9_500);
/// assert!(evidence.value(0.05, 0.01, 1.0) < 1.0);
/// evidence.add(2_000, 8_000);
/// assert!(evidence.value(0.05, 0.01, 1.0) > 1e6); // 12.5 % where 5 % were asked for
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SampleRatio {
    stages: u32,
    staked: f64,
    /// What the stages before this one have shown.
    closed: f64,
    candidate: u64,
    reference: u64,
}

impl SampleRatio {
    /// Begins the first stage.
    pub fn begin_stage(&mut self) {
        self.staked += stake(self.stages);
        self.stages = self.stages.saturating_add(1);
        (self.candidate, self.reference) = (0, 0);
    }

    /// Ends the present stage, which had these terms, and begins the next one.
    pub fn next_stage(&mut self, weight: f64, tolerance: f64, dispersion: f64) {
        let shown = self.present(weight, tolerance, dispersion).exp();
        self.closed = (self.closed + shown).min(f64::MAX);
        self.begin_stage();
    }

    /// Takes requests of the present stage in.
    pub fn add(&mut self, candidate: u64, reference: u64) {
        self.candidate = self.candidate.saturating_add(candidate);
        self.reference = self.reference.saturating_add(reference);
    }

    /// The requests of the present stage: of the candidate, and of the reference.
    pub fn requests(&self) -> (u64, u64) {
        (self.candidate, self.reference)
    }

    /// The share of the candidate in the present stage; `None` without requests.
    pub fn share(&self) -> Option<f64> {
        let all = self.candidate as f64 + self.reference as f64;
        (all > 0.0).then(|| self.candidate as f64 / all)
    }

    /// The evidence that the share of the candidate in some stage is not its weight. `weight` is that of the present stage,
    /// as a share; `tolerance` is how far the true share may be from it, as a share of all traffic; `dispersion` is at least 1.
    pub fn value(&self, weight: f64, tolerance: f64, dispersion: f64) -> f64 {
        let idle = (1.0 - self.staked).max(0.0);
        idle + self.closed + self.present(weight, tolerance, dispersion).exp()
    }

    /// The logarithm of what the stake of the present stage has become.
    fn present(&self, weight: f64, tolerance: f64, dispersion: f64) -> f64 {
        let Some(stage) = self.stages.checked_sub(1) else { return f64::NEG_INFINITY };
        let stake = stake(stage).ln();
        let Some(share) = self.share() else { return stake };
        let (low, high) = ((weight - tolerance).max(0.0), (weight + tolerance).min(1.0));
        if weight <= 0.0 || weight >= 1.0 {
            // All or nothing: the beta distribution has no such mean.
            return stake;
        }
        let (hits, misses) = (self.candidate as f64, self.reference as f64);
        let likeliest = share.clamp(low, high);
        let null = times_ln(hits, likeliest) + times_ln(misses, 1.0 - likeliest);
        let (a, b) = (PRIOR * weight, PRIOR * (1.0 - weight));
        let alternative = ln_beta(a + hits, b + misses) - ln_beta(a, b);
        stake + (alternative - null).min(f64::MAX) / dispersion
    }
}

/// `n·ln x`, which is 0 for none of the impossible.
fn times_ln(n: f64, x: f64) -> f64 {
    if n == 0.0 { 0.0 } else { n * x.ln() }
}

fn ln_beta(a: f64, b: f64) -> f64 {
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_tolerance_it_is_the_bayes_factor_of_the_paper() {
        // ln B(5+3, 95+7) − ln B(5, 95) − 3·ln 0.05 − 7·ln 0.95, by SciPy 1.17.1, `scipy.special.betaln`.
        let mut evidence = SampleRatio::default();
        evidence.begin_stage();
        evidence.add(3, 7);
        let got = evidence.present(0.05, 0.0, 1.0) - stake(0).ln();
        assert!((got - LN_FACTOR).abs() < 1e-9, "{got}");
    }

    /// `betaln(8, 102) - betaln(5, 95) - 3*log(.05) - 7*log(.95)`.
    const LN_FACTOR: f64 = 0.298_580_713_729_048;

    #[test]
    fn the_right_shares_are_never_evidence() {
        for weight in [0.05f64, 0.5, 0.9] {
            let mut evidence = SampleRatio::default();
            evidence.begin_stage();
            for _ in 0..1000 {
                evidence.add((1000.0 * weight) as u64, (1000.0 * (1.0 - weight)).round() as u64);
                assert!(evidence.value(weight, 0.0, 1.0) <= 1.0);
            }
        }
    }

    #[test]
    fn what_a_past_stage_has_shown_stays() {
        let mut evidence = SampleRatio::default();
        evidence.begin_stage();
        evidence.add(500, 500);
        let shown = evidence.value(0.05, 0.01, 1.0);
        assert!(shown > 1e6);
        evidence.next_stage(0.05, 0.01, 1.0);
        evidence.add(100, 900);
        assert!(evidence.value(0.10, 0.01, 1.0) >= shown - 1.0);
        assert_eq!(evidence.requests(), (100, 900));
    }

    #[test]
    fn all_or_nothing_is_not_judged_and_one_in_ten_thousand_is() {
        let mut evidence = SampleRatio::default();
        evidence.begin_stage();
        evidence.add(10, 0);
        assert!(evidence.value(1.0, 0.01, 1.0) <= 1.0);
        evidence.add(0, 1_000_000);
        assert!(
            evidence.value(0.5, 0.01, 1.0).is_infinite() || evidence.value(0.5, 0.01, 1.0) > 1e9
        );
    }
}
