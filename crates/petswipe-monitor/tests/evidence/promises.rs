//! What is promised for every traffic: false alarms, power, and what may not change the evidence.

use petswipe_monitor::evidence::{Arm, Band, RateLimit, RateRatio, SampleRatio};
use proptest::prelude::*;

/// Draws from a binomial distribution, one coin after the other: small numbers only.
fn binomial(random: &mut fastrand::Rng, n: u64, p: f64) -> u64 {
    (0..n).filter(|_| random.f64() < p).count() as u64
}

fn arm(random: &mut fastrand::Rng, requests: u64, rate: f64) -> Arm {
    Arm { requests, failed: binomial(random, requests, rate) }
}

/// Requests of both in one tick of one world: steady, low, or varying by a hundred times.
fn traffic(random: &mut fastrand::Rng, world: u32, stage: u64) -> (u64, u64) {
    let all = match world {
        0 => 200,
        1 => 3,
        _ => [2, 20, 200][random.usize(0..3)],
    };
    let candidate = (all * [1, 2, 5, 10][stage as usize] / 20).max(u64::from(random.bool()));
    (candidate, all - candidate.min(all))
}

#[test]
fn the_mean_of_evidence_is_at_most_one_and_false_alarms_are_at_most_alpha() {
    const RUNS: u64 = 3_000;
    for (world, rate) in [(0, 0.01), (0, 0.05), (1, 0.02), (2, 0.01)] {
        let (mut sum, mut alarms) = (0.0, 0);
        for seed in 0..RUNS {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut evidence = RateRatio::default();
            let mut highest: f64 = 0.0;
            for tick in 0..80 {
                if tick % 20 == 0 {
                    evidence.begin_stage();
                }
                let (own, other) = traffic(&mut random, world, tick / 20);
                let (own, other) = (arm(&mut random, own, rate), arm(&mut random, other, rate));
                evidence.add(own, other, 1.0);
                highest = highest.max(evidence.value());
            }
            sum += evidence.value();
            alarms += u64::from(highest >= 20.0);
        }
        // The mean is at most 1; a few runs with a lot of evidence make it vary, the more the rarer the errors are.
        assert!(sum / RUNS as f64 <= 1.3, "world {world}: a mean of {}", sum / RUNS as f64);
        let share = alarms as f64 / RUNS as f64;
        assert!(share <= 0.05, "world {world}: {share} false alarms at α = 0.05; seeds 0..{RUNS}");
    }
}

#[test]
fn a_fault_that_comes_late_is_found_although_all_was_well_before() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut evidence = RateRatio::default();
    for stage in 0..4u64 {
        evidence.begin_stage();
        for _ in 0..300 {
            let own = arm(&mut random, [5, 10, 25, 50][stage as usize], 0.002);
            let other = arm(&mut random, [95, 90, 75, 50][stage as usize], 0.002);
            evidence.add(own, other, 1.0);
        }
    }
    assert!(evidence.value() < 1.0);
    evidence.begin_stage();
    let mut failed = 0;
    let ticks = (1..300).find(|_| {
        let own = arm(&mut random, 50, 0.05);
        failed += own.failed;
        evidence.add(own, arm(&mut random, 50, 0.002), 1.0);
        evidence.value() >= 100.0
    });
    assert!(ticks.is_some() && failed < 40, "{failed} failed requests until {ticks:?}");
}

#[test]
fn five_times_the_errors_are_found_in_nineteen_of_twenty_rollouts() {
    const RUNS: u64 = 400;
    let found = (0..RUNS).filter(|seed| {
        let mut random = fastrand::Rng::with_seed(*seed);
        let mut evidence = RateRatio::default();
        (0..4).any(|stage| {
            evidence.begin_stage();
            (0..300).any(|_| {
                let own = [5, 10, 25, 50][stage];
                let own = arm(&mut random, own, 0.005);
                let other = arm(&mut random, 100 - own.requests, 0.001);
                evidence.add(own, other, 1.0);
                evidence.value() >= 125.0
            })
        })
    });
    let share = found.count() as f64 / RUNS as f64;
    assert!(share >= 0.95, "{share}; seeds 0..{RUNS}");
}

