//! How much more the errors of two equal arms vary than independent ones would.

use super::Arm;

/// How many times the split of the errors between two arms varies as much as that of independent errors would: Pearson's `X²`
/// over its degrees of freedom, `Σ (e_c − θ·e)² / (θ·(1−θ)·e)` divided by the number of ticks, with `e` the errors of a tick, `e_c`
/// those of the candidate among them, and `θ` its share of the requests (McCullagh and Nelder, "Generalized Linear Models",
/// 2nd edition 1989, section 4.5). `None` without a tick that had errors and in which both served.
///
/// It is to be measured on ticks in which both arms ran the same version (A/A), and is about 1 where errors are independent. If
/// one cause always fails `k` requests of one arm together, it is about `k`; if it fails varying numbers of them, it is their
/// mean weighted by size, which is less than the largest.
///
/// # What a dispersion φ keeps
///
/// All evidence divides its log likelihood ratios by φ. With errors that come in bunches of at most φ, each wholly in one arm, its
/// mean stays at most 1, and so the false alarms stay at `α`: a bunch of `k` counts as the `k/φ`-th power of one error, whose mean
/// is at most 1 by Jensen's inequality. Where single bunches are larger than φ there is no such guarantee, even if φ is what is
/// measured here: so take the largest number of requests that one cause can fail (attempts of a retry, connections of a
/// lost task) where it is known, else twice to three times what is measured, and check by replaying the A/A data with
/// `lab::replay` (feature `lab`).
///
/// ```
/// use petswipe_monitor::evidence::{Arm, dispersion};
/// let arm = |failed| Arm { requests: 1000, failed };
/// // Always three at once, in one of the two.
/// let ticks = [(arm(3), arm(0)), (arm(0), arm(3)), (arm(3), arm(0)), (arm(0), arm(3))];
/// assert_eq!(dispersion(&ticks), Some(3.0));
/// assert_eq!(dispersion(&[]), None);
/// ```
pub fn dispersion(ticks: &[(Arm, Arm)]) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0u32);
    for (candidate, reference) in ticks {
        let errors = candidate.failed as f64 + reference.failed as f64;
        let share = candidate.requests as f64
            / (candidate.requests as f64 + reference.requests as f64).max(1.0);
        let variance = share * (1.0 - share) * errors;
        if variance > 0.0 {
            sum += (candidate.failed as f64 - share * errors).powi(2) / variance;
            count += 1;
        }
    }
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::RateRatio;

    /// Ticks of two equal arms with bunches of errors of that size, and a candidate with a tenth of the traffic.
    fn ticks(random: &mut fastrand::Rng, count: usize, bunch: u64) -> Vec<(Arm, Arm)> {
        let tick = |_| {
            let bunches = random.u64(0..6);
            let own = (0..bunches).filter(|_| random.u64(0..10) == 0).count() as u64 * bunch;
            let arm = |requests, failed| Arm { requests, failed };
            (arm(100, own), arm(900, bunches * bunch - own))
        };
        (0..count).map(tick).collect()
    }

    #[test]
    fn it_is_the_size_of_the_bunches() {
        for bunch in [1, 2, 5] {
            let mut random = fastrand::Rng::with_seed(bunch);
            let found = dispersion(&ticks(&mut random, 20_000, bunch)).unwrap();
            assert!((found / bunch as f64 - 1.0).abs() < 0.1, "{bunch}: {found}");
        }
    }

    #[test]
    fn with_bunches_of_at_most_that_many_there_are_no_more_false_alarms_than_allowed() {
        let alarms = |dispersion: f64| {
            let alarm = |seed| {
                let mut random = fastrand::Rng::with_seed(seed);
                let mut evidence = RateRatio::default();
                evidence.begin_stage();
                ticks(&mut random, 100, 5).into_iter().any(|(own, other)| {
                    evidence.add(own, other, dispersion);
                    evidence.value() >= 100.0
                })
            };
            (0..2_000).filter(|seed| alarm(*seed)).count()
        };
        // Of 2,000, of which 20 are allowed; what counts each error for itself has many times that.
        assert!(alarms(5.0) <= 20, "{}", alarms(5.0));
        assert!(alarms(1.0) > 200, "{}", alarms(1.0));
    }
}
