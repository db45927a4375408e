//! How unlikely an error is, judged by the errors before it.
//!
//! Errors of costs have heavier tails than the normal distribution, and nobody knows by how much. So they are taken to be of
//! Student's t distribution around 0 whose scale and degrees of freedom are unknown: each pair of a grid counts as much as it
//! explains the errors seen, and the chance of a greater error is the mean over all of them. This is the posterior predictive with
//! flat priors on the logarithm of the scale and on the grid of degrees of freedom (Gelman and others, "Bayesian Data Analysis",
//! 3rd edition, sections 3.2 and 17.2); it is wider than the best single fit, as it has to be with few errors. Whatever the
//! distribution, an error as great as some seen before is at least as likely as their share.

use super::statistics::{t_above, t_log_constant};

/// Degrees of freedom: from tails so heavy that there is no variance to as good as normal.
const FREEDOMS: [f64; 8] = [1.5, 2.0, 3.0, 4.0, 6.0, 10.0, 30.0, 300.0];
/// The least scale, relative to the level, and how many there are, each half as large again.
const LEAST: f64 = 1e-4;
const SCALES: i32 = 28;
/// How much less an error counts for each day that has passed since.
const FORGETTING: f64 = 0.998;
/// Where tails are heavy and days few, the mean over the grid has been seen to be too small by up to this factor, in simulations
/// with three degrees of freedom: the few great errors that would tell have not come yet.
const CAUTION: f64 = 2.0;

/// The chance of an error greater than `error` after these.
pub(super) fn chance_above(error: f64, errors: &[f64]) -> f64 {
    let mut weighed = Vec::with_capacity(FREEDOMS.len() * SCALES as usize);
    let weights: Vec<f64> =
        (0..errors.len()).rev().map(|age| libm::pow(FORGETTING, age as f64)).collect();
    let seen: f64 = weights.iter().sum();
    for freedom in FREEDOMS {
        let constant = t_log_constant(freedom);
        for step in 0..SCALES {
            let scale = LEAST * libm::pow(1.5, f64::from(step));
            let squares = errors.iter().zip(&weights);
            let tails: f64 = squares
                .map(|(error, weight)| weight * libm::log1p((error / scale).powi(2) / freedom))
                .sum();
            let likelihood = seen * (constant - libm::log(scale)) - 0.5 * (freedom + 1.0) * tails;
            weighed.push((likelihood, freedom, scale));
        }
    }
    let best = weighed.iter().map(|(likelihood, ..)| *likelihood).fold(f64::MIN, f64::max);
    let (mut total, mut above) = (0.0, 0.0);
    for (likelihood, freedom, scale) in weighed {
        let weight = libm::exp(likelihood - best);
        if weight > 1e-12 {
            total += weight;
            above += weight * t_above(error / scale, freedom);
        }
    }
    (CAUTION * above / total).min(1.0).max(share_above(error, errors))
}

/// The share of errors that were as great.
pub(super) fn share_above(error: f64, errors: &[f64]) -> f64 {
    let greater = errors.iter().filter(|seen| **seen >= error).count();
    greater as f64 / (errors.len() + 1) as f64
}

#[cfg(test)]
mod tests {
    use super::super::simulation::normal;
    use super::*;

    #[test]
    fn few_errors_promise_less_than_many() {
        let mut rng = fastrand::Rng::with_seed(7);
        let many: Vec<f64> = (0..300).map(|_| 0.05 * normal(&mut rng)).collect();
        let few: Vec<f64> = many.iter().take(35).copied().collect();
        let (few, many) = (chance_above(0.25, &few), chance_above(0.25, &many));
        assert!(many < 5e-4, "{many}");
        assert!(few > many && few < 1e-2, "{few}");
    }

    #[test]
    fn an_error_among_great_ones_is_nothing_special() {
        let errors: Vec<f64> = (0..90).map(|day| if day % 30 == 0 { 0.5 } else { 0.01 }).collect();
        assert!(chance_above(0.5, &errors) > 0.03);
    }

    #[test]
    fn where_nothing_ever_cost_anything_the_first_cost_is_unlikely() {
        let errors = vec![0.0; 60];
        assert!(chance_above(20.0, &errors) < 1e-6);
    }
}
