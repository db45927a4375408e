//! The few functions of statistics that spend is judged by.

/// The middle value, or the mean of the two middle ones; `None` of nothing.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len() % 2 == 1 { upper } else { (values[middle - 1] + upper) / 2.0 })
}

/// The median distance from the median, scaled so that of normal values it is their standard deviation. Source: Hampel,
/// "The influence curve and its role in robust estimation", JASA 69 (1974).
pub(super) fn spread(values: &[f64]) -> f64 {
    let Some(middle) = median(values.iter().copied()) else { return 0.0 };
    1.4826 * median(values.iter().map(|value| (value - middle).abs())).unwrap_or_default()
}

/// The chance that a value of Student's t distribution with so many degrees of freedom is above `t`.
///
/// Source: Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.1 with 26.5.8, by the continued fraction of the
/// incomplete beta function.
pub(super) fn t_above(t: f64, freedom: f64) -> f64 {
    let beyond = 0.5 * incomplete_beta(freedom / (freedom + t * t), 0.5 * freedom, 0.5);
    if t >= 0.0 { beyond } else { 1.0 - beyond }
}

/// The value that Student's t distribution exceeds with this chance, below a half.
pub(super) fn t_quantile_above(chance: f64, freedom: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while t_above(high, freedom) > chance && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if t_above(middle, freedom) > chance {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// The logarithm of the density of Student's t distribution at 0.
pub(super) fn t_log_constant(freedom: f64) -> f64 {
    libm::lgamma(0.5 * (freedom + 1.0))
        - libm::lgamma(0.5 * freedom)
        - 0.5 * libm::log(std::f64::consts::PI * freedom)
}

/// The regularized incomplete beta function.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges quickly only on this side of the mean.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b)
        + a * libm::log(x)
        + b * libm::log1p(-x);
    libm::exp(front) * fraction(x, a, b) / a
}

/// The continued fraction 26.5.8 by Lentz's method.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    let not_zero = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / not_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut result = d;
    for m in 1..300 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / not_zero(1.0 + even * d);
        c = not_zero(1.0 + even / c);
        result *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / not_zero(1.0 + odd * d);
        c = not_zero(1.0 + odd / c);
        let step = d * c;
        result *= step;
        if (step - 1.0).abs() < 1e-14 {
            break;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        // Two-sided 95 % and one-sided 0.05 %, as tables of the t distribution have them.
        for (chance, freedom, known) in [
            (0.025, 1.0, 12.706_205),
            (0.025, 5.0, 2.570_582),
            (0.025, 30.0, 2.042_272),
            (0.000_5, 3.0, 12.923_979),
            (0.000_5, 10.0, 4.586_894),
            (0.025, 1e6, 1.959_966),
        ] {
            let found = t_quantile_above(chance, freedom);
            assert!((found - known).abs() < 2e-5, "{chance} {freedom}: {found}");
        }
        assert!((t_above(-1.0, 1.0) - 0.75).abs() < 1e-12);
        assert!((libm::exp(t_log_constant(1.0)) - 1.0 / std::f64::consts::PI).abs() < 1e-12);
    }

    #[test]
    fn the_spread_ignores_what_stands_out() {
        assert_eq!(median([]), None);
        assert_eq!(median([4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(spread(&[1.0, 2.0, 3.0, 4.0, 1e9]), 1.4826);
        assert_eq!(spread(&[]), 0.0);
    }
}
