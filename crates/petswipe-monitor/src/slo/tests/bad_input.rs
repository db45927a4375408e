//! Input that makes no sense, and what is said about it.

use std::time::Duration;

use super::{DAY, HOUR, MINUTE, shop};
use crate::slo::{
    BurnRateAlert, DAYS_30, Events, Objective, Severity, Slo, Target, evaluate, evaluate_all,
};
use crate::{MemorySource, Subject};

#[test]
fn a_target_is_above_zero_and_below_one() {
    for share in
        [0.0, -0.0, 1.0, -0.1, 99.9, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0 - 1e-12]
    {
        let error = Target::new(share).unwrap_err().to_string();
        assert!(error.starts_with(&format!("target is {share}; allowed: ")), "{error}");
        assert!(serde_json::from_value::<Target>(serde_json::json!(share)).is_err());
    }
    for share in [1e-9, 0.5, 0.999_999_999] {
        assert_eq!(Target::new(share).unwrap().share(), share);
    }
}

#[test]
fn windows_are_whole_minutes_and_the_short_one_is_shorter() {
    let page = Severity::Page;
    for (factor, long, short, said) in [
        (f64::NAN, HOUR, MINUTE, "burn rate is NaN"),
        (0.0, HOUR, MINUTE, "burn rate is 0"),
        (-1.0, HOUR, MINUTE, "burn rate is -1"),
        (f64::INFINITY, HOUR, MINUTE, "burn rate is inf"),
        (1.0, HOUR, HOUR, "short window is 1h; allowed: less than the long window of 1h"),
        (1.0, MINUTE, HOUR, "short window is 1h"),
        (1.0, HOUR, Duration::ZERO, "short window is 0ns"),
        (1.0, HOUR, Duration::from_secs(90), "short window is 90s"),
        (1.0, Duration::from_millis(3_600_001), MINUTE, "long window is"),
    ] {
        let error = BurnRateAlert::new(factor, long, short, page).unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    }
    for share in [0.0, 1.1, f64::NAN] {
        let error = BurnRateAlert::on_share(share, DAYS_30, HOUR, page).unwrap_err().to_string();
        assert!(error.starts_with("share of the budget is"), "{error}");
    }
}

#[test]
fn an_slo_that_promises_nothing_or_twice_is_refused() {
    let promise = || Objective::availability(0.99).unwrap();
    let said = |name: &str, service: &str, promises: Vec<Objective>, period| {
        Slo::new(name, service, promises, period).unwrap_err().to_string()
    };
    let empty = said("a", "b", vec![], DAYS_30);
    assert_eq!(empty, "objectives of the SLO a is empty; allowed: one or more");
    let twice = said("a", "b", vec![promise(), Objective::availability(0.9).unwrap()], DAYS_30);
    assert_eq!(
        twice,
        "objectives of the SLO a is availability; allowed: each kind and threshold once"
    );
    for name in ["", "Checkout", "a b", "-a", "a-", "ä", &"a".repeat(64)] {
        assert!(said(name, "b", vec![promise()], DAYS_30).starts_with("name of the SLO is "));
        let service = said("a", name, vec![promise()], DAYS_30);
        assert!(service.starts_with("service of the SLO a is "), "{service}");
    }
    for period in [Duration::ZERO, Duration::from_secs(61), 367 * DAY, Duration::MAX] {
        let error = said("a", "b", vec![promise()], period);
        assert!(error.starts_with("period of the SLO a is "), "{error}");
    }
    assert!(Objective::latency(0.9, Duration::ZERO).is_err());
}

#[test]
fn alerts_fit_into_the_period_and_are_there_once() {
    let alert = |hours: u32| BurnRateAlert::new(2.0, hours * HOUR, HOUR, Severity::Page).unwrap();
    let error = shop().with_alerts([alert(2), alert(2)]).unwrap_err().to_string();
    assert!(
        error.starts_with("alerts of the SLO checkout is page at 2x over 2h and 1h"),
        "{error}"
    );
    let error = shop().with_alerts([alert(24 * 31)]).unwrap_err().to_string();
    assert!(error.ends_with("allowed: windows of at most the period of 30d"), "{error}");
    assert!(shop().with_alerts([]).unwrap().alerts().is_empty());
}

#[test]
fn an_slo_read_from_json_is_checked_too() {
    let good = serde_json::to_value(shop()).unwrap();
    assert_eq!(serde_json::from_value::<Slo>(good.clone()).unwrap(), shop());
    type Change = fn(&mut serde_json::Value);
    let changes: [(Change, &str); 5] = [
        (|slo| slo["objectives"] = serde_json::json!([]), "is empty"),
        (|slo| slo["alerts"][0]["factor"] = serde_json::json!(-3), "burn rate is -3"),
        (|slo| slo["alerts"][0]["short"]["secs"] = serde_json::json!(86_400), "short window"),
        (
            |slo| slo["objectives"][0]["availability"]["target"] = serde_json::json!(1),
            "target is 1",
        ),
        (|slo| slo["budget"] = serde_json::json!(1), "unknown field"),
    ];
    for (change, said) in changes {
        let mut slo = good.clone();
        change(&mut slo);
        let error = serde_json::from_value::<Slo>(slo).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[tokio::test]
async fn windows_shorter_than_the_periods_of_the_source_are_refused() {
    let source = MemorySource::new(10 * MINUTE, Duration::ZERO);
    let error = evaluate(&source, &shop(), super::at(0)).await.unwrap_err().to_string();
    assert_eq!(error, "window of the SLO checkout is 5m; allowed: at least the 600s of memory");
}

#[tokio::test]
async fn two_slos_of_one_name_are_refused() {
    let source = MemorySource::new(MINUTE, Duration::ZERO);
    let twice = [shop(), shop().about(Subject::environment("other"))];
    let error = evaluate_all(&source, &twice, super::at(0)).await.unwrap_err().to_string();
    assert_eq!(error, "name of the SLO is checkout; allowed: each name once");
}

#[test]
fn more_bad_requests_than_requests_are_no_count() {
    assert_eq!(Events::new(3, 4), None);
    assert!(Events::new(3, 3).is_some());
}
