//! How fast checks were, carried from one program to the next.

use super::*;
use crate::Error;

fn shop(with_baseline: bool) -> Results {
    let mut check = Check::new("shop", vec![Step::get("/")]);
    check.baseline = with_baseline.then_some(Baseline { runs: 3, slow_runs: 2, tolerance: 1.5 });
    Results::new(&[check], Duration::from_secs(3600)).unwrap()
}

fn took(results: &Results, millis: u64) -> Option<Paced> {
    let took = Duration::from_millis(millis);
    let run = Run { check: "shop".to_owned(), started: at(0), took, steps: Vec::new() };
    results.record(&run).unwrap()
}

#[test]
fn results_go_on_from_how_fast_checks_were_before() {
    let before = shop(true);
    for millis in [100, 80, 90] {
        assert_eq!(took(&before, millis), Some(Paced::Learning));
    }
    let limit = Duration::from_millis(150);
    assert_eq!(took(&before, 151), Some(Paced::Slower { limit, in_a_row: 1 }));
    let kept = serde_json::to_string(&before.paces()).unwrap();
    let kept: std::collections::BTreeMap<String, Pace> = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept, before.paces());

    let after = shop(true);
    for (check, pace) in kept {
        after.go_on(&check, pace).unwrap();
    }
    assert_eq!(took(&after, 151), Some(Paced::Slow { limit, in_a_row: 2 }));
    assert_eq!(took(&after, 150), Some(Paced::AsBefore { limit }));
}

#[test]
fn only_checks_with_a_baseline_have_a_pace_and_only_known_ones_go_on() {
    let without = shop(false);
    assert_eq!(took(&without, 100), None);
    assert!(without.paces().is_empty());
    assert_eq!(shop(true).paces()["shop"], Pace::default());
    let unknown = shop(true).go_on("cart", Pace::default());
    assert!(matches!(unknown, Err(Error::NotFound { .. })), "{unknown:?}");
}
