//! Numbers by SciPy 1.17.1: `scipy.stats.binom.logpmf`, `scipy.stats.betabinom.logpmf`, `scipy.optimize.brentq`.

use petswipe_monitor::evidence::{Arm, Band, RateLimit, RateRatio, SampleRatio};

fn arm(requests: u64, failed: u64) -> Arm {
    Arm { requests, failed }
}

fn assert_near(got: f64, expected: f64) {
    assert!((got - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{got} is not {expected}");
}

#[test]
fn the_rate_ratio_is_that_of_two_binomials() {
    // ln(0.8·mean over r of binom(e_c; e, θ_r)/binom(e_c; e, θ₀) + 0.2)
    for (candidate, reference, expected) in [
        ((50, 1), (950, 1), 1.037_968_012_591_62),
        ((500, 10), (9500, 10), 14.696_602_146_736_971),
        ((1, 1), (0, 0), 0.0),
        ((100, 0), (900, 7), -1.019_000_132_523_764),
        ((5000, 60), (5000, 61), -1.575_205_387_525_569_6),
        ((30, 30), (970, 0), 94.490_955_394_317_64),
    ] {
        let mut evidence = RateRatio::default();
        evidence.begin_stage();
        evidence.add(arm(candidate.0, candidate.1), arm(reference.0, reference.1), 1.0);
        assert_near(evidence.ln(), expected);
    }
}

#[test]
fn the_share_is_that_of_a_beta_binomial() {
    for (candidate, reference, weight, expected) in [
        (500, 9500, 0.05, 0.278_298_494_040_463_25),
        (600, 9400, 0.05, 1_334.205_369_357_356_4),
        (2500, 10_000, 0.1, 1.556_290_254_018_269e238),
        (1, 0, 0.5, 1.0),
    ] {
        let mut evidence = SampleRatio::default();
        evidence.begin_stage();
        evidence.add(candidate, reference);
        assert_near(evidence.value(weight, 0.0, 1.0).ln(), f64::ln(expected));
    }
}

#[test]
fn the_limit_is_that_of_a_binomial() {
    for (requests, failed, limit, expected) in [
        (500, 25, 0.002, 54.152_190_848_515_026),
        (1000, 2, 0.002, -1.038_680_774_787_563_3),
        (10, 10, 0.05, 28.653_206_798_745_558),
    ] {
        let mut evidence = RateLimit::default();
        evidence.begin_stage();
        evidence.add(arm(requests, failed), limit, 1.0);
        assert_near(evidence.value().ln(), expected);
    }
}

#[test]
fn the_bound_is_chernoffs() {
    for (requests, failed, alpha, expected) in [
        (10_000, 10, 0.005, 0.002_407_377_394_683_441_4),
        (100, 0, 0.01, 0.045_007_413_978_564_004),
        (50, 25, 0.05, 0.668_023_915_713_54),
    ] {
        let bound = RateLimit::upper_bound(arm(requests, failed), alpha, 1.0).unwrap();
        assert_near(bound, expected);
    }
    assert_eq!(RateLimit::upper_bound(arm(0, 0), 0.01, 1.0), None);
}

#[test]
fn the_band_is_that_of_howard_and_ramdas() {
    // Their figure 1 and text: at n = 10 000 and α = 0.05 the half width is about 0.028; computed here with Python's math.
    assert_near(Band::half_width(10_000, 0.05), 0.027_710_745_077_605_986);
    assert_eq!(Band::half_width(1, 0.05), 1.0);
}