#[test]
fn the_right_division_gives_no_alarm_and_a_wrong_one_does() {
    let alarms = |share: f64| {
        let runs = (0..500).filter(|seed| {
            let mut random = fastrand::Rng::with_seed(*seed);
            let mut evidence = SampleRatio::default();
            evidence.begin_stage();
            (0..60).any(|_| {
                let own = binomial(&mut random, 100, share);
                evidence.add(own, 100 - own);
                evidence.value(0.1, 0.01, 1.0) >= 20.0
            })
        });
        runs.count()
    };
    assert!(alarms(0.10) <= 25);
    assert!(alarms(0.11) <= 25, "within the tolerance");
    assert!(alarms(0.20) >= 495);
}

#[test]
fn a_band_holds_at_all_times() {
    let misses = (0..300).filter(|seed| {
        let mut random = fastrand::Rng::with_seed(*seed);
        let mut below = [0u64; 9];
        (1..2_000u64).any(|n| {
            let x = random.f64();
            for (index, count) in below.iter_mut().enumerate() {
                *count += u64::from(x <= (index + 1) as f64 / 10.0);
            }
            below.iter().enumerate().any(|(index, count)| {
                let truth = (index + 1) as f64 / 10.0;
                (*count as f64 / n as f64 - truth).abs() > Band::half_width(n, 0.05)
            })
        })
    });
    assert!(misses.count() <= 15);
}

prop_compose! {
    fn tick()(own in 1u64..500, other in 1u64..500, seed in any::<u64>()) -> (Arm, Arm) {
        let mut random = fastrand::Rng::with_seed(seed);
        (arm(&mut random, own, 0.1), arm(&mut random, other, 0.05))
    }
}

proptest! {
    #[test]
    fn a_tick_may_be_cut_into_ticks_of_the_same_share(
        (own, other) in tick(), parts in 2u64..6, dispersion in 1.0f64..4.0,
    ) {
        let times = |arm: Arm| Arm {
            requests: arm.requests * parts, failed: arm.failed * parts,
        };
        let (mut whole, mut cut) = (RateRatio::default(), RateRatio::default());
        whole.begin_stage();
        cut.begin_stage();
        whole.add(times(own), times(other), dispersion);
        (0..parts).for_each(|_| cut.add(own, other, dispersion));
        prop_assert!((whole.ln() - cut.ln()).abs() < 1e-6);
    }

    #[test]
    fn more_errors_of_the_candidate_are_more_evidence_and_of_the_other_less(
        (own, other) in tick(),
    ) {
        let value = |own: Arm, other: Arm| {
            let mut evidence = RateRatio::default();
            evidence.begin_stage();
            evidence.add(own, other, 1.0);
            evidence.ln()
        };
        let more = |arm: Arm| Arm { failed: (arm.failed + 1).min(arm.requests), ..arm };
        prop_assert!(value(more(own), other) >= value(own, other));
        prop_assert!(value(own, more(other)) <= value(own, other));
    }

    #[test]
    fn over_dispersion_delays_and_never_turns_the_evidence_around(
        (own, other) in tick(), dispersion in 1.0f64..10.0,
    ) {
        let value = |dispersion| {
            let mut evidence = RateLimit::default();
            evidence.begin_stage();
            evidence.add(own.plus(other), 0.01, dispersion);
            evidence.value()
        };
        prop_assert!(value(dispersion) <= value(1.0).max(1.0));
    }

    #[test]
    fn no_counts_however_large_make_it_no_number(
        a in any::<u64>(), b in any::<u64>(), c in any::<u64>(), d in any::<u64>(),
    ) {
        let arm = |requests: u64, failed: u64| Arm { requests, failed: failed.min(requests) };
        let mut ratio = RateRatio::default();
        let mut share = SampleRatio::default();
        ratio.begin_stage();
        share.begin_stage();
        for _ in 0..3 {
            ratio.add(arm(a, b), arm(c, d), 1.0);
            share.add(a, c);
        }
        prop_assert!(!ratio.ln().is_nan());
        prop_assert!(!share.value(0.05, 0.01, 1.0).is_nan());
        let json = serde_json::to_string(&(&ratio, &share)).unwrap();
        let read: (RateRatio, SampleRatio) = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(read, (ratio, share));
    }
}
